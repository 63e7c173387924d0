//! Unix sockets and proxies.

use arca_client::TransportError;

use crate::double::{Double, client, json};

#[tokio::test]
async fn speaks_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let double = Double::answering_at(&folder.path().join("s"), |_, _| {
        json(200, r#"{"data":{"k":"v"}}"#)
    });
    assert!(double.client().read("a").await.unwrap().is_some());
    let asked = &double.asked()[0];
    assert_eq!(
        (asked.line().as_str(), asked.header("host")),
        ("GET /v1/a", Some("localhost"))
    );
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let error = client(&[("VAULT_ADDR", "unix:///nonexistent/s")])
        .read("a")
        .await
        .unwrap_err();
    let Some(TransportError::Connect { address, reason }) = error.transport() else {
        panic!("{error}");
    };
    assert_eq!(address, "unix:///nonexistent/s");
    assert_eq!(reason, "there is no such socket");
}

#[tokio::test]
async fn a_proxy_is_asked_for_the_whole_url() {
    for variable in [
        "VAULT_PROXY_ADDR",
        "VAULT_HTTP_PROXY",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
    ] {
        let proxy = Double::answering(|_, _| json(200, r#"{"data":{"k":"v"}}"#)).await;
        let vars = [
            ("VAULT_ADDR", "http://vault.example:8200"),
            (variable, proxy.url.as_str()),
        ];
        client(&vars).read("a").await.unwrap();
        assert_eq!(
            proxy.asked()[0].target,
            "http://vault.example:8200/v1/a",
            "{variable}"
        );
    }
}

#[tokio::test]
async fn hosts_without_proxy_are_asked_directly() {
    let double = Double::answering(|_, _| json(200, r#"{"data":{"k":"v"}}"#)).await;
    let proxy = Double::answering(|_, _| json(502, "")).await;
    let vars = [
        ("VAULT_ADDR", double.url.as_str()),
        ("HTTP_PROXY", proxy.url.as_str()),
        ("NO_PROXY", "example.com,127.0.0.1"),
    ];
    client(&vars).read("a").await.unwrap();
    assert_eq!((double.asked().len(), proxy.asked().len()), (1, 0));
}
