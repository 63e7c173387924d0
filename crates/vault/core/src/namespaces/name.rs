//! What namespaces may be called.

use crate::fault::Fault;

/// Longest name of one namespace, in bytes.
const MAX_NAME: usize = 128;
/// Longest path of a namespace, in bytes.
const MAX_PATH: usize = 512;
/// How deep namespaces may lie in each other.
const MAX_DEPTH: usize = 10;
/// Names that mean something else, in any case of their letters.
const RESERVED: [&str; 6] = ["root", "sys", "audit", "auth", "cubbyhole", "identity"];

/// The full path of a namespace, in its one form.
///
/// Names are compared byte by byte. They hold ASCII only, so that none looks like another in some encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamespaceName(String);

impl NamespaceName {
    /// Reads a full path that may be that of a namespace; `None` for what cannot be one. Slashes around it do not
    /// count.
    pub(super) fn known(path: &str) -> Option<Self> {
        let path = path.trim_matches('/');
        let fits = path.len() <= MAX_PATH && path.split('/').all(|name| bad(name).is_none());
        fits.then(|| Self(path.to_owned()))
    }

    /// The path of a namespace to be made or looked for at `path` below `parent`, which ends in a slash or is empty.
    ///
    /// # Errors
    /// 400 naming the field and the fix.
    pub(crate) fn below(parent: &str, path: &str) -> Result<Self, Fault> {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return Err(Fault::invalid("path must be the name of a namespace"));
        }
        for name in path.split('/') {
            if let Some(reason) = bad(name) {
                return Err(Fault::invalid(format!("path: {reason}")));
            }
        }
        let full = format!("{parent}{path}");
        if full.len() > MAX_PATH {
            return Err(Fault::invalid(format!(
                "path: the full path of a namespace may have at most {MAX_PATH} bytes; choose shorter names"
            )));
        }
        if full.split('/').count() > MAX_DEPTH {
            return Err(Fault::invalid(format!(
                "path: namespaces may lie at most {MAX_DEPTH} deep in each other; make it further up"
            )));
        }
        Ok(Self(full))
    }

    /// Name of its row: the path without trailing slash.
    pub(crate) fn row(&self) -> &str {
        &self.0
    }

    /// The path with its trailing slash.
    pub(crate) fn path(&self) -> String {
        format!("{}/", self.0)
    }

    /// The path of the namespace it lies in, with trailing slash or empty, and its own name.
    pub(crate) fn split(&self) -> (&str, &str) {
        match self.0.rfind('/') {
            Some(slash) => self.0.split_at(slash + 1),
            None => ("", &self.0),
        }
    }
}

/// Why something is no name.
fn bad(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a name is empty; leave out the second slash".to_owned());
    }
    if name.len() > MAX_NAME {
        return Some(format!(
            "a name may have at most {MAX_NAME} bytes, this one has {}",
            name.len()
        ));
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !name.bytes().all(known) || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Some(format!(
            "{name:?} cannot be a name: use letters and digits of ASCII, '-', '_' and '.', and begin with a letter or digit"
        ));
    }
    let lower = name.to_ascii_lowercase();
    let reserved = RESERVED.contains(&&*lower);
    reserved.then(|| format!("{name:?} is reserved and cannot be the name of a namespace; choose another"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for form in ["a/b", "/a/b", "a/b/", "//a/b//"] {
            assert_eq!(NamespaceName::below("", form).unwrap().row(), "a/b", "{form}");
            assert_eq!(NamespaceName::known(form).unwrap().path(), "a/b/");
        }
        let deep = NamespaceName::below("a/", "b").unwrap();
        assert_eq!((deep.row(), deep.split()), ("a/b", ("a/", "b")));
        assert_eq!(NamespaceName::below("", "b").unwrap().split(), ("", "b"));
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_the_reason() {
        let long = "x".repeat(MAX_NAME + 1);
        let deep = ["d"; MAX_DEPTH + 1].join("/");
        let longest = vec!["x".repeat(MAX_NAME); 5].join("/");
        for (path, part) in [
            ("", "must be the name"),
            ("/", "must be the name"),
            ("a//b", "is empty"),
            (" a", "cannot be a name"),
            ("a ", "cannot be a name"),
            ("a b", "cannot be a name"),
            ("ä", "cannot be a name"),
            ("ｎｓ", "cannot be a name"),
            ("a\u{301}", "cannot be a name"),
            (".", "cannot be a name"),
            ("..", "cannot be a name"),
            ("a*", "cannot be a name"),
            ("+", "cannot be a name"),
            ("root", "reserved"),
            ("Root", "reserved"),
            ("SYS", "reserved"),
            ("a/auth", "reserved"),
            ("audit", "reserved"),
            ("cubbyhole", "reserved"),
            ("identity", "reserved"),
            (&long, "at most 128 bytes"),
            (&deep, "10 deep"),
            (&longest, "512 bytes"),
        ] {
            let fault = NamespaceName::below("", path).unwrap_err();
            assert!(fault.text().contains(part), "{path:?}: {fault}");
            assert!(fault.text().starts_with("path"), "{fault}");
        }
    }
}
