//! Tokens: what a caller holds after proving who they are.
//!
//! A service token is a row named by a keyed hash of the token, so the store never holds the token itself. Each
//! has an accessor, may have a parent, and ends by an entry in the expiry index. A batch token is the sealed
//! record itself; nothing is stored.

mod create;
pub mod endpoints;
mod id;
mod renew;
mod revoke;
mod role;
mod token;

use std::sync::Arc;

use arca_base::{Entropy, NamespaceId, Secret, Timestamp, Ttl};
use arca_crypto::mac::MacKey;

pub use create::NewToken;
pub use id::{BATCH_PREFIX, SERVICE_LENGTH, SERVICE_PREFIX, TokenHash};
use renew::move_expiry;
pub use role::Role;
pub use token::{AccessorRow, Issued, ParentRow, Token, TokenKind};

use crate::barrier::{Barrier, Rows, Stored, View, Writes};
use crate::fault::Fault;
use crate::layout;
use crate::namespaces::Namespace;

/// How often a write that lost a race is tried again.
const MAX_ATTEMPTS: usize = 64;
/// Where the rows of tokens are, and of their children, below their namespace.
const BY_HASH: &str = "token/id/";
const CHILDREN: &str = "token/child/";
/// What stands around the mark of a role in the entry of a token below its mount, and how long the mark is.
const ROLE: char = '~';
const ROLE_MARK: usize = 16;

/// The tokens of one namespace.
pub struct Tokens {
    barrier: Arc<Barrier>,
    namespace: NamespaceId,
    /// What tokens and accessors end in.
    suffix: String,
    entropy: Arc<dyn Entropy>,
    hasher: MacKey,
    rows: Rows<Token>,
    accessors: Rows<AccessorRow>,
    children: Rows<ParentRow>,
    by_mount: Rows<ParentRow>,
    roles: Rows<Role>,
    cubbyholes: View,
}

/// What one use of a token left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is not counted.
    Unlimited,
    /// It may be used this many times more.
    Left(i64),
    /// This was the last use; the token is revoked when the request is done.
    Last,
}

impl Tokens {
    /// The tokens kept below `view`, the prefix of the namespace; `salt` keys the hash of their names.
    pub(crate) fn new(
        barrier: &Arc<Barrier>,
        namespace: NamespaceId,
        entropy: Arc<dyn Entropy>,
        view: &View,
        salt: &Secret<Vec<u8>>,
    ) -> Self {
        let folder = |name: &str| view.folder(name);
        Self {
            barrier: barrier.clone(),
            suffix: Namespace::suffix(&namespace),
            namespace,
            entropy,
            hasher: MacKey::new(salt.expose()),
            rows: Rows::new(folder(BY_HASH)),
            accessors: Rows::new(folder("token/accessor/")),
            children: Rows::new(folder(CHILDREN)),
            by_mount: Rows::new(folder("token/mount/")),
            roles: Rows::new(folder("token/role/")),
            cubbyholes: folder("cubbyhole/"),
        }
    }

    /// Roles that tokens can be created with.
    #[must_use]
    pub const fn roles(&self) -> &Rows<Role> {
        &self.roles
    }

    /// How many service tokens there are. Looks at the name of each.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn count(&self) -> Result<u64, Fault> {
        let count = self.count_up_to(usize::MAX).await?;
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// How many service tokens there are; counts up to `most`.
    pub(crate) async fn count_up_to(&self, most: usize) -> Result<usize, Fault> {
        count_names(&self.rows, "", most).await
    }

    /// How many service tokens the logins of a mount gave; counts up to `most`.
    pub(crate) async fn count_of_mount(&self, accessor: &str, most: usize) -> Result<usize, Fault> {
        count_names(&self.by_mount, &format!("{accessor}/"), most).await
    }

    /// The same of the logins by one role of it.
    pub(crate) async fn count_of_role(
        &self,
        accessor: &str,
        role: &str,
        most: usize,
    ) -> Result<usize, Fault> {
        count_beginning(
            &self.by_mount,
            &format!("{accessor}/"),
            &self.role_mark(role),
            most,
        )
        .await
    }

    /// The entry of a token below its mount. It begins with a mark of the role, so that tokens of a role lie together and
    /// are counted by these names alone, without a look at those of others: this is done before a login is proved.
    fn mount_entry(&self, token: &Token) -> String {
        let mark = match &*token.login_role {
            "" => String::new(),
            role => self.role_mark(role),
        };
        format!("{}/{mark}{}", token.mount_accessor, token.hash)
    }

    /// The hash of the token that an entry below a mount is for.
    fn hash_of_entry(name: &str) -> &str {
        name.rsplit(ROLE).next().unwrap_or(name)
    }

    /// Names of rows are not sealed: a keyed hash stands for the name of the role.
    fn role_mark(&self, role: &str) -> String {
        let hash = self.hash(&format!("role/{role}"));
        let short = hash.as_str().get(..ROLE_MARK).unwrap_or_default();
        format!("{ROLE}{short}{ROLE}")
    }

    /// The name of a token's row.
    #[must_use]
    pub fn hash(&self, presented: &str) -> TokenHash {
        TokenHash::of(&self.hasher, presented)
    }

    /// The token presented, if it is good: known, not expired, not revoked, and its parent too where it dies
    /// with it.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails; an unknown token is `None`.
    pub async fn find(&self, presented: &str, now: Timestamp) -> Result<Option<Arc<Token>>, Fault> {
        if let Some(sealed) = presented.strip_prefix(BATCH_PREFIX) {
            return self.find_batch(presented, sealed, now).await;
        }
        let hash = self.hash(presented);
        let Some(row) = self.rows.get(hash.as_str()).await? else {
            return Ok(None);
        };
        Ok(row.value.is_good(now).then_some(row.value))
    }

    async fn find_batch(
        &self,
        presented: &str,
        sealed: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Token>>, Fault> {
        // The suffix says where to look; what counts is what was sealed.
        let sealed = sealed.split('.').next().unwrap_or_default();
        let Some(mut token) = id::open_batch(&self.barrier, sealed) else {
            return Ok(None);
        };
        if !token.is_good(now) || token.namespace != self.namespace.as_str() {
            return Ok(None);
        }
        if let Some(parent) = &token.parent {
            match self.rows_of(&token.parent_namespace)?.get(parent).await? {
                Some(parent) if parent.value.is_good(now) => {}
                _ => return Ok(None),
            }
        }
        token.hash = self.hash(presented).as_str().to_owned();
        Ok(Some(Arc::new(token)))
    }

    /// The token of an accessor, if it is good.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn find_by_accessor(
        &self,
        accessor: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Token>>, Fault> {
        let own = accessor.strip_suffix(&*self.suffix).unwrap_or_default();
        if !own.bytes().all(|byte| byte.is_ascii_alphanumeric()) || own.is_empty() {
            return Ok(None);
        }
        let Some(row) = self.accessors.get(accessor).await? else {
            return Ok(None);
        };
        let Some(token) = self.rows.get(&row.value.hash).await? else {
            return Ok(None);
        };
        Ok(token.value.is_good(now).then_some(token.value))
    }

    /// The stored token of a hash, good or not.
    pub(crate) async fn by_hash(&self, hash: &str) -> Result<Option<Arc<Token>>, Fault> {
        Ok(self.rows.get(hash).await?.map(|row| row.value))
    }

    /// Accessors of all tokens, those after `after`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn accessors(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        Ok(self.accessors.list("", after, limit).await?.names)
    }

    /// Counts one use of a token with a limited number of uses. The last use makes the token useless at once;
    /// the caller revokes it when the request is done, and the expiry task does if nobody else did.
    ///
    /// # Errors
    /// [`Fault::denied`] when another request was faster with the last use.
    pub async fn count_use(&self, token: &Token, now: Timestamp) -> Result<Use, Fault> {
        if token.num_uses == 0 || token.kind == TokenKind::Batch {
            return Ok(Use::Unlimited);
        }
        for _ in 0..MAX_ATTEMPTS {
            let row = self.rows.get(&token.hash).await?;
            let found = row
                .as_ref()
                .filter(|row| row.value.is_good(now))
                .ok_or_else(Fault::denied)?;
            let (after, used) = after_use(&found.value, now);
            let mut writes = Writes::new();
            self.rows.expect_in(&mut writes, &token.hash, row.as_ref());
            self.rows.put_in(&mut writes, &token.hash, &after)?;
            move_expiry(&self.namespace, &mut writes, &found.value, &after);
            match self.barrier.commit(writes).await {
                Ok(_) => return Ok(used),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::unavailable(
            "too many concurrent uses of this token; try again",
        ))
    }

    /// Adds the removal of a token's entries in every index to `writes`.
    fn delete_in(&self, writes: &mut Writes, token: &Token) -> Result<(), Fault> {
        self.rows.delete_in(writes, &token.hash);
        if !token.accessor.is_empty() {
            self.accessors.delete_in(writes, &token.accessor);
        }
        if let Some(parent) = &token.parent {
            self.children_of(&token.parent_namespace)?
                .delete_in(writes, &format!("{parent}/{}", token.hash));
        }
        if !token.mount_accessor.is_empty() {
            self.by_mount.delete_in(writes, &self.mount_entry(token));
        }
        if let Some(expires) = token.expires {
            writes.delete(expiry_key(&self.namespace, expires, &token.hash));
        }
        Ok(())
    }

    /// The rows of tokens in a namespace, which is this one where `namespace` is empty.
    fn rows_of(&self, namespace: &str) -> Result<Rows<Token>, Fault> {
        self.rows_in(namespace, &self.rows, BY_HASH)
    }

    /// The entries of children in the namespace of their parent, which is this one where `namespace` is empty.
    fn children_of(&self, namespace: &str) -> Result<Rows<ParentRow>, Fault> {
        self.rows_in(namespace, &self.children, CHILDREN)
    }

    fn rows_in<T: Stored>(&self, namespace: &str, own: &Rows<T>, folder: &str) -> Result<Rows<T>, Fault> {
        if namespace.is_empty() {
            return Ok(own.clone());
        }
        Ok(Rows::new(
            layout::view_of(&self.barrier, namespace)?.folder(folder),
        ))
    }
}

fn expiry_key(namespace: &NamespaceId, time: Timestamp, hash: &str) -> String {
    layout::expiry(time, namespace, &format!("token/{hash}"))
}

/// How long after its last use a token that was not revoked by its request is left to the expiry task.
const LAST_USE_GRACE: Ttl = Ttl::from_seconds(300);

fn after_use(token: &Token, now: Timestamp) -> (Token, Use) {
    if token.num_uses > 1 {
        let left = token.num_uses - 1;
        return (
            Token {
                num_uses: left,
                ..token.clone()
            },
            Use::Left(left),
        );
    }
    let end = now.plus(LAST_USE_GRACE);
    let expires = Some(token.expires.map_or(end, |expires| expires.min(end)));
    (
        Token {
            num_uses: -1,
            expires,
            ..token.clone()
        },
        Use::Last,
    )
}

/// Names in a folder, up to `most`, looked at a page at a time.
async fn count_names<T: Stored>(rows: &Rows<T>, folder: &str, most: usize) -> Result<usize, Fault> {
    count_beginning(rows, folder, "", most).await
}

/// The same of those that begin with `beginning`, which is itself no name.
async fn count_beginning<T: Stored>(
    rows: &Rows<T>,
    folder: &str,
    beginning: &str,
    most: usize,
) -> Result<usize, Fault> {
    const PAGE: usize = 5000;
    let (mut count, mut after) = (0, beginning.to_owned());
    while count < most {
        let page = rows.list(folder, &after, PAGE.min(most - count)).await?;
        let seen = page.names.len();
        let found = page
            .names
            .iter()
            .filter(|name| name.starts_with(beginning))
            .count();
        count += found;
        match page.names.into_iter().next_back() {
            // They lie together: behind the first that begins otherwise there is none.
            Some(last) if page.more && found == seen => after = last,
            _ => break,
        }
    }
    Ok(count.min(most))
}
