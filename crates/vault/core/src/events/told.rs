//! What is told of a change, as the name of a key.
//!
//! ```text
//! ns/<namespace>/event/<mount uuid, or ->/<milliseconds, hex>/<type>/&<name>=<value>&.../<path>
//! ```
//!
//! The commit that makes a change also removes a key with such a name, which never exists. Nothing is stored by
//! that, but the history of the store has it, in the order of commits, for as long as it has the commit, and for
//! every node. What is told is as visible as the names of records are: paths and numbers, never a value.

use std::fmt::Write as _;

use arca_base::{NamespaceId, Timestamp};
use arca_storage::MAX_KEY_BYTES;

use crate::layout;

/// Where what is told stands in the history.
const FOLDER: &str = "event/";
/// In place of the mount: the server itself.
const SERVER: &str = "-";
/// In place of everything: something that does not fit into a key.
const UNTOLD: &str = "untold";
/// The hash of the token that a change concerns. Not shown.
const OWNER: &str = ".owner";

/// A change, described by whoever makes it.
///
/// Its type is `<plugin>/<operation>`; its path is below the mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    kind: &'static str,
    path: String,
    members: Vec<(&'static str, String)>,
}

impl Told {
    /// Something of the type `kind` happened at `path`: the path below the mount that shows the change when it is
    /// read.
    pub fn of(kind: &'static str, path: impl Into<String>) -> Self {
        Self {
            kind,
            path: path.into(),
            members: Vec::new(),
        }
    }

    /// The path below the mount that was asked to make the change, where that is another one.
    #[must_use]
    pub fn by(self, path: impl Into<String>) -> Self {
        self.with("path", path)
    }

    /// One more member of the metadata: a number or a name, never a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// Whoever has this token may see it.
    #[must_use]
    pub(crate) fn of_token(self, hash: &str) -> Self {
        self.with(OWNER, hash)
    }

    /// The key whose removal tells it; `None` for `mount` is the server itself.
    pub(crate) fn key(&self, namespace: &NamespaceId, mount: Option<&str>, now: Timestamp) -> String {
        let folder = folder(namespace);
        let mut key = format!(
            "{folder}{}/{:x}/",
            mount.unwrap_or(SERVER),
            now.unix_millis().max(0)
        );
        escape(self.kind, &mut key);
        // A segment is never empty.
        key.push_str("/&");
        for (name, value) in &self.members {
            let _ = write!(key, "{name}=");
            escape(value, &mut key);
            key.push('&');
        }
        key.push('/');
        key.push_str(&self.path);
        if key.len() > MAX_KEY_BYTES || arca_storage::check_key(&key).is_err() {
            return format!("{folder}{UNTOLD}");
        }
        key
    }
}

/// What a key tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heard<'a> {
    /// UUID of the mount; `None` for the server itself.
    pub(super) mount: Option<&'a str>,
    pub(super) time: Timestamp,
    pub(super) kind: String,
    pub(super) members: Vec<(&'a str, String)>,
    pub(super) owner: Option<String>,
    pub(super) path: &'a str,
}

/// Below what keys tell of changes.
pub(super) fn folder(namespace: &NamespaceId) -> String {
    layout::namespace(namespace) + FOLDER
}

/// The identifier of the namespace that a key tells of; `None` for any other key.
pub(super) fn namespace_of(key: &str) -> Option<&str> {
    let (id, below) = key.strip_prefix("ns/")?.split_once('/')?;
    below.starts_with(FOLDER).then_some(id)
}

impl<'a> Heard<'a> {
    /// Reads a key without its folder; `None` for one that tells that something cannot be told.
    pub(super) fn parse(key: &'a str) -> Option<Self> {
        let mut parts = key.splitn(5, '/');
        let mount = parts.next()?;
        let millis = i64::from_str_radix(parts.next()?, 16).ok()?;
        let kind = unescape(parts.next()?).filter(|kind| is_kind(kind))?;
        let (mut members, mut owner) = (Vec::new(), None);
        for member in parts.next()?.split('&').filter(|member| !member.is_empty()) {
            let (name, value) = member.split_once('=')?;
            match (name, unescape(value)?) {
                (OWNER, value) => owner = Some(value),
                (name, value) => members.push((name, value)),
            }
        }
        let nanos = u32::try_from(millis.rem_euclid(1000)).ok()? * 1_000_000;
        Some(Self {
            mount: Some(mount).filter(|mount| *mount != SERVER),
            time: Timestamp::from_unix(millis.div_euclid(1000), nanos),
            kind,
            members,
            owner,
            path: parts.next()?,
        })
    }
}

/// Keys are not sealed: whatever they hold must not be able to break a frame.
fn is_kind(kind: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte);
    !kind.is_empty() && kind.bytes().all(fits)
}

/// Appends text so that it holds neither a slash nor what separates members.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02x}");
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_unix(1_700_000_000, 250_000_000)
    }

    fn told(told: &Told, mount: Option<&str>) -> String {
        let root = NamespaceId::root();
        let key = told.key(&root, mount, now());
        arca_storage::check_key(&key).unwrap();
        key.strip_prefix(&folder(&root)).unwrap().to_owned()
    }

    proptest! {
        #[test]
        fn whatever_is_told_is_heard(path in "[a-z%&=/é]{0,3}[a-z%&=é]", value in ".{0,20}") {
            prop_assume!(!path.contains("//") && !path.starts_with('/'));
            let key = told(&Told::of("kv-v2/data-write", &*path).by(&*value).of_token("h").with("n", "1"), Some("u"));
            prop_assert_eq!(Heard::parse(&key), Some(Heard {
                mount: Some("u"),
                time: now(),
                kind: "kv-v2/data-write".to_owned(),
                members: vec![("path", value), ("n", "1".to_owned())],
                owner: Some("h".to_owned()),
                path: &path,
            }));
        }
    }

    #[test]
    fn the_server_itself_has_no_mount() {
        let key = told(&Told::of("policy/write", "sys/policies/acl/a"), None);
        let heard = Heard::parse(&key).unwrap();
        assert_eq!((heard.mount, heard.path), (None, "sys/policies/acl/a"));
        assert!(heard.members.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_told_to_be_missing() {
        for path in ["x".repeat(MAX_KEY_BYTES), "a//b".to_owned(), "a/".to_owned()] {
            let key = told(&Told::of("kv-v1/write", path), Some("u"));
            assert_eq!(Heard::parse(&key), None);
        }
    }
}
