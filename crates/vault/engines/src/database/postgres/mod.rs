//! PostgreSQL.
//!
//! | part | does |
//! |---|---|
//! | `pool` | connections, and errors of the driver in our words |
//! | `execute` | statements of roles, in one transaction, again when the server says so |
//! | `revoke` | dropping a user and what blocks that |
//! | `rehearse` | trying the statements of a role without effect |
//! | `inspect` | what is left of a user, and what the server holds |
//! | `scram` | passwords as the server keeps them |

mod execute;
mod inspect;
mod pool;
mod rehearse;
mod revoke;
mod scram;

use std::sync::Arc;

use arca_base::{Entropy, Secret, Timestamp};
use async_trait::async_trait;

use super::driver::{
    Credential, CredentialKind, Database, DriverError, Finding, Holdings, Kind, NewUser, Phase, Rehearsal,
    Remains,
};
use super::settings::ConnectionSettings;
use super::statements;
use execute::{Filled, identifier, literal};
use inspect::Graveyard;
use pool::Connections;
use scram::PasswordForm;

/// PostgreSQL under its plugin name.
pub(super) static KIND: Kind = Kind {
    plugin_name: "postgresql-database-plugin",
    username_template: r#"{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (random 20) (unix_time) | truncate 63 }}"#,
    username_limit: 63,
    takes_template: true,
    credentials: &[
        CredentialKind::Password,
        CredentialKind::RsaPrivateKey,
        CredentialKind::ClientCertificate,
    ],
    rehearses: true,
    runs_statements: true,
    secret_details: &[],
    open: |settings, entropy| Box::pin(async move { open(&settings, entropy) }),
};

/// One PostgreSQL server.
struct Postgres {
    connections: Connections,
    form: PasswordForm,
    entropy: Arc<dyn Entropy>,
    dropped: Graveyard,
}

fn open(settings: &ConnectionSettings, entropy: Arc<dyn Entropy>) -> Result<Arc<dyn Database>, DriverError> {
    Ok(Arc::new(Postgres {
        connections: Connections::new(settings)?,
        form: PasswordForm::named(&settings.text("password_authentication")?)?,
        entropy,
        dropped: Graveyard::default(),
    }))
}

impl Postgres {
    /// What stands for `{{password}}`.
    fn password_text(&self, credential: &Credential) -> Result<Secret<String>, DriverError> {
        match credential.password() {
            Some(password) => Ok(self.form.of(password, &*self.entropy)),
            None => Err(DriverError::Unsupported(
                "PostgreSQL users have passwords".to_owned(),
            )),
        }
    }

    /// Statements with everything filled in; errors about them hide the password.
    fn filled(
        &self,
        elements: &[String],
        username: &str,
        credential: Option<&Credential>,
        expiration: Option<Timestamp>,
    ) -> Result<Filled, DriverError> {
        let password = credential.and_then(Credential::password);
        let password = password.map_or_else(
            || Secret::new(String::new()),
            |password| self.form.of(password, &*self.entropy),
        );
        let expiration = expiration.map(expiration_text).unwrap_or_default();
        let mut values = vec![
            ("name", username),
            ("username", username),
            ("password", password.expose().as_str()),
            ("expiration", expiration.as_str()),
        ];
        values.extend(credential.map(Credential::places).into_iter().flatten());
        Filled::new(
            &statements::split(elements),
            &values,
            credential
                .and_then(Credential::password)
                .map(|password| password.expose().as_str()),
        )
    }
}

/// An instant as the server reads it.
fn expiration_text(time: Timestamp) -> String {
    let text = time.truncated_to_seconds().to_string();
    format!("{}+0000", text.replace('T', " ").trim_end_matches('Z'))
}

#[async_trait]
impl Database for Postgres {
    async fn verify(&self) -> Result<(), DriverError> {
        let client = self.connections.take().await?;
        client
            .simple_query("SELECT 1")
            .await
            .map(drop)
            .map_err(|error| self.connections.explain(&error))
    }

    async fn create_user(&self, user: &NewUser<'_>) -> Result<(), DriverError> {
        if statements::split(user.creation).is_empty() {
            return Err(DriverError::Statements("empty creation statements".to_owned()));
        }
        let filled = self.filled(
            user.creation,
            user.username,
            Some(user.credential),
            Some(user.expiration),
        )?;
        self.connections.execute(&filled).await
    }

    async fn extend_user(
        &self,
        username: &str,
        expiration: Timestamp,
        renewal: &[String],
    ) -> Result<(), DriverError> {
        let filled = if statements::split(renewal).is_empty() {
            Filled::own(vec![format!(
                "ALTER ROLE {} VALID UNTIL {}",
                identifier(username),
                literal(&expiration_text(expiration))
            )])
        } else {
            self.filled(renewal, username, None, Some(expiration))?
        };
        self.connections.execute(&filled).await
    }

    async fn set_credential(
        &self,
        username: &str,
        credential: &Credential,
        rotation: &[String],
    ) -> Result<(), DriverError> {
        let filled = if statements::split(rotation).is_empty() {
            let text = self.password_text(credential)?;
            let statement = format!(
                "ALTER ROLE {} WITH PASSWORD {}",
                identifier(username),
                literal(text.expose())
            );
            Filled::own(vec![statement])
                .hiding(credential.password().map_or("", |password| password.expose()))
        } else {
            self.filled(rotation, username, Some(credential), None)?
        };
        self.connections.execute(&filled).await
    }

    async fn run_statements(
        &self,
        username: &str,
        credential: &Credential,
        statements: &[String],
    ) -> Result<(), DriverError> {
        let filled = self.filled(statements, username, Some(credential), None)?;
        self.connections.execute(&filled).await
    }

    async fn drop_user(&self, username: &str, revocation: &[String]) -> Result<Vec<String>, DriverError> {
        let own = statements::split(revocation);
        let filled = if own.is_empty() {
            None
        } else {
            Some(self.filled(revocation, username, None, None)?)
        };
        revoke::drop_user(&self.connections, &self.dropped, username, filled.as_ref()).await
    }

    async fn remains(&self, username: &str) -> Result<Remains, DriverError> {
        inspect::remains(&self.connections, &self.dropped, username).await
    }

    async fn end_sessions(&self, username: &str) -> Result<u64, DriverError> {
        inspect::end_sessions(&self.connections, username).await
    }

    async fn rehearse(&self, role: &Rehearsal<'_>) -> Result<Vec<Finding>, DriverError> {
        let fill = |elements| {
            self.filled(
                elements,
                role.username,
                Some(role.credential),
                Some(role.expiration),
            )
        };
        let phases = rehearse::Phases {
            creation: fill(role.creation)?,
            renewal: fill(role.renewal)?,
            revocation: fill(role.revocation)?,
        };
        rehearse::run(&self.connections, role.username, &phases).await
    }

    async fn rehearse_change(
        &self,
        username: &str,
        credential: &Credential,
        lists: &[(Phase, &[String])],
    ) -> Result<Vec<Finding>, DriverError> {
        let phases = lists
            .iter()
            .map(|(phase, list)| Ok((*phase, self.filled(list, username, Some(credential), None)?)))
            .collect::<Result<Vec<_>, DriverError>>()?;
        rehearse::in_order(&self.connections, &phases).await
    }

    async fn holdings(&self, prefix: &str) -> Result<Holdings, DriverError> {
        inspect::holdings(&self.connections, prefix).await
    }

    async fn close(&self) {
        self.connections.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_the_server_reads_them() {
        assert_eq!(
            expiration_text(Timestamp::from_unix(1_767_323_045, 678)),
            "2026-01-02 03:04:05+0000"
        );
    }
}
