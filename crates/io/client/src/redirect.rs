//! Following a server that points to another one.

use http::header::LOCATION;
use http::{Response, StatusCode};
use url::Url;

/// Where an answer points to, as an absolute URL.
pub(crate) fn target<B>(asked: &str, response: &Response<B>) -> Option<String> {
    let follows = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let url = Url::parse(asked).ok()?.join(location).ok()?;
    follows.then(|| url.into())
}

/// Why the client does not go where it is pointed, if it does not.
pub(crate) fn refusal(asked: &str, target: &str) -> Option<&'static str> {
    let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_owned());
    match (scheme(asked).as_deref(), scheme(target).as_deref()) {
        (Some("https"), Some("http")) => Some("which is not encrypted: the token would travel in the clear"),
        (_, Some("http" | "https")) => None,
        _ => Some("which is not a web address"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, location: &str) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .header(LOCATION, location)
            .body(Bytes::new())
            .unwrap()
    }

    #[test]
    fn reads_absolute_and_relative_targets() {
        for (status, location, expected) in [
            (301, "https://b/v1/x", Some("https://b/v1/x")),
            (302, "/v1/y?z=1", Some("https://a/v1/y?z=1")),
            (307, "https://b:8200/v1/x", Some("https://b:8200/v1/x")),
            (308, "//b/v1/x", Some("https://b/v1/x")),
            (303, "https://b/v1/x", None),
            (200, "https://b/v1/x", None),
            (307, "https://[", None),
        ] {
            let found = target("https://a/v1/x", &answer(status, location));
            assert_eq!(found.as_deref(), expected, "{status} {location}");
        }
    }

    #[test]
    fn never_from_encrypted_to_clear() {
        assert!(refusal("https://a", "http://b").is_some());
        assert!(refusal("http://a", "file:///etc/passwd").is_some());
        assert!(refusal("http://a", "https://b").is_none());
        assert!(refusal("http://a", "http://b").is_none());
    }
}
