//! Static roles: users that are there already, and whose passwords change.

use std::sync::Arc;

use arca_api::database as api;
use arca_base::json::Object;
use arca_base::{Entropy, Json, Timestamp, json_object};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored, Writes};
use arca_core::engine::{Answer, Cx, Site, list_limit};
use serde::{Deserialize, Serialize};

use super::config::{self, statements_of};
use super::credential::Plan;
use super::driver::CredentialKind;
use super::rotation::Pending;
use super::schedule::{Given, Schedule};
use super::{Databases, rehearsal, role, static_rotation};

const MAX_USERNAME: usize = 256;

/// A static role, as stored. Holds a password: no `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StaticRole {
    pub(super) db_name: String,
    pub(super) username: String,
    pub(super) rotation: Vec<String>,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
    /// The statements that come after a change are still to be run.
    pub(super) after_due: bool,
    #[serde(flatten)]
    pub(super) plan: Plan,
    pub(super) schedule: Schedule,
    pub(super) password: String,
    pub(super) last_rotation: Option<Timestamp>,
}

impl Stored for StaticRole {
    const VERSION: u8 = 1;
    const NAME: &'static str = "static database role";
}

impl StaticRole {
    /// When its password is to be changed next.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        match self.last_rotation {
            Some(last) => self.schedule.due(last, now),
            None => Some(now),
        }
    }

    fn changed(
        &self,
        request: &api::WriteStaticRole,
        is_new: bool,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let mut next = self.clone();
        if let Some(db_name) = &request.db_name {
            next.db_name.clone_from(db_name);
        }
        if next.db_name.is_empty() {
            return Err(Fault::invalid("database name is a required field"));
        }
        let username = request
            .username
            .as_deref()
            .filter(|username| !username.is_empty());
        match username {
            Some(username) if !is_new && username != self.username => {
                return Err(Fault::invalid("cannot update static account username"));
            }
            Some(username) => next.username = check_username(username)?,
            None if is_new => {
                return Err(Fault::invalid(
                    "username is a required field to create a static account",
                ));
            }
            None => {}
        }
        next.take_statements(request)?;
        let config = request.credential_config.as_ref().map(|config| &config.0);
        next.plan = self
            .plan
            .changed(request.credential_type.as_deref(), config, entropy, now)?;
        if !is_new && next.plan.kind() != self.plan.kind() {
            return Err(Fault::invalid(
                "credential_type of a static role cannot be changed; delete the role and write it again",
            ));
        }
        next.schedule = next.schedule.changed(&Given {
            period: request.rotation_period,
            cron: request.rotation_schedule.as_deref(),
            window: request.rotation_window,
        })?;
        if !next.schedule.is_set() {
            return Err(Fault::invalid(
                "one of rotation_schedule or rotation_period must be provided to create a static account",
            ));
        }
        Ok(next)
    }

    fn take_statements(&mut self, request: &api::WriteStaticRole) -> Result<(), Fault> {
        for (name, given, field) in [
            (
                "rotation_statements",
                &request.rotation_statements,
                &mut self.rotation,
            ),
            (
                "pre_rotation_statements",
                &request.pre_rotation_statements,
                &mut self.before,
            ),
            (
                "post_rotation_statements",
                &request.post_rotation_statements,
                &mut self.after,
            ),
        ] {
            if let Some(given) = statements_of(name, given.as_ref())? {
                *field = given;
            }
        }
        self.after_due &= !self.after.is_empty();
        Ok(())
    }

    fn shown(&self, now: Timestamp) -> Json {
        let mut shown = self.timing();
        for (name, value) in [
            ("db_name", self.db_name.as_str().into()),
            ("username", self.username.as_str().into()),
            ("rotation_statements", self.rotation.clone().into()),
            ("pre_rotation_statements", self.before.clone().into()),
            ("post_rotation_statements", self.after.clone().into()),
            ("credential_type", self.plan.kind().as_str().into()),
            ("credential_config", self.plan.shown()),
            (
                "next_vault_rotation",
                self.due(now).map(|due| due.to_string()).into(),
            ),
        ] {
            shown.insert(name.to_owned(), value);
        }
        Json::Object(shown)
    }

    fn timing(&self) -> Object {
        let timing = json_object! {
            "last_vault_rotation" => self.last_rotation.map(|last| last.to_string()),
        };
        let mut timing = match timing {
            Json::Object(timing) => timing,
            _ => Object::new(),
        };
        if self.schedule.cron.is_empty() {
            timing.insert(
                "rotation_period".to_owned(),
                self.schedule.period.seconds().into(),
            );
        } else {
            timing.insert("rotation_schedule".to_owned(), self.schedule.cron.as_str().into());
            timing.insert(
                "rotation_window".to_owned(),
                self.schedule.window.seconds().into(),
            );
        }
        timing
    }
}

fn check_username(username: &str) -> Result<String, Fault> {
    if username.len() > MAX_USERNAME || username.chars().any(char::is_control) {
        return Err(Fault::invalid(format!(
            "username must have at most {MAX_USERNAME} bytes and no control characters"
        )));
    }
    Ok(username.to_owned())
}

pub(super) fn rows(site: &Site) -> Rows<StaticRole> {
    Rows::new(site.view.folder("static-role/"))
}

/// Refuses a configuration that logs in as the user of one of its static roles.
pub(super) async fn refuse_root(site: &Site, config: &str, username: &str) -> Result<(), Fault> {
    if username.is_empty() {
        return Ok(());
    }
    let same = |role: &StaticRole| role.db_name == config && role.username == username;
    match rows(site).all().await?.into_iter().find(|(_, role)| same(role)) {
        None => Ok(()),
        Some((name, _)) => Err(Fault::invalid(format!(
            "user {username:?} belongs to static role {name:?}: a change of its password would lock this configuration out; log in as another user"
        ))),
    }
}

pub(super) async fn list(_: Arc<Databases>, cx: Cx, request: api::Names) -> Result<Answer, Fault> {
    let page = rows(cx.site()?)
        .list(&request.folder, &request.after, list_limit(request.limit)?)
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
    Ok(Answer::data(&row.value.shown(cx.now)))
}

pub(super) async fn write(
    engine: Arc<Databases>,
    cx: Cx,
    request: api::WriteStaticRole,
) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let name = &request.name;
    role::check_name(name)?;
    if role::rows(site).get(name).await?.is_some() {
        return Err(Fault::invalid("Role and Static Role names must be unique"));
    }
    let _turn = engine.rotating.hold(format!("role/{name}")).await;
    let found = rows(site).get(name).await?;
    let former = found.as_ref().map(|row| (*row.value).clone()).unwrap_or_default();
    let changed = former.changed(&request, found.is_none(), &*site.entropy, site.now)?;
    check_against_config(&engine, site, name, &changed).await?;
    let warnings = if found.is_none() {
        let warning = static_rotation::create(&engine, site, name, &changed).await?;
        warning.into_iter().collect()
    } else {
        let mut writes = Writes::new();
        rows(site).expect_in(&mut writes, name, found.as_ref());
        rows(site).put_in(&mut writes, name, &changed)?;
        site.view.commit(writes).await?;
        rehearsal::warnings_of_change(&engine, site, &changed).await
    };
    Ok(Answer::empty().warn_all(warnings))
}

async fn check_against_config(
    engine: &Databases,
    site: &Site,
    name: &str,
    role: &StaticRole,
) -> Result<(), Fault> {
    let (config, connection) = engine.connection(site, &role.db_name).await?;
    if !config.allows(name) {
        return Err(Fault::failed(format!("{name:?} is not an allowed role")));
    }
    if config.username() == role.username {
        return Err(Fault::invalid(format!(
            "user {:?} is the one that configuration {:?} logs in as: a change of its password would lock the configuration out; use rotate-root for it",
            role.username, role.db_name
        )));
    }
    let has_hooks = !role.before.is_empty() || !role.after.is_empty();
    if has_hooks && !connection.kind.runs_statements {
        return Err(Fault::invalid(format!(
            "{} runs no statements around a change of a password; leave pre_rotation_statements and post_rotation_statements empty",
            config.plugin_name
        )));
    }
    if role.plan.kind() == CredentialKind::ClientCertificate {
        return Err(Fault::invalid(
            "unsupported credential_type: \"client_certificate\": certificates are for the users of dynamic roles",
        ));
    }
    role.plan
        .check_place(connection.kind, &role.rotation, "rotation_statements")
}

pub(super) async fn delete(engine: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let _turn = engine.rotating.hold(format!("role/{}", request.name)).await;
    let mut writes = Writes::new();
    rows(site).delete_in(&mut writes, &request.name);
    Pending::of_roles(site).delete_in(&mut writes, &request.name);
    site.view.commit(writes).await?;
    Ok(Answer::empty())
}

pub(super) async fn credentials(_: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let name = &request.name;
    let role = rows(site)
        .get(name)
        .await?
        .ok_or_else(|| Fault::invalid(format!("unknown role: {name}")))?
        .value;
    if !config::find(site, &role.db_name).await?.value.allows(name) {
        return Err(Fault::failed(format!("{name:?} is not an allowed role")));
    }
    let mut shown = role.timing();
    let left = role.due(cx.now).map_or(0, |due| due.seconds_until(cx.now));
    shown.insert("username".to_owned(), role.username.as_str().into());
    shown.insert(
        role.plan.kind().as_str().to_owned(),
        role.password.as_str().into(),
    );
    shown.insert("ttl".to_owned(), left.into());
    Ok(Answer::data(&Json::Object(shown)))
}

/// Forgets passwords that were being given to the users of roles that are not there.
pub(super) async fn forget_stale(site: &Site) -> Result<Vec<String>, Fault> {
    let mut waiting = Vec::new();
    for (name, pending) in Pending::of_roles(site).all().await? {
        if rows(site).get(&name).await?.is_some() {
            waiting.push(name);
        } else if pending.is_stale(site.now) {
            let rows = Pending::of_roles(site);
            rows.update(&name, |found| {
                let gone = found.is_some_and(|found| found.is_stale(site.now));
                Ok::<_, Fault>((if gone { Change::Delete } else { Change::Keep }, ()))
            })
            .await?;
        }
    }
    Ok(waiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(role: &StaticRole, request: &api::WriteStaticRole, is_new: bool) -> Result<StaticRole, Fault> {
        role.changed(request, is_new, &arca_crypto::SystemEntropy, Timestamp::EPOCH)
    }

    #[test]
    fn the_oldest_form_is_read() {
        let stored = br#"{"db_name":"pg","username":"svc","rotation":[],"credential_type":"password","credential_config":{},"schedule":{"period":3600,"cron":"","window":0},"password":"p","last_rotation":"2026-01-02T03:04:05Z"}"#;
        let role = StaticRole::decode(1, stored).unwrap();
        let due = role.due(Timestamp::EPOCH).unwrap();
        assert_eq!(due.to_string(), "2026-01-02T04:04:05Z");
        let shown = role.shown(Timestamp::EPOCH).to_text().into_string();
        assert!(!shown.contains("\"password\":"), "{shown}");
        assert!(StaticRole::decode(2, stored).is_err());
    }

    #[test]
    fn the_user_of_a_role_stays() {
        let request = api::WriteStaticRole {
            db_name: Some("pg".into()),
            username: Some("svc".into()),
            rotation_period: Some(arca_base::Ttl::from_hours(1)),
            ..api::WriteStaticRole::default()
        };
        let role = changed(&StaticRole::default(), &request, true).unwrap();
        assert!(
            changed(&role, &api::WriteStaticRole::default(), false).is_ok(),
            "need not be said again"
        );
        let other = api::WriteStaticRole {
            username: Some("other".into()),
            ..api::WriteStaticRole::default()
        };
        assert_eq!(
            changed(&role, &other, false).err().unwrap().text(),
            "cannot update static account username"
        );
        let control = api::WriteStaticRole {
            username: Some("a\0b".into()),
            ..request
        };
        assert!(changed(&StaticRole::default(), &control, true).is_err());
    }
}
