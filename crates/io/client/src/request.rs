//! One request, before it has an address.

use arca_api::{Endpoint, Fields, Pattern};
use arca_base::json::Object;
use arca_base::path::BadPath;
use arca_base::{Json, Operation, RequestPath};
use bytes::Bytes;
use http::{HeaderMap, Method};
use url::form_urlencoded;

/// Content type of a partial change.
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

/// A request: what is done, where below `/v1/`, and with what.
///
/// `Debug` shows method and path only: a body and a query hold secrets.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) content_type: &'static str,
    pub(crate) headers: HeaderMap,
}

impl Request {
    /// A request without query and body.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            body: None,
            content_type: JSON,
            headers: HeaderMap::new(),
        }
    }

    /// A read.
    #[must_use]
    pub fn read(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    /// A listing of a folder.
    #[must_use]
    pub fn list(path: &str) -> Self {
        Self::read(path).with_query("list", "true")
    }

    /// A listing at any depth below a folder.
    #[must_use]
    pub fn scan(path: &str) -> Self {
        Self::read(path).with_query("scan", "true")
    }

    /// A write of these members.
    #[must_use]
    pub fn write(path: &str, data: &Object) -> Self {
        Self::new(Method::PUT, path).with_json(data)
    }

    /// A change of these members; `null` removes one.
    #[must_use]
    pub fn patch(path: &str, data: &Object) -> Self {
        Self {
            content_type: MERGE_PATCH,
            ..Self::new(Method::PATCH, path).with_json(data)
        }
    }

    /// A removal.
    #[must_use]
    pub fn delete(path: &str) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// The request of an endpoint mounted at `mount`: captures fill the path, other fields go into the query of a
    /// read, listing or removal, and into the body of a write.
    ///
    /// A query leaves out `0`, `false` and empty values, which mean the same as an absent field.
    #[must_use]
    pub fn of<E: Endpoint>(mount: &str, request: &E::Request) -> Self {
        let mut members = request.encode();
        let below = Pattern::new(E::PATH).fill(|name| members.remove(name).map(|value| text_of(&value)));
        let path = join(mount, &below);
        match E::OPERATION {
            Operation::Create | Operation::Update if members.is_empty() => Self::new(Method::PUT, &path),
            Operation::Create | Operation::Update => Self::write(&path, &members),
            Operation::Patch => Self::patch(&path, &members),
            Operation::List => Self::list(&path).with_members(&members),
            Operation::Scan => Self::scan(&path).with_members(&members),
            Operation::Delete => Self::delete(&path).with_members(&members),
            Operation::Header => Self::new(Method::HEAD, &path).with_members(&members),
            Operation::Help => Self::read(&path).with_query("help", "1"),
            Operation::Read => Self::read(&path).with_members(&members),
        }
    }

    /// The same request with one more query parameter.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same request with a JSON object as its body.
    #[must_use]
    pub fn with_json(self, data: &Object) -> Self {
        self.with_body(Bytes::from(Json::Object(data.clone()).to_text().into_string()))
    }

    /// The same request with a body as it is.
    #[must_use]
    pub fn with_body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with_header(mut self, name: http::HeaderName, value: http::HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The path below `/v1/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The URL of this request at a server.
    pub(crate) fn url(&self, base: &str) -> Result<String, BadPath> {
        let path = RequestPath::parse(&without_doubled_slashes(&self.path))?;
        let mut url = format!("{base}/v1/");
        escape_path(path.as_str(), &mut url);
        if !self.query.is_empty() {
            let mut sorted: Vec<_> = self.query.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            url.push('?');
            url.push_str(
                &form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(sorted)
                    .finish(),
            );
        }
        Ok(url)
    }

    fn with_members(mut self, members: &Object) -> Self {
        for (name, value) in members {
            match value {
                Json::Array(elements) => {
                    self.query
                        .extend(elements.iter().map(|element| (name.clone(), text_of(element))));
                }
                value if is_default(value) => {}
                value => self.query.push((name.clone(), text_of(value))),
            }
        }
        self
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// `mount` and a path below it.
fn join(mount: &str, below: &str) -> String {
    let mount = mount.trim_matches('/');
    match (mount.is_empty(), below.is_empty()) {
        (true, _) => below.to_owned(),
        (false, true) => mount.to_owned(),
        (false, false) => format!("{mount}/{below}"),
    }
}

fn is_default(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Number(number) => number.as_str() == "0",
        Json::String(text) => text.is_empty(),
        Json::Bool(true) | Json::Array(_) | Json::Object(_) => false,
    }
}

fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_text().into_string(),
    }
}

fn without_doubled_slashes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    out
}

/// Appends a path, escaped so that the server decodes exactly this text.
fn escape_path(path: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let hex = |nibble: u8| {
        HEX.get(usize::from(nibble))
            .map_or('0', |&digit| char::from(digit))
    };
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use arca_api::field::IntegerList;
    use arca_api::{kv, sys, token};
    use arca_base::Ttl;

    use super::*;

    fn shown(request: &Request) -> (String, Option<&str>) {
        let url = request.url("http://h").unwrap();
        let body = request
            .body
            .as_deref()
            .map(|body| std::str::from_utf8(body).unwrap());
        (format!("{} {url}", request.method), body)
    }

    #[test]
    fn captures_fill_the_path_and_the_rest_of_a_read_is_its_query() {
        let read = |version| kv::v2::Version {
            path: "a/b c".into(),
            version,
        };
        let folder = kv::v1::Folder {
            folder: "dir".into(),
            after: "x".into(),
            limit: 0,
        };
        let mount = sys::mounts::MountPath {
            path: "team/kv".into(),
        };
        for (request, line) in [
            (
                Request::of::<kv::v2::ReadData>("secret/", &read(2)),
                "GET http://h/v1/secret/data/a/b%20c?version=2",
            ),
            (
                Request::of::<kv::v2::ReadData>("secret", &read(0)),
                "GET http://h/v1/secret/data/a/b%20c",
            ),
            (
                Request::of::<kv::v2::ListMetadata>("secret", &folder),
                "GET http://h/v1/secret/metadata/dir/?after=x&list=true",
            ),
            (
                Request::of::<kv::v1::Scan>("secret", &folder),
                "GET http://h/v1/secret/dir/?after=x&scan=true",
            ),
            (
                Request::of::<sys::mounts::ReadTune>("sys", &mount),
                "GET http://h/v1/sys/mounts/team/kv/tune",
            ),
            (
                Request::of::<sys::mounts::DisableMount>("/sys/", &mount),
                "DELETE http://h/v1/sys/mounts/team/kv",
            ),
        ] {
            assert_eq!(shown(&request), (line.to_owned(), None));
        }
    }

    #[test]
    fn the_rest_of_a_write_is_its_body() {
        let versions = kv::v2::Versions {
            path: "a".into(),
            versions: IntegerList(vec![1, 2]),
        };
        let renew = token::Renew {
            token: "t".into(),
            increment: Ttl::from_seconds(60),
        };
        for (request, line, body) in [
            (
                Request::of::<kv::v2::DestroyVersions>("secret", &versions),
                "PUT http://h/v1/secret/destroy/a",
                Some(r#"{"versions":[1,2]}"#),
            ),
            (
                Request::of::<token::RenewToken>("auth/token", &renew),
                "PUT http://h/v1/auth/token/renew",
                Some(r#"{"increment":60,"token":"t"}"#),
            ),
            (
                Request::of::<token::RevokeSelf>("auth/token", &arca_api::endpoint::Nothing),
                "PUT http://h/v1/auth/token/revoke-self",
                None,
            ),
        ] {
            assert_eq!(shown(&request), (line.to_owned(), body));
        }
    }

    #[test]
    fn a_patch_names_its_content_type() {
        let request = Request::patch("a", &Object::from([("k".to_owned(), Json::Null)]));
        assert_eq!(
            shown(&request),
            ("PATCH http://h/v1/a".to_owned(), Some(r#"{"k":null}"#))
        );
        assert_eq!(request.content_type, "application/merge-patch+json");
    }

    #[test]
    fn escapes_so_that_the_server_reads_the_same_path() {
        let url = |path: &str| Request::read(path).url("http://h");
        assert_eq!(url("/a//b/").unwrap(), "http://h/v1/a/b/");
        assert_eq!(url("a%2fb?c#d").unwrap(), "http://h/v1/a%252fb%3Fc%23d");
        assert_eq!(url("caf\u{e9}/*").unwrap(), "http://h/v1/caf%C3%A9/%2A");
        assert_eq!(url("a/../b"), Err(BadPath::Relative));
        assert_eq!(url("a/\n"), Err(BadPath::Unprintable));
    }

    #[test]
    fn a_query_is_sorted_and_escaped() {
        let request = Request::read("a")
            .with_query("b", "x y&z")
            .with_query("a", "1")
            .with_query("b", "=");
        assert_eq!(
            request.url("http://h").unwrap(),
            "http://h/v1/a?a=1&b=x+y%26z&b=%3D"
        );
    }

    #[test]
    fn debug_shows_neither_body_nor_query() {
        let request = Request::write("a", &Object::from([("k".to_owned(), Json::from("canary"))]));
        assert_eq!(format!("{:?}", request.with_query("q", "canary")), "PUT a");
    }
}
