//! The server, the supervised process, and what stands at the top of a file.

use std::path::PathBuf;

use arca_lang::hcl::Located;
use arca_lang::hcl::lenient::Flag;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::block::{Block, Reader, Unknown};
use super::error::ConfigError;
use super::scalar::Words;
use super::{Exec, Server};

/// The keys at the top; blocks are read one by one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Top {
    pub(super) pid_file: Option<PathBuf>,
    pub(super) exit_after_auth: Option<Flag>,
    pub(super) log_level: Option<Located<String>>,
    pub(super) log_format: Option<Located<String>>,
    pub(super) log_file: Option<PathBuf>,
    #[serde(rename = "vault")]
    _vault: Option<IgnoredAny>,
    #[serde(rename = "auto_auth")]
    _auto_auth: Option<IgnoredAny>,
    #[serde(rename = "template")]
    _template: Option<IgnoredAny>,
    #[serde(rename = "env_template")]
    _env_template: Option<IgnoredAny>,
    #[serde(rename = "template_config")]
    _template_config: Option<IgnoredAny>,
    #[serde(rename = "exec")]
    _exec: Option<IgnoredAny>,
    #[serde(rename = "listener")]
    _listener: Option<IgnoredAny>,
    #[serde(rename = "api_proxy")]
    _api_proxy: Option<IgnoredAny>,
    #[serde(rename = "cache")]
    _cache: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServerWritten {
    address: Option<String>,
    ca_cert: Option<PathBuf>,
    ca_path: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    tls_skip_verify: Option<Flag>,
    tls_server_name: Option<String>,
    namespace: Option<String>,
    retry: Retry,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Retry {
    num_retries: Option<Located<i64>>,
}

/// The `vault` block.
pub(super) fn server<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<Server, ConfigError> {
    let written: ServerWritten = reader.decode(block, Unknown::Noted)?;
    let text = |text: Option<String>| {
        text.map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    let path = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
    let retries = match written.retry.num_retries {
        Some(Located { value: -1, .. }) => Some(0),
        None | Some(Located { value: 0, .. }) => None,
        Some(given) => Some(u32::try_from(given.value).map_err(|_| {
            let message = "use a number of attempts, 0 for the default of 12, or -1 for none";
            reader
                .source
                .error(given.position, &block.path, "retry.num_retries", message)
        })?),
    };
    Ok(Server {
        address: text(written.address),
        ca_cert: path(written.ca_cert),
        ca_path: path(written.ca_path),
        client_cert: path(written.client_cert),
        client_key: path(written.client_key),
        tls_skip_verify: written.tls_skip_verify.map(|flag| flag.0),
        tls_server_name: text(written.tls_server_name),
        namespace: text(written.namespace),
        retries,
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ExecWritten {
    command: Words,
    restart_on_secret_changes: Option<Located<String>>,
    restart_stop_signal: Option<Located<String>>,
    child_process_stdout: Option<PathBuf>,
    child_process_stderr: Option<PathBuf>,
}

const DEFAULT_SIGNAL: &str = "SIGTERM";
const SIGNALS: &[&str] = &[
    "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGWINCH", "SIGCONT",
    "SIGALRM", "SIGABRT", "SIGPIPE",
];

/// The `exec` block.
pub(super) fn exec<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<Exec, ConfigError> {
    let written: ExecWritten = reader.decode(block, Unknown::Refused)?;
    if written.command.0.is_empty() {
        return Err(reader.error(
            block,
            "command",
            "is required: the program and its arguments, as a list",
        ));
    }
    let restart_on_change = match &written.restart_on_secret_changes {
        None => true,
        Some(given) => match given.value.as_str() {
            "" | "always" => true,
            "never" => false,
            other => {
                let message = format!("{other:?} is neither \"always\" nor \"never\"");
                return Err(reader.source.error(
                    given.position,
                    &block.path,
                    "restart_on_secret_changes",
                    &message,
                ));
            }
        },
    };
    let path = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
    Ok(Exec {
        restart_on_change,
        stop_signal: signal(reader, block, written.restart_stop_signal)?,
        command: written.command.0,
        stdout: path(written.child_process_stdout),
        stderr: path(written.child_process_stderr),
    })
}

fn signal(
    reader: &Reader<'_>,
    block: &Block<'_>,
    given: Option<Located<String>>,
) -> Result<String, ConfigError> {
    let Some(given) = given.filter(|given| !given.value.trim().is_empty()) else {
        return Ok(DEFAULT_SIGNAL.to_owned());
    };
    let name = given.value.trim().to_ascii_uppercase();
    let name = if name.starts_with("SIG") {
        name
    } else {
        format!("SIG{name}")
    };
    if SIGNALS.contains(&name.as_str()) {
        return Ok(name);
    }
    let message = format!(
        "{:?} is no signal that can be sent: use one of {}",
        given.value,
        SIGNALS.join(", ")
    );
    Err(reader
        .source
        .error(given.position, &block.path, "restart_stop_signal", &message))
}
