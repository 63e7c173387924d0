//! The statements of a role, made ready for one user.

use arca_base::{Secret, Timestamp};

use super::super::driver::{Credential, DriverError};
use super::super::redact::Redactor;
use super::super::statements;
use super::link::Session;

/// Values for the places in statements.
pub(super) struct Values<'a> {
    username: &'a str,
    password: &'a str,
    places: [(&'static str, &'a str); 2],
    expiration: String,
    /// Knows the password.
    pub(super) secrets: Redactor,
}

impl<'a> Values<'a> {
    /// # Errors
    /// When a value would not stay where a statement puts it.
    pub(super) fn new(
        username: &'a str,
        credential: Option<&'a Credential>,
        expiration: Option<Timestamp>,
    ) -> Result<Self, DriverError> {
        let password = credential
            .and_then(Credential::password)
            .map_or("", |password| password.expose().as_str());
        let places = credential.map_or([("public_key", ""), ("subject", "")], Credential::places);
        if is_special(username, &['\'', '"', '`', '\\', ';']) {
            return Err(DriverError::Statements(
                "the username holds a quote, backslash, semicolon or control character, which could end its place \
                 in a statement; set a username_template that leaves it out"
                    .to_owned(),
            ));
        }
        let [_, (_, subject)] = places;
        if is_special(subject, &['\'', '"', '\\']) {
            return Err(DriverError::Statements(
                "the subject of the certificate holds a quote, backslash or control character, which could end its \
                 place in a statement; set a common_name_template without it"
                    .to_owned(),
            ));
        }
        if is_special(password, &['\'', '"', '\\']) {
            return Err(DriverError::Statements(
                "the password holds a quote, backslash or control character, which could end its place in a \
                 statement; set a password_policy without it"
                    .to_owned(),
            ));
        }
        Ok(Self {
            username,
            password,
            places,
            expiration: expiration.map(written).unwrap_or_default(),
            secrets: Redactor::new().hiding(password, "[password]"),
        })
    }

    /// One statement after the other, without places.
    pub(super) fn fill(&self, elements: &[String]) -> Vec<Secret<String>> {
        let values = [
            ("name", self.username),
            ("username", self.username),
            ("password", self.password),
            ("expiration", self.expiration.as_str()),
            self.places[0],
            self.places[1],
        ];
        statements::split(elements)
            .iter()
            .map(|statement| Secret::new(statements::fill(statement, &values)))
            .collect()
    }

    /// Runs statements one by one, up to the first that fails.
    pub(super) async fn run(
        &self,
        session: &mut Session<'_>,
        elements: &[String],
    ) -> Result<(), DriverError> {
        let script = self.fill(elements);
        for (at, statement) in script.iter().enumerate() {
            session
                .run(statement.expose(), &self.secrets)
                .await
                .map_err(|failure| failure.of_statement(at + 1, script.len()))?;
        }
        Ok(())
    }
}

/// The password of a credential, which is all these servers know.
pub(super) fn password_of(credential: &Credential) -> Result<&Secret<String>, DriverError> {
    credential
        .password()
        .ok_or_else(|| DriverError::Unsupported("MySQL users prove themselves with passwords".to_owned()))
}

fn is_special(text: &str, special: &[char]) -> bool {
    text.chars()
        .any(|character| special.contains(&character) || character.is_control())
}

/// A point in time as statements have it: `2024-05-01 12:00:05+0000`.
fn written(instant: Timestamp) -> String {
    let text = instant.truncated_to_seconds().to_string();
    text.replace('T', " ").replace('Z', "+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_every_statement() {
        let password = Credential::Password(Secret::new("p{{name}};x".to_owned()));
        let values = Values::new(
            "v-app",
            Some(&password),
            Some(Timestamp::from_unix(1_714_564_805, 7)),
        )
        .unwrap();
        let script = values.fill(&[
            "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT a TO '{{username}}'@'%';"
                .to_owned(),
            "x '{{expiration}}'".to_owned(),
        ]);
        let script: Vec<&str> = script
            .iter()
            .map(|statement| statement.expose().as_str())
            .collect();
        assert_eq!(
            script,
            [
                "CREATE USER 'v-app'@'%' IDENTIFIED BY 'p{{name}};x'",
                "GRANT a TO 'v-app'@'%'",
                "x '2024-05-01 12:00:05+0000'"
            ]
        );
    }

    #[test]
    fn what_would_leave_its_quotes_is_refused() {
        for name in ["a'b", "a\"b", "a`b", "a\\", "a;b", "a\nb", "a\0b"] {
            let error = Values::new(name, None, None).err().unwrap().to_string();
            assert!(error.contains("username_template"), "{error}");
        }
        for password in ["CANARY'", "CANARY\"", "CANARY\\", "CANARY\n"] {
            let password = Credential::Password(Secret::new(password.to_owned()));
            let error = Values::new("a", Some(&password), None).err().unwrap().to_string();
            assert!(
                error.contains("password_policy") && !error.contains("CANARY"),
                "{error}"
            );
        }
    }
}
