//! From files to one configuration.

use std::path::PathBuf;

use arca_lang::hcl::Located;

use super::block::{Block, Reader, Unknown};
use super::error::{ConfigError, Place};
use super::rules::{self, Places};
use super::singles::Top;
use super::source::Source;
use super::{AgentConfig, AutoAuth, Log, listening, method, singles, sink, templates};

/// What becomes of keys that have no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// They are noted.
    #[default]
    Lenient,
    /// They are mistakes.
    Strict,
}

const LEVELS: &[&str] = &["trace", "debug", "info", "warn", "error"];
const FORMATS: &[&str] = &["standard", "json"];

impl AgentConfig {
    /// Reads files and folders, in this order: of a key or block that stands in several files the last one counts,
    /// while templates and listeners add up. `environment` gives variables.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and column of the first mistake.
    pub fn load(
        paths: &[PathBuf],
        environment: &dyn Fn(&str) -> Option<String>,
        strictness: Strictness,
    ) -> Result<Self, ConfigError> {
        if paths.is_empty() {
            return Err(ConfigError::Whole(
                "no configuration is named: use -config=<file or folder>".to_owned(),
            ));
        }
        Self::of_sources(&Source::read_all(paths)?, environment, strictness)
    }

    /// Reads one document that is not in a file, such as the contents of a variable; `name` stands for it in
    /// messages.
    ///
    /// # Errors
    /// [`ConfigError`] as for files.
    pub fn parse(
        text: &[u8],
        name: &str,
        environment: &dyn Fn(&str) -> Option<String>,
        strictness: Strictness,
    ) -> Result<Self, ConfigError> {
        let source = Source::parse(PathBuf::from(name), text)?;
        Self::of_sources(std::slice::from_ref(&source), environment, strictness)
    }

    fn of_sources(
        sources: &[Source],
        environment: &dyn Fn(&str) -> Option<String>,
        strictness: Strictness,
    ) -> Result<Self, ConfigError> {
        let (mut config, mut places) = (Self::default(), Places::default());
        for source in sources {
            let mut reader = Reader {
                source,
                environment,
                notes: Vec::new(),
            };
            config.take(&mut reader, &mut places)?;
            config.notes.append(&mut reader.notes);
        }
        config.take_environment(environment)?;
        rules::check(&mut config, &places)?;
        if strictness == Strictness::Strict && !config.notes.is_empty() {
            return Err(ConfigError::Strict(config.notes));
        }
        Ok(config)
    }

    fn take<'s>(&mut self, reader: &mut Reader<'s>, places: &mut Places) -> Result<(), ConfigError> {
        let top = reader.top()?;
        self.take_top(reader, top)?;
        let root = reader.source.document.root();
        if let Some(block) = reader.single(root, "", "vault")? {
            self.server = singles::server(reader, &block)?;
        }
        if let Some(block) = reader.single(root, "", "template_config")? {
            self.template_settings = templates::settings(reader, &block)?;
        }
        if let Some(block) = reader.single(root, "", "exec")? {
            self.exec = Some(singles::exec(reader, &block)?);
            places.exec = Some(place(reader, &block));
        }
        if let Some(block) = reader.single(root, "", "auto_auth")? {
            self.auto_auth = Some(auto_auth(reader, &block, places)?);
        }
        self.take_serving(reader, places)?;
        self.take_templates(reader, places)
    }

    fn take_top(&mut self, reader: &Reader<'_>, top: Top) -> Result<(), ConfigError> {
        let chosen = |given: Option<Located<String>>, field: &str, known: &[&str]| match given {
            Some(given) if !given.value.is_empty() => one_of(&given.value, known)
                .map(Some)
                .map_err(|message| reader.source.error(given.position, "", field, &message)),
            _ => Ok(None),
        };
        let present = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
        let log = Log {
            level: chosen(top.log_level, "log_level", LEVELS)?,
            format: chosen(top.log_format, "log_format", FORMATS)?,
            file: present(top.log_file),
        };
        self.log = Log {
            level: log.level.or(self.log.level.take()),
            format: log.format.or(self.log.format.take()),
            file: log.file.or(self.log.file.take()),
        };
        self.pid_file = present(top.pid_file).or(self.pid_file.take());
        self.exit_after_auth = top.exit_after_auth.map_or(self.exit_after_auth, |flag| flag.0);
        Ok(())
    }

    fn take_serving<'s>(&mut self, reader: &mut Reader<'s>, places: &mut Places) -> Result<(), ConfigError> {
        let root = reader.source.document.root();
        let blocks = reader.blocks(root, "", "listener")?;
        for block in reader.labeled(blocks, &["agent_api", "proxy_api"])? {
            self.listeners.push(listening::listener(reader, &block)?);
        }
        if let Some(block) = reader.single(root, "", "api_proxy")? {
            self.api_proxy = Some(listening::api_proxy(reader, &block)?);
            places.api_proxy = Some(place(reader, &block));
        }
        if let Some(block) = reader.single(root, "", "cache")? {
            let (cache, own_token) = listening::cache(reader, &block)?;
            self.cache = Some(cache);
            places.cache = Some(place(reader, &block));
            places.cache_token = own_token;
        }
        Ok(())
    }

    fn take_templates<'s>(
        &mut self,
        reader: &mut Reader<'s>,
        places: &mut Places,
    ) -> Result<(), ConfigError> {
        let root = reader.source.document.root();
        for block in reader.blocks(root, "", "template")? {
            self.templates.push(templates::template(reader, &block)?);
            places.template.get_or_insert_with(|| place(reader, &block));
        }
        let blocks = reader.blocks(root, "", "env_template")?;
        for block in reader.labeled(blocks, &[])? {
            self.env_templates.push(templates::env_template(reader, &block)?);
            // The last one: of a name that stands there twice, the second is the one to look at.
            places.env_template = Some(place(reader, &block));
        }
        Ok(())
    }

    /// Variables come before files.
    fn take_environment(&mut self, environment: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let chosen = |name: &str, known: &[&str]| match arca_client::variable(environment, name) {
            Some((variable, value)) if !value.is_empty() => one_of(&value, known)
                .map(Some)
                .map_err(|message| ConfigError::Whole(format!("{variable} in the environment: {message}"))),
            _ => Ok(None),
        };
        if let Some(level) = chosen("LOG_LEVEL", LEVELS)? {
            self.log.level = Some(level);
        }
        if let Some(format) = chosen("LOG_FORMAT", FORMATS)? {
            self.log.format = Some(format);
        }
        Ok(())
    }
}

impl Reader<'_> {
    fn top(&mut self) -> Result<Top, ConfigError> {
        let decoded = self.source.document.decode::<Top>();
        let decoded = decoded.map_err(|error| ConfigError::of(&self.source.file, "", &error))?;
        self.unknown(decoded.unknown, "", Unknown::Noted)?;
        Ok(decoded.value)
    }
}

fn auto_auth<'s>(
    reader: &mut Reader<'s>,
    block: &Block<'s>,
    places: &mut Places,
) -> Result<AutoAuth, ConfigError> {
    reader.decode::<AutoAuthKeys>(block, Unknown::Noted)?;
    let (method, method_block) = method::read(reader, block)?;
    let (sinks, sink_blocks): (Vec<_>, Vec<_>) = sink::read(reader, block)?.into_iter().unzip();
    places.auto_auth = Some(place(reader, block));
    places.method = Some(place(reader, &method_block));
    places.sinks = sink_blocks.iter().map(|block| place(reader, block)).collect();
    Ok(AutoAuth { method, sinks })
}

/// Both are read as blocks.
#[derive(serde::Deserialize)]
struct AutoAuthKeys {
    #[serde(rename = "method")]
    _method: Option<serde::de::IgnoredAny>,
    #[serde(rename = "sink")]
    _sink: Option<serde::de::IgnoredAny>,
}

fn place(reader: &Reader<'_>, block: &Block<'_>) -> Place {
    reader.source.place(block.position)
}

fn one_of(given: &str, known: &[&str]) -> Result<String, String> {
    let given = given.trim().to_ascii_lowercase();
    let given = match given.as_str() {
        "warning" => "warn",
        "err" => "error",
        other => other,
    };
    if known.contains(&given) {
        return Ok(given.to_owned());
    }
    Err(format!("{given:?} is none of {}", known.join(", ")))
}
