//! Configurations: how to reach a database and log in.

use std::sync::Arc;

use arca_api::database as api;
use arca_api::field::Any;
use arca_base::json::Object;
use arca_base::{Json, Timestamp, glob, json_object};
use arca_core::Fault;
use arca_core::barrier::{Row, Rows, Stored, Writes};
use arca_core::engine::{Answer, Cx, Site, list_limit};
use serde::{Deserialize, Serialize};

use super::connection::open;
use super::driver::Kind;
use super::schedule::{Given, Schedule};
use super::settings::{literal_password, shown_url};
use super::{Databases, statements, static_role, username};

/// Members of the connection details that are never shown, whatever the kind of database.
const SECRET_DETAILS: [&str; 3] = ["password", "private_key", "service_account_json"];
/// The longest connection details, in bytes.
const MAX_DETAILS: usize = 128 * 1024;

/// A configuration, as stored. Holds a password: no `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) plugin_name: String,
    plugin_version: String,
    pub(super) details: Object,
    allowed_roles: Vec<String>,
    pub(super) root_rotation_statements: Vec<String>,
    pub(super) password_policy: String,
    /// Whether the sessions of a user are ended with it.
    pub(super) end_sessions: bool,
    pub(super) schedule: Schedule,
    pub(super) disable_automated_rotation: bool,
    /// When the password it logs in with was last changed, or first written.
    pub(super) last_rotation: Option<Timestamp>,
}

impl Stored for Config {
    const VERSION: u8 = 1;
    const NAME: &'static str = "database configuration";
}

impl Config {
    /// Whether a role may use it.
    pub(super) fn allows(&self, role: &str) -> bool {
        self.allowed_roles
            .iter()
            .any(|pattern| glob::matches(pattern, role))
    }

    /// The user it logs in as.
    pub(super) fn username(&self) -> &str {
        self.details
            .get("username")
            .and_then(Json::as_str)
            .unwrap_or_default()
    }

    /// The template of usernames.
    pub(super) fn username_template<'a>(&'a self, kind: &'a Kind) -> &'a str {
        self.details
            .get("username_template")
            .and_then(Json::as_str)
            .filter(|template| !template.is_empty() && kind.takes_template)
            .unwrap_or(kind.username_template)
    }

    /// This configuration with what a request says.
    fn changed(&self, request: &api::WriteConfig) -> Result<Self, Fault> {
        let mut next = self.clone();
        if let Some(plugin_name) = &request.plugin_name {
            next.plugin_name.clone_from(plugin_name);
        }
        if next.plugin_name.is_empty() {
            return Err(Fault::invalid("empty plugin name"));
        }
        if let Some(version) = &request.plugin_version {
            next.plugin_version.clone_from(version);
        }
        if let Some(roles) = &request.allowed_roles {
            next.allowed_roles.clone_from(&roles.0);
        }
        if let Some(given) = statements_of(
            "root_rotation_statements",
            request.root_rotation_statements.as_ref(),
        )? {
            next.root_rotation_statements = given;
        }
        if let Some(policy) = &request.password_policy {
            next.password_policy.clone_from(policy);
        }
        next.end_sessions = request.end_sessions.unwrap_or(next.end_sessions);
        next.disable_automated_rotation = request
            .disable_automated_rotation
            .unwrap_or(next.disable_automated_rotation);
        next.schedule = next.schedule.changed(&Given {
            period: request.rotation_period,
            cron: request.rotation_schedule.as_deref(),
            window: request.rotation_window,
        })?;
        for (name, value) in &request.details {
            next.details.insert(name.clone(), value.clone());
        }
        if Json::Object(next.details.clone()).to_text().as_str().len() > MAX_DETAILS {
            return Err(Fault::invalid(format!(
                "connection details must have at most {MAX_DETAILS} bytes"
            )));
        }
        Ok(next)
    }

    fn shown(&self) -> Json {
        let kind = super::catalog::kind(&self.plugin_name);
        let hidden = |name: &str| {
            SECRET_DETAILS.contains(&name) || kind.is_some_and(|kind| kind.secret_details.contains(&name))
        };
        let details = self
            .details
            .iter()
            .filter(|(name, _)| !hidden(name))
            .map(|(name, value)| {
                let shown = match value.as_str() {
                    Some(url) if name == "connection_url" => shown_url(url).into(),
                    _ => value.clone(),
                };
                (name.clone(), shown)
            });
        json_object! {
            "plugin_name" => self.plugin_name.as_str(),
            "plugin_version" => self.plugin_version.as_str(),
            "connection_details" => details.collect::<Json>(),
            "allowed_roles" => self.allowed_roles.clone(),
            "root_credentials_rotate_statements" => self.root_rotation_statements.clone(),
            "password_policy" => self.password_policy.as_str(),
            "end_sessions" => self.end_sessions,
            "rotation_period" => self.schedule.period.seconds(),
            "rotation_schedule" => self.schedule.cron.as_str(),
            "rotation_window" => self.schedule.window.seconds(),
            "disable_automated_rotation" => self.disable_automated_rotation,
            "skip_static_role_import_rotation" => false,
        }
    }
}

/// Statements of a field, if it was given.
pub(super) fn statements_of(name: &str, given: Option<&Any>) -> Result<Option<Vec<String>>, Fault> {
    given
        .map(|given| statements::from_request(&given.0))
        .transpose()
        .map_err(|reason| {
            Fault::invalid(format!(
                "Field validation failed: error converting input for field {name:?}: {reason}"
            ))
        })
}

pub(super) fn rows(site: &Site) -> Rows<Config> {
    Rows::new(site.view.folder("config/"))
}

/// A configuration that must be there.
pub(super) async fn find(site: &Site, name: &str) -> Result<Row<Config>, Fault> {
    rows(site)
        .get(name)
        .await?
        .ok_or_else(|| Fault::failed(format!("failed to find entry for connection with name: {name:?}")))
}

pub(super) async fn list(_: Arc<Databases>, cx: Cx, request: api::Names) -> Result<Answer, Fault> {
    let page = rows(cx.site()?)
        .list("", &request.after, list_limit(request.limit)?)
        .await?;
    Ok(Answer::names(page.names))
}

pub(super) async fn exists(_: Arc<Databases>, cx: Cx, request: api::Name) -> Result<bool, Fault> {
    Ok(rows(cx.site()?).get(&request.name).await?.is_some())
}

pub(super) async fn read(_: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let row = rows(cx.site()?)
        .get(&request.name)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&row.value.shown()))
}

pub(super) async fn write(
    engine: Arc<Databases>,
    cx: Cx,
    request: api::WriteConfig,
) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let found = rows(site).get(&request.name).await?;
    let mut config = match &found {
        Some(row) => row.value.changed(&request)?,
        None => Config::default().changed(&request)?,
    };
    config.last_rotation = config.last_rotation.or(Some(site.now));
    if let Some(template) = config.details.get("username_template").and_then(Json::as_str) {
        username::check(template, &*site.entropy, site.now).map_err(Fault::invalid)?;
    }
    static_role::refuse_root(site, &request.name, config.username()).await?;
    let refused = |error| Fault::invalid(format!("error creating database object: {error}"));
    let (kind, driver) = open(site, &config.plugin_name, &config.details)
        .await
        .map_err(refused)?;
    if request.verify_connection.unwrap_or(true) {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
        let verified = tokio::time::timeout(PATIENCE, driver.verify()).await;
        let verified = verified.unwrap_or(Err(super::driver::DriverError::TimedOut(PATIENCE.as_secs())));
        if let Err(error) = verified {
            driver.close().await;
            return Err(refused_verifying(&error));
        }
    }
    let mut writes = Writes::new();
    rows(site).expect_in(&mut writes, &request.name, found.as_ref());
    rows(site).put_in(&mut writes, &request.name, &config)?;
    let revision = site.view.commit(writes).await?;
    engine
        .connections
        .put(&request.name, kind, driver, revision)
        .await;
    let url = config.details.get("connection_url").and_then(Json::as_str);
    if url.and_then(literal_password).is_some() {
        return Ok(Answer::empty().warn(
            "Password found in connection_url, use a templated url to enable root rotation and prevent read access to password information.",
        ));
    }
    Ok(Answer::empty())
}

fn refused_verifying(error: &super::driver::DriverError) -> Fault {
    Fault::invalid(format!(
        "error creating database object: error verifying connection: {error}"
    ))
}

pub(super) async fn delete(engine: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let mut live = false;
    site.leases
        .each("creds/", |lease| {
            live = super::lease::Internal::of(lease).is_some_and(|internal| internal.db_name == request.name);
            !live
        })
        .await?;
    rows(site).delete(&request.name).await?;
    engine.connections.forget(&request.name);
    if live {
        return Ok(Answer::empty().warn(format!(
            "users with leases live in the database of {:?}; they cannot be dropped until it is configured again",
            request.name
        )));
    }
    Ok(Answer::empty())
}

pub(super) async fn reset(engine: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    reopen(&engine, cx.site()?, &request.name).await?;
    Ok(Answer::empty())
}

/// Opens the connections of every configuration of a plugin again; what fails is told beside what worked.
pub(super) async fn reload(engine: Arc<Databases>, cx: Cx, request: api::Plugin) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let mut reloaded = Vec::new();
    let mut warnings = Vec::new();
    for (name, config) in rows(site).all().await? {
        if config.plugin_name != request.plugin_name {
            continue;
        }
        match reopen(&engine, site, &name).await {
            Ok(()) => reloaded.push(name),
            Err(fault) => warnings.push(format!("failed to reload connection {name:?}: {fault}")),
        }
    }
    let data = json_object! {
        "count" => reloaded.len() as u64,
        "connections" => reloaded,
    };
    Ok(Answer::data(&data).warn_all(warnings))
}

async fn reopen(engine: &Databases, site: &Site, name: &str) -> Result<(), Fault> {
    let row = find(site, name).await?;
    let (kind, driver) = open(site, &row.value.plugin_name, &row.value.details)
        .await
        .map_err(super::connection::failed)?;
    engine.connections.put(name, kind, driver, row.revision).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_form_is_read() {
        let stored = br#"{"plugin_name":"postgresql-database-plugin","plugin_version":"","details":{"connection_url":"u","password":"p"},"allowed_roles":["app-*"],"root_rotation_statements":[],"password_policy":"","end_sessions":true,"schedule":{"period":0,"cron":"0 2 * * *","window":3600},"disable_automated_rotation":false,"last_rotation":"2026-01-02T03:04:05Z"}"#;
        let config = Config::decode(1, stored).unwrap();
        assert!(config.allows("app-x") && !config.allows("other") && config.end_sessions);
        assert_eq!(config.details["password"].as_str(), Some("p"));
        assert_eq!(config.schedule.cron, "0 2 * * *");
        let shown = config.shown().to_text().into_string();
        assert!(!shown.contains("\"password\""), "{shown}");
        assert!(Config::decode(2, stored).is_err());
    }

    #[test]
    fn updates_merge() {
        let mut request = api::WriteConfig {
            plugin_name: Some("p".into()),
            ..api::WriteConfig::default()
        };
        request.details.insert("password".into(), "secret".into());
        let first = Config::default().changed(&request).unwrap();
        let mut request = api::WriteConfig::default();
        request.details.insert("username".into(), "u".into());
        let second = first.changed(&request).unwrap();
        assert_eq!((second.plugin_name.as_str(), second.username()), ("p", "u"));
        assert_eq!(second.details["password"].as_str(), Some("secret"));
    }
}
