//! HTTP/1: what is read, what is refused, what every answer has.

use std::sync::Arc;
use std::time::Duration;

use arca_server::config::{CustomHeader, MetricsAccess, Statuses};
use arca_server::server::Options;
use http::{HeaderName, HeaderValue};
use tokio::io::AsyncWriteExt as _;

use crate::client::request;
use crate::double::Double;
use crate::running::{listener, start, start_with};

#[tokio::test]
async fn a_request_arrives_whole() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let answer = client
        .ask(
            "POST /v1/echo/a%20b\nX-Vault-Token: hvs.t\nX-Vault-Namespace: team/\nX-Vault-Wrap-TTL: 5m\nX-Vault-Request: true",
            r#"{"n":1.50,"list":["x"]}"#,
        )
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        "{\"address\":\"127.0.0.1\",\"certificates\":0,\"data\":{\"list\":[\"x\"],\"n\":1.50},\"namespace\":\"team/\",\"operation\":\"update\",\"path\":\"echo/a b\",\"token\":\"hvs.t\",\"wrap_ttl\":300}\n"
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(
        answer.header("strict-transport-security"),
        Some("max-age=31536000; includeSubDomains")
    );
    assert_eq!(answer.header("x-vault-namespace"), Some("team/"));
    assert!(server.service.refusals().is_empty());
}

#[tokio::test]
async fn methods_are_operations_and_queries_are_data() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    for (head, operation, data) in [
        ("GET /v1/echo/a?x=1&x=2&y=z", "read", r#"{"x":["1","2"],"y":"z"}"#),
        ("GET /v1/echo/a?list=true&after=b", "list", r#"{"after":"b"}"#),
        ("GET /v1/echo/a?scan=1", "scan", "{}"),
        ("LIST /v1/echo/a?limit=3", "list", r#"{"limit":"3"}"#),
        ("SCAN /v1/echo/a", "scan", "{}"),
        ("DELETE /v1/echo/a?versions=1", "delete", r#"{"versions":"1"}"#),
        ("HELP /v1/echo/a", "help", "{}"),
        ("GET /v1/echo/a?help=1", "help", "{}"),
        ("PUT /v1/echo/a?ignored=1", "update", "{}"),
        ("POST /v1/echo/a", "update", "{}"),
    ] {
        let answer = client.ask(head, "").await.json();
        assert_eq!(
            (answer["operation"].as_str().unwrap(), answer["data"].to_string()),
            (operation, data.to_owned()),
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_patch_needs_its_type() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let patch = |content_type: &str| format!("PATCH /v1/echo/a\nContent-Type: {content_type}");
    let good = client
        .ask(&patch("application/merge-patch+json"), r#"{"a":null}"#)
        .await
        .json();
    assert_eq!(
        (good["operation"].as_str(), good["data"].to_string()),
        (Some("patch"), r#"{"a":null}"#.to_owned())
    );
    let other = client.ask(&patch("application/json"), "{}").await;
    assert_eq!(other.status, 415);
    assert_eq!(
        other.error(),
        "PATCH requires Content-Type of application/merge-patch+json, provided application/json"
    );
    assert_eq!(client.ask("PATCH /v1/echo/a", "{}").await.status, 400);
    let refusals = server.service.refusals();
    assert_eq!(refusals.len(), 2, "both are recorded");
    assert!(
        refusals
            .iter()
            .all(|refusal| refusal.operation == "patch" && refusal.path == "echo/a")
    );
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let answer = client.ask("HEAD /v1/big/1234", "").await;
    assert_eq!(
        (answer.status, answer.header("content-length")),
        (200, Some("1234"))
    );
    assert_eq!(
        client.ask("GET /v1/big/3", "").await.body,
        "xxx",
        "nothing was left over"
    );
    let none = client.ask("GET /v1/status/204", "").await;
    assert_eq!(
        (
            none.status,
            none.header("content-type"),
            none.header("content-length")
        ),
        (204, None, None)
    );
}

#[tokio::test]
async fn requests_may_be_sent_before_answers_are_read() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let bytes = [
        request("GET /v1/echo/1", ""),
        request("POST /v1/echo/2", "{\"a\":1}"),
        request("GET /v1/echo/3", ""),
    ];
    client.send(bytes.concat()).await;
    for path in ["echo/1", "echo/2", "echo/3"] {
        assert_eq!(client.answer().await.json()["path"], path);
    }
}

#[tokio::test]
async fn bodies_come_in_all_forms() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    client.send("POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n").await;
    assert_eq!(client.answer().await.json()["data"].to_string(), r#"{"a":1}"#);
    let form = client
        .ask(
            "POST /v1/echo/a\nContent-Type: application/x-www-form-urlencoded",
            "a=1&a=2",
        )
        .await;
    assert_eq!(form.json()["data"].to_string(), r#"{"a":"1,2"}"#);
    let named_form = client
        .ask(
            "POST /v1/echo/a\nContent-Type: application/x-www-form-urlencoded",
            "{\"a\":1}",
        )
        .await;
    assert_eq!(named_form.json()["data"].to_string(), r#"{"a":1}"#);
    let ignored = client.ask("GET /v1/echo/a", "{\"a\":1}").await;
    assert_eq!(ignored.json()["data"].to_string(), "{}");
    assert_eq!(
        client.ask("GET /v1/echo/b", "").await.json()["path"],
        "echo/b",
        "and the connection lives on"
    );
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_and_recorded() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let deep = format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65));
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(100_000));
    for (body, reason) in [
        ("{\"a\":", "unexpected end"),
        ("{} garbage", "trailing data"),
        ("[1]", "expected an object, found a list"),
        ("\u{feff}{}", "invalid character"),
        (&deep, "levels deep"),
        (&many, "values"),
    ] {
        let answer = client.ask("POST /v1/echo/a\nX-Vault-Token: t", body).await;
        assert_eq!(answer.status, 400);
        assert!(
            answer.error().starts_with("failed to decode JSON input: ") && answer.error().contains(reason),
            "{}",
            answer.error()
        );
        let [refusal] = &server.service.refusals()[..] else {
            panic!("recorded once");
        };
        assert_eq!(
            (refusal.operation, refusal.path.as_str(), refusal.address.as_str()),
            ("update", "echo/a", "127.0.0.1")
        );
        assert_eq!(refusal.text, answer.error());
    }
}

#[tokio::test]
async fn ceremonies_of_share_holders_can_be_closed() {
    let mut listener = listener();
    listener.limits.closed.rekey = true;
    let server = start(listener).await;
    let mut client = server.connect().await;
    for request in [
        "GET /v1/sys/rekey/init",
        "DELETE /v1/sys/rekey/init",
        "POST /v1/sys/rekey-recovery-key/update",
        "POST /v1/sys/%72ekey/update",
    ] {
        let answer = client.ask(request, "{}").await;
        assert_eq!(
            (answer.status, answer.error()),
            (405, "unsupported operation".to_owned()),
            "{request}"
        );
        assert_eq!(server.service.refusals().len(), 1, "it is recorded");
    }
    for request in ["GET /v1/sys/generate-root/attempt", "GET /v1/other/rekey/init"] {
        assert_eq!(client.ask(request, "").await.status, 200, "{request}");
    }
}

#[tokio::test]
async fn headers_that_make_no_sense_are_refused() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    for (header, status, text) in [
        ("X-Vault-Token: two words", 403, "permission denied"),
        ("X-Vault-Token: caf\u{e9}", 403, "permission denied"),
        (
            "X-Vault-Wrap-TTL: soon",
            400,
            "error parsing X-Vault-Wrap-TTL header: time: invalid duration \"soon\"",
        ),
        (
            "X-Vault-Wrap-TTL: -1s",
            400,
            "error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative",
        ),
        (
            "X-Vault-Namespace: \u{e9}",
            400,
            "the X-Vault-Namespace header is not a path, or is too long",
        ),
    ] {
        let answer = client.ask(&format!("GET /v1/echo/a\n{header}"), "").await;
        assert_eq!(
            (answer.status, answer.error()),
            (status, text.to_owned()),
            "{header}"
        );
    }
    assert_eq!(server.service.refusals().len(), 5);
    for (method, status, text) in [
        ("OPTIONS", 400, "cannot handle internal-only request operation"),
        ("PURGE", 405, "unsupported operation"),
    ] {
        let answer = client.ask(&format!("{method} /v1/echo/a"), "").await;
        assert_eq!(
            (answer.status, answer.error()),
            (status, text.to_owned()),
            "{method}"
        );
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = start(listener()).await;
    for headers in [format!("x: {}", "y".repeat(70_000)), "x: y\n".repeat(101)] {
        let mut client = server.connect().await;
        let answer = client.ask(&format!("GET /v1/echo/a\n{headers}"), "").await;
        assert_eq!(answer.status, 431);
        assert!(client.is_closed().await);
    }
    let mut client = server.connect().await;
    let answer = client
        .ask(&format!("GET /v1/echo/a?{}", "x".repeat(20_000)), "")
        .await;
    assert_eq!(
        (answer.status, answer.error()),
        (400, "the URL is longer than 16384 bytes".to_owned())
    );
    let answer = client
        .ask(&format!("GET /v1/echo/{}", "x".repeat(5000)), "")
        .await;
    assert_eq!(
        (answer.status, answer.error()),
        (
            400,
            format!("path is longer than {} bytes", arca_base::path::MAX_PATH_BYTES)
        )
    );
}

#[tokio::test]
async fn bodies_are_bounded() {
    let mut small = listener();
    small.limits.body_bytes = 1000;
    let server = start(small).await;
    let body = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    let mut client = server.connect().await;
    assert_eq!(client.ask("POST /v1/echo/a", &body(1000)).await.status, 200);
    let announced = client.ask("POST /v1/echo/a", &body(1001)).await;
    assert_eq!(
        (announced.status, announced.error()),
        (413, "http: request body too large".to_owned())
    );

    let mut client = server.connect().await;
    client
        .send("POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..3 {
        client.send(format!("190\r\n{}\r\n", "x".repeat(400))).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 413);
    let mut client = server.connect().await;
    let one = format!("3e9\r\n{}\r\n0\r\n\r\n", body(1001));
    client
        .send(format!(
            "POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{one}"
        ))
        .await;
    assert_eq!(client.answer().await.status, 413, "in one piece");
    assert_eq!(server.service.refusals().len(), 3);
}

#[tokio::test]
async fn a_body_nobody_asks_for_does_not_hide_the_answer() {
    let server = start(listener()).await;
    let body = "x".repeat(200_000);
    let mut client = server.connect().await;
    for (head, status) in [
        ("POST /v1/echo/../a", 400),
        ("GET /v1/echo/a", 200),
        ("POST /v1//a", 307),
        ("POST /nowhere", 404),
        ("PATCH /v1/echo/a", 400),
    ] {
        assert_eq!(client.ask(head, &body).await.status, status, "{head}");
    }
}

#[tokio::test]
async fn a_port_alone_is_every_address() {
    let server = start(arca_server::config::Listener::plain(":0")).await;
    let port = server.address().port();
    let mut client = crate::client::Raw::connect(([127, 0, 0, 1], port).into()).await;
    assert_eq!(client.ask("GET /v1/echo/a", "").await.status, 200);
}

#[tokio::test]
async fn a_client_that_waits_for_leave_gets_it_or_the_answer() {
    let mut small = listener();
    small.limits.body_bytes = 1000;
    let server = start(small).await;
    let mut client = server.connect().await;
    client
        .send("POST /v1/echo/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 100);
    client.send("{\"a\":1}").await;
    assert_eq!(client.answer().await.json()["data"].to_string(), r#"{"a":1}"#);
    let mut client = server.connect().await;
    client
        .send("POST /v1/echo/a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1001\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 413);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_body_that_is_malformed_or_breaks_off_is_refused() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    client
        .send("POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.error()),
        (400, "the request body broke off or is malformed".to_owned())
    );
    assert!(client.is_closed().await);

    let mut client = server.connect().await;
    client
        .send("POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{\"a\"")
        .await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.answer().await.status, 400);
    assert_eq!(server.service.refusals().len(), 2);
}

#[tokio::test]
async fn large_bodies_pass() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    let text = "x".repeat(20 << 20);
    let answer = client
        .ask("POST /v1/echo/a", &format!("{{\"a\":\"{text}\"}}"))
        .await;
    assert_eq!(answer.json()["data"]["a"].as_str().unwrap().len(), text.len());
}

#[tokio::test]
async fn a_client_that_has_said_all_still_gets_its_answer() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    client.send(request("GET /v1/slow/a", "")).await;
    client.stream.shutdown().await.unwrap();
    server.service.begun(1).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.service.open_gate();
    assert_eq!(client.answer().await.json()["path"], "slow/a");
}

#[tokio::test]
async fn smuggling_is_refused() {
    let server = start(listener()).await;
    for head in [
        "POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n",
        "GET /v1/echo/a HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET /v1/echo/a HTTP/3.0\r\n\r\n",
        "GET  /v1/echo/a  HTTP/1.1\r\n\r\n",
        "\u{0}\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.send(head).await;
        assert_eq!(client.answer().await.status, 400, "{head:?}");
        assert!(client.is_closed().await, "{head:?}");
    }
}

#[tokio::test]
async fn listeners_add_their_headers_and_change_them_on_reload() {
    let custom = |statuses, name: &'static str, value: &'static str| CustomHeader {
        statuses,
        name: HeaderName::from_static(name),
        value: HeaderValue::from_static(value),
    };
    let mut with_headers = listener();
    with_headers.headers = vec![
        custom(Statuses::All, "x-a", "1"),
        custom(Statuses::One(404), "x-b", "2"),
    ];
    let options = Options {
        hostname_header: true,
        ..Options::default()
    };
    let server = start_with(vec![with_headers.clone()], options, Arc::new(Double::default())).await;
    let mut client = server.connect().await;
    let answer = client.ask("GET /v1/echo/a", "").await;
    assert_eq!((answer.header("x-a"), answer.header("x-b")), (Some("1"), None));
    assert!(!answer.header("x-vault-hostname").unwrap().is_empty());
    assert_eq!(
        client.ask("GET /v1/status/404", "").await.header("x-b"),
        Some("2")
    );

    with_headers.headers = vec![custom(Statuses::All, "x-a", "3")];
    assert!(server.control.reload(&[with_headers]).is_empty());
    let answer = client.ask("GET /v1/status/404", "").await;
    assert_eq!(
        (answer.header("x-a"), answer.header("x-b")),
        (Some("3"), None),
        "on an open connection"
    );
}

#[tokio::test]
async fn open_metrics_need_no_token() {
    let mut open = listener();
    open.metrics = MetricsAccess {
        open: true,
        ..MetricsAccess::default()
    };
    let server = start(open).await;
    let mut client = server.connect().await;
    assert_eq!(
        client.ask("GET /v1/sys/metrics?format=prometheus", "").await.body,
        "prometheus: true"
    );
    assert_eq!(
        client.ask("GET /v1/sys/metrics", "").await.body,
        "prometheus: false"
    );
    let closed = start(listener()).await;
    let mut client = closed.connect().await;
    assert_eq!(
        client.ask("GET /v1/sys/metrics", "").await.json()["path"],
        "sys/metrics",
        "to the core"
    );
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    client.send("GET /v1/echo/a HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.answer().await.json()["path"], "echo/a");
    assert!(client.is_closed().await);
}
