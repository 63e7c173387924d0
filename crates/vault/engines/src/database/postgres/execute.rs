//! Running statements: all in one transaction, each by itself so that an error says which.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::error::SqlState;

use super::super::driver::DriverError;
use super::super::redact::Redactor;
use super::super::statements;
use super::pool::{Connections, server_text};

/// How often statements that met others in the catalogs of the server are run again.
const MAX_ATTEMPTS: usize = 20;

/// Statements with everything filled in, and what errors about them must hide.
pub(super) struct Filled {
    pub(super) statements: Vec<String>,
    redactor: Redactor,
}

impl Filled {
    /// Fills `values` into `statements`. No quoting is done: statements have quotes of their own, so a value that
    /// could end a quoted text is refused.
    pub(super) fn new(
        statements: &[String],
        values: &[(&str, &str)],
        password: Option<&str>,
    ) -> Result<Self, DriverError> {
        for (name, value) in values {
            let used = || {
                statements
                    .iter()
                    .any(|text| text.contains(&format!("{{{{{name}}}}}")))
            };
            if value.contains(['\'', '"', '\\', '\0']) && used() {
                return Err(DriverError::Statements(format!(
                    "the value of {{{{{name}}}}} holds a quote, a backslash or a NUL, which could end a quoted text in a statement; use a password policy and a username without them"
                )));
            }
        }
        Ok(Self {
            statements: statements
                .iter()
                .map(|text| statements::fill(text, values))
                .collect(),
            redactor: Redactor::new(),
        }
        .hiding(password.unwrap_or_default()))
    }

    /// Statements of our own.
    pub(super) fn own(statements: Vec<String>) -> Self {
        Self {
            statements,
            redactor: Redactor::new(),
        }
    }

    /// Hides this password in errors.
    pub(super) fn hiding(mut self, password: &str) -> Self {
        self.redactor = self.redactor.hiding(password, "[password]");
        self
    }

    /// `text` without the password.
    pub(super) fn cut(&self, text: &str) -> String {
        self.redactor.cut(text)
    }

    /// `error` as the error of the statement at `index`.
    fn blame(&self, index: usize, error: DriverError) -> DriverError {
        match error {
            DriverError::Statement { message, .. } => DriverError::Statement {
                number: index + 1,
                total: self.statements.len(),
                message: self.redactor.cut(&message),
            },
            other => other,
        }
    }
}

/// Users are made side by side until they meet in the catalogs of the server, which it does not always bear
/// ("tuple concurrently updated", for instance after `GRANT ... ON ALL TABLES`). From then on they take turns.
#[derive(Default)]
pub(super) struct Turns {
    needed: AtomicBool,
    turn: Mutex<()>,
}

impl Turns {
    async fn wait(&self) -> Option<MutexGuard<'_, ()>> {
        if self.needed.load(Ordering::Acquire) {
            Some(self.turn.lock().await)
        } else {
            None
        }
    }
}

/// Why a run did not come to its end.
pub(super) enum Stopped {
    /// Others were in the way; running again helps.
    Met,
    /// The connection broke while nobody used it; nothing was done on it.
    Stale(DriverError),
    /// Objects depend on a user that was to be dropped.
    Dependents(DriverError),
    /// Anything else.
    Failed(DriverError),
}

impl Stopped {
    pub(super) fn into_error(self) -> DriverError {
        match self {
            Self::Met => DriverError::Statements(
                "other transactions keep changing the same rights; try again".to_owned(),
            ),
            Self::Stale(error) | Self::Dependents(error) | Self::Failed(error) => error,
        }
    }
}

impl Connections {
    /// Runs all statements in one transaction.
    pub(super) async fn execute(&self, filled: &Filled) -> Result<(), DriverError> {
        self.run(filled).await.map_err(Stopped::into_error)
    }

    /// The same, telling apart why it did not work.
    pub(super) async fn run(&self, filled: &Filled) -> Result<(), Stopped> {
        let mut stale = None;
        for _ in 0..MAX_ATTEMPTS {
            let turn = self.turns.wait().await;
            match self.attempt(filled).await {
                Err(Stopped::Met) => self.turns.needed.store(true, Ordering::Release),
                Err(Stopped::Stale(error)) => stale = Some(error),
                done => return done,
            }
            drop(turn);
        }
        Err(stale.map_or(Stopped::Met, Stopped::Stale))
    }

    async fn attempt(&self, filled: &Filled) -> Result<(), Stopped> {
        let failed = |error: tokio_postgres::Error| Stopped::Failed(self.explain(&error));
        let mut client = self.take().await.map_err(Stopped::Failed)?;
        let transaction = match client.transaction().await {
            Ok(transaction) => transaction,
            Err(error) if error.is_closed() => return Err(Stopped::Stale(self.explain(&error))),
            Err(error) => return Err(failed(error)),
        };
        for (index, statement) in filled.statements.iter().enumerate() {
            if let Err(error) = transaction.batch_execute(statement).await {
                return Err(self.judge(filled, index, &error));
            }
        }
        match transaction.commit().await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.judge(filled, filled.statements.len().saturating_sub(1), &error)),
        }
    }

    fn judge(&self, filled: &Filled, index: usize, error: &tokio_postgres::Error) -> Stopped {
        let blamed = filled.blame(index, self.explain(error));
        match error.code() {
            Some(code) if is_meeting(code, error) => Stopped::Met,
            Some(code) if *code == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => Stopped::Dependents(blamed),
            _ => Stopped::Failed(blamed),
        }
    }
}

/// Whether two transactions met, and one of them only has to run again.
fn is_meeting(code: &SqlState, error: &tokio_postgres::Error) -> bool {
    let said = error.as_db_error().map(server_text).unwrap_or_default();
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]
    .contains(code)
        || (*code == SqlState::INTERNAL_ERROR && said.contains("concurrently"))
}

/// A name in quotes.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in quotes.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_could_end_a_quote_are_refused() {
        let statements = vec!["CREATE ROLE \"{{name}}\" PASSWORD '{{password}}'".to_owned()];
        for (name, value) in [
            ("name", "x\"; DROP ROLE a; --"),
            ("password", "a'b"),
            ("name", "a\\b"),
        ] {
            let refused = Filled::new(&statements, &[(name, value)], None).err().unwrap();
            assert!(refused.to_string().contains(name), "{refused}");
            assert!(!refused.to_string().contains(value));
        }
        let unused = vec!["SELECT 1".to_owned()];
        assert!(Filled::new(&unused, &[("name", "a'b")], None).is_ok());
    }

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("a'b"), "'a''b'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }
}
