//! Paths and the tricks played with them.

use crate::running::{listener, start};

#[tokio::test]
async fn paths_are_decoded_once() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    for (target, path) in [
        ("/v1/echo/a", "echo/a"),
        ("/v1/echo/a/", "echo/a/"),
        ("/v1/echo/a%2Fb", "echo/a/b"),
        ("/v1/echo/a%252Fb", "echo/a%2Fb"),
        ("/v1/echo/a+b", "echo/a+b"),
        ("/v1/echo/%C3%A9t%c3%a9", "echo/\u{e9}t\u{e9}"),
        ("/v1/echo/a%3Fb", "echo/a?b"),
        ("/v1/echo/a...b/...", "echo/a...b/..."),
        ("http://elsewhere/v1/echo/a", "echo/a"),
    ] {
        assert_eq!(
            client.ask(&format!("GET {target}"), "").await.json()["path"],
            path,
            "{target}"
        );
    }
    assert!(server.service.refusals().is_empty());
}

#[tokio::test]
async fn tricks_are_refused_and_recorded() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let relative = "relative paths not supported";
    let unprintable = "path contains an unprintable character";
    let undecodable = "the path is not UTF-8 text in percent-encoding";
    for (target, text) in [
        ("/v1/echo/../sys/raw", relative),
        ("/v1/echo/%2e%2e/sys", relative),
        ("/v1/..", relative),
        ("/v1/echo/.", relative),
        ("/v1/echo%2f..%2fsys", relative),
        ("/v1/echo/%00", unprintable),
        ("/v1/echo/a%0d%0ab", unprintable),
        ("/v1/echo/%7f", unprintable),
        ("/v1/echo/%e2%80%ae", unprintable),
        ("/v1/echo/%ff", undecodable),
        ("/v1/echo/%c0%ae", undecodable),
        ("/v1/echo/%", undecodable),
        ("/v1/echo/%4", undecodable),
        ("/v1/echo/%2f%2fa", "path contains an empty segment (//)"),
    ] {
        let answer = client.ask(&format!("GET {target}"), "").await;
        assert_eq!(
            (answer.status, answer.error()),
            (400, text.to_owned()),
            "{target}"
        );
        let [refusal] = &server.service.refusals()[..] else {
            panic!("{target} is recorded");
        };
        assert_eq!(refusal.path, target.trim_start_matches("/v1/"), "as sent");
    }
}

#[tokio::test]
async fn doubled_slashes_are_sent_elsewhere() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let answer = client.ask("POST /v1//echo///a?x=1", "{}").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (307, Some("/v1/echo/a?x=1"))
    );
    let answer = client.ask("GET //evil.example/v1/", "").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (307, Some("/evil.example/v1/"))
    );
}

#[tokio::test]
async fn what_is_not_the_api_is_not_there() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    for (head, body, kind) in [
        ("GET /", "404 page not found\n", "text/plain; charset=utf-8"),
        ("GET /ui/", "404 page not found\n", "text/plain; charset=utf-8"),
        ("GET /v2/secret", "{\"errors\":[]}\n", "application/json"),
        ("GET /v1", "{\"errors\":[]}\n", "application/json"),
        ("POST /.env", "{\"errors\":[]}\n", "application/json"),
        ("OPTIONS *", "{\"errors\":[]}\n", "application/json"),
        ("CONNECT arca:443", "{\"errors\":[]}\n", "application/json"),
    ] {
        let answer = client.ask(head, "").await;
        assert_eq!(
            (answer.status, answer.body.as_str(), answer.header("content-type")),
            (404, body, Some(kind)),
            "{head}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert!(
        server.service.refusals().is_empty(),
        "the core has nothing to do with it"
    );
}
