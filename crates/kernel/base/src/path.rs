//! Request paths and mount paths, in their one canonical form.
//!
//! A path is checked once, where it enters, and travels as one of these types afterwards: no `..`, no empty
//! segment, nothing unprintable can reach the router, a policy or a storage key.

use std::fmt;

/// Longest accepted request path, in bytes after percent-decoding.
pub const MAX_PATH_BYTES: usize = 2048;

/// Longest accepted mount path, in bytes with its trailing slash.
pub const MAX_MOUNT_BYTES: usize = 512;

/// Why a path was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// A `.` or `..` segment.
    #[error("relative paths not supported")]
    Relative,
    /// A control or other invisible character.
    #[error("path contains an unprintable character")]
    Unprintable,
    /// Two slashes in a row.
    #[error("path contains an empty segment (//)")]
    EmptySegment,
    /// Longer than the limit.
    #[error("path is longer than {limit} bytes")]
    TooLong {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// No text where a path is needed.
    #[error("path is empty")]
    Empty,
    /// A segment that begins or ends with white space.
    #[error("a path segment begins or ends with white space")]
    Whitespace,
}

/// The path of a request below `/v1/`, without a leading slash: `secret/data/app`.
///
/// May end in a slash (a folder). Never holds empty, `.` or `..` segments or unprintable characters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestPath(Box<str>);

impl RequestPath {
    /// Checks a percent-decoded path; one leading slash is dropped.
    ///
    /// # Errors
    /// [`BadPath`] naming the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        let text = text.strip_prefix('/').unwrap_or(text);
        if text.len() > MAX_PATH_BYTES {
            return Err(BadPath::TooLong {
                limit: MAX_PATH_BYTES,
            });
        }
        check_segments(text)?;
        Ok(Self(text.into()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the path names a folder: it is empty or ends in a slash.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.0.is_empty() || self.0.ends_with('/')
    }

    /// The same path with a trailing slash, as list operations use it.
    #[must_use]
    pub fn into_folder(self) -> Self {
        if self.is_folder() {
            self
        } else {
            Self(format!("{}/", self.0).into())
        }
    }
}

impl fmt::Display for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RequestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Where an engine is mounted: `secret/`, `team/kv/`. Always ends in a slash, never begins with one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MountPath(Box<str>);

impl MountPath {
    /// Checks `text`, dropping leading slashes and adding the trailing one.
    ///
    /// # Errors
    /// [`BadPath`] naming the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        let text = text.trim_start_matches('/').trim_end_matches('/');
        if text.is_empty() {
            return Err(BadPath::Empty);
        }
        if text.len() >= MAX_MOUNT_BYTES {
            return Err(BadPath::TooLong {
                limit: MAX_MOUNT_BYTES,
            });
        }
        check_segments(text)?;
        if text.split('/').any(|segment| segment.trim() != segment) {
            return Err(BadPath::Whitespace);
        }
        Ok(Self(format!("{text}/").into()))
    }

    /// The path with its trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its trailing slash.
    #[must_use]
    pub fn trimmed(&self) -> &str {
        self.0.trim_end_matches('/')
    }

    /// Whether one of the two paths lies inside the other, so that both cannot be mounted.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.starts_with(&*other.0) || other.0.starts_with(&*self.0)
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn check_segments(text: &str) -> Result<(), BadPath> {
    if !text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !text.chars().all(is_printable) {
        return Err(BadPath::Unprintable);
    }
    let mut segments = text.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => return Err(BadPath::Relative),
            "" if segments.peek().is_some() => return Err(BadPath::EmptySegment),
            _ => {}
        }
    }
    Ok(())
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space; as Go's `unicode.IsPrint`, which decides
/// for existing servers, except that unassigned characters pass.
#[must_use]
pub fn is_printable(c: char) -> bool {
    let invisible = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..);
    c == ' ' || !(c.is_control() || c.is_whitespace() || invisible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_paths_keep_what_is_allowed() {
        for (text, kept) in [
            ("secret/data/app", "secret/data/app"),
            ("/secret/data/app", "secret/data/app"),
            ("secret/", "secret/"),
            ("", ""),
            ("a b/c", "a b/c"),
            ("a/...", "a/..."),
            ("\u{e9}t\u{e9}", "\u{e9}t\u{e9}"),
        ] {
            assert_eq!(RequestPath::parse(text).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn request_paths_refuse_tricks() {
        for (text, reason) in [
            ("a/../b", BadPath::Relative),
            ("..", BadPath::Relative),
            ("a/.", BadPath::Relative),
            ("a//b", BadPath::EmptySegment),
            ("//a", BadPath::EmptySegment),
            ("a//", BadPath::EmptySegment),
            ("a\nb", BadPath::Unprintable),
            ("a\0", BadPath::Unprintable),
            ("a\u{7f}", BadPath::Unprintable),
            ("a\u{a0}b", BadPath::Unprintable),
            ("a\u{200b}b", BadPath::Unprintable),
            ("a\u{202e}b", BadPath::Unprintable),
        ] {
            assert_eq!(RequestPath::parse(text), Err(reason), "{text:?}");
        }
        assert_eq!(
            RequestPath::parse(&"a".repeat(2049)),
            Err(BadPath::TooLong { limit: 2048 })
        );
    }

    #[test]
    fn folders_end_in_a_slash() {
        assert_eq!(RequestPath::parse("a/b").unwrap().into_folder().as_str(), "a/b/");
        assert_eq!(RequestPath::parse("a/b/").unwrap().into_folder().as_str(), "a/b/");
    }

    #[test]
    fn mount_paths_are_canonical() {
        for text in ["secret", "secret/", "/secret", "//secret//"] {
            assert_eq!(MountPath::parse(text).unwrap().as_str(), "secret/");
        }
        assert_eq!(MountPath::parse("/"), Err(BadPath::Empty));
        assert_eq!(MountPath::parse("a//b"), Err(BadPath::EmptySegment));
        assert_eq!(MountPath::parse("a /b"), Err(BadPath::Whitespace));
        assert_eq!(MountPath::parse("../a"), Err(BadPath::Relative));
    }

    #[test]
    fn mounts_overlap_by_whole_segments() {
        let mount = |text| MountPath::parse(text).unwrap();
        assert!(mount("a").overlaps(&mount("a/b")));
        assert!(mount("a/b").overlaps(&mount("a")));
        assert!(!mount("a").overlaps(&mount("ab")));
    }
}
