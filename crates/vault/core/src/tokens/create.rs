//! Making tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{JsonText, Secret, Timestamp, Ttl};
use ipnet::IpNet;

use super::token::{AccessorRow, Issued, ParentRow, Token, TokenKind};
use super::{Tokens, expiry_key, id};
use crate::barrier::Writes;
use crate::fault::Fault;

/// How often creation below a parent that changes meanwhile is tried again.
const MAX_ATTEMPTS: usize = 16;

/// A token to make. Lifetimes are decided already; see [`Lifetime`](crate::ttl::Lifetime).
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// The token itself, instead of a random one.
    pub custom_id: Option<String>,
    /// How it is kept.
    pub kind: TokenKind,
    /// Hash of the token it dies with.
    pub parent: Option<String>,
    /// Identifier of the namespace of that one, where it is another.
    pub parent_namespace: String,
    /// Its policies, sorted and without repetition.
    pub policies: Vec<String>,
    /// Where it is made.
    pub path: String,
    /// Name shown with it.
    pub display_name: String,
    /// Texts shown with it.
    pub meta: BTreeMap<String, String>,
    /// Requests it is good for; 0 for any number.
    pub num_uses: i64,
    /// How long it lives; `None` for ever.
    pub ttl: Option<Ttl>,
    /// How long at most, whatever the mount says.
    pub explicit_max_ttl: Ttl,
    /// The longest its auth method allows.
    pub max_ttl: Ttl,
    /// Renewable for ever, each time by this long.
    pub period: Ttl,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Whether it has a lease; only the first root token has none.
    pub unleased: bool,
    /// Role it is made with.
    pub role: String,
    /// Whom it belongs to.
    pub entity_id: String,
    /// Networks it may be used from.
    pub bound_cidrs: Vec<IpNet>,
    /// Whether the `default` policy was left out.
    pub no_default_policy: bool,
    /// Accessor of the auth mount it is made by.
    pub mount_accessor: String,
    /// Role of that auth method it is made by.
    pub login_role: String,
    /// What that auth method needs at renewal.
    pub internal: Option<JsonText>,
}

impl Tokens {
    /// Makes a token. A parent must be good at the moment of the commit, so that no child outlives it by a
    /// race.
    ///
    /// # Errors
    /// 400 when the token named by `custom_id` exists, [`Fault::denied`] when the parent is gone.
    pub async fn create(&self, new: NewToken, now: Timestamp) -> Result<Issued, Fault> {
        if new.kind == TokenKind::Batch {
            return self.create_batch(new, now);
        }
        let custom = new.custom_id.clone();
        let presented = custom
            .clone()
            .map_or_else(|| id::service(&*self.entropy, &self.suffix), Secret::new);
        let mut token = self.record(new, now);
        token.hash = self.hash(presented.expose()).as_str().to_owned();
        token.accessor = id::accessor(&*self.entropy, &self.suffix);
        for _ in 0..MAX_ATTEMPTS {
            let mut writes = Writes::new();
            self.expect_parent(&mut writes, &token, now).await?;
            self.put_in(&mut writes, &token)?;
            match self.barrier.commit(writes).await {
                Ok(_) => return Ok(issued(Arc::new(presented), Arc::new(token), now)),
                Err(error) if error.is_conflict() => {
                    if custom.is_some() && self.by_hash(&token.hash).await?.is_some() {
                        return Err(Fault::invalid("cannot create a token with a duplicate ID"));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::unavailable("the parent token keeps changing; try again"))
    }

    fn create_batch(&self, new: NewToken, now: Timestamp) -> Result<Issued, Fault> {
        let token = Token {
            renewable: false,
            num_uses: 0,
            ..self.record(new, now)
        };
        let presented = id::seal_batch(&self.barrier, &token, &self.suffix)?;
        let hash = self.hash(presented.expose()).as_str().to_owned();
        Ok(issued(
            Arc::new(presented),
            Arc::new(Token { hash, ..token }),
            now,
        ))
    }

    fn record(&self, new: NewToken, now: Timestamp) -> Token {
        Token {
            hash: String::new(),
            namespace: self.namespace.as_str().to_owned(),
            accessor: String::new(),
            kind: new.kind,
            parent: new.parent,
            parent_namespace: new.parent_namespace,
            policies: new.policies,
            path: new.path,
            display_name: new.display_name,
            meta: new.meta,
            num_uses: new.num_uses,
            created: Some(now),
            creation_ttl: new.ttl.unwrap_or_default(),
            expires: new.ttl.map(|ttl| now.plus(ttl)),
            last_renewal: None,
            explicit_max_ttl: new.explicit_max_ttl,
            max_ttl: new.max_ttl,
            period: new.period,
            renewable: new.renewable,
            leased: !new.unleased,
            role: new.role,
            entity_id: new.entity_id,
            bound_cidrs: new.bound_cidrs,
            no_default_policy: new.no_default_policy,
            mount_accessor: new.mount_accessor,
            login_role: new.login_role,
            internal: new.internal,
            revoking: false,
        }
    }

    /// Makes `writes` apply only while the parent is as it was found, which must be good.
    async fn expect_parent(&self, writes: &mut Writes, token: &Token, now: Timestamp) -> Result<(), Fault> {
        let Some(parent) = &token.parent else {
            return Ok(());
        };
        let rows = self.rows_of(&token.parent_namespace)?;
        let found = rows.get(parent).await?;
        if !found.as_ref().is_some_and(|row| row.value.is_good(now)) {
            return Err(Fault::denied());
        }
        rows.expect_in(writes, parent, found.as_ref());
        Ok(())
    }

    /// Adds a new token with its entries in every index.
    pub(crate) fn put_in(&self, writes: &mut Writes, token: &Token) -> Result<(), Fault> {
        self.rows.expect_in(writes, &token.hash, None);
        self.rows.put_in(writes, &token.hash, token)?;
        let accessor = AccessorRow {
            hash: token.hash.clone(),
        };
        self.accessors.put_in(writes, &token.accessor, &accessor)?;
        if let Some(parent) = &token.parent {
            let namespace = match &*token.parent_namespace {
                "" => String::new(),
                _ => self.namespace.as_str().to_owned(),
            };
            self.children_of(&token.parent_namespace)?.put_in(
                writes,
                &format!("{parent}/{}", token.hash),
                &ParentRow { namespace },
            )?;
        }
        if !token.mount_accessor.is_empty() {
            self.by_mount
                .put_in(writes, &self.mount_entry(token), &ParentRow::default())?;
        }
        if let Some(expires) = token.expires {
            writes.put(expiry_key(&self.namespace, expires, &token.hash), Vec::new());
        }
        Ok(())
    }

    /// The first root token, to be committed with everything else that initialization writes.
    pub(crate) fn first_root(&self, now: Timestamp, writes: &mut Writes) -> Result<Secret<String>, Fault> {
        let new = NewToken {
            policies: vec!["root".to_owned()],
            path: "auth/token/root".to_owned(),
            display_name: "root".to_owned(),
            unleased: true,
            ..NewToken::default()
        };
        let presented = id::service(&*self.entropy, &self.suffix);
        let mut token = self.record(new, now);
        token.hash = self.hash(presented.expose()).as_str().to_owned();
        token.accessor = id::accessor(&*self.entropy, &self.suffix);
        self.put_in(writes, &token)?;
        Ok(presented)
    }
}

fn issued(client_token: Arc<Secret<String>>, token: Arc<Token>, now: Timestamp) -> Issued {
    Issued {
        client_token: Some(client_token),
        lease_seconds: token.seconds_left(now),
        token,
        identity_policies: Vec::new(),
        warnings: Vec::new(),
    }
}
