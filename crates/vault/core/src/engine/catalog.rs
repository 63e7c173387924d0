//! Which engines exist: one entry for each type.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Engine, Instance, Mounted, Table};
use crate::router::Mount;

/// Makes engines of one type.
#[derive(Clone)]
pub struct Factory {
    make: Arc<Make>,
    ticks: bool,
}

type Make = dyn Fn(&Mount) -> Arc<dyn Mounted> + Send + Sync;

impl Factory {
    /// Engines made by `make`, all behind one table.
    pub fn new<E: Engine>(make: impl Fn(&Mount) -> E + Send + Sync + 'static) -> Self {
        let table: Arc<Table<E>> = Arc::new(E::routes());
        Self {
            make: Arc::new(move |mount| Arc::new(Instance::new(make(mount), table.clone()))),
            ticks: E::TICKS,
        }
    }

    /// Chooses among factories by the mount, for instance by the version in its options. None of them has regular
    /// work.
    pub fn choosing(choose: impl Fn(&Mount) -> Self + Send + Sync + 'static) -> Self {
        Self {
            make: Arc::new(move |mount| choose(mount).make(mount)),
            ticks: false,
        }
    }

    /// Whether its engines have regular work.
    #[must_use]
    pub const fn ticks(&self) -> bool {
        self.ticks
    }

    /// An engine for `mount`.
    #[must_use]
    pub fn make(&self, mount: &Mount) -> Arc<dyn Mounted> {
        (self.make)(mount)
    }
}

/// Factories by the `type` a client writes.
#[derive(Clone, Default)]
pub struct Catalog {
    secret: BTreeMap<&'static str, Factory>,
    auth: BTreeMap<&'static str, Factory>,
    databases: Vec<&'static str>,
}

impl Catalog {
    /// A catalog without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret engine.
    #[must_use]
    pub fn secret(mut self, kind: &'static str, factory: Factory) -> Self {
        self.secret.insert(kind, factory);
        self
    }

    /// Adds an auth method.
    #[must_use]
    pub fn auth(mut self, kind: &'static str, factory: Factory) -> Self {
        self.auth.insert(kind, factory);
        self
    }

    /// Says which kinds of databases the engines of this catalog know.
    #[must_use]
    pub fn databases(mut self, kinds: impl IntoIterator<Item = &'static str>) -> Self {
        self.databases.extend(kinds);
        self.databases.sort_unstable();
        self
    }

    /// Adds everything of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.secret.extend(other.secret);
        self.auth.extend(other.auth);
        self.databases(other.databases)
    }

    /// The factory of a secret engine.
    #[must_use]
    pub fn secret_engine(&self, kind: &str) -> Option<&Factory> {
        self.secret.get(kind)
    }

    /// The factory of an auth method.
    #[must_use]
    pub fn auth_method(&self, kind: &str) -> Option<&Factory> {
        self.auth.get(kind)
    }

    /// Types of secret engines.
    pub fn secret_kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.secret.keys().copied()
    }

    /// Kinds of databases.
    pub fn database_kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.databases.iter().copied()
    }

    /// Types of auth methods.
    pub fn auth_kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.auth.keys().copied()
    }
}
