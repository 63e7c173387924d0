//! Namespaces: tenants that see nothing of each other, below one server.
//!
//! ```text
//! core/namespace/at/<path>    the record of a namespace, by its full path without trailing slash
//! core/namespace/id/<id>      from its identifier to its path
//! ns/<id>/...                 everything that is its own
//! ```
//!
//! A request is in one namespace, found once at admission by its header, by the beginning of its path, or by both.
//! From there on it holds the [`Active`] of that namespace, whose parts reach nothing else. Three things lead from one
//! namespace to another, and each is a word of its own: [`Active::home_of`] finds the namespace of a token by the
//! suffix of the token, and an ancestor's token may act below; [`Namespaces::by_id`] is for background work, which
//! reads identifiers in the expiry index; and [`Namespaces::enter`] is for paths.
//!
//! A namespace is opened when it is first asked for, and then stays in memory: an empty one costs a few kilobytes.
//! Whether it exists, and whether it is being deleted, is asked of its row each time, so every node agrees.

mod change;
mod lock;
mod name;
mod removal;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock, Weak};

use arca_base::{NamespaceId, Timestamp};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

pub(crate) use change::{CustomMetadata, Deletion};
pub(crate) use lock::Unlocking;
pub(crate) use name::NamespaceName;
pub(crate) use removal::WHAT as REMOVAL;

use crate::active::{Active, Server};
use crate::barrier::{Row, Rows, Stored, View};
use crate::fault::Fault;
use crate::router::Mount;
use crate::tokens::{BATCH_PREFIX, SERVICE_PREFIX};

/// Where the records are.
const AT: &str = "core/namespace/at/";
const BY_ID: &str = "core/namespace/id/";

/// Which namespace: what identifies it for good, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Stands in keys, tokens and lease identifiers.
    pub id: NamespaceId,
    /// Empty for the root namespace; any other ends in a slash: `team/app/`.
    pub path: Box<str>,
}

impl Namespace {
    /// The namespace that always exists.
    #[must_use]
    pub fn root() -> Self {
        Self {
            id: NamespaceId::root(),
            path: "".into(),
        }
    }

    /// Whether this is the root namespace.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    /// The path of something in this namespace as `ancestor` names it; `None` for a namespace that is not above, and
    /// not the same.
    #[must_use]
    pub fn path_below(&self, ancestor: &Self) -> Option<&str> {
        self.path.strip_prefix(&*ancestor.path)
    }

    /// What identifiers of this namespace end in, its dot included; nothing for the root namespace.
    #[must_use]
    pub(crate) fn suffix(id: &NamespaceId) -> String {
        if id.is_root() {
            String::new()
        } else {
            format!(".{id}")
        }
    }
}

/// The identifier at the end of a token, an accessor or the identifier of a lease: that of the root namespace where
/// there is none.
pub(crate) fn identifier_of(text: &str) -> &str {
    let last = text.rsplit('/').next().unwrap_or(text);
    let body = [SERVICE_PREFIX, BATCH_PREFIX]
        .into_iter()
        .find_map(|prefix| last.strip_prefix(prefix));
    body.unwrap_or(last).rsplit_once('.').map_or("root", |(_, id)| id)
}

/// A namespace, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct NamespaceRow {
    /// Stands in keys, tokens and lease identifiers.
    pub(crate) id: String,
    /// Never used again, whatever is made at the same path later.
    pub(crate) uuid: String,
    /// Full path, with trailing slash.
    pub(crate) path: String,
    /// Texts of whoever looks after it.
    pub(crate) custom_metadata: BTreeMap<String, String>,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
    /// Since when it is being deleted: it takes no requests any more.
    pub(crate) tainted: Option<Timestamp>,
    /// Where its entry in the expiry index is while it is being deleted.
    pub(crate) due: Option<Timestamp>,
    /// Moves with each attempt to delete it.
    pub(crate) attempts: u32,
    /// SHA-256, in hexadecimal, of what unlocks it; nothing while it is not locked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) unlock_key_hash: String,
}

impl Stored for NamespaceRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "namespace";
}

/// From the identifier of a namespace to its path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PathRow {
    /// Full path, without trailing slash.
    path: String,
}

impl Stored for PathRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "path of a namespace";
}

/// The namespaces below the root namespace.
pub(crate) struct Namespaces {
    server: Arc<Server>,
    root: OnceLock<Weak<Active>>,
    at: Rows<NamespaceRow>,
    by_id: Rows<PathRow>,
    open: RwLock<HashMap<Box<str>, Arc<Active>>>,
}

impl Namespaces {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        Self {
            at: Rows::new(View::new(server.barrier.clone(), AT)),
            by_id: Rows::new(View::new(server.barrier.clone(), BY_ID)),
            root: OnceLock::new(),
            open: RwLock::default(),
            server,
        }
    }

    /// Says where the root namespace is.
    pub(crate) fn settle(&self, root: &Arc<Active>) {
        let _ = self.root.set(Arc::downgrade(root));
    }

    fn root(&self) -> Result<Arc<Active>, Fault> {
        let root = self.root.get().and_then(Weak::upgrade);
        root.ok_or_else(Fault::sealed)
    }

    /// The record of the namespace at a full path with its trailing slash.
    pub(crate) async fn row(&self, path: &str) -> Result<Option<Row<NamespaceRow>>, Fault> {
        let Some(name) = NamespaceName::known(path) else {
            return Ok(None);
        };
        Ok(self.at.get(name.row()).await?)
    }

    /// The namespace at a full path as clients write it, for a request in it.
    ///
    /// # Errors
    /// 404 when there is none, or when it is being deleted.
    pub(crate) async fn enter(self: &Arc<Self>, path: &str) -> Result<Arc<Active>, Fault> {
        let row = self.row(path).await?;
        let row = row.ok_or_else(|| Fault::not_found_plain("namespace not found"))?;
        if row.value.tainted.is_some() {
            return Err(tainted(path));
        }
        self.opened(&row.value)
    }

    /// The namespace directly below `parent` that a path there begins with, and the rest of the path; `None` when it
    /// begins with something else.
    ///
    /// # Errors
    /// 404 when it is being deleted.
    pub(crate) async fn below<'a>(
        self: &Arc<Self>,
        parent: &Namespace,
        path: &'a str,
    ) -> Result<Option<(Arc<Active>, &'a str)>, Fault> {
        let Some((first, rest)) = path.split_once('/') else {
            return Ok(None);
        };
        match self.row(&format!("{}{first}", parent.path)).await? {
            None => Ok(None),
            Some(row) if row.value.tainted.is_some() => Err(tainted(path)),
            Some(row) => Ok(Some((self.opened(&row.value)?, rest))),
        }
    }

    /// The namespace at a full path, also one that is being deleted.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn there(self: &Arc<Self>, path: &str) -> Result<Option<Arc<Active>>, Fault> {
        if path.is_empty() {
            return self.root().map(Some);
        }
        match self.row(path).await? {
            Some(row) => self.opened(&row.value).map(Some),
            None => Ok(None),
        }
    }

    /// The namespace with this identifier, also one that is being deleted.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn by_id(self: &Arc<Self>, id: &str) -> Result<Option<Arc<Active>>, Fault> {
        match self.row_by_id(id).await? {
            None if id == "root" => self.root().map(Some),
            None => Ok(None),
            Some(row) => self.opened(&row.value).map(Some),
        }
    }

    async fn row_by_id(&self, id: &str) -> Result<Option<Row<NamespaceRow>>, Fault> {
        if id == "root" || NamespaceId::parse(id).is_none() {
            return Ok(None);
        }
        let Some(found) = self.by_id.get(id).await? else {
            return Ok(None);
        };
        let row = self.at.get(&found.value.path).await?;
        Ok(row.filter(|row| row.value.id == id))
    }

    fn opened(self: &Arc<Self>, row: &NamespaceRow) -> Result<Arc<Active>, Fault> {
        if let Some(open) = self.open.read().get(&*row.id) {
            return Ok(open.clone());
        }
        let id = NamespaceId::parse(&row.id).filter(|id| !id.is_root());
        let namespace = Namespace {
            id: id.ok_or_else(|| Fault::internal(format!("a namespace with the identifier {:?}", row.id)))?,
            path: row.path.as_str().into(),
        };
        let mut open = self.open.write();
        let active = open.entry(row.id.as_str().into()).or_insert_with(|| {
            Arc::new(Active::of(
                &self.server,
                Arc::new(namespace),
                Arc::downgrade(self),
            ))
        });
        Ok(active.clone())
    }

    /// One page of the namespaces directly below a full path, by their names without slash.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn names(&self, parent: &str, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut after = after.trim_end_matches('/').to_owned();
        while names.len() < limit {
            let page = self.at.list(parent, &after, limit.min(PAGE)).await?;
            let last = page.names.last().cloned();
            // What lies below one of them is a folder.
            names.extend(page.names.into_iter().filter(|name| !name.ends_with('/')));
            match last {
                Some(last) if page.more => after = last,
                _ => break,
            }
        }
        names.truncate(limit);
        Ok(names)
    }

    /// One page of the records below a full path, at any depth; `after` is relative to it.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn rows_below(
        &self,
        parent: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<NamespaceRow>, Fault> {
        let after = after.trim_end_matches('/');
        let page = self.at.view().scan(parent, after, limit).await?;
        let mut rows = Vec::with_capacity(page.names.len());
        for name in page.names {
            let row = self.at.get(&format!("{parent}{name}")).await?;
            rows.extend(row.map(|row| (*row.value).clone()));
        }
        Ok(rows)
    }

    /// Identifiers of all namespaces, the root namespace and those that are being deleted included. None is opened.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn ids(&self) -> Result<Vec<String>, Fault> {
        let mut ids = vec!["root".to_owned()];
        let mut after = String::new();
        loop {
            let page = self.by_id.list("", &after, PAGE).await?;
            let last = page.names.last().cloned();
            ids.extend(page.names);
            match last {
                Some(last) if page.more => after = last,
                _ => return Ok(ids),
            }
        }
    }
}

impl Active {
    /// The namespace that a token says it is of; `None` when that does not exist, or is being deleted. The token itself
    /// is not looked at.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(crate) async fn home_of(self: &Arc<Self>, presented: &str) -> Result<Option<Arc<Self>>, Fault> {
        let id = identifier_of(presented);
        if id == self.namespace.id.as_str() {
            return Ok(Some(self.clone()));
        }
        let namespaces = self.namespaces()?;
        if id == "root" {
            return namespaces.root().map(Some);
        }
        match namespaces.row_by_id(id).await? {
            Some(row) if row.value.tainted.is_none() => namespaces.opened(&row.value).map(Some),
            _ => Ok(None),
        }
    }
}

impl Active {
    /// The mount that a path lies in, and its namespace: this one, or one below that the path begins with.
    ///
    /// # Errors
    /// 404 when a namespace on the way is being deleted.
    pub(crate) async fn find_below(
        self: &Arc<Self>,
        path: &str,
    ) -> Result<Option<(Arc<Self>, Arc<Mount>)>, Fault> {
        let namespaces = self.namespaces()?;
        let (mut around, mut path) = (self.clone(), path);
        loop {
            if let Some((mount, _)) = around.router.find(path).await? {
                return Ok(Some((around, mount)));
            }
            match namespaces.below(&around.namespace, path).await? {
                Some((deeper, rest)) => (around, path) = (deeper, rest),
                None => return Ok(None),
            }
        }
    }
}

/// Namespaces read at a time.
const PAGE: usize = 1000;

/// 404, for whoever asks for something in a namespace that is being deleted.
fn tainted(path: &str) -> Fault {
    Fault::not_found_plain(format!(
        "no handler for route {path:?}. route entry or namespace is tainted."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_end_in_that_of_their_namespace() {
        for (text, id) in [
            ("hvs.abcdefghijklmnopqrstuvwx", "root"),
            ("hvs.abcdefghijklmnopqrstuvwx.aB3xyZ", "aB3xyZ"),
            ("hvb.AAAA_-.aB3xyZ", "aB3xyZ"),
            ("chosen-by-hand", "root"),
            ("accessor.aB3xyZ", "aB3xyZ"),
            ("accessor", "root"),
            ("db.prod/creds/app/0123abc", "root"),
            ("db.prod/creds/app/0123abc.aB3xyZ", "aB3xyZ"),
            ("", "root"),
        ] {
            assert_eq!(identifier_of(text), id, "{text}");
        }
    }
}
