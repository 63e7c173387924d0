//! From a proven identity to a token.

use std::sync::Arc;

use arca_base::{Timestamp, Ttl};

use crate::active::Active;
use crate::engine::{Login, TokenTerms};
use crate::fault::Fault;
use crate::identity::LoginAlias;
use crate::router::Mount;
use crate::tokens::{Issued, NewToken, TokenKind};
use crate::ttl::{Lifetime, PastMax};

/// Makes the token of somebody who logged in at `mount`. Login tokens have no parent.
pub(crate) async fn issue(
    active: &Active,
    mount: &Arc<Mount>,
    path: &str,
    login: Login,
    now: Timestamp,
) -> Result<Issued, Fault> {
    let terms = &login.terms;
    let policies = crate::policies::canonical(&terms.policies, !terms.no_default_policy)?;
    if policies.iter().any(|policy| policy == "root") {
        return Err(Fault::invalid("auth methods cannot create root tokens"));
    }
    let entity = match &*login.alias {
        "" => None,
        name => {
            let alias = LoginAlias {
                mount,
                name,
                metadata: &login.alias_metadata,
            };
            let entity = active.identity.for_login(&alias, now).await?.0;
            active
                .identity
                .refresh_groups(&entity.id, &mount.accessor, &login.groups)
                .await?;
            Some(entity)
        }
    };
    let (mount_default, mount_max) = active.router.lease_times(mount);
    let granted = lifetime(terms, mount_default, mount_max, now)
        .grant()
        .map_err(|PastMax| Fault::failed(PastMax.to_string()))?;
    let kind = kind(mount, terms);
    let new = NewToken {
        kind,
        policies,
        path: path.to_owned(),
        display_name: display_name(mount, &login.display_name),
        meta: login.metadata,
        num_uses: match kind {
            TokenKind::Service => i64::try_from(terms.num_uses).unwrap_or(i64::MAX),
            TokenKind::Batch => 0,
        },
        ttl: Some(granted.ttl),
        explicit_max_ttl: terms.explicit_max_ttl,
        max_ttl: terms.max_ttl,
        period: terms.period,
        renewable: terms.renewable && kind == TokenKind::Service,
        entity_id: entity
            .as_ref()
            .map(|entity| entity.id.clone())
            .unwrap_or_default(),
        bound_cidrs: terms.bound_cidrs.clone(),
        no_default_policy: terms.no_default_policy,
        mount_accessor: mount.accessor.clone(),
        internal: login.internal,
        ..NewToken::default()
    };
    let mut issued = active.tokens.create(new, now).await?;
    issued.warnings.extend(granted.warnings);
    issued.identity_policies = active.identity.policies_of(&issued.token.entity_id).await?;
    Ok(issued)
}

fn lifetime(terms: &TokenTerms, mount_default: Ttl, mount_max: Ttl, now: Timestamp) -> Lifetime {
    Lifetime {
        increment: Ttl::ZERO,
        ttl: terms.ttl,
        period: terms.period,
        max_ttl: terms.max_ttl,
        explicit_max_ttl: terms.explicit_max_ttl,
        mount_default,
        mount_max,
        issued: now,
        now,
    }
}

/// What the mount says wins; `default-...` leaves the choice to the role.
fn kind(mount: &Mount, terms: &TokenTerms) -> TokenKind {
    match &*mount.config.token_type {
        "service" => TokenKind::Service,
        "batch" => TokenKind::Batch,
        "default-batch" => terms.kind.unwrap_or(TokenKind::Batch),
        _ => terms.kind.unwrap_or(TokenKind::Service),
    }
}

/// `userpass-bob`, `ldap-corp-bob`.
fn display_name(mount: &Mount, name: &str) -> String {
    let mount = mount.path.trim_end_matches('/').replace('/', "-");
    if name.is_empty() {
        mount
    } else {
        format!("{mount}-{name}")
    }
}
