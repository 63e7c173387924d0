//! Names of users.

use arca_base::{Entropy, Timestamp};
use arca_core::Fault;
use arca_core::naming::{NameTemplate, NamingError};

/// What a template can say.
const FIELDS: [&str; 2] = ["DisplayName", "RoleName"];
/// What a template of common names can say.
const COMMON_NAME_FIELDS: [&str; 3] = ["DisplayName", "RoleName", "Username"];

/// Who asks, and for which role.
pub(super) struct Facts<'a> {
    pub(super) display_name: &'a str,
    pub(super) role_name: &'a str,
}

/// Renders a template.
///
/// # Errors
/// 500 for a template that cannot be rendered.
pub(super) fn render(
    template: &str,
    facts: &Facts<'_>,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<String, Fault> {
    attempt(template, facts, entropy, now)
        .map_err(|error| Fault::failed(format!("failed to generate username: {error}")))
}

/// Renders the common name of a certificate for the user `username`.
///
/// # Errors
/// 500 for a template that cannot be rendered.
pub(super) fn common_name(
    template: &str,
    facts: &Facts<'_>,
    username: &str,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<String, Fault> {
    let (display_name, role_name) = (plain(facts.display_name), plain(facts.role_name));
    let values = [&*display_name, &*role_name, username];
    NameTemplate::parse(template)
        .and_then(|template| template.name(COMMON_NAME_FIELDS.into_iter().zip(values), now, entropy))
        .map_err(|error| Fault::failed(format!("failed to generate common name: {error}")))
}

/// Whether a template of common names can be used.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_common_name(template: &str, entropy: &dyn Entropy, now: Timestamp) -> Result<(), String> {
    NameTemplate::checked(template, &COMMON_NAME_FIELDS, now, entropy)
        .map(drop)
        .map_err(|error| format!("common_name_template: {error}"))
}

/// Whether a template of a configuration can be used.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(template: &str, entropy: &dyn Entropy, now: Timestamp) -> Result<(), String> {
    NameTemplate::checked(template, &FIELDS, now, entropy)
        .map(drop)
        .map_err(|error| match error {
            NamingError::Parse(_) => format!("unable to initialize username template: {error}"),
            NamingError::Apply(_) => format!("invalid username template: {error}"),
        })
}

/// What all names made by a template begin with.
pub(super) fn prefix(template: &str, entropy: &dyn Entropy, now: Timestamp) -> String {
    let name = |display_name, role_name| {
        let facts = Facts {
            display_name,
            role_name,
        };
        attempt(template, &facts, entropy, now).unwrap_or_default()
    };
    let (one, other) = (name("a", "b"), name("0", "1"));
    let common = one.chars().zip(other.chars());
    common
        .take_while(|(one, other)| one == other)
        .map(|(one, _)| one)
        .collect()
}

fn attempt(
    template: &str,
    facts: &Facts<'_>,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<String, NamingError> {
    let (display_name, role_name) = (plain(facts.display_name), plain(facts.role_name));
    let [display, role] = FIELDS;
    NameTemplate::parse(template)?.name([(display, &*display_name), (role, &*role_name)], now, entropy)
}

/// Without characters that mean something in statements: a display name may hold anything, for instance the name
/// of a user of a directory.
fn plain(text: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || "-_.@".contains(c) {
            c
        } else {
            '-'
        }
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use arca_crypto::SystemEntropy;

    use super::*;
    use crate::database::catalog::{KINDS, kind};

    fn made(template: &str, display_name: &str, role_name: &str) -> String {
        let facts = Facts {
            display_name,
            role_name,
        };
        let now = Timestamp::from_unix(1_767_323_045, 0);
        attempt(template, &facts, &SystemEntropy, now).unwrap()
    }

    fn postgres(display_name: &str, role_name: &str) -> String {
        let kind = kind("postgresql-database-plugin").unwrap();
        made(kind.username_template, display_name, role_name)
    }

    #[test]
    fn default_names_have_the_known_shape_and_fit() {
        let name = postgres("token", "payments-db-role");
        let parts: Vec<&str> = name.split('-').collect();
        assert_eq!((parts[0], parts[1], parts[2]), ("v", "token", "payments"));
        assert_eq!(parts[3].len(), 20);
        assert!(name.ends_with("-1767323045"), "{name}");
        for kind in KINDS {
            let name = made(kind.username_template, &"d".repeat(99), &"r".repeat(20));
            assert!(
                !name.is_empty() && name.len() <= kind.username_limit,
                "{}: {name}",
                kind.plugin_name
            );
        }
    }

    #[test]
    fn display_names_cannot_break_out() {
        let name = postgres("a\"; DROP", "r'\\\0;");
        assert!(name.starts_with("v-a---DROP-r-----"), "{name}");
    }

    #[test]
    fn wrong_templates_are_refused() {
        let check = |template| check(template, &SystemEntropy, Timestamp::EPOCH).unwrap_err();
        assert!(check("{{nonsense}}").starts_with("unable to initialize username template: unable to parse"));
        assert!(check("{{.Nonsense}}").starts_with("invalid username template: "));
    }

    #[test]
    fn the_common_beginning_is_found() {
        let prefix = |template| prefix(template, &SystemEntropy, Timestamp::EPOCH);
        let kind = kind("postgresql-database-plugin").unwrap();
        assert_eq!(prefix(kind.username_template), "v-");
        assert_eq!(prefix("app-{{.RoleName}}-{{random 8}}"), "app-");
    }
}
