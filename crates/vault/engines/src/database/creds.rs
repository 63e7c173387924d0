//! Making users.

use std::sync::Arc;

use arca_api::database as api;
use arca_base::{Json, Timestamp, Ttl};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Grant, Intent, Site};
use arca_core::events::Told;
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
    let facts = Facts {
        display_name: &token.display_name,
        role_name: name,
    };
    let username = username(&config, &connection, &facts, site)?;
    refuse_taken(site, &config, &connection, &username).await?;
    let mut internal = Internal {
        username: username.clone(),
        role: name.clone(),
        db_name: role.db_name.clone(),
        revocation_statements: role.revocation.clone(),
        entity: token.entity_id.clone(),
        ticket: String::new(),
    };
    // Before the credential: a key takes time to make, and whoever is refused shall not take it.
    let intent = intent::note(&engine, site, &role, &mut internal).await?;
    let holder = Holder {
        username: &username,
        facts: &facts,
        expiration: expiration(site, &role),
    };
    let made = match role.plan.make(site, &config.password_policy, &holder).await {
        Ok(made) => made,
        Err(fault) => {
            intent::forget(&engine, site, &intent, &internal).await;
            return Err(fault);
        }
    };
    create_user(&engine, site, &connection, &role, &internal, &made, &intent).await?;
    answer(&role, &internal, &made, intent)
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

/// Makes the user, or leaves nothing behind but what the regular work undoes.
async fn create_user(
    engine: &Databases,
    site: &Site,
    connection: &Connection,
    role: &Role,
    internal: &Internal,
    made: &Made,
    intent: &Intent,
) -> Result<(), Fault> {
    let user = NewUser {
        username: &internal.username,
        credential: &made.credential,
        expiration: expiration(site, role),
        creation: &role.creation,
        rollback: &role.rollback,
    };
    let created = connection
        .call(site, |driver| async move { driver.create_user(&user).await })
        .await;
    if let Err(error) = created {
        intent::undo(engine, site, connection, intent, internal, &error).await;
        return Err(failed(error));
    }
    Ok(())
}

/// The credential, and the lease that is asked for it.
fn answer(role: &Role, internal: &Internal, made: &Made, intent: Intent) -> Result<Answer, Fault> {
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
        told: Some(
            Told::of("database/creds-create", format!("creds/{}", internal.role))
                .with("name", &*internal.role),
        ),
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
