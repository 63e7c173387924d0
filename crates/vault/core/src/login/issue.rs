//! From a proven identity to a token.

use std::sync::Arc;

use arca_base::{JsonText, Timestamp, Ttl};

use crate::active::Active;
use crate::engine::{Login, TokenTerms};
use crate::fault::Fault;
use crate::identity::{LoginAlias, Principal};
use crate::mfa::check::Proofs;
use crate::router::Mount;
use crate::tokens::{Issued, NewToken, TokenKind};
use crate::ttl::{Lifetime, PastMax};

/// Where and when somebody logged in.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) active: &'a Active,
    pub(crate) mount: &'a Arc<Mount>,
    /// The path of the request.
    pub(crate) path: &'a str,
    pub(crate) now: Timestamp,
}

/// What a proven identity leads to.
pub(crate) enum Outcome {
    /// A token.
    Token(Issued),
    /// A second factor is needed; this is what is to be proved.
    Waits(JsonText),
}

/// Makes the token of somebody who logged in, unless a second factor is needed that did not come along.
pub(crate) async fn issue(door: Door<'_>, login: Login, proofs: &Proofs<'_>) -> Result<Outcome, Fault> {
    let kind = kind(door.mount, &login.terms);
    issue_as(kind, door, login, proofs).await
}

/// The same for a login inside another request: whatever the role says, nothing of the token is stored.
pub(crate) async fn issue_unstored(
    door: Door<'_>,
    login: Login,
    proofs: &Proofs<'_>,
) -> Result<Outcome, Fault> {
    issue_as(TokenKind::Batch, door, login, proofs).await
}

async fn issue_as(
    kind: TokenKind,
    door: Door<'_>,
    login: Login,
    proofs: &Proofs<'_>,
) -> Result<Outcome, Fault> {
    let known = identify(door, &login).await?;
    let (mfa, who) = (&door.active.mfa, known.principal.as_ref());
    let waits = mfa
        .decide(door.mount, door.path, &login, who, proofs, door.now)
        .await?;
    match waits {
        Some(needed) => Ok(Outcome::Waits(needed)),
        None => make(kind, door, login, known).await.map(Outcome::Token),
    }
}

/// Makes the token of somebody whose second factor was proved, too.
pub(crate) async fn finish(door: Door<'_>, login: Login) -> Result<Issued, Fault> {
    let known = identify(door, &login).await?;
    make(kind(door.mount, &login.terms), door, login, known).await
}

/// Whose login it is, and with which policies of its own.
struct Known {
    policies: Vec<String>,
    principal: Option<Principal>,
}

async fn identify(door: Door<'_>, login: &Login) -> Result<Known, Fault> {
    let terms = &login.terms;
    let policies = crate::policies::canonical(&terms.policies, !terms.no_default_policy)?;
    if policies.iter().any(|policy| policy == "root") {
        return Err(Fault::invalid("auth methods cannot create root tokens"));
    }
    let principal = match &*login.alias {
        "" => None,
        name => {
            let alias = LoginAlias {
                mount: door.mount,
                name,
                metadata: &login.alias_metadata,
            };
            let identity = &door.active.identity;
            let entity = identity.for_login(&alias, door.now).await?.0;
            identity
                .refresh_groups(&entity.id, &door.mount.accessor, &login.groups)
                .await?;
            // Gone meanwhile: no token may come without the entity it belongs to.
            let principal = identity.principal(&entity.id).await?;
            Some(principal.ok_or_else(Fault::denied)?)
        }
    };
    Ok(Known { policies, principal })
}

/// Login tokens have no parent.
async fn make(kind: TokenKind, door: Door<'_>, login: Login, known: Known) -> Result<Issued, Fault> {
    let Door {
        active,
        mount,
        path,
        now,
    } = door;
    let (terms, Known { policies, principal }) = (&login.terms, known);
    let (mount_default, mount_max) = active.router.lease_times(mount);
    let granted = lifetime(terms, mount_default, mount_max, now)
        .grant()
        .map_err(|PastMax| Fault::failed(PastMax.to_string()))?;
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
        entity_id: principal
            .as_ref()
            .map(|who| who.entity.id.clone())
            .unwrap_or_default(),
        bound_cidrs: terms.bound_cidrs.clone(),
        no_default_policy: terms.no_default_policy,
        mount_accessor: mount.accessor.clone(),
        login_role: login.role,
        internal: login.internal,
        ..NewToken::default()
    };
    let mut issued = active.tokens.create(new, now).await?;
    issued.warnings.extend(granted.warnings);
    issued.identity_policies = principal.map(|who| who.policies().to_vec()).unwrap_or_default();
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
