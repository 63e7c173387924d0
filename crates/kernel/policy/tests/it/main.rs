//! Policies from text to verdict, seen from outside.
#![allow(clippy::allow_attributes, reason = "the list below is shared by all modules")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod checks;
mod differences;
mod documents;
mod listing;
mod reference;
mod templates;

use arca_base::{Json, Operation, RequestPath, Timestamp, Ttl, json::Limits};
use arca_policy::{Acl, Policy, PolicyName, Request};

fn policy(name: &str, text: &str) -> Policy {
    Policy::parse(PolicyName::parse(name).unwrap(), text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn acl(texts: &[&str]) -> Acl {
    let policies: Vec<Policy> = texts
        .iter()
        .zip('a'..)
        .map(|(text, name)| policy(&name.to_string(), text))
        .collect();
    Acl::compile(&policies, Timestamp::EPOCH).unwrap()
}

fn path(text: &str) -> RequestPath {
    RequestPath::parse(text).unwrap()
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), &Limits::default()).unwrap()
}

/// Whether a request is allowed.
fn allows(acl: &Acl, operation: Operation, at: &str) -> bool {
    acl.check(&Request::new(operation, &path(at))).allowed()
}

/// Why a request with parameters and a wrapping TTL is denied; empty if it is not.
fn denial(acl: &Acl, operation: Operation, at: &str, data: &str, wrap: Option<u64>) -> String {
    let data = json(data);
    let at = path(at);
    let request = Request {
        data: data.as_object(),
        wrap_ttl: wrap.map(Ttl::from_seconds),
        ..Request::new(operation, &at)
    };
    let verdict = acl.check(&request);
    assert_eq!(verdict.allowed(), verdict.denial().is_none());
    verdict.denial().map(ToString::to_string).unwrap_or_default()
}
