//! From a path to the engine that answers for it.
//!
//! One row for each mount; the router keeps no table of its own, it asks the rows through the barrier's cache.
//! So a hundred thousand mounts cost nothing until they are used, and a mount made by another node is there at
//! once.

mod mount;
mod upgrade;

use std::collections::HashMap;
use std::sync::Arc;

use arca_base::{Entropy, MountPath, NamespaceId, Timestamp, Ttl};
use parking_lot::RwLock;

pub use mount::{Class, Mount, MountConfig, Visibility};

use crate::barrier::{Barrier, Rows, View, Writes};
use crate::engine::{Catalog, Factory, Mounted, Site};
use crate::fault::Fault;
use crate::leases::{Lease, LeaseWindow};
use crate::policies::password::Passwords;

/// Most segments a mount path may have; bounds how many rows one request asks for.
pub const MAX_MOUNT_SEGMENTS: usize = 12;

/// Where mounts are, and notes of those that are being upgraded, below their namespace.
const SECRET: &str = "mount/secret/";
const AUTH: &str = "mount/auth/";
pub(crate) const UPGRADES: &str = "upgrade/";

/// What every namespace has.
const BUILT_IN: [(Class, &str, &str, &str); 4] = [
    (
        Class::Secret,
        "sys",
        "system",
        "system endpoints used for control, policy and debugging",
    ),
    (Class::Secret, "identity", "identity", "identity store"),
    (
        Class::Secret,
        "cubbyhole",
        "cubbyhole",
        "per-token private secret storage",
    ),
    (Class::Auth, "token", "token", "token based credentials"),
];

/// How long leases live where neither mount nor engine says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseDefaults {
    /// When nobody says otherwise.
    pub default_ttl: Ttl,
    /// At most.
    pub max_ttl: Ttl,
}

impl Default for LeaseDefaults {
    fn default() -> Self {
        Self {
            default_ttl: Ttl::from_hours(768),
            max_ttl: Ttl::from_hours(768),
        }
    }
}

/// The mounts of one namespace and the engines behind them.
pub struct Router {
    namespace: NamespaceId,
    secret: Rows<Mount>,
    auth: Rows<Mount>,
    catalog: Catalog,
    engines: RwLock<HashMap<Box<str>, Arc<dyn Mounted>>>,
    data: View,
    cubbyholes: View,
    leases: Rows<Lease>,
    passwords: Passwords,
    upgrades: Rows<upgrade::Pending>,
    entropy: Arc<dyn Entropy>,
    defaults: LeaseDefaults,
}

/// A mount, its engine, and the path below it.
#[derive(Clone)]
pub struct Target {
    /// The mount.
    pub mount: Arc<Mount>,
    /// Its engine.
    pub engine: Arc<dyn Mounted>,
    /// The path below the mount.
    pub path: String,
}

impl Router {
    pub(crate) fn new(
        namespace: NamespaceId,
        barrier: &Arc<Barrier>,
        catalog: Catalog,
        entropy: Arc<dyn Entropy>,
        defaults: LeaseDefaults,
    ) -> Self {
        let view = View::new(barrier.clone(), crate::layout::namespace(&namespace));
        Self {
            secret: Rows::new(view.folder(SECRET)),
            auth: Rows::new(view.folder(AUTH)),
            upgrades: Rows::new(view.folder(UPGRADES)),
            data: view.folder("data/"),
            cubbyholes: view.folder("cubbyhole/"),
            leases: Rows::new(view.folder(crate::leases::BY_ID)),
            passwords: Passwords::new(&view, entropy.clone()),
            namespace,
            catalog,
            engines: RwLock::default(),
            entropy,
            defaults,
        }
    }

    /// Adds the mounts that every namespace has.
    pub(crate) fn put_builtin(&self, writes: &mut Writes) -> Result<(), Fault> {
        for (class, path, kind, description) in BUILT_IN {
            let mut mount = Mount::new(class, &MountPath::parse(path)?, kind, &*self.entropy);
            description.clone_into(&mut mount.description);
            mount.local = kind == "cubbyhole";
            self.rows(class).put_in(writes, mount.row(), &mount)?;
        }
        Ok(())
    }

    /// Rows of the mounts of a class, named by their paths without trailing slash.
    #[must_use]
    pub const fn rows(&self, class: Class) -> &Rows<Mount> {
        match class {
            Class::Secret => &self.secret,
            Class::Auth => &self.auth,
        }
    }

    /// Which engines exist.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Lease times of the server.
    #[must_use]
    pub const fn defaults(&self) -> LeaseDefaults {
        self.defaults
    }

    /// The mount that `path` lies in and its engine.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails; no mount is `None`.
    pub async fn resolve(&self, path: &str) -> Result<Option<Target>, Fault> {
        let Some((mount, below)) = self.find(path).await? else {
            return Ok(None);
        };
        let engine = self.engine(&mount)?;
        Ok(Some(Target {
            mount,
            engine,
            path: below,
        }))
    }

    /// The mount that `path` lies in, and the path below it.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn find(&self, path: &str) -> Result<Option<(Arc<Mount>, String)>, Fault> {
        let (class, rest) = match path.strip_prefix("auth/") {
            Some(rest) => (Class::Auth, rest),
            None => (Class::Secret, path),
        };
        let mut end = 0;
        for _ in 0..MAX_MOUNT_SEGMENTS {
            let tail = rest.get(end..).unwrap_or_default();
            let segment = tail.find('/').unwrap_or(tail.len());
            end += segment;
            let candidate = rest.get(..end).unwrap_or_default();
            if segment == 0 {
                return Ok(None);
            }
            if let Some(row) = self.rows(class).get(candidate).await? {
                let below = rest.get(end + 1..).unwrap_or_default().to_owned();
                return Ok(Some((row.value, below)));
            }
            if end >= rest.len() {
                return Ok(None);
            }
            end += 1;
        }
        Ok(None)
    }

    /// The mount at exactly `path`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn at(&self, class: Class, path: &MountPath) -> Result<Option<Arc<Mount>>, Fault> {
        Ok(self.rows(class).get(path.trimmed()).await?.map(|row| row.value))
    }

    /// The mount with this accessor. Reads all mounts: for administration, not for requests.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn by_accessor(&self, accessor: &str) -> Result<Option<Mount>, Fault> {
        for class in [Class::Auth, Class::Secret] {
            let found = self
                .rows(class)
                .all()
                .await?
                .into_iter()
                .find(|(_, mount)| mount.accessor == accessor);
            if let Some((_, mount)) = found {
                return Ok(Some(mount));
            }
        }
        Ok(None)
    }

    /// The engine of a mount, made when it is first asked for.
    ///
    /// # Errors
    /// [`Fault::internal`] when the type is not in the catalog, for instance after a downgrade.
    pub fn engine(&self, mount: &Mount) -> Result<Arc<dyn Mounted>, Fault> {
        let key = mount.engine_key();
        if let Some(engine) = self.engines.read().get(&*key) {
            return Ok(engine.clone());
        }
        let factory = self
            .factory(mount)
            .ok_or_else(|| Fault::internal(format!("this server has no engine of type {:?}", mount.kind)))?;
        let engine = factory.make(mount);
        Ok(self.engines.write().entry(key).or_insert(engine).clone())
    }

    /// Forgets the engine of a mount that is gone or changed.
    pub fn drop_engine(&self, mount: &Mount) {
        self.engines
            .write()
            .retain(|key, _| !key.starts_with(&*mount.uuid));
    }

    fn factory(&self, mount: &Mount) -> Option<&Factory> {
        factory(&self.catalog, mount)
    }

    /// What the engine of a mount may reach.
    #[must_use]
    pub fn site(&self, mount: &Arc<Mount>, now: Timestamp) -> Site {
        let view = match &*mount.kind {
            // Private records live with the tokens, so that revoking a token finds them without asking an engine.
            "cubbyhole" => self.cubbyholes.clone(),
            _ => self.data.folder(&format!("{}/", mount.uuid)),
        };
        let (default_ttl, max_ttl) = self.lease_times(mount);
        Site {
            now,
            namespace: self.namespace.clone(),
            mount: mount.clone(),
            view,
            leases: LeaseWindow::new(self.leases.clone(), &mount.full_path(), &mount.uuid),
            entropy: self.entropy.clone(),
            passwords: self.passwords.clone(),
            default_ttl,
            max_ttl,
        }
    }

    /// Default and maximum lease time of a mount.
    #[must_use]
    pub fn lease_times(&self, mount: &Mount) -> (Ttl, Ttl) {
        let default_ttl = mount
            .config
            .default_lease_ttl
            .nonzero()
            .unwrap_or(self.defaults.default_ttl);
        let max_ttl = mount
            .config
            .max_lease_ttl
            .nonzero()
            .unwrap_or(self.defaults.max_ttl);
        (default_ttl.min(max_ttl), max_ttl)
    }
}

/// The mounts of a namespace whose engines have regular work; `view` is everything of the namespace. Reads all its
/// mounts, without opening the namespace.
///
/// # Errors
/// [`Fault::internal`] when storage fails.
pub(crate) async fn with_regular_work(view: &View, catalog: &Catalog) -> Result<Vec<Arc<Mount>>, Fault> {
    let mut found = Vec::new();
    for folder in [SECRET, AUTH] {
        let rows: Rows<Mount> = Rows::new(view.folder(folder));
        let mounts = rows.all().await?.into_iter().map(|(_, mount)| mount);
        let works = |mount: &Mount| !mount.tainted && factory(catalog, mount).is_some_and(Factory::ticks);
        found.extend(mounts.filter(works).map(Arc::new));
    }
    Ok(found)
}

fn factory<'a>(catalog: &'a Catalog, mount: &Mount) -> Option<&'a Factory> {
    match mount.class {
        Class::Secret => catalog.secret_engine(&mount.kind),
        Class::Auth => catalog.auth_method(&mount.kind),
    }
}
