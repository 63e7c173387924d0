//! Where the agent listens, and what it does with requests of others.

use std::path::PathBuf;

use arca_lang::hcl::Located;
use arca_lang::hcl::lenient::Flag;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::block::{Block, Reader, Unknown};
use super::error::ConfigError;
use super::scalar::{Mode, Owner};
use super::{ApiProxy, Cache, ListenAddress, Listener, ListenerTls, OwnToken, Persist};

const DEFAULT_ADDRESS: &str = "127.0.0.1:8200";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(rename = "type")]
    kind: Option<String>,
    address: Option<String>,
    tls_disable: Option<Flag>,
    tls_cert_file: Option<PathBuf>,
    tls_key_file: Option<PathBuf>,
    tls_client_ca_file: Option<PathBuf>,
    require_request_header: Option<Flag>,
    role: Option<Located<String>>,
    agent_api: Quit,
    proxy_api: Quit,
    socket_mode: Option<Mode>,
    socket_user: Owner,
    socket_group: Owner,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Quit {
    enable_quit: Option<Flag>,
}

/// One `listener` block.
pub(super) fn listener<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<Listener, ConfigError> {
    let written: Written = reader.decode(block, Unknown::Noted)?;
    let kind = written
        .kind
        .as_deref()
        .or(block.label)
        .unwrap_or_default()
        .to_owned();
    let address = address(reader, block, &written, &kind)?;
    let metrics_only = match &written.role {
        None => false,
        Some(role) => match role.value.as_str() {
            "" | "default" => false,
            "metrics_only" => true,
            other => {
                let message = format!("{other:?} is no role: use \"default\" or \"metrics_only\"");
                return Err(reader.source.error(role.position, &block.path, "role", &message));
            }
        },
    };
    let quits = |quit: &Quit| quit.enable_quit.is_some_and(|flag| flag.0);
    Ok(Listener {
        require_request_header: written.require_request_header.is_some_and(|flag| flag.0),
        metrics_only,
        enable_quit: quits(&written.agent_api) || quits(&written.proxy_api),
        tls: tls(
            reader,
            block,
            written,
            matches!(address, ListenAddress::Unix { .. }),
        )?,
        address,
    })
}

fn address(
    reader: &Reader<'_>,
    block: &Block<'_>,
    written: &Written,
    kind: &str,
) -> Result<ListenAddress, ConfigError> {
    let given = written
        .address
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    match (kind, given) {
        ("tcp", given) => {
            let given = given.unwrap_or(DEFAULT_ADDRESS);
            let port = given
                .rsplit_once(':')
                .and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                let message = format!("{given:?} is not host:port, such as {DEFAULT_ADDRESS:?}");
                return Err(reader.error(block, "address", &message));
            }
            Ok(ListenAddress::Tcp(given.to_owned()))
        }
        ("unix", Some(path)) => Ok(ListenAddress::Unix {
            path: PathBuf::from(path),
            mode: written.socket_mode.map(|mode| mode.0),
            user: written.socket_user.0.clone(),
            group: written.socket_group.0.clone(),
        }),
        ("unix", None) => Err(reader.error(block, "address", "is required: name the socket file")),
        (kind, _) => Err(reader.error(
            block,
            "type",
            &format!("{kind:?} is no listener: use \"tcp\" or \"unix\""),
        )),
    }
}

fn tls(
    reader: &Reader<'_>,
    block: &Block<'_>,
    written: Written,
    is_unix: bool,
) -> Result<Option<ListenerTls>, ConfigError> {
    if written.tls_disable.is_some_and(|flag| flag.0) {
        return Ok(None);
    }
    let present = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
    match (present(written.tls_cert_file), present(written.tls_key_file)) {
        (Some(cert), Some(key)) => Ok(Some(ListenerTls {
            cert,
            key,
            client_ca: present(written.tls_client_ca_file),
        })),
        (None, None) if is_unix => Ok(None),
        (cert, _) => {
            let field = if cert.is_none() {
                "tls_cert_file"
            } else {
                "tls_key_file"
            };
            let message = "is required: name certificate and key, or write tls_disable = true";
            Err(reader.error(block, field, message))
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProxyWritten {
    use_auto_auth_token: Option<Located<String>>,
}

/// The `api_proxy` block.
pub(super) fn api_proxy<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<ApiProxy, ConfigError> {
    let written: ProxyWritten = reader.decode(block, Unknown::Noted)?;
    let own_token = own_token(reader, block, written.use_auto_auth_token.as_ref())?;
    Ok(ApiProxy { own_token })
}

fn own_token(
    reader: &Reader<'_>,
    block: &Block<'_>,
    given: Option<&Located<String>>,
) -> Result<OwnToken, ConfigError> {
    let Some(given) = given else {
        return Ok(OwnToken::Never);
    };
    if given.value.eq_ignore_ascii_case("force") {
        return Ok(OwnToken::Force);
    }
    match arca_lang::hcl::lenient::flag(&given.value) {
        Some(true) => Ok(OwnToken::WhenMissing),
        Some(false) => Ok(OwnToken::Never),
        None => {
            let message = "expected true, false or \"force\"";
            Err(reader
                .source
                .error(given.position, &block.path, "use_auto_auth_token", message))
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheWritten {
    use_auto_auth_token: Option<Located<String>>,
    #[serde(rename = "persist")]
    _persist: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PersistWritten {
    #[serde(rename = "type")]
    kind: Option<String>,
    path: Option<PathBuf>,
    key_file: Option<PathBuf>,
    service_account_token_file: Option<PathBuf>,
    keep_after_import: Option<Flag>,
    exit_on_err: Option<Flag>,
}

/// The `cache` block, and what it says about the agent's own token, which is an old place for that.
pub(super) fn cache<'s>(
    reader: &mut Reader<'s>,
    block: &Block<'s>,
) -> Result<(Cache, OwnToken), ConfigError> {
    let written: CacheWritten = reader.decode(block, Unknown::Noted)?;
    let own_token = own_token(reader, block, written.use_auto_auth_token.as_ref())?;
    let blocks = match block.object() {
        Some(object) => reader.blocks(object, &block.path, "persist")?,
        None => Vec::new(),
    };
    let mut blocks = reader.labeled(blocks, &[])?.into_iter();
    let (first, second) = (blocks.next(), blocks.next());
    if let Some(second) = second {
        return Err(reader.error(
            &second,
            "",
            "only one such block is permitted: remove all but one",
        ));
    }
    let persist = first.map(|block| persist(reader, &block)).transpose()?;
    Ok((Cache { persist }, own_token))
}

fn persist<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<Persist, ConfigError> {
    let written: PersistWritten = reader.decode(block, Unknown::Noted)?;
    let kind = written.kind.as_deref().or(block.label).unwrap_or_default();
    if !matches!(kind, "kubernetes" | "file") {
        let message = format!(
            "{kind:?} is no way to persist: use persist \"kubernetes\" {{ ... }} or persist \"file\" {{ ... }}"
        );
        return Err(reader.error(block, "type", &message));
    }
    let present = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
    let path = present(written.path).ok_or_else(|| {
        reader.error(
            block,
            "path",
            "is required: name a folder in memory that init container and sidecar share",
        )
    })?;
    Ok(Persist {
        path,
        key_file: present(written.key_file),
        service_account_token_file: present(written.service_account_token_file),
        is_kubernetes: kind == "kubernetes",
        keep_after_import: written.keep_after_import.is_some_and(|flag| flag.0),
        exit_on_error: written.exit_on_err.is_some_and(|flag| flag.0),
    })
}
