//! MongoDB.
//!
//! | part | what |
//! |---|---|
//! | `options`, `secret_file` | settings |
//! | `link` | the client, and why there is no answer |
//! | `script` | what roles say |
//! | `users` | what the server says |
//!
//! A user belongs to one database and may have rights in others. Making one is one command, which is done whole or
//! not at all. Users have no end of their own here: extending one is nothing.

mod link;
mod options;
mod script;
mod secret_file;
mod users;

use std::sync::Arc;

use arca_base::{Entropy, Secret, Timestamp};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use mongodb::bson::{Document, doc};

use super::driver::{
    Credential, CredentialKind, Database, DriverError, Finding, Holdings, Kind, NewUser, Phase, Rehearsal,
    Remains,
};
use super::redact::Redactor;
use super::settings::ConnectionSettings;
use link::{Failure, Link, USER_EXISTS, USER_NOT_FOUND};
use options::Setup;
use script::{Creation, Role};

/// MongoDB from version 4.2.
pub(super) static MONGODB: Kind = Kind {
    plugin_name: "mongodb-database-plugin",
    username_template: TEMPLATE,
    username_limit: 100,
    takes_template: true,
    credentials: &[CredentialKind::Password],
    rehearses: true,
    runs_statements: false,
    secret_details: &["tls_certificate_key"],
    open,
};

const TEMPLATE: &str = r#"{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) (unix_time) | replace "." "-" | truncate 100 }}"#;

const ADMIN: &str = "admin";

fn open(
    settings: ConnectionSettings,
    _entropy: Arc<dyn Entropy>,
) -> BoxFuture<'static, Result<Arc<dyn Database>, DriverError>> {
    Box::pin(async move {
        let redactor = settings.redactor();
        let mut setup = Setup::read(&settings, &redactor).await?;
        let mut nearby = vec![setup.database.clone()];
        nearby.extend((setup.database != ADMIN).then(|| ADMIN.to_owned()));
        Ok(Arc::new(MongoDb {
            nearby,
            own_user: std::mem::take(&mut setup.own_user),
            database: std::mem::take(&mut setup.database),
            write_concern: setup.write_concern.take(),
            link: Link::new(setup, redactor)?,
        }) as Arc<dyn Database>)
    })
}

struct MongoDb {
    link: Link,
    own_user: (String, String),
    /// The database in the URL.
    database: String,
    /// Where users are looked for when not all databases can be seen.
    nearby: Vec<String>,
    write_concern: Option<Document>,
}

#[async_trait]
impl Database for MongoDb {
    async fn verify(&self) -> Result<(), DriverError> {
        let answer = self.link.ask(ADMIN, doc! { "ping": 1 }).await;
        answer.map(|_| ()).map_err(Failure::of_question)
    }

    async fn create_user(&self, user: &NewUser<'_>) -> Result<(), DriverError> {
        let creation = Creation::parse(user.creation)?;
        let password = password_of(user.credential)?;
        let known = self.find(user.username).await?;
        if !known.is_empty() {
            return Err(exists(user.username));
        }
        let roles: Vec<_> = creation.roles.iter().map(Role::to_bson).collect();
        let command = doc! { "createUser": user.username, "pwd": password.expose(), "roles": roles };
        let Err(failure) = self.change(&creation.database, command, password).await else {
            return Ok(());
        };
        match failure {
            // Somebody else was quicker.
            failure if failure.is(USER_EXISTS) => Err(exists(user.username)),
            refused @ Failure::Server { .. } => Err(refused.of_statement()),
            lost => {
                // The answer may be what was lost, and the user made.
                let undo = doc! { "dropUser": user.username };
                let _ = self.link.ask(&creation.database, undo).await;
                Err(lost.of_statement())
            }
        }
    }

    async fn extend_user(&self, _: &str, _: Timestamp, _: &[String]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn set_credential(
        &self,
        username: &str,
        credential: &Credential,
        statements: &[String],
    ) -> Result<(), DriverError> {
        let password = password_of(credential)?;
        let database = match script::named_database("rotation", statements)? {
            Some(database) => database,
            None if username == self.own_user.0 => self.own_user.1.clone(),
            None => self.home_of(username).await?,
        };
        let command = doc! { "updateUser": username, "pwd": password.expose() };
        self.change(&database, command, password)
            .await
            .map_err(Failure::of_statement)
    }

    async fn drop_user(&self, username: &str, statements: &[String]) -> Result<Vec<String>, DriverError> {
        let named = script::named_database("revocation", statements)?;
        let mut notes = Vec::new();
        let mut databases = self.find(username).await?;
        // Where not all databases can be seen, the statement knows better.
        databases.extend(named.clone().filter(|named| !databases.contains(named)));
        for database in databases {
            if let Some(named) = named.as_ref().filter(|named| **named != database) {
                notes.push(format!(
                    "revocation_statements name the database {named:?} and the user is in {database:?}, from which \
                     it was dropped all the same; write: {{\"db\":{database:?}}}"
                ));
            }
            let command = doc! { "dropUser": username, "writeConcern": { "w": "majority" } };
            match self.link.ask(&database, command).await {
                Ok(_) => {}
                Err(failure) if failure.is(USER_NOT_FOUND) => {}
                Err(failure) => return Err(failure.of_statement()),
            }
        }
        Ok(notes)
    }

    async fn remains(&self, username: &str) -> Result<Remains, DriverError> {
        users::remains(&self.link, &self.nearby, username)
            .await
            .map_err(Failure::of_question)
    }

    async fn end_sessions(&self, username: &str) -> Result<u64, DriverError> {
        users::end_sessions(&self.link, &self.nearby, username)
            .await
            .map_err(Failure::of_question)
    }

    async fn rehearse(&self, role: &Rehearsal<'_>) -> Result<Vec<Finding>, DriverError> {
        let creation = match Creation::parse(role.creation) {
            Ok(creation) => creation,
            Err(error) => {
                let example = r#"{"db":"admin","roles":[{"role":"readWrite","db":"app"}]}"#;
                return Ok(vec![finding(Phase::Creation, error.to_string(), example)]);
            }
        };
        let mut findings = self.doubt_roles(&creation).await?;
        findings.extend(doubt_revocation(&creation, role.revocation));
        let sight = users::operations(&self.link, Some(role.username)).await;
        if sight.is_err_and(|failure| failure.is_denied()) {
            findings.push(finding(
                Phase::Revocation,
                "the configured user may not see the sessions of others, so that nobody knows which a dropped user \
                 still has"
                    .to_owned(),
                "grant it the roles clusterMonitor and hostManager",
            ));
        }
        Ok(findings)
    }

    async fn holdings(&self, prefix: &str) -> Result<Holdings, DriverError> {
        users::holdings(&self.link, &self.nearby, prefix)
            .await
            .map_err(Failure::of_question)
    }

    async fn close(&self) {
        self.link.close().await;
    }
}

impl MongoDb {
    /// Changes a user, as durably as the configuration says.
    async fn change(
        &self,
        database: &str,
        mut command: Document,
        password: &Secret<String>,
    ) -> Result<(), Failure> {
        if let Some(concern) = &self.write_concern {
            command.insert("writeConcern", concern.clone());
        }
        let secrets = Redactor::new().hiding(password.expose(), "[password]");
        self.link.run(database, command, &secrets).await.map(|_| ())
    }

    /// The databases that have a user of this name.
    async fn find(&self, username: &str) -> Result<Vec<String>, DriverError> {
        let found = users::find(&self.link, &self.nearby, username)
            .await
            .map_err(Failure::of_question)?;
        Ok(found.into_iter().map(|user| user.database).collect())
    }

    /// The database of a user: the one in the URL, unless the user is only in another.
    async fn home_of(&self, username: &str) -> Result<String, DriverError> {
        match self.find(username).await?.as_slice() {
            [] => Err(DriverError::Statements(format!(
                "there is no user {username:?} in the database"
            ))),
            [only] => Ok(only.clone()),
            several if !several.contains(&self.database) => Err(DriverError::Statements(format!(
                "there are users {username:?} in several databases; name one in rotation_statements: \
                 {{\"db\":\"...\"}}"
            ))),
            _ => Ok(self.database.clone()),
        }
    }

    async fn doubt_roles(&self, creation: &Creation) -> Result<Vec<Finding>, DriverError> {
        let mut findings: Vec<Finding> = creation
            .ignored
            .iter()
            .map(|member| {
                let message = format!("the member {member:?} means nothing");
                finding(Phase::Creation, message, "use db and roles")
            })
            .collect();
        for role in &creation.roles {
            let database = role.database.as_deref().unwrap_or(&creation.database);
            match users::has_role(&self.link, &role.name, database).await {
                Ok(false) => findings.push(finding(
                    Phase::Creation,
                    format!("there is no role {:?} in the database {database:?}", role.name),
                    "correct its name or its db; roles like readAnyDatabase are only in admin",
                )),
                Err(lost @ (Failure::Lost(_) | Failure::Broken(_))) => return Err(lost.of_question()),
                // Who may not ask finds out when the first user is made.
                Ok(true) | Err(Failure::Server { .. }) => {}
            }
        }
        Ok(findings)
    }
}

fn doubt_revocation(creation: &Creation, revocation: &[String]) -> Option<Finding> {
    let remedy = format!("{{\"db\":{:?}}}", creation.database);
    match script::named_database("revocation", revocation) {
        Err(error) => Some(finding(Phase::Revocation, error.to_string(), &remedy)),
        Ok(Some(named)) if named != creation.database => Some(finding(
            Phase::Revocation,
            format!("users are made in {:?}, and not in {named:?}", creation.database),
            &remedy,
        )),
        Ok(_) => None,
    }
}

fn finding(phase: Phase, message: String, remedy: &str) -> Finding {
    Finding {
        phase,
        message,
        remedy: remedy.to_owned(),
    }
}

fn exists(username: &str) -> DriverError {
    DriverError::Statements(format!(
        "there is a user {username:?} in the database already; set a username_template that makes unique names"
    ))
}

fn password_of(credential: &Credential) -> Result<&Secret<String>, DriverError> {
    credential
        .password()
        .ok_or_else(|| DriverError::Unsupported("MongoDB users prove themselves with passwords".to_owned()))
}
