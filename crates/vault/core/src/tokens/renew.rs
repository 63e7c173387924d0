//! Extending the life of tokens.

use std::sync::Arc;

use arca_base::{NamespaceId, Timestamp, Ttl};

use super::token::{Issued, Token, TokenKind};
use super::{Tokens, expiry_key};
use crate::barrier::Writes;
use crate::engine::TokenTerms;
use crate::fault::Fault;
use crate::ttl::{Lifetime, PastMax};

const MAX_ATTEMPTS: usize = 16;

impl Tokens {
    /// Extends a token by `increment` from now (zero: by what it was made with), as far as its limits allow.
    /// `terms` are those of its role or auth method today, if it has one.
    ///
    /// # Errors
    /// 400 when it cannot be renewed, 500 when its last possible end has passed.
    pub async fn renew(
        &self,
        token: &Token,
        increment: Ttl,
        terms: Option<&TokenTerms>,
        mount: (Ttl, Ttl),
        now: Timestamp,
    ) -> Result<Issued, Fault> {
        check_renewable(token)?;
        for _ in 0..MAX_ATTEMPTS {
            let row = self.rows.get(&token.hash).await?;
            let Some(found) = row.as_ref().filter(|row| row.value.is_good(now)) else {
                return Err(Fault::invalid("token not found"));
            };
            let granted = lifetime(&found.value, increment, terms, mount, now)
                .grant()
                .map_err(|PastMax| Fault::failed(PastMax.to_string()))?;
            let mut renewed = (*found.value).clone();
            renewed.expires = Some(now.plus(granted.ttl));
            renewed.last_renewal = Some(now);
            let mut writes = Writes::new();
            self.rows.expect_in(&mut writes, &token.hash, row.as_ref());
            self.rows.put_in(&mut writes, &token.hash, &renewed)?;
            move_expiry(&self.namespace, &mut writes, &found.value, &renewed);
            match self.barrier.commit(writes).await {
                Ok(_) => return Ok(issued(renewed, granted.ttl, granted.warnings)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::unavailable("the token keeps changing; try again"))
    }
}

/// Moves the entry of a token in the expiry index.
pub(super) fn move_expiry(namespace: &NamespaceId, writes: &mut Writes, before: &Token, after: &Token) {
    let entry = |token: &Token| {
        token
            .expires
            .map(|expires| expiry_key(namespace, expires, &token.hash))
    };
    let (old, new) = (entry(before), entry(after));
    if old == new {
        return;
    }
    if let Some(old) = old {
        writes.delete(old);
    }
    if let Some(new) = new {
        writes.put(new, Vec::new());
    }
}

fn check_renewable(token: &Token) -> Result<(), Fault> {
    if token.kind == TokenKind::Batch {
        return Err(Fault::invalid("batch tokens cannot be renewed"));
    }
    if !token.leased {
        return Err(Fault::invalid("invalid lease ID"));
    }
    if !token.renewable {
        return Err(Fault::invalid("lease is not renewable"));
    }
    Ok(())
}

fn lifetime(
    token: &Token,
    increment: Ttl,
    terms: Option<&TokenTerms>,
    (mount_default, mount_max): (Ttl, Ttl),
    now: Timestamp,
) -> Lifetime {
    Lifetime {
        increment,
        ttl: terms.map_or(token.creation_ttl, |terms| terms.ttl),
        period: terms.map_or(token.period, |terms| terms.period),
        max_ttl: terms.map_or(token.max_ttl, |terms| terms.max_ttl),
        explicit_max_ttl: token.explicit_max_ttl,
        mount_default,
        mount_max,
        issued: token.created.unwrap_or(now),
        now,
    }
}

fn issued(token: Token, ttl: Ttl, warnings: Vec<String>) -> Issued {
    Issued {
        client_token: None,
        token: Arc::new(token),
        lease_seconds: ttl.seconds(),
        identity_policies: Vec::new(),
        warnings,
    }
}
