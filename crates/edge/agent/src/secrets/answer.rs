//! What the server answered: how long it is good for, and what a template sees of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arca_api::Envelope;
use arca_base::{Json, Secret, Timestamp};
use arca_crypto::digest::sha256;
use arca_lang::template::{FunctionError, Object, Value};

use super::dependency::Dependency;
use super::life::Timing;

/// An answer that is held: its bytes, which are wiped, rather than a tree of strings, which cannot be.
pub struct Held {
    body: Secret<Vec<u8>>,
    /// Of all a template may look at except the number of the request: equal means nothing has changed.
    pub(crate) digest: [u8; 32],
}

impl Held {
    /// Bytes of a file.
    pub(crate) fn file(body: Vec<u8>) -> Self {
        let digest = sha256(&body);
        Self {
            body: Secret::new(body),
            digest,
        }
    }

    /// An answer of the server, as its envelope was read from `body`.
    pub(crate) fn answer(body: Vec<u8>, envelope: &Envelope) -> Self {
        let mut text = Secret::new(envelope.lease_id.clone());
        if let Some(data) = &envelope.data {
            data.write_to(text.expose_mut());
        }
        if let Some(auth) = &envelope.auth {
            text.expose_mut().push_str(&auth.client_token);
        }
        let digest = sha256(text.expose().as_bytes());
        Self {
            body: Secret::new(body),
            digest,
        }
    }

    /// The bytes as they came.
    pub(crate) const fn body(&self) -> &Secret<Vec<u8>> {
        &self.body
    }

    /// What a template gets for `dependency`. Made for each rendering and dropped with it.
    #[must_use]
    pub fn value(&self, dependency: &Dependency) -> Value {
        if let Dependency::File { .. } = dependency {
            return Value::string(self.body.expose());
        }
        let Ok(envelope) = serde_json::from_slice::<Envelope>(self.body.expose()) else {
            return Value::Nil;
        };
        match dependency {
            Dependency::List { .. } => names(&envelope),
            Dependency::Certificate { .. } => Value::Object(Arc::new(Pem::of(&envelope))),
            _ => Value::Object(Arc::new(Answer {
                envelope,
                data: OnceLock::new(),
            })),
        }
    }
}

/// How long an answer is good for.
pub(crate) fn timing(envelope: &Envelope, now: Timestamp) -> Timing {
    if !envelope.lease_id.is_empty() && envelope.lease_duration > 0 {
        return Timing::Lease {
            id: envelope.lease_id.clone(),
            renewable: envelope.renewable,
            length: Duration::from_secs(envelope.lease_duration),
        };
    }
    if let Some(auth) = &envelope.auth
        && auth.lease_duration > 0
    {
        let left = Duration::from_secs(auth.lease_duration);
        return if auth.orphan {
            Timing::Ends(left)
        } else {
            Timing::Child(left)
        };
    }
    let number = |name| {
        envelope
            .data
            .as_ref()
            .and_then(|data| data.get(name))
            .and_then(Json::as_i64)
    };
    let has = |name| {
        envelope
            .data
            .as_ref()
            .is_some_and(|data| data.get(name).is_some())
    };
    let seconds = |number: i64| Duration::from_secs(u64::try_from(number).unwrap_or(0));
    if let (true, Some(expiration)) = (has("certificate"), number("expiration")) {
        return Timing::Ends(Timestamp::from_unix(expiration, 0).since(now));
    }
    if let (true, Some(ttl @ 1..)) = (has("secret_id"), number("secret_id_ttl")) {
        return Timing::Ends(seconds(ttl));
    }
    let rotates = number("rotation_period").is_some() || has("rotation_schedule");
    if let (true, Some(ttl @ 0..)) = (rotates, number("ttl")) {
        return Timing::Rotates(seconds(ttl));
    }
    let asked = (envelope.lease_duration > 0).then(|| Duration::from_secs(envelope.lease_duration));
    Timing::Static(asked)
}

fn names(envelope: &Envelope) -> Value {
    let keys = envelope.data.as_ref().and_then(|data| data.get("keys"));
    let mut names: Vec<&str> = keys
        .and_then(Json::as_array)
        .unwrap_or_default()
        .iter()
        .filter_map(Json::as_str)
        .collect();
    names.sort_unstable();
    Value::list(names.into_iter().map(Value::from))
}

fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::JsonNumber(number.as_str().into()),
        Json::String(text) => Value::string(text),
        Json::Array(elements) => Value::list(elements.iter().map(value)),
        Json::Object(members) => Value::map(members.iter().map(|(name, member)| (name, value(member)))),
    }
}

fn whole(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t String>) -> Value {
    Value::list(texts.into_iter().map(Value::string))
}

/// What `secret` gives.
struct Answer {
    envelope: Envelope,
    /// Made when it is first asked for: most templates ask for several of its members, each by itself.
    data: OnceLock<Value>,
}

impl Object for Answer {
    fn type_name(&self) -> &str {
        "*dependency.Secret"
    }

    fn field(&self, name: &str) -> Option<Value> {
        let Self { envelope, data } = self;
        Some(match name {
            "RequestID" => Value::string(&envelope.request_id),
            "LeaseID" => Value::string(&envelope.lease_id),
            "LeaseDuration" => whole(envelope.lease_duration),
            "Renewable" => Value::Bool(envelope.renewable),
            "Data" => data
                .get_or_init(|| envelope.data.as_ref().map_or(Value::Nil, value))
                .clone(),
            "Warnings" => texts(envelope.warnings.iter().flatten()),
            "Auth" => envelope.auth.as_ref().map_or_else(
                || absent("*dependency.SecretAuth"),
                |auth| {
                    let metadata = auth.metadata.iter().flatten();
                    Value::map([
                        ("ClientToken", Value::string(&auth.client_token)),
                        ("Accessor", Value::string(&auth.accessor)),
                        ("Policies", texts(&auth.policies)),
                        ("LeaseDuration", whole(auth.lease_duration)),
                        ("Renewable", Value::Bool(auth.renewable)),
                        (
                            "Metadata",
                            Value::map(metadata.map(|(name, text)| (name, Value::string(text)))),
                        ),
                    ])
                },
            ),
            "WrapInfo" => envelope.wrap_info.as_ref().map_or_else(
                || absent("*dependency.SecretWrapInfo"),
                |wrap| Value::map([("Token", Value::string(&wrap.token)), ("TTL", whole(wrap.ttl))]),
            ),
            _ => return None,
        })
    }

    fn method(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, FunctionError>> {
        None
    }
}

/// A part that an answer does not have.
struct Absent(&'static str);

fn absent(type_name: &'static str) -> Value {
    Value::Object(Arc::new(Absent(type_name)))
}

impl Object for Absent {
    fn type_name(&self) -> &str {
        self.0
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn is_nil(&self) -> bool {
        true
    }

    fn method(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, FunctionError>> {
        None
    }

    fn text(&self) -> String {
        "<nil>".to_owned()
    }
}

/// What `pkiCert` gives: PEM texts.
#[derive(Clone)]
struct Pem {
    certificate: Value,
    key: Value,
    authority: Value,
    chain: Value,
}

impl Pem {
    fn of(envelope: &Envelope) -> Self {
        let data = envelope.data.as_ref();
        let member = |name| data.and_then(|data| data.get(name)).map_or(Value::Nil, value);
        Self {
            certificate: member("certificate"),
            key: member("private_key"),
            authority: member("issuing_ca"),
            chain: member("ca_chain"),
        }
    }
}

impl Object for Pem {
    fn type_name(&self) -> &str {
        "dependency.PemEncoded"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Cert" => self.certificate.clone(),
            "Key" => self.key.clone(),
            "CA" => self.authority.clone(),
            "CAChain" => self.chain.clone(),
            "Data" => Value::Object(Arc::new(self.clone())),
            _ => return None,
        })
    }

    fn method(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, FunctionError>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Timing {
        let envelope: Envelope = serde_json::from_str(body).unwrap();
        timing(&envelope, Timestamp::from_unix(1000, 0))
    }

    #[test]
    fn the_answer_says_how_long_it_is_good_for() {
        let seconds = Duration::from_secs;
        for (body, expected) in [
            (r#"{"data":{"a":1}}"#, Timing::Static(None)),
            // A first version of KV says 768 h and means nothing by it.
            (
                r#"{"lease_duration":2764800,"data":{"a":1}}"#,
                Timing::Static(Some(seconds(2_764_800))),
            ),
            (
                r#"{"data":{"certificate":"c","expiration":4600}}"#,
                Timing::Ends(seconds(3600)),
            ),
            (
                r#"{"data":{"certificate":"c","expiration":"soon"}}"#,
                Timing::Static(None),
            ),
            (
                r#"{"data":{"rotation_period":60,"ttl":7}}"#,
                Timing::Rotates(seconds(7)),
            ),
            (
                r#"{"data":{"rotation_period":"x","ttl":"y"}}"#,
                Timing::Static(None),
            ),
            (
                r#"{"data":{"secret_id":"s","secret_id_ttl":90}}"#,
                Timing::Ends(seconds(90)),
            ),
            (
                r#"{"auth":{"client_token":"t","lease_duration":60}}"#,
                Timing::Child(seconds(60)),
            ),
            (
                r#"{"auth":{"client_token":"t","lease_duration":60,"orphan":true}}"#,
                Timing::Ends(seconds(60)),
            ),
        ] {
            assert_eq!(of(body), expected, "{body}");
        }
        let leased = of(r#"{"lease_id":"l","renewable":true,"lease_duration":5}"#);
        assert!(matches!(leased, Timing::Lease { renewable: true, .. }));
    }

    #[test]
    fn the_number_of_the_request_is_no_change() {
        let held = |body: &str| {
            let envelope: Envelope = serde_json::from_str(body).unwrap();
            Held::answer(body.as_bytes().to_vec(), &envelope).digest
        };
        let first = held(r#"{"request_id":"1","data":{"a":"b"}}"#);
        assert_eq!(first, held(r#"{"request_id":"2","data":{"a":"b"}}"#));
        assert_ne!(first, held(r#"{"request_id":"1","data":{"a":"c"}}"#));
    }
}
