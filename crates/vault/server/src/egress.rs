//! From a reply to an HTTP response.

use arca_core::pipeline::Reply;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::config::{CustomHeader, Statuses};
use crate::ingress::headers::NAMESPACE;

const JSON: &str = "application/json";
const INLINE_AUTH_FAILED: HeaderName = HeaderName::from_static("x-vault-inline-auth-failed");
const HOSTNAME: HeaderName = HeaderName::from_static("x-vault-hostname");

/// A reply and where it sends the client.
pub(crate) struct Outgoing {
    pub(crate) reply: Reply,
    pub(crate) location: Option<HeaderValue>,
    /// Headers of this answer alone.
    pub(crate) headers: HeaderMap,
}

impl From<Reply> for Outgoing {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            location: None,
            headers: HeaderMap::new(),
        }
    }
}

/// The headers of answers, put together once.
pub(crate) struct Headers {
    /// Those of every answer, with the content type of most.
    base: HeaderMap,
    /// Those of some statuses, the narrower set after the wider.
    special: Vec<CustomHeader>,
}

impl Headers {
    /// What a listener adds, and the name of the machine if answers are to show it.
    pub(crate) fn new(custom: &[CustomHeader], hostname: Option<&HeaderValue>) -> Self {
        let mut base = HeaderMap::with_capacity(16);
        base.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000; includeSubDomains"),
        );
        for header in custom.iter().filter(|header| header.statuses == Statuses::All) {
            base.insert(header.name.clone(), header.value.clone());
        }
        base.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        base.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        if let Some(hostname) = hostname {
            base.insert(HOSTNAME, hostname.clone());
        }
        let special = custom.iter().filter(|header| header.statuses != Statuses::All);
        Self {
            base,
            special: special.cloned().collect(),
        }
    }
}

/// The response to a request; `namespace` is the namespace header of the request, which is echoed.
pub(crate) fn respond(
    headers: &Headers,
    outgoing: Outgoing,
    is_head: bool,
    namespace: Option<&HeaderValue>,
) -> Response<Bytes> {
    let Outgoing {
        reply,
        location,
        headers: own,
    } = outgoing;
    let mut map = headers.base.clone();
    for (name, value) in &reply.headers {
        put_of_engine(&mut map, name, value);
    }
    map.extend(own);
    match reply.content_type {
        Some(JSON) => {}
        Some(other) => drop(map.insert(CONTENT_TYPE, HeaderValue::from_static(other))),
        None => drop(map.remove(CONTENT_TYPE)),
    }
    let special = headers
        .special
        .iter()
        .filter(|header| header.statuses.contain(reply.status));
    for header in special {
        map.insert(header.name.clone(), header.value.clone());
    }
    if reply.inline_auth_failed {
        map.insert(INLINE_AUTH_FAILED, HeaderValue::from_static("true"));
    }
    if let Some(seconds) = reply.retry_after {
        map.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(seconds) = reply.max_age
        && let Ok(kept) = HeaderValue::try_from(format!("max-age={seconds}"))
    {
        map.insert(CACHE_CONTROL, kept);
    }
    if let Some(location) = location {
        map.insert(LOCATION, location);
    }
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        map.insert(NAMESPACE, namespace.clone());
    }
    let mut body = Bytes::from(reply.body.0);
    if is_head && reply.status != 204 {
        map.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        body = Bytes::new();
    }
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = map;
    response
}

/// A header an engine sets. How an answer is framed and what the server says of itself is not for engines.
fn put_of_engine(map: &mut HeaderMap, name: &str, value: &str) {
    let own = [
        CONNECTION,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        && !own.contains(&name)
        && !name.as_str().starts_with("x-vault-")
    {
        map.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(statuses: Statuses, name: &str, value: &str) -> CustomHeader {
        CustomHeader {
            statuses,
            name: name.try_into().unwrap(),
            value: value.try_into().unwrap(),
        }
    }

    fn value<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn every_answer_has_its_headers() {
        let headers = Headers::new(&[], None);
        let json = respond(&headers, Reply::json(200, "{}\n".to_owned()).into(), false, None);
        assert_eq!(value(&json, "content-type"), Some("application/json"));
        assert_eq!(value(&json, "cache-control"), Some("no-store"));
        assert_eq!(
            value(&json, "strict-transport-security"),
            Some("max-age=31536000; includeSubDomains")
        );
        let empty = respond(&headers, Reply::empty(204).into(), false, None);
        assert_eq!(value(&empty, "content-type"), None);
        assert_eq!(value(&empty, "cache-control"), Some("no-store"));
    }

    #[test]
    fn an_answer_may_say_when_to_ask_again() {
        let headers = Headers::new(&[], None);
        let refused = Reply {
            retry_after: Some(20),
            ..Reply::json(429, "{\"errors\":[]}\n".to_owned())
        };
        let refused = respond(&headers, refused.into(), false, None);
        assert_eq!(value(&refused, "retry-after"), Some("20"));
        let public = Reply {
            max_age: Some(60),
            ..Reply::json(200, "{}\n".to_owned())
        };
        let public = respond(&headers, public.into(), false, None);
        assert_eq!(value(&public, "cache-control"), Some("max-age=60"));
        let other = respond(&headers, Reply::empty(204).into(), false, None);
        assert_eq!(value(&other, "retry-after"), None);
    }

    #[test]
    fn the_narrower_custom_header_wins() {
        let headers = Headers::new(
            &[
                custom(Statuses::All, "x-a", "all"),
                custom(Statuses::All, "strict-transport-security", "max-age=1"),
                custom(Statuses::All, "cache-control", "public"),
                custom(Statuses::Class(4), "x-a", "4xx"),
                custom(Statuses::One(404), "x-a", "404"),
            ],
            Some(&HeaderValue::from_static("node-1")),
        );
        for (status, expected) in [(200, "all"), (403, "4xx"), (404, "404")] {
            let response = respond(&headers, Reply::empty(status).into(), false, None);
            assert_eq!(value(&response, "x-a"), Some(expected));
            assert_eq!(value(&response, "strict-transport-security"), Some("max-age=1"));
            assert_eq!(
                value(&response, "cache-control"),
                Some("no-store"),
                "caching stays off"
            );
            assert_eq!(value(&response, "x-vault-hostname"), Some("node-1"));
        }
    }

    #[test]
    fn the_namespace_is_echoed_unless_empty() {
        let headers = Headers::new(&[], None);
        let echo = |text: &'static str| {
            let namespace = HeaderValue::from_static(text);
            let response = respond(&headers, Reply::empty(204).into(), false, Some(&namespace));
            value(&response, "x-vault-namespace").map(str::to_owned)
        };
        assert_eq!(echo("team/a"), Some("team/a".to_owned()));
        assert_eq!(echo(""), None);
    }

    #[test]
    fn an_impossible_status_is_a_failure() {
        let response = respond(&Headers::new(&[], None), Reply::empty(7).into(), false, None);
        assert_eq!(response.status(), 500);
    }
}
