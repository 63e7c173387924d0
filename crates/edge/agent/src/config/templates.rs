//! Templates: of files, and of variables of the supervised process.

use std::path::PathBuf;
use std::time::Duration;

use arca_lang::hcl::Located;
use arca_lang::hcl::lenient::{Flag, Interval, Texts};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::block::{Block, Reader, Unknown};
use super::error::ConfigError;
use super::scalar::{Mode, Owner, Quiet, Words};
use super::{
    Command, CommandEnvironment, EnvTemplate, Template, TemplateSettings, TemplateSource, TemplateText,
};

const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Text {
    source: Option<PathBuf>,
    contents: Option<String>,
    error_on_missing_key: Option<Flag>,
    error_fatal: Option<Flag>,
    left_delimiter: Option<String>,
    right_delimiter: Option<String>,
    function_denylist: Option<Texts>,
    function_blacklist: Option<Texts>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    destination: Option<PathBuf>,
    create_dest_dirs: Option<Flag>,
    perms: Option<Mode>,
    user: Owner,
    group: Owner,
    uid: Owner,
    gid: Owner,
    backup: Option<Flag>,
    command: Option<Words>,
    command_timeout: Option<Interval>,
    wait: Option<Quiet>,
    sandbox_path: Option<PathBuf>,
    #[serde(rename = "exec")]
    _exec: Option<IgnoredAny>,
    source: Option<PathBuf>,
    contents: Option<String>,
    error_on_missing_key: Option<Flag>,
    error_fatal: Option<Flag>,
    left_delimiter: Option<String>,
    right_delimiter: Option<String>,
    function_denylist: Option<Texts>,
    function_blacklist: Option<Texts>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ExecWritten {
    command: Words,
    timeout: Option<Interval>,
    enabled: Option<Flag>,
    env: EnvWritten,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EnvWritten {
    pristine: Option<Flag>,
    custom: Option<Words>,
    allowlist: Option<Words>,
    denylist: Option<Words>,
    whitelist: Option<Words>,
    blacklist: Option<Words>,
}

/// One `template` block.
pub(super) fn template<'s>(reader: &mut Reader<'s>, block: &Block<'s>) -> Result<Template, ConfigError> {
    let mut written: Written = reader.decode(block, Unknown::Refused)?;
    let destination = written
        .destination
        .take()
        .filter(|path| !path.as_os_str().is_empty());
    let destination = destination
        .ok_or_else(|| reader.error(block, "destination", "is required: name the file to write"))?;
    let command = command(reader, block, &mut written)?;
    let sandbox = written
        .sandbox_path
        .take()
        .filter(|path| !path.as_os_str().is_empty());
    let text = Text {
        source: written.source,
        contents: written.contents,
        error_on_missing_key: written.error_on_missing_key,
        error_fatal: written.error_fatal,
        left_delimiter: written.left_delimiter,
        right_delimiter: written.right_delimiter,
        function_denylist: written.function_denylist,
        function_blacklist: written.function_blacklist,
    };
    Ok(Template {
        text: checked(reader, block, text, sandbox)?,
        destination,
        create_dest_dirs: written.create_dest_dirs.is_none_or(|flag| flag.0),
        perms: written.perms.map(|mode| mode.0).filter(|mode| *mode != 0),
        user: written.user.0.or(written.uid.0),
        group: written.group.0.or(written.gid.0),
        backup: written.backup.is_some_and(|flag| flag.0),
        command,
        wait: written.wait.and_then(|wait| wait.0),
    })
}

/// One `env_template` block.
pub(super) fn env_template<'s>(
    reader: &mut Reader<'s>,
    block: &Block<'s>,
) -> Result<EnvTemplate, ConfigError> {
    let name = block.label.unwrap_or_default();
    if name.is_empty() {
        let message = "no variable is named: write env_template \"NAME\" { ... }";
        return Err(reader.error(block, "", message));
    }
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let message = "is no name of a variable: use letters, digits and _, not beginning with a digit";
        return Err(reader.error(block, "", message));
    }
    let written: Text = reader.decode(block, Unknown::Refused)?;
    Ok(EnvTemplate {
        name: name.to_owned(),
        text: checked(reader, block, written, None)?,
    })
}

fn checked(
    reader: &Reader<'_>,
    block: &Block<'_>,
    written: Text,
    sandbox: Option<PathBuf>,
) -> Result<TemplateText, ConfigError> {
    let file = written.source.filter(|path| !path.as_os_str().is_empty());
    let text = written.contents.filter(|text| !text.is_empty());
    let source = match (file, text) {
        (Some(file), None) => TemplateSource::File(file),
        (None, Some(text)) => TemplateSource::Text(text),
        (Some(_), Some(_)) => {
            return Err(reader.error(
                block,
                "contents",
                "source and contents exclude each other: remove one",
            ));
        }
        (None, None) => {
            return Err(reader.error(block, "contents", "one of source and contents is required"));
        }
    };
    let delimiter = |given: Option<String>, default: &str| {
        given
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| default.to_owned())
    };
    let mut denied_functions = written.function_denylist.unwrap_or_default().0;
    denied_functions.extend(written.function_blacklist.unwrap_or_default().0);
    Ok(TemplateText {
        source,
        error_on_missing_key: written.error_on_missing_key.is_some_and(|flag| flag.0),
        error_fatal: written.error_fatal.is_none_or(|flag| flag.0),
        left_delimiter: delimiter(written.left_delimiter, "{{"),
        right_delimiter: delimiter(written.right_delimiter, "}}"),
        denied_functions,
        sandbox,
    })
}

fn command<'s>(
    reader: &mut Reader<'s>,
    block: &Block<'s>,
    written: &mut Written,
) -> Result<Option<Command>, ConfigError> {
    let exec = match block.object() {
        Some(object) => reader.single(object, &block.path, "exec")?,
        None => None,
    };
    let old = written.command.take().unwrap_or_default().0;
    let old_timeout = written.command_timeout.map(|timeout| timeout.0);
    let Some(exec) = exec else {
        return Ok((!old.is_empty()).then(|| Command {
            argv: old,
            timeout: positive(old_timeout),
            environment: CommandEnvironment::default(),
        }));
    };
    let new: ExecWritten = reader.decode(&exec, Unknown::Refused)?;
    if !old.is_empty() && !new.command.0.is_empty() {
        return Err(reader.error(&exec, "command", "command is given twice: keep the one in exec"));
    }
    let argv = if new.command.0.is_empty() {
        old
    } else {
        new.command.0
    };
    let enabled = new.enabled.is_none_or(|flag| flag.0);
    Ok((enabled && !argv.is_empty()).then(|| Command {
        argv,
        timeout: positive(new.timeout.map(|timeout| timeout.0).or(old_timeout)),
        environment: environment(new.env),
    }))
}

fn positive(timeout: Option<Duration>) -> Duration {
    timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(TIMEOUT)
}

fn environment(written: EnvWritten) -> CommandEnvironment {
    let both = |one: Option<Words>, other: Option<Words>| {
        let mut words = one.unwrap_or_default().0;
        words.extend(other.unwrap_or_default().0);
        words
    };
    CommandEnvironment {
        pristine: written.pristine.is_some_and(|flag| flag.0),
        custom: written.custom.unwrap_or_default().0,
        allow: both(written.allowlist, written.whitelist),
        deny: both(written.denylist, written.blacklist),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SettingsWritten {
    exit_on_retry_failure: Option<Flag>,
    static_secret_render_interval: Option<Interval>,
    max_connections_per_host: Option<Located<i64>>,
    lease_renewal_threshold: Option<Located<f64>>,
}

/// The `template_config` block.
pub(super) fn settings<'s>(
    reader: &mut Reader<'s>,
    block: &Block<'s>,
) -> Result<TemplateSettings, ConfigError> {
    let written: SettingsWritten = reader.decode(block, Unknown::Noted)?;
    let mut settings = TemplateSettings {
        exit_on_retry_failure: written.exit_on_retry_failure.is_some_and(|flag| flag.0),
        ..TemplateSettings::default()
    };
    if let Some(interval) = written
        .static_secret_render_interval
        .filter(|interval| !interval.0.is_zero())
    {
        settings.static_secret_render_interval = interval.0;
    }
    if let Some(most) = written.max_connections_per_host.filter(|most| most.value != 0) {
        settings.max_connections = usize::try_from(most.value).map_err(|_| {
            let message = "cannot be negative: use 0 for the default of 10, or a number";
            reader
                .source
                .error(most.position, &block.path, "max_connections_per_host", message)
        })?;
    }
    if let Some(part) = written.lease_renewal_threshold.filter(|part| part.value != 0.0) {
        if !(part.value > 0.0 && part.value < 1.0) {
            let message =
                "must be between 0 and 1: the part of a lease after which its secret is fetched again";
            return Err(reader
                .source
                .error(part.position, &block.path, "lease_renewal_threshold", message));
        }
        settings.lease_renewal_threshold = part.value;
    }
    Ok(settings)
}
