//! Ending tokens.
//!
//! A revocation begins by marking the token, in the same commit that puts it into the expiry index as due now.
//! From then on nobody can use it, and whatever interrupts the rest (children, leases, cubbyhole, indexes), the
//! expiry task takes it up again.

use arca_base::{NamespaceId, Timestamp};
use futures_util::future::BoxFuture;

use super::token::Token;
use super::{Tokens, move_expiry};
use crate::barrier::{Rows, Writes};
use crate::fault::Fault;
use crate::leases::Leases;

const PAGE: usize = 500;
const MAX_ATTEMPTS: usize = 64;

/// What becomes of the children of a revoked token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Children {
    Revoke,
    Orphan,
}

impl Tokens {
    /// Ends a token, everything it leased and every token below it. Does nothing when it does not exist.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails; the token is unusable in any case once it is marked.
    pub async fn revoke(&self, hash: &str, leases: &Leases, now: Timestamp) -> Result<(), Fault> {
        self.end(hash.to_owned(), Children::Revoke, leases, now).await
    }

    /// Ends a token and what it leased; the tokens below it go on without a parent.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn revoke_orphaning(&self, hash: &str, leases: &Leases, now: Timestamp) -> Result<(), Fault> {
        self.end(hash.to_owned(), Children::Orphan, leases, now).await
    }

    /// Ends all tokens that an auth mount has issued.
    pub(crate) async fn revoke_of_mount(
        &self,
        accessor: &str,
        leases: &Leases,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let folder = format!("{accessor}/");
        loop {
            let page = self.by_mount.list(&folder, "", PAGE).await?;
            if page.names.is_empty() {
                return Ok(());
            }
            for name in page.names {
                self.revoke(Self::hash_of_entry(&name), leases, now).await?;
                // The token may have been gone already; its entry must not keep this loop going.
                self.by_mount.delete(&format!("{folder}{name}")).await?;
            }
        }
    }

    /// Boxed because a token's children are ended the same way.
    fn end<'a>(
        &'a self,
        hash: String,
        children: Children,
        leases: &'a Leases,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let Some(token) = self.mark(&hash, now).await? else {
                return Ok(());
            };
            match children {
                Children::Revoke => self.revoke_children(&hash, leases, now).await?,
                Children::Orphan => self.orphan_children(&hash).await?,
            }
            leases.revoke_of_token(&hash, now).await?;
            self.cubbyholes.folder(&format!("{hash}/")).clear().await?;
            let mut writes = Writes::new();
            self.delete_in(&mut writes, &token)?;
            self.barrier.commit(writes).await?;
            Ok(())
        })
    }

    /// Ends all tokens of the namespace.
    pub(crate) async fn revoke_all(&self, leases: &Leases, now: Timestamp) -> Result<(), Fault> {
        loop {
            let page = self.rows.list("", "", PAGE).await?;
            if page.names.is_empty() {
                return Ok(());
            }
            for hash in page.names {
                self.revoke(&hash, leases, now).await?;
            }
        }
    }

    /// Makes a token unusable and due in the expiry index; returns it as it then is.
    async fn mark(&self, hash: &str, now: Timestamp) -> Result<Option<Token>, Fault> {
        self.mark_in(&self.rows, &self.namespace, hash, now).await
    }

    async fn mark_in(
        &self,
        rows: &Rows<Token>,
        namespace: &NamespaceId,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<Token>, Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(row) = rows.get(hash).await? else {
                return Ok(None);
            };
            if row.value.revoking {
                return Ok(Some((*row.value).clone()));
            }
            let mut token = (*row.value).clone();
            token.revoking = true;
            token.expires = Some(token.expires.map_or(now, |expires| expires.min(now)));
            let mut writes = Writes::new();
            rows.expect_in(&mut writes, &token.hash, Some(&row));
            rows.put_in(&mut writes, &token.hash, &token)?;
            move_expiry(namespace, &mut writes, &row.value, &token);
            match self.barrier.commit(writes).await {
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(Some(token)),
            }
        }
        Err(Fault::unavailable("the token keeps changing; try again"))
    }

    async fn revoke_children(&self, parent: &str, leases: &Leases, now: Timestamp) -> Result<(), Fault> {
        loop {
            let page = self.children.list(&format!("{parent}/"), "", PAGE).await?;
            if page.names.is_empty() {
                return Ok(());
            }
            for child in page.names {
                let entry = format!("{parent}/{child}");
                match self.namespace_of_child(&entry).await? {
                    None => self.end(child.clone(), Children::Revoke, leases, now).await?,
                    // From here on nobody can use it; the expiry task, which reaches its namespace, does the rest.
                    Some(namespace) => {
                        let rows = self.rows_of(namespace.as_str())?;
                        let _ = self.mark_in(&rows, &namespace, &child, now).await?;
                    }
                }
                // The token may have been gone already; its entry must not keep this loop going.
                self.children.delete(&entry).await?;
            }
        }
    }

    /// The namespace of a child where that is another one.
    async fn namespace_of_child(&self, entry: &str) -> Result<Option<NamespaceId>, Fault> {
        let row = self.children.get(entry).await?;
        Ok(row.and_then(|row| NamespaceId::parse(&row.value.namespace)))
    }

    async fn orphan_children(&self, parent: &str) -> Result<(), Fault> {
        loop {
            let page = self.children.list(&format!("{parent}/"), "", PAGE).await?;
            if page.names.is_empty() {
                return Ok(());
            }
            for child in page.names {
                self.orphan(parent, &child).await?;
            }
        }
    }

    async fn orphan(&self, parent: &str, child: &str) -> Result<(), Fault> {
        let entry = format!("{parent}/{child}");
        let rows = match self.namespace_of_child(&entry).await? {
            None => self.rows.clone(),
            Some(namespace) => self.rows_of(namespace.as_str())?,
        };
        for _ in 0..MAX_ATTEMPTS {
            let row = rows.get(child).await?;
            let mut writes = Writes::new();
            if let Some(row) = &row {
                let orphan = Token {
                    parent: None,
                    parent_namespace: String::new(),
                    ..(*row.value).clone()
                };
                rows.expect_in(&mut writes, child, Some(row));
                rows.put_in(&mut writes, child, &orphan)?;
            }
            self.children.delete_in(&mut writes, &entry);
            match self.barrier.commit(writes).await {
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
        Err(Fault::unavailable("the token keeps changing; try again"))
    }
}
