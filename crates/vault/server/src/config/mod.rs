//! The configuration of a server: HCL or JSON files, folders of them, and the environment.
//!
//! | part | holds |
//! |---|---|
//! | `source` | finding, reading and decoding files |
//! | `raw` | what a file can say |
//! | `inert` | keys that are accepted without effect, and why |
//! | [`Listener`], `listening` | where requests come in, and the way there from what is written |
//! | [`Storage`], [`Seal`] | where sealed bytes are kept, what protects the root key |
//! | `lockout` | when callers of auth methods are locked out |
//! | `address` | address templates |
//! | `sanitized` | the configuration in force without secrets |
//! | [`Environment`] | variables that override files |
//!
//! Several files are one configuration: blocks add up, of a key that stands in several files the last one counts.

mod address;
mod environment;
mod error;
mod inert;
mod listener;
mod listening;
mod lockout;
mod raw;
mod sanitized;
mod seal;
mod source;
mod storage;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use arca_base::Ttl;
use arca_core::login::LockoutDefaults;
use arca_lang::hcl::Located;
use arca_lang::hcl::lenient::flag;

pub use environment::Environment;
pub use error::{ConfigError, Note, NoteKind, Place};
pub use listener::{
    ClientCertificates, ClosedCeremonies, CustomHeader, DEFAULT_BODY_BYTES, Forwarded, ListenAddress,
    Listener, MetricsAccess, ProxyBehavior, ProxyProtocol, RequestLimits, Statuses, Timeouts, Tls,
    TlsVersion, UnixSocket,
};
pub use seal::{KeySource, Seal, StaticKey, StaticKeys, Transit};
pub use storage::{Postgres, Relocation, Storage};

use address::{LocalAddresses, expand};
use raw::Document;
use source::Source;

use crate::logging::{Format, Level};

/// The configuration of a server, checked.
#[derive(Debug)]
pub struct Configuration {
    /// Where requests come in; at least one.
    pub listeners: Vec<Listener>,
    /// Where sealed bytes are kept.
    pub storage: Storage,
    /// What protects the root key.
    pub seal: Seal,
    /// What protected it, while the store is moved to another seal: the one that is disabled.
    pub former_seal: Option<Seal>,
    /// Whether `sys/raw` reaches the rows of the store.
    pub raw_storage: bool,
    /// Where clients reach this node; empty when unknown.
    pub api_address: String,
    /// Where other nodes reach this node; empty when unknown.
    pub cluster_address: String,
    /// Name of the cluster; empty for a random one.
    pub cluster_name: String,
    /// Whether the web interface is wanted.
    pub ui: bool,
    /// What is logged.
    pub log_level: Level,
    /// How it is written.
    pub log_format: Format,
    /// Where the number of the process is written.
    pub pid_file: Option<PathBuf>,
    /// How long leases live when nobody says otherwise.
    pub default_lease_ttl: Ttl,
    /// How long leases live at most.
    pub max_lease_ttl: Ttl,
    /// When callers of auth mounts are locked out where the mount does not say.
    pub lockouts: LockoutDefaults,
    /// Whether memory may be written to a swap device.
    pub disable_mlock: bool,
    /// Whether answers name the machine.
    pub hostname_header: bool,
    /// Most connections at a time, over all listeners.
    pub max_connections: usize,
    /// Keys that have no effect, for the log.
    pub notes: Vec<Note>,
}

/// What becomes of keys that have no effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// They are noted.
    #[default]
    Lenient,
    /// They are mistakes.
    Strict,
}

/// Connections at a time unless configured.
pub const DEFAULT_CONNECTIONS: usize = 8192;

impl Configuration {
    /// Reads files and folders.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and column of the first mistake.
    pub fn load(
        paths: &[PathBuf],
        environment: &Environment,
        strictness: Strictness,
    ) -> Result<Self, ConfigError> {
        if paths.is_empty() {
            return Err(ConfigError::Whole(
                "no configuration file is named: use -config=<file or folder>".to_owned(),
            ));
        }
        Self::of_sources(Source::read_all(paths)?, environment, strictness)
    }

    /// Reads one document that is not in a file; `name` stands for it in messages.
    ///
    /// # Errors
    /// [`ConfigError`] as for files.
    pub fn parse(name: &str, text: &str, environment: &Environment) -> Result<Self, ConfigError> {
        let source = Source::decode(PathBuf::from(name), text.as_bytes())?;
        Self::of_sources(vec![source], environment, Strictness::Lenient)
    }

    /// Says in the log which keys have no effect.
    pub fn log_notes(&self) {
        for note in &self.notes {
            tracing::warn!("{note}");
        }
    }

    /// A configuration with every default, without any file.
    #[must_use]
    pub fn new(storage: Storage, listeners: Vec<Listener>) -> Self {
        Self {
            listeners,
            storage,
            seal: Seal::Shamir,
            former_seal: None,
            raw_storage: false,
            api_address: String::new(),
            cluster_address: String::new(),
            cluster_name: String::new(),
            ui: false,
            log_level: Level::Info,
            log_format: Format::Standard,
            pid_file: None,
            default_lease_ttl: Ttl::from_hours(768),
            max_lease_ttl: Ttl::from_hours(768),
            lockouts: LockoutDefaults::default(),
            disable_mlock: false,
            hostname_header: false,
            max_connections: DEFAULT_CONNECTIONS,
            notes: Vec::new(),
        }
    }

    fn of_sources(
        mut sources: Vec<Source>,
        environment: &Environment,
        strictness: Strictness,
    ) -> Result<Self, ConfigError> {
        let notes: Vec<Note> = sources
            .iter_mut()
            .flat_map(|source| std::mem::take(&mut source.notes))
            .collect();
        if strictness == Strictness::Strict && !notes.is_empty() {
            return Err(ConfigError::Strict(notes));
        }
        let local = LocalAddresses::of_machine();
        let (storage, redirect) = storage::choose(&sources, environment)?;
        let mut configuration = Self::new(storage, listeners(&sources, &local)?);
        configuration.seal = seal::choose(&sources, environment)?;
        configuration.former_seal = seal::former(&sources, environment)?;
        refuse_moves(&sources)?;
        configuration.lockouts = lockout::defaults(&sources, environment)?;
        configuration.notes = notes;
        configuration.take_scalars(&sources)?;
        configuration.take_addresses(&sources, redirect, environment, &local)?;
        configuration.take_environment(environment)?;
        Ok(configuration)
    }

    fn take_scalars(&mut self, sources: &[Source]) -> Result<(), ConfigError> {
        let defaults = (self.log_level, self.log_format);
        self.cluster_name = last(sources, |document| document.cluster_name.clone()).unwrap_or_default();
        self.ui = last(sources, |document| document.ui).is_some_and(|flag| flag.0);
        self.log_level = last(sources, |document| document.log_level).unwrap_or(defaults.0);
        self.log_format = last(sources, |document| document.log_format).unwrap_or(defaults.1);
        self.pid_file =
            last(sources, |document| document.pid_file.clone()).filter(|path| !path.as_os_str().is_empty());
        self.raw_storage = last(sources, |document| document.raw_storage_endpoint).is_some_and(|flag| flag.0);
        self.disable_mlock = last(sources, |document| document.disable_mlock).is_some_and(|flag| flag.0);
        self.hostname_header =
            last(sources, |document| document.enable_response_header_hostname).is_some_and(|flag| flag.0);
        self.take_leases(sources)?;
        if let Some((source, most)) = last_at(sources, |document| document.max_connections.as_ref()) {
            if most.value == 0 {
                return Err(source.error(most.position, "max_connections must be at least 1"));
            }
            self.max_connections = usize::try_from(most.value).unwrap_or(usize::MAX);
        }
        Ok(())
    }

    /// Zero is the default, as existing servers have it.
    fn take_leases(&mut self, sources: &[Source]) -> Result<(), ConfigError> {
        let nonzero = |duration: Duration| Ttl::from_seconds(duration.as_secs()).nonzero();
        let default = last(sources, |document| document.default_lease_ttl).and_then(|ttl| nonzero(ttl.0));
        let max = last_at(sources, |document| document.max_lease_ttl.as_ref());
        let longest = max
            .and_then(|(_, ttl)| nonzero(ttl.value.0))
            .unwrap_or(self.max_lease_ttl);
        let shortest = default.unwrap_or_else(|| self.default_lease_ttl.min(longest));
        if shortest > longest {
            let message = format!("max_lease_ttl ({longest}) is shorter than default_lease_ttl ({shortest})");
            return Err(match max {
                Some((source, written)) => source.error(written.position, message),
                None => ConfigError::Whole(message),
            });
        }
        (self.default_lease_ttl, self.max_lease_ttl) = (shortest, longest);
        Ok(())
    }

    fn take_addresses(
        &mut self,
        sources: &[Source],
        redirect: Option<String>,
        environment: &Environment,
        local: &LocalAddresses,
    ) -> Result<(), ConfigError> {
        let written = |key: fn(&Document) -> Option<&Located<String>>| {
            let Some((source, text)) = last_at(sources, key) else {
                return Ok(None);
            };
            let expanded = expand(&text.value, local);
            expanded
                .map(Some)
                .map_err(|message| source.error(text.position, message))
        };
        let api = written(|document| document.api_addr.as_ref())?.or(redirect);
        let cluster = written(|document| document.cluster_addr.as_ref())?;
        let from_environment = |names: &[&str]| {
            let named = names.iter().find_map(|name| environment.setting(name));
            named
                .map(|text| expand(&text, local).map_err(ConfigError::Whole))
                .transpose()
        };
        self.api_address = from_environment(&["API_ADDR", "REDIRECT_ADDR"])?
            .or(api)
            .unwrap_or_default();
        self.cluster_address = from_environment(&["CLUSTER_ADDR"])?
            .or(cluster)
            .unwrap_or_default();
        Ok(())
    }

    fn take_environment(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        let wrong = |name: &str, expected: &str| {
            ConfigError::Whole(format!("{name} in the environment is not {expected}"))
        };
        if let Some(text) = environment.setting("LOG_LEVEL") {
            self.log_level = Level::parse(&text).ok_or_else(|| wrong("LOG_LEVEL", Level::EXPECTED))?;
        }
        if let Some(text) = environment.setting("LOG_FORMAT") {
            self.log_format = Format::parse(&text).ok_or_else(|| wrong("LOG_FORMAT", Format::EXPECTED))?;
        }
        if let Some(text) = environment.setting("UI") {
            self.ui = flag(&text).ok_or_else(|| wrong("UI", "a boolean"))?;
        }
        if let Some(text) = environment.setting("DISABLE_MLOCK") {
            self.disable_mlock = flag(&text).ok_or_else(|| wrong("DISABLE_MLOCK", "a boolean"))?;
        }
        Ok(())
    }
}

fn listeners(sources: &[Source], local: &LocalAddresses) -> Result<Vec<Listener>, ConfigError> {
    let duration = last(sources, |document| document.default_max_request_duration)
        .map(|interval| interval.0)
        .filter(|duration| !duration.is_zero())
        .unwrap_or_else(|| RequestLimits::default().duration);
    let mut listeners = Vec::new();
    for source in sources {
        for written in source.document.listener.iter() {
            listeners.push(listening::check(source, written, duration, local)?);
        }
    }
    if listeners.is_empty() {
        return Err(ConfigError::Whole(
            "no listener is configured: add listener \"tcp\" { address = \"127.0.0.1:8200\" ... }".to_owned(),
        ));
    }
    Ok(listeners)
}

/// A server keeps to one storage.
fn refuse_moves(sources: &[Source]) -> Result<(), ConfigError> {
    for source in sources {
        let document = &source.document;
        let mut moves = document
            .storage_source
            .iter()
            .chain(&document.storage_destination);
        if let Some(stanza) = moves.next() {
            let message = "storage_source and storage_destination belong into the file of operator migrate";
            return Err(source.error(stanza.position, message));
        }
    }
    Ok(())
}

/// Of a key that stands in several files the last one counts.
fn last<T>(sources: &[Source], key: impl Fn(&Document) -> Option<T>) -> Option<T> {
    sources.iter().rev().find_map(|source| key(&source.document))
}

/// As [`last`], with the file it is from.
fn last_at<'a, T>(
    sources: &'a [Source],
    key: impl Fn(&'a Document) -> Option<&'a Located<T>>,
) -> Option<(&'a Source, &'a Located<T>)> {
    sources
        .iter()
        .rev()
        .find_map(|source| key(&source.document).map(|value| (source, value)))
}
