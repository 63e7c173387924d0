//! Making users.

use std::sync::Arc;

use arca_api::database as api;
use arca_base::{Json, Timestamp, Ttl};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Grant, Site};
use arca_core::ttl::Lifetime;

use super::config::Config;
use super::connection::{Connection, failed};
use super::credential::{Holder, Made};
use super::driver::{CredentialKind, NewUser};
use super::lease::{Internal, SLACK};
use super::role::{self, Role};
use super::username::Facts;
use super::{Databases, intent, username};

pub(super) async fn read(engine: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let token = &cx.caller()?.token;
    let name = &request.name;
    let role = role::rows(site)
        .get(name)
        .await?
        .ok_or_else(|| Fault::invalid(format!("unknown role: {name}")))?
        .value;
    let (config, connection) = engine.connection(site, &role.db_name).await?;
    if !config.allows(name) {
        return Err(Fault::failed(format!("{name:?} is not an allowed role")));
    }
    role.plan
        .check_place(connection.kind, &role.creation, "creation_statements")?;
    check_quotas(site, name, &role, &token.entity_id).await?;
    let facts = Facts {
        display_name: &token.display_name,
        role_name: name,
    };
    let username = username(&config, &connection, &facts, site)?;
    refuse_taken(site, &config, &connection, &username).await?;
    let holder = Holder {
        username: &username,
        facts: &facts,
        expiration: expiration(site, &role),
    };
    let made = role.plan.make(site, &config.password_policy, &holder).await?;
    let internal = Internal {
        username,
        role: name.clone(),
        db_name: role.db_name.clone(),
        revocation_statements: role.revocation.clone(),
        entity: token.entity_id.clone(),
    };
    make(site, &connection, &role, internal, &made).await
}

/// The name of a user to come.
pub(super) fn username(
    config: &Config,
    connection: &Connection,
    facts: &Facts<'_>,
    site: &Site,
) -> Result<String, Fault> {
    let template = config.username_template(connection.kind);
    let username = username::render(template, facts, &*site.entropy, site.now)?;
    let limit = connection.kind.username_limit;
    if username.is_empty() || username.len() > limit {
        return Err(Fault::failed(format!(
            "username_template makes a name of {} bytes; {} takes from 1 to {limit}",
            username.len(),
            config.plugin_name
        )));
    }
    Ok(username)
}

/// Refuses the name of a user that is there already, where names are not made by chance: if making it were
/// interrupted, somebody else's user would be dropped.
async fn refuse_taken(
    site: &Site,
    config: &Config,
    connection: &Connection,
    username: &str,
) -> Result<(), Fault> {
    let template = config.username_template(connection.kind);
    if ["random", "uuid"].iter().any(|chance| template.contains(chance)) {
        return Ok(());
    }
    let remains = connection.call(site, |driver| async move { driver.remains(username).await });
    if remains.await.map_err(failed)?.exists {
        return Err(Fault::failed(format!(
            "user {username:?} is there already; let username_template make names that differ, for instance with (random 20)"
        )));
    }
    Ok(())
}

/// Writes down what will be made, makes it, and asks for its lease.
async fn make(
    site: &Site,
    connection: &Connection,
    role: &Role,
    internal: Internal,
    made: &Made,
) -> Result<Answer, Fault> {
    let intent = intent::note(site, &role.db_name, &internal.username, &role.revocation).await?;
    let user = NewUser {
        username: &internal.username,
        credential: &made.credential,
        expiration: expiration(site, role),
        creation: &role.creation,
        rollback: &role.rollback,
    };
    if let Err(error) = connection
        .call(site, |driver| async move { driver.create_user(&user).await })
        .await
    {
        intent::undo(
            site,
            connection,
            &intent,
            &internal.username,
            &role.revocation,
            &error,
        )
        .await;
        return Err(failed(error));
    }
    let username = [("username", internal.username.as_str())];
    let data: Json = username
        .into_iter()
        .chain(made.answer())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let grant = Grant {
        ttl: role.default_ttl,
        max_ttl: role.max_ttl,
        // A certificate ends when it says so; whoever needs another one asks for it.
        renewable: role.plan.kind() != CredentialKind::ClientCertificate,
        internal: Some(internal.to_text()?),
        target: role.db_name.clone(),
        intent: Some(intent),
    };
    Ok(Answer::leased(&data, grant))
}

/// When a new user must not be able to log in any more.
fn expiration(site: &Site, role: &Role) -> Timestamp {
    site.now.plus(lifetime(site, role)).plus(SLACK)
}

/// How long the lease of a new user will be, as core works it out.
fn lifetime(site: &Site, role: &Role) -> Ttl {
    let lifetime = Lifetime {
        increment: Ttl::ZERO,
        ttl: role.default_ttl,
        period: Ttl::ZERO,
        max_ttl: role.max_ttl,
        explicit_max_ttl: Ttl::ZERO,
        mount_default: site.default_ttl,
        mount_max: site.max_ttl,
        issued: site.now,
        now: site.now,
    };
    lifetime.grant().map_or(site.default_ttl, |granted| granted.ttl)
}

/// Refuses what would be one lease too many.
async fn check_quotas(site: &Site, name: &str, role: &Role, entity: &str) -> Result<(), Fault> {
    let folder = format!("creds/{name}/");
    let limit = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    let most = limit(role.max_leases);
    if most > 0 && site.leases.count(&folder, most).await? >= most {
        return Err(Fault::limited(format!(
            "role {name:?} has {most} leases, as many as its max_leases allows; end some of them or raise it"
        )));
    }
    let most = limit(role.max_leases_per_entity);
    if most == 0 || entity.is_empty() {
        return Ok(());
    }
    let mut count = 0;
    site.leases
        .each(&folder, |lease| {
            count += usize::from(Internal::of(lease).is_some_and(|internal| internal.entity == entity));
            count < most
        })
        .await?;
    if count >= most {
        return Err(Fault::limited(format!(
            "this entity has {most} leases of role {name:?}, as many as its max_leases_per_entity allows; end some of them or raise it"
        )));
    }
    Ok(())
}
