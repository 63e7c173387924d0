//! Revocations that pass through.

use arca_base::Secret;
use serde::Deserialize;

/// What a request takes back, once the server has accepted it.
pub(in super::super) enum Revocation {
    Lease(String),
    /// Every lease below a prefix.
    Below(String),
    Token(Secret<String>),
    Accessor(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    lease_id: String,
    token: String,
    accessor: String,
}

impl Revocation {
    /// What a request to `path` (with its `/v1/`) takes back, if it is a revocation.
    pub(in super::super) fn of(path: &str, body: &[u8], asker: Option<&Secret<String>>) -> Option<Self> {
        let path = path.strip_prefix("/v1/")?;
        let fields = || serde_json::from_slice::<Fields>(body).unwrap_or_default();
        if let Some(rest) = path.strip_prefix("auth/token/") {
            return match rest {
                "revoke-self" => asker.map(|token| Self::Token(token.duplicate())),
                "revoke" | "revoke-orphan" => Some(Self::Token(Secret::new(fields().token))),
                "revoke-accessor" => Some(Self::Accessor(fields().accessor)),
                _ => None,
            };
        }
        let rest = path
            .strip_prefix("sys/leases/")
            .or_else(|| path.strip_prefix("sys/"))?;
        for every in ["revoke-prefix/", "revoke-force/"] {
            if let Some(prefix) = rest.strip_prefix(every) {
                return Some(Self::Below(prefix.to_owned()));
            }
        }
        match rest.strip_prefix("revoke")? {
            "" => Some(Self::Lease(fields().lease_id)),
            rest => Some(Self::Lease(rest.strip_prefix('/')?.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, body: &str) -> String {
        let asker = Secret::new("own".to_owned());
        match Revocation::of(path, body.as_bytes(), Some(&asker)) {
            None => "nothing".into(),
            Some(Revocation::Lease(lease)) => format!("lease {lease}"),
            Some(Revocation::Below(prefix)) => format!("below {prefix}"),
            Some(Revocation::Token(token)) => format!("token {}", token.expose()),
            Some(Revocation::Accessor(accessor)) => format!("accessor {accessor}"),
        }
    }

    #[test]
    fn every_way_to_revoke_is_known() {
        for (path, body, expected) in [
            ("/v1/auth/token/revoke-self", "", "token own"),
            ("/v1/auth/token/revoke", r#"{"token":"t"}"#, "token t"),
            ("/v1/auth/token/revoke-orphan", r#"{"token":"t"}"#, "token t"),
            (
                "/v1/auth/token/revoke-accessor",
                r#"{"accessor":"a"}"#,
                "accessor a",
            ),
            ("/v1/sys/leases/revoke", r#"{"lease_id":"a/b"}"#, "lease a/b"),
            ("/v1/sys/leases/revoke/a/b", "", "lease a/b"),
            ("/v1/sys/revoke/a/b", "", "lease a/b"),
            ("/v1/sys/leases/revoke-prefix/a/", "", "below a/"),
            ("/v1/sys/leases/revoke-force/a", "", "below a"),
            ("/v1/auth/token/lookup-self", "", "nothing"),
            ("/v1/secret/revoke", "", "nothing"),
            ("/v1/sys/leases/renew", "", "nothing"),
        ] {
            assert_eq!(read(path, body), expected, "{path}");
        }
    }
}
