//! Trying the statements of a role in a transaction that is rolled back.

use deadpool_postgres::GenericClient as _;
use tokio_postgres::error::SqlState;

use super::super::driver::{DriverError, Finding, Phase};
use super::execute::{Filled, identifier};
use super::pool::{Connections, server_text};
use super::revoke::Blockers;

/// Nothing here may hold up others for long.
const LIMITS: &str = "SET LOCAL statement_timeout = '1500ms'; SET LOCAL lock_timeout = '500ms'";

/// The statements of a role, filled in for a user that will not be.
pub(super) struct Phases {
    pub(super) creation: Filled,
    pub(super) renewal: Filled,
    pub(super) revocation: Filled,
}

pub(super) async fn run(
    connections: &Connections,
    username: &str,
    phases: &Phases,
) -> Result<Vec<Finding>, DriverError> {
    let mut client = connections.take().await?;
    let rehearsal = async {
        let mut transaction = client.transaction().await?;
        transaction.batch_execute(LIMITS).await?;
        let mut findings = Vec::new();
        if let Some(finding) = creation(&transaction, username, &phases.creation).await? {
            // Without a user there is nothing to try the rest on.
            findings.push(finding);
            return Ok(findings);
        }
        let renewal = attempt(&mut transaction, &phases.renewal).await?;
        findings.extend(renewal.map(|failure| {
            failure.finding(
                Phase::Renewal,
                format!(
                    "leave renew_statements empty for ALTER ROLE {} VALID UNTIL '{{{{expiration}}}}'",
                    NAME
                ),
            )
        }));
        if !phases.revocation.statements.is_empty() {
            findings.extend(revocation(&mut transaction, username, &phases.revocation).await?);
        }
        transaction.rollback().await?;
        Ok(findings)
    };
    rehearsal
        .await
        .map_err(|error: tokio_postgres::Error| connections.explain(&error))
}

/// Tries lists of statements one after the other, up to the first that fails.
pub(super) async fn in_order(
    connections: &Connections,
    phases: &[(Phase, Filled)],
) -> Result<Vec<Finding>, DriverError> {
    let mut client = connections.take().await?;
    let rehearsal = async {
        let mut transaction = client.transaction().await?;
        transaction.batch_execute(LIMITS).await?;
        let mut findings = Vec::new();
        for (phase, filled) in phases {
            if let Some(failure) = attempt(&mut transaction, filled).await? {
                let remedy = format!("correct the statement in {}", phase.field());
                findings.push(failure.finding(*phase, remedy));
                break;
            }
        }
        transaction.rollback().await?;
        Ok(findings)
    };
    rehearsal
        .await
        .map_err(|error: tokio_postgres::Error| connections.explain(&error))
}

/// How the name stands in statements.
const NAME: &str = "\"{{name}}\"";

/// A statement that fails.
struct Failure {
    number: usize,
    total: usize,
    text: String,
    code: SqlState,
}

impl Failure {
    fn finding(self, phase: Phase, remedy: String) -> Finding {
        Finding {
            phase,
            message: format!(
                "statement {} of {} would fail: {}",
                self.number, self.total, self.text
            ),
            remedy,
        }
    }
}

/// Runs statements behind a savepoint; what they did stays when all succeed.
async fn attempt(
    transaction: &mut deadpool_postgres::Transaction<'_>,
    filled: &Filled,
) -> Result<Option<Failure>, tokio_postgres::Error> {
    let savepoint = transaction.transaction().await?;
    for (index, statement) in filled.statements.iter().enumerate() {
        if let Err(error) = savepoint.batch_execute(statement).await {
            let Some(said) = error.as_db_error() else {
                return Err(error);
            };
            let failure = Failure {
                number: index + 1,
                total: filled.statements.len(),
                text: filled.cut(&server_text(said)),
                code: said.code().clone(),
            };
            savepoint.rollback().await?;
            return Ok(Some(failure));
        }
    }
    savepoint.commit().await?;
    Ok(None)
}

async fn creation(
    transaction: &deadpool_postgres::Transaction<'_>,
    username: &str,
    filled: &Filled,
) -> Result<Option<Finding>, tokio_postgres::Error> {
    for (index, statement) in filled.statements.iter().enumerate() {
        if let Err(error) = transaction.batch_execute(statement).await {
            let Some(said) = error.as_db_error() else {
                return Err(error);
            };
            let failure = Failure {
                number: index + 1,
                total: filled.statements.len(),
                text: filled.cut(&server_text(said)),
                code: said.code().clone(),
            };
            let remedy = creation_remedy(&failure.code);
            return Ok(Some(failure.finding(Phase::Creation, remedy)));
        }
    }
    let made = transaction
        .query_opt(
            "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1",
            &[&username],
        )
        .await?;
    Ok(made.is_none().then(|| Finding {
        phase: Phase::Creation,
        message: "the statements make no role of the name they are given".to_owned(),
        remedy: format!(
            "begin with CREATE ROLE {NAME} WITH LOGIN PASSWORD '{{{{password}}}}' VALID UNTIL '{{{{expiration}}}}'"
        ),
    }))
}

fn creation_remedy(code: &SqlState) -> String {
    let remedy = match code.code() {
        "42501" => {
            "give the configured user what it lacks: CREATEROLE for CREATE ROLE, and WITH GRANT OPTION for what it grants"
        }
        "42P01" | "3F000" | "42883" => {
            "create the object first, or correct its name and schema in creation_statements"
        }
        "42704" => {
            "create the role or object that is named first, or correct its name in creation_statements"
        }
        "42601" => "correct the syntax in creation_statements",
        _ => "correct the statement in creation_statements",
    };
    remedy.to_owned()
}

async fn revocation(
    transaction: &mut deadpool_postgres::Transaction<'_>,
    username: &str,
    filled: &Filled,
) -> Result<Option<Finding>, tokio_postgres::Error> {
    let Some(failure) = attempt(transaction, filled).await? else {
        return Ok(None);
    };
    if failure.code != SqlState::DEPENDENT_OBJECTS_STILL_EXIST {
        let remedy =
            format!("leave revocation_statements empty: Arca then revokes what {NAME} holds and drops it");
        return Ok(Some(failure.finding(Phase::Revocation, remedy)));
    }
    let role = transaction
        .query_opt(
            "SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1",
            &[&username],
        )
        .await?;
    let blockers = match role {
        Some(role) => Blockers::read(&*transaction, role.try_get(0)?).await?,
        None => Blockers::default(),
    };
    let remedy = missing(&blockers, username);
    Ok(Some(failure.finding(Phase::Revocation, remedy)))
}

/// The statements that are missing before the drop, rights on tables of one schema taken together.
fn missing(blockers: &Blockers, username: &str) -> String {
    let mut statements = Vec::<String>::new();
    for revoke in &blockers.revokes {
        let general = ["TABLE", "SEQUENCE"].iter().find_map(|kind| {
            let rest = revoke.strip_prefix(&format!("REVOKE ALL PRIVILEGES ON {kind} "))?;
            let schema = rest.split('.').next()?;
            Some(format!(
                "REVOKE ALL PRIVILEGES ON ALL {kind}S IN SCHEMA {schema} FROM {NAME}"
            ))
        });
        let statement = general.unwrap_or_else(|| {
            revoke
                .trim_end_matches(" CASCADE")
                .replace(&identifier(username), NAME)
        });
        if !statements.contains(&statement) {
            statements.push(statement);
        }
    }
    format!(
        "put this before it in revocation_statements: {}; (Arca revokes this by itself when it drops the user)",
        statements.join("; ")
    )
}
