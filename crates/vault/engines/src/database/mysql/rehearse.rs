//! What can be said about statements without running them: these servers commit each one by itself, so there is no
//! transaction to roll back. They do read statements without running them, which finds what is misspelled.

use std::collections::BTreeSet;

use super::super::driver::{Credential, DriverError, Finding, Phase, Rehearsal};
use super::super::statements;
use super::accounts;
use super::failure::{Failure, NOT_PREPARABLE};
use super::link::Session;
use super::script::Values;

/// Everything that is wrong with the statements of a role.
pub(super) async fn rehearse(
    session: &mut Session<'_>,
    role: &Rehearsal<'_>,
) -> Result<Vec<Finding>, DriverError> {
    let values = Values::new(role.username, Some(role.credential), Some(role.expiration))?;
    let mut findings = read_over(role);
    if let Err(failure) = accounts::of_user(session, role.username).await {
        match failure {
            Failure::Lost(error) => return Err(error),
            Failure::Server { message, .. } => findings.push(Finding {
                phase: Phase::Revocation,
                message: format!("the configured user cannot see whether users are gone: {message}"),
                remedy: "GRANT SELECT ON mysql.* to it".to_owned(),
            }),
        }
    }
    let lists = [
        (Phase::Creation, role.creation),
        (Phase::Renewal, role.renewal),
        (Phase::Revocation, role.revocation),
    ];
    findings.extend(read_by_server(session, &values, &lists).await?);
    Ok(findings)
}

/// What the server says to statements that it reads and does not run.
pub(super) async fn read_by_server(
    session: &mut Session<'_>,
    values: &Values<'_>,
    lists: &[(Phase, &[String])],
) -> Result<Vec<Finding>, DriverError> {
    let mut findings = Vec::new();
    for (phase, elements) in lists {
        let originals = statements::split(elements);
        for (statement, original) in values.fill(elements).iter().zip(originals) {
            match session.prepare(statement.expose(), &values.secrets).await {
                Ok(()) => {}
                Err(Failure::Lost(error)) => return Err(error),
                Err(failure) if failure.is(NOT_PREPARABLE) => {}
                Err(Failure::Server { message, .. }) => findings.push(Finding {
                    phase: *phase,
                    message: format!("the server does not take the statement: {message}"),
                    remedy: format!("correct: {original}"),
                }),
            }
        }
    }
    Ok(findings)
}

/// What reading the statements side by side shows.
fn read_over(role: &Rehearsal<'_>) -> Vec<Finding> {
    let creation = role.creation.join(";");
    let mut findings = Vec::new();
    let mut creation_lacks = |what: &str, consequence: &str, remedy: &str| {
        findings.push(Finding {
            phase: Phase::Creation,
            message: format!("there is no {what}: {consequence}"),
            remedy: remedy.to_owned(),
        });
    };
    if !creation.contains("{{name}}") && !creation.contains("{{username}}") {
        creation_lacks(
            "{{name}} or {{username}} in them",
            "every lease would get the same user",
            "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'",
        );
    }
    let is_password = matches!(role.credential, Credential::Password(_));
    if matches!(role.credential, Credential::Subject(_)) && !creation.contains("{{subject}}") {
        creation_lacks(
            "{{subject}} in them",
            "every certificate that the server trusts, or none at all, would do to log in as these users",
            "CREATE USER '{{name}}'@'%' REQUIRE SUBJECT '/{{subject}}'",
        );
    }
    if is_password && !creation.contains("{{password}}") {
        creation_lacks(
            "{{password}} in them",
            "users would have no password, or one that is not theirs alone",
            "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'",
        );
    }
    if !role.revocation.is_empty() {
        let revocation = role.revocation.join(";");
        let dropped = hosts(&revocation);
        for host in hosts(&creation).difference(&dropped) {
            findings.push(Finding {
                phase: Phase::Revocation,
                message: format!("they leave the account at host '{host}', which creation_statements make"),
                remedy: format!("DROP USER IF EXISTS '{{{{name}}}}'@'{host}'"),
            });
        }
    }
    findings
}

/// The hosts in what looks like `'{{name}}'@'host'`.
fn hosts(text: &str) -> BTreeSet<&str> {
    text.split('@')
        .zip(text.split('@').skip(1))
        .filter(|(before, _)| {
            let name = before.trim_end().trim_end_matches(['\'', '"', '`']);
            name.ends_with("{{name}}") || name.ends_with("{{username}}")
        })
        .map(|(_, after)| {
            let after = after.trim_start();
            match after.strip_prefix(['\'', '"', '`']) {
                Some(quoted) => quoted.split(['\'', '"', '`']).next().unwrap_or_default(),
                None => after
                    .split(|c: char| c.is_whitespace() || c == ';' || c == ',')
                    .next()
                    .unwrap_or_default(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use arca_base::{Secret, Timestamp};

    use super::*;

    fn findings(creation: &str, revocation: &[&str]) -> Vec<String> {
        let revocation: Vec<String> = revocation.iter().map(|text| (*text).to_owned()).collect();
        read_over(&Rehearsal {
            username: "v",
            credential: &Credential::Password(Secret::new("p".to_owned())),
            expiration: Timestamp::from_unix(0, 0),
            creation: &[creation.to_owned()],
            renewal: &[],
            revocation: &revocation,
        })
        .into_iter()
        .map(|finding| {
            format!(
                "{}: {} -> {}",
                finding.phase.field(),
                finding.message,
                finding.remedy
            )
        })
        .collect()
    }

    const GOOD: &str =
        "CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT SELECT ON a.* TO '{{name}}'@'%'";

    #[test]
    fn good_statements_are_left_alone() {
        assert!(findings(GOOD, &[]).is_empty());
        assert!(findings(GOOD, &["DROP USER `{{username}}`@`%`"]).is_empty());
    }

    #[test]
    fn accounts_that_stay_are_named() {
        let creation = "CREATE USER '{{name}}'@'10.%' IDENTIFIED BY '{{password}}', '{{name}}'@localhost";
        let found = findings(creation, &["DROP USER '{{name}}'@'%'"]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].contains("DROP USER IF EXISTS '{{name}}'@'10.%'"),
            "{found:?}"
        );
        assert!(found[1].contains("'localhost'"), "{found:?}");
    }

    #[test]
    fn missing_places_are_named() {
        let found = findings("CREATE USER 'app'@'%'", &[]);
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
