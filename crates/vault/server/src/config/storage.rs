//! Where sealed bytes are kept.

use std::path::PathBuf;

use arca_base::Secret;
use arca_lang::hcl::Located;

use super::environment::Environment;
use super::error::ConfigError;
use super::raw::{FolderStorage, PostgresStorage, StorageStanza};
use super::source::Source;

/// Where sealed bytes are kept.
#[derive(Debug)]
pub enum Storage {
    /// In a folder of this machine, for one node.
    Embedded {
        /// The folder.
        path: PathBuf,
        /// The name the stanza has: `embedded`, `file` or `raft`.
        named: &'static str,
    },
    /// In memory: gone with the process.
    Memory,
    /// In a PostgreSQL database, for any number of nodes.
    Postgres(Postgres),
}

/// A PostgreSQL database.
#[derive(Debug)]
pub struct Postgres {
    /// Where it is, with user and password.
    pub connection_url: Secret<String>,
    /// The table of entries, if not the default.
    pub table: Option<String>,
    /// The table of elections, if not the default.
    pub ha_table: Option<String>,
    /// Whether nodes elect a leader, if not the default.
    pub ha_enabled: Option<bool>,
    /// Most connections, if not the default.
    pub max_parallel: Option<u32>,
}

impl Storage {
    /// The name shown to operators.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Embedded { named, .. } => named,
            Self::Memory => "inmem",
            Self::Postgres(_) => "postgresql",
        }
    }
}

/// From where to where a store is copied.
#[derive(Debug)]
pub struct Relocation {
    /// What is read.
    pub source: Storage,
    /// What is written.
    pub destination: Storage,
}

impl Relocation {
    /// Reads the file of `operator migrate`: `storage_source "<kind>" { ... }` and
    /// `storage_destination "<kind>" { ... }`. Variables of the environment that say where storage is do not count: there
    /// are two.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and column of the first mistake.
    pub fn load(path: &std::path::Path) -> Result<Self, ConfigError> {
        let sources = Source::read_all(&[path.to_owned()])?;
        let environment = Environment::of::<String, String>([]);
        let one = |name: &str, stanzas: Vec<(&Source, &Located<StorageStanza>)>| match stanzas.as_slice() {
            [(source, stanza)] => read(source, stanza, &environment).map(|(storage, _)| storage),
            [] => Err(ConfigError::Whole(format!(
                "no {name} is configured: add {name} \"embedded\" {{ path = \"/var/lib/arca\" }}"
            ))),
            [_, (source, second), ..] => {
                Err(source.error(second.position, format!("there can be one {name} only")))
            }
        };
        let all = |which: fn(&super::raw::Document) -> &Vec<Located<StorageStanza>>| {
            let stanzas = sources.iter();
            stanzas
                .flat_map(|source| which(&source.document).iter().map(move |stanza| (source, stanza)))
                .collect()
        };
        Ok(Self {
            source: one("storage_source", all(|document| &document.storage_source))?,
            destination: one(
                "storage_destination",
                all(|document| &document.storage_destination),
            )?,
        })
    }
}

/// The one storage of all files, and the address its stanza may give.
pub(super) fn choose(
    sources: &[Source],
    environment: &Environment,
) -> Result<(Storage, Option<String>), ConfigError> {
    let mut stanzas = sources
        .iter()
        .flat_map(|source| source.document.storage.iter().map(move |stanza| (source, stanza)));
    let Some((source, stanza)) = stanzas.next() else {
        return Err(ConfigError::Whole(
            "no storage is configured: add storage \"embedded\" { path = \"/var/lib/arca\" }".to_owned(),
        ));
    };
    if let Some((other, second)) = stanzas.next() {
        let first = source.place(stanza.position);
        return Err(other.error(
            second.position,
            format!("there can be one storage only, and {first} has one"),
        ));
    }
    read(source, stanza, environment)
}

fn read(
    source: &Source,
    stanza: &Located<StorageStanza>,
    environment: &Environment,
) -> Result<(Storage, Option<String>), ConfigError> {
    let missing = |what: &str| source.error(stanza.position, format!("storage: {what}"));
    match &stanza.value {
        StorageStanza::Memory => Ok((Storage::Memory, None)),
        StorageStanza::Folder { kind, body } => {
            let path =
                folder(body, kind, environment).ok_or_else(|| missing("path is missing: name a folder"))?;
            Ok((
                Storage::Embedded { path, named: kind },
                body.redirect_addr.clone(),
            ))
        }
        StorageStanza::Postgres(body) => {
            let postgres = postgres(source, body, environment)?;
            let postgres = postgres.ok_or_else(|| {
                missing("connection_url is missing: give it here or as ARCA_PG_CONNECTION_URL")
            })?;
            Ok((Storage::Postgres(postgres), body.redirect_addr.clone()))
        }
    }
}

fn folder(body: &FolderStorage, kind: &str, environment: &Environment) -> Option<PathBuf> {
    let variable = if kind == "raft" {
        "RAFT_PATH"
    } else {
        "STORAGE_PATH"
    };
    let path = environment
        .setting(variable)
        .map(PathBuf::from)
        .or_else(|| body.path.clone());
    path.filter(|path| !path.as_os_str().is_empty())
}

fn postgres(
    source: &Source,
    body: &PostgresStorage,
    environment: &Environment,
) -> Result<Option<Postgres>, ConfigError> {
    let connection_url = environment
        .setting("PG_CONNECTION_URL")
        .or_else(|| body.connection_url.clone());
    let Some(connection_url) = connection_url.filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    if let Some(zero) = body.max_parallel.as_ref().filter(|most| most.value == 0) {
        return Err(source.error(zero.position, "max_parallel must be at least 1"));
    }
    Ok(Some(Postgres {
        connection_url: Secret::new(connection_url),
        table: environment.setting("PG_TABLE").or_else(|| body.table.clone()),
        ha_table: environment
            .setting("PG_HA_TABLE")
            .or_else(|| body.ha_table.clone()),
        ha_enabled: body.ha_enabled.map(|flag| flag.0),
        max_parallel: body.max_parallel.as_ref().map(|most| most.value),
    }))
}
