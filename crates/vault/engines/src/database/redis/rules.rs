//! What a role says about its users: rules as `ACL SETUSER` takes them.

use arca_base::json::{Json, Limits};

use super::super::driver::DriverError;

const MOST: usize = 256;
const LONGEST: usize = 4096;
const DEFAULT: &[&str] = &["~*", "+@read"];

/// The rules of new users: those of the role, or reading everything.
pub(super) fn of_new_user(statements: &[String]) -> Result<Vec<String>, DriverError> {
    let rules = read(statements)?;
    if rules.is_empty() {
        return Ok(DEFAULT.iter().map(|rule| (*rule).to_owned()).collect());
    }
    Ok(rules)
}

/// Rules in the elements of a field: a JSON array of texts, or one rule.
pub(super) fn read(statements: &[String]) -> Result<Vec<String>, DriverError> {
    let mut rules = Vec::new();
    for statement in statements {
        if statement.starts_with('[') {
            rules.extend(from_json(statement)?);
        } else if statement.starts_with('{') {
            return Err(wrong("an object"));
        } else {
            rules.push(statement.clone());
        }
    }
    if rules.len() > MOST || rules.iter().any(|rule| rule.len() > LONGEST) {
        return Err(DriverError::Statements(format!(
            "there are more than {MOST} rules, or one is longer than {LONGEST} bytes"
        )));
    }
    if rules
        .iter()
        .any(|rule| rule.trim().is_empty() || rule.contains('\0'))
    {
        return Err(wrong("an empty text or a null character"));
    }
    Ok(rules)
}

fn from_json(statement: &str) -> Result<Vec<String>, DriverError> {
    let parsed = Json::parse(statement.as_bytes(), &Limits::default());
    let Ok(Json::Array(elements)) = parsed else {
        return Err(wrong("text that begins like JSON and is none"));
    };
    elements
        .iter()
        .map(|element| {
            element
                .as_str()
                .map(str::to_owned)
                .ok_or_else(|| wrong(element.kind()))
        })
        .collect()
}

fn wrong(found: &str) -> DriverError {
    DriverError::Statements(format!(
        "rules are a JSON array of texts like [\"~app:*\",\"+@read\"]; there is {found}"
    ))
}

/// What is wrong with the rule of a user whose password is made here, and how to mend it.
pub(super) fn doubt(rule: &str) -> Option<(&'static str, &'static str)> {
    match rule.to_ascii_lowercase().as_str() {
        "nopass" => Some((
            "nopass lets users in with any password",
            "leave nopass out: each user gets a password of its own",
        )),
        "reset" | "resetpass" => Some((
            "it takes away the password that the user was just given",
            "leave it out: users are new and have nothing to take away",
        )),
        "off" => Some(("off keeps users from logging in", "leave off out")),
        "allcommands" | "+@all" => Some((
            "it lets users change other users, the configuration and the server",
            "name what they need, for example +@read and +@write",
        )),
        other if other.starts_with(['>', '#']) => Some((
            "it gives all users the same further password",
            "leave it out: each user gets a password of its own",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(statements: &[&str]) -> Result<Vec<String>, DriverError> {
        let statements: Vec<String> = statements.iter().map(|text| (*text).to_owned()).collect();
        of_new_user(&statements)
    }

    #[test]
    fn rules_come_as_a_json_array_or_one_by_one() {
        assert_eq!(rules(&[]).unwrap(), ["~*", "+@read"]);
        assert_eq!(rules(&["[]"]).unwrap(), ["~*", "+@read"]);
        assert_eq!(rules(&[r#"["~app:*", "+get"]"#]).unwrap(), ["~app:*", "+get"]);
        // So does a list that a client sent as a list.
        assert_eq!(rules(&["~app:*", "+get"]).unwrap(), ["~app:*", "+get"]);
        assert_eq!(rules(&["(+get ~x)"]).unwrap(), ["(+get ~x)"]);
    }

    #[test]
    fn what_are_no_rules_is_refused() {
        for statements in [
            &["[1]"][..],
            &["[\"a\""],
            &["{\"db\":\"admin\"}"],
            &["[\"\"]"],
            &["[\"a\\u0000b\"]"],
            &["[[\"a\"]]"],
        ] {
            let error = rules(statements).unwrap_err().to_string();
            assert!(error.contains("JSON array of texts"), "{error}");
        }
        assert!(rules(&["x"; MOST + 1]).is_err());
        assert!(rules(&[&"x".repeat(LONGEST + 1)]).is_err());
    }

    #[test]
    fn doubtful_rules_are_known() {
        for rule in ["nopass", "NOPASS", "reset", "off", "+@all", ">secret", "#abc"] {
            assert!(doubt(rule).is_some(), "{rule}");
        }
        for rule in ["~*", "+@read", "on", "&*", "-@all"] {
            assert!(doubt(rule).is_none(), "{rule}");
        }
    }
}
