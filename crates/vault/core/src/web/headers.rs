//! Headers of a request: those that somebody asks for, and no others.

use std::sync::Arc;

use arca_base::Secret;

/// Longest name of a header that can be configured, in bytes.
const LONGEST_NAME: usize = 128;

/// Headers whose values are credentials.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-vault-mfa",
    "x-vault-token",
];

/// Whether a header can be named so. Lower case, as names are kept.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(fits)
}

/// Whether the values of a header are credentials, which stand nowhere in the clear; `name` is in lower case.
#[must_use]
pub fn is_credential(name: &str) -> bool {
    CREDENTIALS.contains(&name) || name.starts_with("x-vault-inline-auth-")
}

/// Headers of a request that were kept. Without any it costs nothing.
#[derive(Clone, Default)]
pub struct RequestHeaders(Option<Arc<Vec<Header>>>);

struct Header {
    name: Box<str>,
    value: Secret<String>,
}

impl RequestHeaders {
    /// Headers in the order they came; names in lower case.
    pub fn new<'a>(headers: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let kept: Vec<Header> = headers
            .into_iter()
            .map(|(name, value)| Header {
                name: name.into(),
                value: Secret::new(value),
            })
            .collect();
        Self((!kept.is_empty()).then(|| Arc::new(kept)))
    }

    /// Whether none was kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The values of a header; `name` in lower case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.0.iter().flat_map(|all| all.iter());
        all.filter(move |header| &*header.name == name)
            .map(|header| header.value.expose().as_str())
    }

    /// Those of these names, without any that holds the token of the caller, or a bearer token of nobody known.
    pub(crate) fn only(&self, names: &[String], token: Option<&str>) -> Self {
        let Some(all) = self.0.as_deref().filter(|_| !names.is_empty()) else {
            return Self::default();
        };
        let holds_token = |value: &str| match token {
            Some(token) => value.contains(token),
            None => value.starts_with("Bearer "),
        };
        let passed = all.iter().filter(|header| {
            let named = names.iter().any(|name| name.eq_ignore_ascii_case(&header.name));
            named && !header.name.starts_with("x-vault-token") && !holds_token(header.value.expose())
        });
        Self::new(passed.map(|header| (&*header.name, header.value.expose().clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_gets_what_its_mount_lists_and_never_the_token() {
        let headers = RequestHeaders::new([
            ("x-a", "1".to_owned()),
            ("x-a", "2".to_owned()),
            ("x-b", "3".to_owned()),
            ("authorization", "Bearer hvs.canary".to_owned()),
            ("x-vault-token", "hvs.other".to_owned()),
        ]);
        let names = ["X-A", "Authorization", "X-Vault-Token"].map(str::to_owned);
        let passed = headers.only(&names, Some("hvs.canary"));
        assert_eq!(passed.values("x-a").collect::<Vec<_>>(), ["1", "2"]);
        for name in ["x-b", "authorization", "x-vault-token"] {
            assert_eq!(passed.values(name).count(), 0, "{name}");
        }
        let other = headers.only(&names, None);
        assert_eq!(
            other.values("authorization").count(),
            0,
            "whose it is, nobody knows"
        );
        assert!(headers.only(&[], None).is_empty());
    }

    #[test]
    fn names() {
        for name in ["x-a", "user-agent", "x_b.c"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "X-A", "a b", "a:b", &"a".repeat(LONGEST_NAME + 1)] {
            assert!(!is_name(name), "{name}");
        }
        assert!(
            is_credential("x-vault-inline-auth-parameter-password") && !is_credential("x-vault-namespace")
        );
    }
}
