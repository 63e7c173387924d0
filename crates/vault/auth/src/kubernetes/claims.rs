//! What a service account token says of itself. Nothing of it is proved here.

use arca_base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Longest token read. Those of Kubernetes have about 1,500 bytes.
const LONGEST: usize = 16 << 10;

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// The signatures a cluster may make. Neither `none` nor keys that are shared belong here.
const ALGORITHMS: &[&str] = &[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];

/// Why a text is not the token of a service account. Never quotes the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("the token is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it is not a token of three parts in base64")]
    NotAToken,
    #[error("the {0} of the token is not the JSON object that is expected there")]
    BadPart(&'static str),
    #[error("the token is signed with an algorithm that clusters do not use")]
    Algorithm,
    #[error("the token names no service account: it belongs to somebody else")]
    NotAnAccount,
    #[error("the token has no usable {0}")]
    BadName(&'static str),
}

/// A claim that does not hold. These texts go to the caller, who sent the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadClaim {
    #[error("invalid expiration time (exp) claim: token is expired")]
    Expired,
    #[error("invalid not before (nbf) claim: token not yet valid")]
    NotYetValid,
    #[error("invalid issued at (iat) claim: token issued in the future")]
    IssuedInTheFuture,
    #[error("invalid issuer (iss) claim")]
    Issuer,
    #[error("invalid audience (aud) claim: audience claim does not match any expected audience")]
    Audience,
}

/// A pod, or a node, and its identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
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

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    iss: String,
    aud: Audiences,
    exp: Option<Instant>,
    nbf: Option<Instant>,
    iat: Option<Instant>,
    #[serde(rename = "kubernetes.io")]
    bound: Option<Bound>,
    #[serde(rename = "kubernetes.io/serviceaccount/namespace")]
    old_namespace: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.name")]
    old_name: String,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid")]
    old_uid: String,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name")]
    old_secret: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bound {
    namespace: String,
    serviceaccount: Named,
    secret: Option<Named>,
    pod: Option<Named>,
    node: Option<Named>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

impl Default for Audiences {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// Seconds, which some write with a fraction.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Instant {
    Whole(i64),
    Fraction(f64),
}

impl Instant {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "out of range saturates, which is far enough away"
    )]
    const fn seconds(self) -> i64 {
        match self {
            Self::Whole(seconds) => seconds,
            Self::Fraction(seconds) => seconds as i64,
        }
    }
}

impl Claims {
    /// Reads a token.
    pub(super) fn read(token: &str) -> Result<Self, Unreadable> {
        if token.len() > LONGEST {
            return Err(Unreadable::TooLong);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Unreadable::NotAToken);
        };
        let header: Header = part(header, "header")?;
        if !ALGORITHMS.contains(&&*header.alg) {
            return Err(Unreadable::Algorithm);
        }
        let payload: Payload = part(payload, "payload")?;
        Self::of(payload)?.usable()
    }

    fn of(payload: Payload) -> Result<Self, Unreadable> {
        let seconds = |instant: Option<Instant>| instant.map(Instant::seconds);
        let common = Self {
            issuer: payload.iss,
            audiences: match payload.aud {
                Audiences::One(one) => vec![one],
                Audiences::Many(many) => many,
            },
            expires: seconds(payload.exp),
            not_before: seconds(payload.nbf),
            issued: seconds(payload.iat),
            ..Self::default()
        };
        match payload.bound {
            Some(bound) => Ok(Self {
                namespace: bound.namespace,
                account: bound.serviceaccount,
                secret: bound.secret.unwrap_or_default().name,
                pod: bound.pod,
                node: bound.node,
                ..common
            }),
            None if payload.old_namespace.is_empty() => Err(Unreadable::NotAnAccount),
            None => Ok(Self {
                namespace: payload.old_namespace,
                account: Named {
                    name: payload.old_name,
                    uid: payload.old_uid,
                },
                secret: payload.old_secret,
                ..common
            }),
        }
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

fn part<T: serde::de::DeserializeOwned>(text: &str, name: &'static str) -> Result<T, Unreadable> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Unreadable::NotAToken)?;
    // A list would be read as the members of an object in order.
    if bytes.first() != Some(&b'{') {
        return Err(Unreadable::BadPart(name));
    }
    // The cause is dropped: it may quote the token.
    serde_json::from_slice(&bytes).map_err(|_| Unreadable::BadPart(name))
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
            (r#"[]"#.to_owned(), Unreadable::BadPart("payload")),
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
            // Two claims of one name: which would count?
            (
                format!(r#"{{"iss":"a","iss":"b","kubernetes.io":{{"namespace":"a",{account}}}}}"#),
                Unreadable::BadPart("payload"),
            ),
            (
                format!(r#"{{"exp":"soon","kubernetes.io":{{"namespace":"a",{account}}}}}"#),
                Unreadable::BadPart("payload"),
            ),
        ] {
            assert_eq!(read(&payload), Err(expected), "{payload}");
        }
        for (text, expected) in [
            (String::new(), Unreadable::NotAToken),
            ("a.b".to_owned(), Unreadable::NotAToken),
            ("a.b.c.d".to_owned(), Unreadable::NotAToken),
            ("*.*.*".to_owned(), Unreadable::NotAToken),
            ("x".repeat(LONGEST + 1), Unreadable::TooLong),
            (token(r#"{"alg":"none"}"#, "{}"), Unreadable::Algorithm),
            (token(r#"{"alg":"HS256"}"#, "{}"), Unreadable::Algorithm),
            (token("{}", "{}"), Unreadable::BadPart("header")),
        ] {
            assert_eq!(Claims::read(&text), Err(expected));
        }
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
