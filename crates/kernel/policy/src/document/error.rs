//! Why a policy document was refused. The texts are those existing tools match.

use std::fmt;

use arca_base::duration::BadDuration;
use arca_base::time::NotATime;
use arca_lang::hcl;

use crate::pattern::FORBIDDEN;
use crate::template::Unbalanced;

/// Why a policy document was refused.
#[derive(Debug, thiserror::Error)]
pub enum BadPolicy {
    /// Not HCL, or not JSON.
    #[error("failed to parse policy: {0}")]
    Syntax(hcl::Error),
    /// Keys that do not exist, at the top level or in one `path` block.
    #[error("failed to parse policy: {}", ListOfKeys(.path.as_deref(), .keys))]
    UnknownKeys {
        /// The path of the block.
        path: Option<String>,
        /// The keys.
        keys: Vec<UnknownKey>,
    },
    /// A `path` without a path behind it.
    #[error(
        "failed to parse policy: no path for the block on line {line}: write path \"secret/data/app\" {{ ... }}"
    )]
    NoPath {
        /// The line of the block.
        line: u32,
    },
    /// Template braces that do not pair up.
    #[error("failed to parse policy: failed to validate policy templating: {0}")]
    Template(Unbalanced),
    /// A mistake in one `path` block.
    #[error("failed to parse policy: path {path:?}: {cause}")]
    Rule {
        /// The path of the block.
        path: String,
        /// The line of the path.
        line: u32,
        /// What is wrong.
        cause: BadRule,
    },
}

/// What is wrong with one `path` block.
#[derive(Debug, thiserror::Error)]
pub enum BadRule {
    /// A value of the wrong kind.
    #[error("{0}")]
    Shape(hcl::Error),
    /// Not a capability.
    #[error("invalid capability {name:?}{}", Suggestion(*.suggestion))]
    Capability {
        /// What was written.
        name: String,
        /// What may be meant.
        suggestion: Option<&'static str>,
    },
    /// `policy = "..."`, the old form of capabilities, with something unknown.
    #[error("invalid policy {0:?}")]
    OldPolicy(String),
    /// A path with both wildcards next to each other.
    #[error("invalid use of wildcards ('{FORBIDDEN}' is forbidden)")]
    Wildcards,
    /// Not a duration.
    #[error("error parsing {field}: {cause}")]
    Duration {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        cause: BadDuration,
    },
    /// Bounds that no wrapping TTL can keep.
    #[error("max_wrapping_ttl cannot be less than min_wrapping_ttl")]
    WrappingBounds,
    /// Not a point in time.
    #[error("invalid expiration time: {0}")]
    Expiration(NotATime),
    /// A filter for listings where nothing can be listed.
    #[error("list_scan_response_keys_filter_path needs to be used on a path with the list capability")]
    FilterWithoutList,
}

/// A key that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// What was written.
    pub key: String,
    /// Its line.
    pub line: u32,
    /// What may be meant.
    pub suggestion: Option<&'static str>,
}

/// Unknown keys in the layout that clients know for lists of errors.
struct ListOfKeys<'a>(Option<&'a str>, &'a [UnknownKey]);

impl fmt::Display for ListOfKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, keys) = self;
        match keys.len() {
            1 => writeln!(f, "1 error occurred:")?,
            count => writeln!(f, "{count} errors occurred:")?,
        }
        for UnknownKey {
            key,
            line,
            suggestion,
        } in *keys
        {
            f.write_str("\t* ")?;
            if let Some(path) = path {
                write!(f, "path {path:?}: ")?;
            }
            writeln!(f, "invalid key {key:?} on line {line}{}", Suggestion(*suggestion))?;
        }
        f.write_str("\n")
    }
}

struct Suggestion(Option<&'static str>);

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ", did you mean {name:?}?"),
            None => Ok(()),
        }
    }
}
