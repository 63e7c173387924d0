//! Browsers that use the API from pages of other origins, as far as the configuration lets them.

use arca_core::pipeline::Reply;
use arca_core::web::WebConfig;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::egress::Outgoing;

/// What scripts may do.
const METHODS: [&str; 8] = ["DELETE", "GET", "LIST", "OPTIONS", "PATCH", "POST", "PUT", "SCAN"];

/// Headers that clients of this API send.
const HEADERS: [&str; 11] = [
    "Content-Type",
    "X-Requested-With",
    "Authorization",
    "X-Vault-Token",
    "X-Vault-Namespace",
    "X-Vault-Request",
    "X-Vault-MFA",
    "X-Vault-Wrap-TTL",
    "X-Vault-Wrap-Format",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Policy-Override",
];

/// Where a request comes from, as far as that matters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// No other origin, or nobody asks.
    Here,
    /// An origin that may.
    Allowed(HeaderValue),
    /// An origin that may not.
    Refused,
}

/// Where a request comes from.
pub(crate) fn from(parts: &Parts, web: Option<&WebConfig>) -> Asker {
    let Some(web) = web.filter(|web| web.has_cors()) else {
        return Asker::Here;
    };
    match parts.headers.get(ORIGIN).filter(|origin| !origin.is_empty()) {
        None => Asker::Here,
        Some(origin) if origin.to_str().is_ok_and(|text| web.allows_origin(text)) => {
            Asker::Allowed(origin.clone())
        }
        Some(_) => Asker::Refused,
    }
}

/// The answer to the question a browser asks before it sends a request from another origin.
pub(crate) fn preflight(parts: &Parts, web: &WebConfig) -> Outgoing {
    let method = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD);
    if !METHODS
        .iter()
        .any(|known| method.is_some_and(|method| method == known))
    {
        return Reply::json(405, "{\"errors\":[]}\n".to_owned()).into();
    }
    let more = web.cors_headers().iter().map(String::as_str);
    let headers: Vec<&str> = HEADERS.into_iter().chain(more).collect();
    let mut outgoing = Outgoing::from(Reply::empty(200));
    let told = &mut outgoing.headers;
    told.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("300"));
    for (name, list) in [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS.join(",")),
        (ACCESS_CONTROL_ALLOW_HEADERS, headers.join(",")),
    ] {
        if let Ok(list) = HeaderValue::try_from(list) {
            told.insert(name, list);
        }
    }
    outgoing
}

/// Says in an answer that scripts of the origin may read it.
pub(crate) fn mark(headers: &mut HeaderMap, from: Asker) {
    if let Asker::Allowed(origin) = from {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}
