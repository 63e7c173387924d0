//! What a service account token says of itself. Nothing of it is proved here.

use arca_base::{Json, Timestamp};
use arca_crypto::jws::{self, BadClaim, Jws, JwsError};

/// Longest token read. Those of Kubernetes have about 1,500 bytes.
const LONGEST: usize = 16 << 10;

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// Why a text is not the token of a service account. Never quotes the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the token is longer than {LONGEST} bytes")]
    TooLong,
    #[error("{0}")]
    NotAToken(#[from] JwsError),
    #[error("{0}")]
    Claim(#[from] BadClaim),
    #[error("the token names no service account: it belongs to somebody else")]
    NotAnAccount,
    #[error("the token has no usable {0}")]
    BadName(&'static str),
}

/// A pod, or a node, and its identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) uid: String,
}

/// What a token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) namespace: String,
    pub(super) account: Named,
    /// The secret a token of the old kind is kept in.
    pub(super) secret: String,
    pub(super) pod: Option<Named>,
    pub(super) node: Option<Named>,
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    /// Unix seconds.
    pub(super) expires: Option<i64>,
    not_before: Option<i64>,
    issued: Option<i64>,
}

/// Reads a token of the length service accounts have.
///
/// # Errors
/// [`Unreadable`].
pub(super) fn parse(token: &str) -> Result<Jws<'_>, Unreadable> {
    if token.len() > LONGEST {
        return Err(Unreadable::TooLong);
    }
    Ok(Jws::parse(token)?)
}

impl Claims {
    /// Reads what a token says, which anybody could have written.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub(super) fn read(token: &str) -> Result<Self, Unreadable> {
        Self::of(&parse(token)?.unproved_claims()?)
    }

    /// Reads claims.
    ///
    /// # Errors
    /// [`Unreadable`] when they are not those of a service account.
    pub(super) fn of(claims: &jws::Claims) -> Result<Self, Unreadable> {
        let audiences = claims.audiences()?;
        let common = Self {
            issuer: claims.issuer().unwrap_or_default().to_owned(),
            audiences: audiences.into_iter().map(str::to_owned).collect(),
            expires: claims.expires()?,
            not_before: claims.not_before()?,
            issued: claims.issued()?,
            ..Self::default()
        };
        let members = claims.members();
        let old = |name: &str| {
            let value = members.get(&format!("kubernetes.io/serviceaccount/{name}"));
            value.and_then(Json::as_str).unwrap_or_default().to_owned()
        };
        let claims = match members.get("kubernetes.io") {
            Some(bound @ Json::Object(_)) => Self {
                namespace: text(bound, "namespace"),
                account: named(bound, "serviceaccount")?.unwrap_or_default(),
                secret: named(bound, "secret")?.unwrap_or_default().name,
                pod: named(bound, "pod")?,
                node: named(bound, "node")?,
                ..common
            },
            _ if old("namespace").is_empty() => return Err(Unreadable::NotAnAccount),
            _ => Self {
                namespace: old("namespace"),
                account: Named {
                    name: old("service-account.name"),
                    uid: old("service-account.uid"),
                },
                secret: old("secret.name"),
                ..common
            },
        };
        claims.usable()
    }

    /// Names become parts of URLs, of log lines and of the names of tokens, so only those of Kubernetes pass.
    fn usable(self) -> Result<Self, Unreadable> {
        let checked = [
            ("namespace", &self.namespace),
            ("name of a service account", &self.account.name),
            ("identifier of a service account", &self.account.uid),
        ];
        if let Some((what, _)) = checked.into_iter().find(|(_, name)| !is_name(name)) {
            return Err(Unreadable::BadName(what));
        }
        let objects = [self.pod.as_ref(), self.node.as_ref()].into_iter().flatten();
        let names = objects.flat_map(|object| [&object.name, &object.uid]);
        let bad = names
            .chain([&self.secret])
            .any(|name| !name.is_empty() && !is_name(name));
        if bad {
            return Err(Unreadable::BadName("name of pod, node or secret"));
        }
        Ok(self)
    }

    /// Whether the token is good at this moment, as far as it says itself.
    pub(super) fn check_times(&self, now: Timestamp) -> Result<(), BadClaim> {
        let now = now.unix_seconds();
        let late = now.saturating_add(LEEWAY);
        if self.expires.is_some_and(|end| end.saturating_add(LEEWAY) <= now) {
            return Err(BadClaim::Expired);
        }
        if self.not_before.is_some_and(|start| start > late) {
            return Err(BadClaim::NotYetValid);
        }
        if self.issued.is_some_and(|issued| issued > late) {
            return Err(BadClaim::IssuedInTheFuture);
        }
        Ok(())
    }

    /// Whether the token was made for `audience`; any token is when none is asked for.
    pub(super) fn check_audience(&self, audience: &str) -> Result<(), BadClaim> {
        if audience.is_empty() || self.audiences.iter().any(|given| given == audience) {
            return Ok(());
        }
        Err(BadClaim::Audience)
    }

    /// Whether the token was made by `issuer`; any was when none is asked for.
    pub(super) fn check_issuer(&self, issuer: &str) -> Result<(), BadClaim> {
        if issuer.is_empty() || self.issuer == issuer {
            return Ok(());
        }
        Err(BadClaim::Issuer)
    }

    /// `namespace/name`, as people write it.
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.account.name)
    }
}

fn text(object: &Json, member: &str) -> String {
    object
        .get(member)
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// An object with a name and an identifier, if it is there.
fn named(bound: &Json, member: &'static str) -> Result<Option<Named>, Unreadable> {
    match bound.get(member) {
        None | Some(Json::Null) => Ok(None),
        Some(object @ Json::Object(_)) => Ok(Some(Named {
            name: text(object, "name"),
            uid: text(object, "uid"),
        })),
        Some(_) => Err(Unreadable::BadName(member)),
    }
}

/// Whether `text` can be the name or the identifier of an object of Kubernetes.
fn is_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 253
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':'))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn token(header: &str, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(header), part(payload))
    }

    const RS256: &str = r#"{"alg":"RS256","kid":"k"}"#;

    fn read(payload: &str) -> Result<Claims, Unreadable> {
        Claims::read(&token(RS256, payload))
    }

    #[test]
    fn reads_tokens_of_pods_and_old_ones() {
        let claims = read(
            r#"{"iss":"i","aud":["a","b"],"exp":100,"nbf":1,"iat":1.5,"sub":"system:serviceaccount:prod:web",
            "kubernetes.io":{"namespace":"prod","serviceaccount":{"name":"web","uid":"u-1"},
            "pod":{"name":"web-0","uid":"p-1"},"node":{"name":"n-1","uid":"n-2"},"warnafter":7}}"#,
        )
        .unwrap();
        assert_eq!(claims.full_name(), "prod/web");
        assert_eq!((claims.account.uid.as_str(), claims.secret.as_str()), ("u-1", ""));
        assert_eq!(claims.pod.as_ref().unwrap().name, "web-0");
        assert_eq!(claims.node.as_ref().unwrap().name, "n-1");
        assert_eq!(claims.audiences, ["a", "b"]);
        let old = read(
            r#"{"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/namespace":"prod",
            "kubernetes.io/serviceaccount/service-account.name":"web","kubernetes.io/serviceaccount/service-account.uid":"u",
            "kubernetes.io/serviceaccount/secret.name":"web-token-x"}"#,
        )
        .unwrap();
        assert_eq!(
            (old.full_name().as_str(), old.secret.as_str()),
            ("prod/web", "web-token-x")
        );
        assert_eq!(old.expires, None);
    }

    #[test]
    fn refuses_what_is_no_token_of_a_service_account() {
        let account = r#""serviceaccount":{"name":"web","uid":"u"}"#;
        for (payload, expected) in [
            (r#"{"sub":"alice"}"#.to_owned(), Unreadable::NotAnAccount),
            (
                format!(r#"{{"kubernetes.io":{{"namespace":"../secrets",{account}}}}}"#),
                Unreadable::BadName("namespace"),
            ),
            (
                r#"{"kubernetes.io":{"namespace":"a","serviceaccount":{"name":"w\neb","uid":"u"}}}"#
                    .to_owned(),
                Unreadable::BadName("name of a service account"),
            ),
            (
                r#"{"kubernetes.io":{"namespace":"a","serviceaccount":{"name":"web"}}}"#.to_owned(),
                Unreadable::BadName("identifier of a service account"),
            ),
            (
                format!(r#"{{"kubernetes.io":{{"namespace":"a",{account},"pod":{{"name":"x y"}}}}}}"#),
                Unreadable::BadName("name of pod, node or secret"),
            ),
            (
                format!(r#"{{"kubernetes.io":{{"namespace":"a",{account},"pod":"web-0"}}}}"#),
                Unreadable::BadName("pod"),
            ),
            (
                format!(r#"{{"exp":"soon","kubernetes.io":{{"namespace":"a",{account}}}}}"#),
                Unreadable::Claim(BadClaim::Kind("expiration time (exp)")),
            ),
        ] {
            assert_eq!(read(&payload), Err(expected), "{payload}");
        }
        for text in [
            String::new(),
            "a.b".to_owned(),
            "a.b.c.d".to_owned(),
            "*.*.*".to_owned(),
            token(r#"{"alg":"none"}"#, "{}"),
            token(r#"{"alg":"HS256"}"#, "{}"),
            token("{}", "{}"),
            token(RS256, "[]"),
            // Two claims of one name: which would count?
            token(
                RS256,
                &format!(r#"{{"iss":"a","iss":"b","kubernetes.io":{{"namespace":"a",{account}}}}}"#),
            ),
            token(
                RS256,
                &format!(r#"{{"kubernetes.io":{{"namespace":"a","namespace":"b",{account}}}}}"#),
            ),
        ] {
            assert!(
                matches!(Claims::read(&text), Err(Unreadable::NotAToken(_))),
                "{text}"
            );
        }
        assert_eq!(Claims::read(&"x".repeat(LONGEST + 1)), Err(Unreadable::TooLong));
    }

    #[test]
    fn claims_hold_or_not() {
        let at = |seconds| Timestamp::from_unix(seconds, 0);
        let claims = Claims {
            expires: Some(1000),
            not_before: Some(500),
            issued: Some(500),
            issuer: "i".to_owned(),
            audiences: vec!["vault".to_owned()],
            ..Claims::default()
        };
        assert_eq!(claims.check_times(at(700)), Ok(()));
        assert_eq!(claims.check_times(at(1059)), Ok(()));
        assert_eq!(claims.check_times(at(1060)), Err(BadClaim::Expired));
        assert_eq!(claims.check_times(at(440)), Ok(()));
        assert_eq!(claims.check_times(at(439)), Err(BadClaim::NotYetValid));
        let future = Claims {
            issued: Some(i64::MAX),
            ..Claims::default()
        };
        assert_eq!(future.check_times(at(0)), Err(BadClaim::IssuedInTheFuture));
        assert_eq!(claims.check_audience(""), Ok(()));
        assert_eq!(claims.check_audience("vault"), Ok(()));
        assert_eq!(claims.check_audience("Vault"), Err(BadClaim::Audience));
        assert_eq!(
            (claims.check_issuer(""), claims.check_issuer("i")),
            (Ok(()), Ok(()))
        );
        assert_eq!(claims.check_issuer("j"), Err(BadClaim::Issuer));
    }
}
