//! What a template asks for, as an identity: equal dependencies are fetched once and shared.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Something outside that a template is made from.
///
/// Everything that changes the answer is part of the identity: every parameter of a query and every argument of a
/// write, not a digest of them. Arguments can hold passwords, so `Debug` and `Display` show their number only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dependency {
    /// What is at a path.
    Read {
        /// The path as the template has it, without slashes around it.
        path: String,
        /// Parameters, such as `version`.
        query: BTreeMap<String, String>,
    },
    /// The names in a folder.
    List {
        /// The folder as the template has it.
        path: String,
    },
    /// What a write answers.
    Write {
        /// The path as the template has it.
        path: String,
        /// What is written.
        arguments: BTreeMap<String, String>,
    },
    /// A certificate with its key.
    Certificate {
        /// The path that issues it.
        path: String,
        /// What is asked for.
        arguments: BTreeMap<String, String>,
    },
    /// What is in a file.
    File {
        /// The file.
        path: String,
    },
}

/// Arguments that name no dependency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDependency {
    /// No path.
    #[error("the path is empty: name a secret, such as secret/app")]
    NoPath,
    /// The path or an argument is too long.
    #[error("paths and arguments hold at most {limit} bytes")]
    TooLong {
        /// Most bytes.
        limit: usize,
    },
    /// An argument is not `name=value`.
    #[error("argument {position} is not a k=v pair: write name=value")]
    NotAPair {
        /// Its place, from 1.
        position: usize,
    },
}

/// Most bytes of a path or an argument.
const LONGEST: usize = 64 << 10;

impl Dependency {
    /// What `secret PATH ARGUMENTS` asks for: a read without arguments, a write with any, even an empty one.
    ///
    /// # Errors
    /// [`BadDependency`]
    pub fn secret(path: &str, arguments: &[&str]) -> Result<Self, BadDependency> {
        let path = trimmed(path)?;
        if !arguments.is_empty() {
            let arguments = pairs(arguments)?;
            return Ok(Self::Write { path, arguments });
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (trimmed(path)?, parameters(query)),
            None => (path, BTreeMap::new()),
        };
        Ok(Self::Read { path, query })
    }

    /// What `secrets PATH` asks for.
    ///
    /// # Errors
    /// [`BadDependency`]
    pub fn list(path: &str) -> Result<Self, BadDependency> {
        trimmed(path).map(|path| Self::List { path })
    }

    /// What `pkiCert PATH ARGUMENTS` asks for.
    ///
    /// # Errors
    /// [`BadDependency`]
    pub fn certificate(path: &str, arguments: &[&str]) -> Result<Self, BadDependency> {
        Ok(Self::Certificate {
            path: trimmed(path)?,
            arguments: pairs(arguments)?,
        })
    }

    /// What `file PATH` asks for.
    ///
    /// # Errors
    /// [`BadDependency`]
    pub fn file(path: &str) -> Result<Self, BadDependency> {
        let path = path.trim();
        within_limit(path)?;
        if path.is_empty() {
            return Err(BadDependency::NoPath);
        }
        Ok(Self::File {
            path: path.to_owned(),
        })
    }

    /// The path as the template has it.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Read { path, .. }
            | Self::List { path }
            | Self::Write { path, .. }
            | Self::Certificate { path, .. }
            | Self::File { path } => path,
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, query } => {
                write!(f, "secret {path}")?;
                match query.get("version") {
                    Some(version) => write!(f, "?version={version}"),
                    None => Ok(()),
                }
            }
            Self::List { path } => write!(f, "secrets {path}"),
            Self::Write { path, arguments } => write!(f, "secret {path} with {} arguments", arguments.len()),
            Self::Certificate { path, arguments } => {
                write!(f, "pkiCert {path} with {} arguments", arguments.len())
            }
            Self::File { path } => write!(f, "file {path}"),
        }
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn within_limit(text: &str) -> Result<(), BadDependency> {
    if text.len() > LONGEST {
        return Err(BadDependency::TooLong { limit: LONGEST });
    }
    Ok(())
}

fn trimmed(path: &str) -> Result<String, BadDependency> {
    within_limit(path)?;
    let path = path.trim_matches([' ', '/']);
    if path.is_empty() {
        return Err(BadDependency::NoPath);
    }
    Ok(path.to_owned())
}

fn pairs(arguments: &[&str]) -> Result<BTreeMap<String, String>, BadDependency> {
    let mut pairs = BTreeMap::new();
    for (index, argument) in arguments.iter().enumerate() {
        within_limit(argument)?;
        if argument.trim().is_empty() {
            continue;
        }
        let position = index + 1;
        let (name, value) = argument
            .split_once('=')
            .ok_or(BadDependency::NotAPair { position })?;
        pairs.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(pairs)
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    let parameters = query.split('&').filter(|part| !part.is_empty());
    parameters
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_further_argument_makes_a_write() {
        let read = Dependency::secret(" /secret/app/ ", &[]).unwrap();
        assert_eq!(read.to_string(), "secret secret/app");
        assert!(matches!(
            Dependency::secret("secret/app", &[""]).unwrap(),
            Dependency::Write { arguments, .. } if arguments.is_empty()
        ));
        let write = Dependency::secret("pki/issue/web", &["common_name = a=b ", "ttl=1h"]).unwrap();
        let Dependency::Write { arguments, .. } = &write else {
            panic!("{write:?}")
        };
        assert_eq!(arguments["common_name"], "a=b");
        assert!(!format!("{write} {write:?}").contains("a=b"));
    }

    #[test]
    fn everything_that_changes_the_answer_is_identity() {
        let of = |path: &str, arguments: &[&str]| Dependency::secret(path, arguments).unwrap();
        assert_ne!(of("s/a?version=1", &[]), of("s/a?version=2", &[]));
        assert_ne!(of("s/a?x=1", &[]), of("s/a?x=2", &[]));
        assert_eq!(of("s/a?version=1&x=2", &[]), of("/s/a?x=2&version=1", &[]));
        assert_ne!(of("s/a", &["k=1"]), of("s/a", &["k=2"]));
        assert_eq!(of("s/a", &["k=1", "l=2"]), of("s/a", &["l=2", "k=1"]));
        assert_ne!(
            Dependency::certificate("p", &["cn=a"]).unwrap(),
            Dependency::certificate("p", &["cn=b"]).unwrap()
        );
    }

    #[test]
    fn what_names_nothing_is_refused_with_its_place() {
        assert_eq!(Dependency::secret(" / ", &[]), Err(BadDependency::NoPath));
        assert_eq!(
            Dependency::secret("a", &["k=v", "canary"]),
            Err(BadDependency::NotAPair { position: 2 })
        );
        assert_eq!(
            Dependency::list(&"x".repeat(LONGEST + 1)),
            Err(BadDependency::TooLong { limit: LONGEST })
        );
    }
}
