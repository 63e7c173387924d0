//! Patterns of routes as path templates, which know `{name}` only.

use arca_api::Pattern;
use arca_base::Operation;

/// One form of a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// Below the mount: `roles/{name}`.
    pub(super) text: String,
    /// What it captures, in order.
    pub(super) names: Vec<&'static str>,
}

/// Every form of a pattern: two where its last part may be left out.
pub(super) fn of(pattern: &Pattern, operation: Operation) -> Vec<Template> {
    let text = pattern.as_str();
    let names: Vec<&'static str> = pattern.names().collect();
    let (full, short) = if let Some(full) = text.strip_suffix("/}") {
        (format!("{full}}}/"), Some(before_last(text)))
    } else if let Some(full) = text.strip_suffix("?}") {
        let short = before_last(text);
        let short = short.strip_suffix('/').unwrap_or(short);
        (format!("{full}}}"), Some(short))
    } else {
        (text.replace("*}", "}"), None)
    };
    let short = short.map(|short| Template {
        text: as_listed(short.replace("*}", "}"), operation),
        names: names
            .iter()
            .copied()
            .take(names.len().saturating_sub(1))
            .collect(),
    });
    let full = Template {
        text: as_listed(full, operation),
        names,
    };
    short.into_iter().chain([full]).collect()
}

fn before_last(text: &str) -> &str {
    text.rsplit_once('{').map_or(text, |(before, _)| before)
}

/// Listing and reading share a method. They are told apart by the slash at the end, with or without which a list
/// is answered.
fn as_listed(text: String, operation: Operation) -> String {
    let lists = matches!(operation, Operation::List | Operation::Scan);
    if lists && !text.is_empty() && !text.ends_with('/') {
        return format!("{text}/");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_templates() {
        for (operation, pattern, expected) in [
            (Operation::Read, "data/{path*}", &["data/{path}"][..]),
            (
                Operation::List,
                "metadata/{path/}",
                &["metadata/", "metadata/{path}/"],
            ),
            (Operation::List, "{folder/}", &["", "{folder}/"]),
            (Operation::Read, "lookup/{token?}", &["lookup", "lookup/{token}"]),
            (Operation::Read, "mounts/{path*}/tune", &["mounts/{path}/tune"]),
            (Operation::List, "roles", &["roles/"]),
            (Operation::List, "role/{name}/id", &["role/{name}/id/"]),
        ] {
            let templates = of(&Pattern::new(pattern), operation);
            let texts: Vec<&str> = templates.iter().map(|template| template.text.as_str()).collect();
            assert_eq!(texts, expected, "{pattern}");
            for template in &templates {
                assert_eq!(
                    template.names.len(),
                    template.text.matches('{').count(),
                    "{template:?}"
                );
            }
        }
    }
}
