//! Making namespaces, changing them, and beginning to delete them: each one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{MountPath, NamespaceId, Timestamp, id};

use super::{Namespace, NamespaceName, NamespaceRow, Namespaces, PathRow};
use crate::active::Active;
use crate::barrier::{Change, Writes};
use crate::events::Told;
use crate::fault::Fault;
use crate::layout;
use crate::router::Class;

/// Most namespaces directly below another.
const MAX_CHILDREN: usize = 10_000;
const MAX_ATTEMPTS: usize = 16;

/// Texts that a namespace is to have.
pub(crate) enum CustomMetadata {
    /// These and no others.
    Exactly(BTreeMap<String, String>),
    /// What is there, with these instead; `None` takes one away.
    Merged(BTreeMap<String, Option<String>>),
}

impl CustomMetadata {
    fn apply(&self, before: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
        let after = match self {
            Self::Exactly(texts) => texts.clone(),
            Self::Merged(changes) => {
                let mut texts = before.clone();
                for (key, value) in changes {
                    match value {
                        Some(value) => texts.insert(key.clone(), value.clone()),
                        None => texts.remove(key),
                    };
                }
                texts
            }
        };
        crate::identity::endpoints::check_metadata("custom_metadata", &after)?;
        Ok(after)
    }
}

/// What became of a request to delete a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// There was nothing to delete.
    Nothing,
    /// It takes no requests any more, and goes in the background.
    Begun,
}

impl Namespaces {
    /// Makes a namespace or changes its texts.
    ///
    /// # Errors
    /// 400 naming the field and the fix.
    pub(crate) async fn write(
        self: &Arc<Self>,
        name: &NamespaceName,
        metadata: &CustomMetadata,
        now: Timestamp,
    ) -> Result<NamespaceRow, Fault> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(row) = self.at.get(name.row()).await? {
                refuse_tainted(&row.value)?;
                return self.change(name, metadata).await;
            }
            let row = NamespaceRow {
                custom_metadata: metadata.apply(&BTreeMap::new())?,
                ..self.blank(name, now)
            };
            if self.make(name, &row, now).await? {
                return Ok(row);
            }
        }
        Err(busy())
    }

    fn blank(&self, name: &NamespaceName, now: Timestamp) -> NamespaceRow {
        NamespaceRow {
            id: NamespaceId::random(&*self.server.entropy).as_str().to_owned(),
            uuid: id::uuid_v4(&*self.server.entropy),
            path: name.path(),
            created: Some(now),
            ..NamespaceRow::default()
        }
    }

    /// Makes a namespace with everything each has; `false` when something it depends on was changed meanwhile.
    async fn make(
        self: &Arc<Self>,
        name: &NamespaceName,
        row: &NamespaceRow,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let (parent, own) = name.split();
        let mut writes = Writes::new();
        let around = self.expect_parent(&mut writes, parent).await?;
        refuse_mounted(&around, own).await?;
        // The mount that could come between is at the name itself; deeper ones are found by their first segment.
        around
            .router
            .rows(Class::Secret)
            .expect_in(&mut writes, own, None);
        if self.names(parent, "", MAX_CHILDREN).await?.len() >= MAX_CHILDREN {
            return Err(Fault::invalid(format!(
                "path: there are {MAX_CHILDREN} namespaces here already; make it below one of them"
            )));
        }
        self.at.expect_in(&mut writes, name.row(), None);
        self.at.put_in(&mut writes, name.row(), row)?;
        let path = name.row().to_owned();
        self.by_id.expect_in(&mut writes, &row.id, None);
        self.by_id.put_in(&mut writes, &row.id, &PathRow { path })?;
        let id = NamespaceId::parse(&row.id).ok_or_else(|| Fault::internal("an identifier that is none"))?;
        let namespace = Namespace {
            id,
            path: row.path.as_str().into(),
        };
        // Not kept: it does not exist before the commit.
        let made = Active::of(&self.server, Arc::new(namespace), Arc::downgrade(self));
        made.router.put_builtin(&mut writes)?;
        made.policies.put_default(&mut writes)?;
        crate::identity::in_order::begin_in(made.view(), &mut writes)?;
        tell(&mut writes, "namespace/create", &around, row, now);
        match self.server.barrier.commit(writes).await {
            Ok(_) => Ok(true),
            Err(error) => {
                self.server.barrier.forget_generations(made.view().prefix());
                if error.is_conflict() {
                    return Ok(false);
                }
                Err(error.into())
            }
        }
    }

    /// Makes `writes` apply only while the namespace around is there, and takes requests.
    async fn expect_parent(self: &Arc<Self>, writes: &mut Writes, path: &str) -> Result<Arc<Active>, Fault> {
        if path.is_empty() {
            return self.root();
        }
        let found = self.row(path).await?;
        let Some(row) = &found else {
            return Err(Fault::invalid(format!(
                "path: there is no namespace {path:?} to make it in; make that one first"
            )));
        };
        refuse_tainted(&row.value)?;
        self.at
            .expect_in(writes, path.trim_end_matches('/'), found.as_ref());
        // Written again, so that of a child being made and a parent being deleted one finds the other.
        self.at.put_in(writes, path.trim_end_matches('/'), &row.value)?;
        self.opened(&row.value)
    }

    /// Changes the texts of a namespace.
    ///
    /// # Errors
    /// 404 when there is none; 400 naming the field and the fix.
    pub(crate) async fn change(
        &self,
        name: &NamespaceName,
        metadata: &CustomMetadata,
    ) -> Result<NamespaceRow, Fault> {
        self.at
            .update(name.row(), |found| {
                let found = found.ok_or_else(Fault::absent)?;
                refuse_tainted(found)?;
                let changed = NamespaceRow {
                    custom_metadata: metadata.apply(&found.custom_metadata)?,
                    ..found.clone()
                };
                Ok((Change::Put(changed.clone()), changed))
            })
            .await
    }

    /// Takes a namespace out of service and puts its removal into the expiry index, in one commit.
    ///
    /// # Errors
    /// 400 while there are namespaces in it.
    pub(crate) async fn delete(
        self: &Arc<Self>,
        name: &NamespaceName,
        now: Timestamp,
    ) -> Result<Deletion, Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let found = self.at.get(name.row()).await?;
            let Some(row) = &found else {
                return Ok(Deletion::Nothing);
            };
            if row.value.tainted.is_some() {
                return Ok(Deletion::Begun);
            }
            if let Some(child) = self.names(&name.path(), "", 1).await?.first() {
                return Err(Fault::invalid(format!(
                    "path: cannot delete namespace {:?} containing child namespaces, such as {child:?}; delete them first",
                    row.value.path
                )));
            }
            let tainted = NamespaceRow {
                tainted: Some(now),
                due: Some(now),
                ..(*row.value).clone()
            };
            let around = self.enter_or_root(name.split().0).await?;
            let mut writes = Writes::new();
            self.at.expect_in(&mut writes, name.row(), found.as_ref());
            self.at.put_in(&mut writes, name.row(), &tainted)?;
            writes.put(super::removal::entry(&tainted)?, Vec::new());
            tell(&mut writes, "namespace/delete", &around, &tainted, now);
            match self.server.barrier.commit(writes).await {
                Ok(_) => return Ok(Deletion::Begun),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(busy())
    }

    async fn enter_or_root(self: &Arc<Self>, path: &str) -> Result<Arc<Active>, Fault> {
        if path.is_empty() {
            self.root()
        } else {
            self.enter(path).await
        }
    }
}

/// A name that a mount has, or that mounts lie in, is no name for a namespace: the path would be that of both.
async fn refuse_mounted(around: &Active, name: &str) -> Result<(), Fault> {
    let path = MountPath::parse(name)?;
    let at = around.router.at(Class::Secret, &path).await?;
    let inside = around
        .router
        .rows(Class::Secret)
        .list(path.as_str(), "", 1)
        .await?;
    if at.is_some() || !inside.names.is_empty() {
        return Err(Fault::invalid(format!(
            "path: there is a secret engine at {path}; choose another name, or move the engine"
        )));
    }
    Ok(())
}

pub(super) fn refuse_tainted(row: &NamespaceRow) -> Result<(), Fault> {
    match row.tainted {
        Some(_) => Err(Fault::invalid(format!(
            "path: the namespace {:?} is being deleted; try again when it is gone",
            row.path
        ))),
        None => Ok(()),
    }
}

fn tell(writes: &mut Writes, kind: &'static str, around: &Active, row: &NamespaceRow, now: Timestamp) {
    let below = row
        .path
        .strip_prefix(&*around.namespace.path)
        .unwrap_or(&row.path);
    let told = Told::of(kind, format!("sys/namespaces/{}", below.trim_end_matches('/')))
        .with("namespace_id", &*row.id)
        .with("namespace_path", &*row.path);
    writes.tell(told.key(&around.namespace.id, None, now));
}

/// What callers see when others keep changing what they change.
fn busy() -> Fault {
    Fault::unavailable("the namespace keeps being changed by others; try again")
}

impl NamespaceRow {
    /// The key of its entry in the expiry index while it is being deleted.
    pub(super) fn expiry(&self, due: Timestamp) -> Result<String, Fault> {
        let id = NamespaceId::parse(&self.id).ok_or_else(|| Fault::internal("an identifier that is none"))?;
        Ok(layout::expiry(due, &id, super::removal::WHAT))
    }
}
