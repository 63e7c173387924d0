//! The three forms of a rule's path, and which of two matching ones is more specific.

use std::cmp::Reverse;

/// How the text of a rule's path is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The path itself.
    Exact,
    /// Everything that begins with the text before the trailing `*`.
    Prefix,
    /// Segments, where a whole segment `+` stands for any one; with a trailing `*` the last part is a prefix.
    Segments,
}

/// The forbidden text in a path: it would say "any one segment" and "any rest" at once.
pub(crate) const FORBIDDEN: &str = "+*";

impl Form {
    pub(crate) fn of(path: &str) -> Self {
        if path == "+" || path.starts_with("+/") || path.contains("/+") {
            Self::Segments
        } else if path.ends_with('*') {
            Self::Prefix
        } else {
            Self::Exact
        }
    }
}

/// How specific a path with wildcards is; among the matching ones the greatest counts.
///
/// Two different paths can be equal here; then the greater text counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// Where the first wildcard stands: the later, the more specific.
    first_wildcard: usize,
    /// Whether the path has no `*` at its end.
    whole: bool,
    /// How many segments are `+`: the fewer, the more specific.
    wildcards: Reverse<usize>,
    /// Length of the text.
    length: usize,
}

impl Default for Rank {
    fn default() -> Self {
        Self::LOWEST
    }
}

impl Rank {
    /// The lowest rank there is.
    pub(crate) const LOWEST: Self = Self {
        first_wildcard: 0,
        whole: false,
        wildcards: Reverse(usize::MAX),
        length: 0,
    };

    pub(crate) fn of(path: &str, form: Form) -> Self {
        let literal = path.strip_suffix('*').unwrap_or(path);
        let (first_wildcard, wildcards) = match form {
            Form::Segments => (
                literal.find('+').unwrap_or(literal.len()),
                literal.split('/').filter(|segment| *segment == "+").count(),
            ),
            Form::Exact | Form::Prefix => (literal.len(), 0),
        };
        Self {
            first_wildcard,
            whole: literal.len() == path.len(),
            wildcards: Reverse(wildcards),
            length: literal.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_follow_from_the_text() {
        for (path, form) in [
            ("a/b", Form::Exact),
            ("", Form::Exact),
            ("a/*/b", Form::Exact),
            ("a+b", Form::Exact),
            ("a+/b", Form::Exact),
            ("*", Form::Prefix),
            ("a*", Form::Prefix),
            ("a/*", Form::Prefix),
            ("a+/b*", Form::Prefix),
            ("+", Form::Segments),
            ("+/a", Form::Segments),
            ("a/+", Form::Segments),
            ("a/+/b*", Form::Segments),
            ("a/+b", Form::Segments),
        ] {
            assert_eq!(Form::of(path), form, "{path}");
        }
    }

    #[test]
    fn each_rule_of_precedence_decides() {
        for (lower, higher, why) in [
            ("a/+/c", "a/b/+", "later first wildcard"),
            ("a*", "a/*", "later first wildcard"),
            ("a/+/*", "a/b/*", "later first wildcard"),
            ("a/*", "a/+/c", "equally late, but ends in a star"),
            ("a/+/*", "a/+/c", "ends in a star"),
            ("a/+/+", "a/+/cc", "fewer wildcards"),
            ("a/+/*", "a/*", "fewer wildcards"),
            ("a/+/b*", "a/+/bb*", "longer"),
        ] {
            let rank = |path| Rank::of(path, Form::of(path));
            assert!(rank(lower) < rank(higher), "{lower} < {higher}: {why}");
        }
    }
}
