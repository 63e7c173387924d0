//! Clients behind proxies: `X-Forwarded-For` and the PROXY protocol.

use arca_server::config::{Forwarded, Listener, ProxyBehavior, ProxyProtocol};

use crate::client::request;
use crate::running::{listener, start};
use crate::tls::Estate;

fn forwarding(authorized: &str) -> Listener {
    Listener {
        forwarded: Some(Forwarded {
            authorized: vec![authorized.parse().unwrap()],
            hop_skips: 0,
            reject_not_authorized: true,
            reject_not_present: true,
        }),
        ..listener()
    }
}

#[tokio::test]
async fn a_believed_proxy_names_the_client() {
    let server = start(forwarding("127.0.0.0/8")).await;
    let mut client = server.connect().await;
    let answer = client
        .ask("GET /v1/echo/a\nX-Forwarded-For: 192.0.2.1, 192.0.2.2", "")
        .await;
    assert_eq!(answer.json()["address"], "192.0.2.2");
    let bad = client
        .ask("POST /v1/echo/a\nX-Forwarded-For: 192.0.2.7", "nonsense")
        .await;
    assert_eq!(bad.status, 400);
    assert_eq!(
        server.service.refusals()[0].address,
        "192.0.2.7",
        "refusals are recorded with it"
    );
    let none = client.ask("GET /v1/echo/a", "").await;
    assert_eq!(
        (none.status, none.error()),
        (
            400,
            "missing x-forwarded-for header and configured to reject when not present".to_owned()
        )
    );
    assert_eq!(server.service.refusals()[0].address, "127.0.0.1");
    client.ask("DELETE /v1/echo/a", "").await;
    assert_eq!(server.service.refusals()[0].operation, "delete");
}

#[tokio::test]
async fn others_are_refused() {
    let server = start(forwarding("192.0.2.0/24")).await;
    let answer = server
        .connect()
        .await
        .ask("GET /v1/echo/a\nX-Forwarded-For: 192.0.2.1", "")
        .await;
    assert_eq!(
        (answer.status, answer.error()),
        (
            400,
            "client address not authorized for x-forwarded-for and configured to reject connection"
                .to_owned()
        )
    );
}

fn proxied(behavior: ProxyBehavior, authorized: &[&str]) -> Listener {
    let authorized = authorized
        .iter()
        .map(|network| network.parse().unwrap())
        .collect();
    Listener {
        proxy_protocol: Some(ProxyProtocol { behavior, authorized }),
        ..listener()
    }
}

const LINE: &str = "PROXY TCP4 192.0.2.1 192.0.2.2 5000 8200\r\n";

#[tokio::test]
async fn the_word_of_a_proxy_comes_first() {
    let local = &["127.0.0.1/32"][..];
    for (behavior, authorized, address) in [
        (ProxyBehavior::UseAlways, &[][..], "192.0.2.1"),
        (ProxyBehavior::AllowAuthorized, local, "192.0.2.1"),
        (ProxyBehavior::AllowAuthorized, &["192.0.2.0/24"], "127.0.0.1"),
        (ProxyBehavior::DenyUnauthorized, local, "192.0.2.1"),
    ] {
        let server = start(proxied(behavior, authorized)).await;
        let mut client = server.connect().await;
        for piece in [&LINE[..3], &LINE[3..20], &LINE[20..]] {
            client.send(piece).await;
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(
            client.ask("GET /v1/echo/a", "").await.json()["address"],
            address,
            "{behavior:?}"
        );
        let mut client = server.connect().await;
        client.send([LINE, &request("GET /v1/echo/a", "")].concat()).await;
        assert_eq!(client.answer().await.json()["address"], address, "in one piece");
        let mut direct = server.connect().await;
        assert_eq!(
            direct.ask("GET /v1/echo/a", "").await.json()["address"],
            "127.0.0.1",
            "without a header"
        );
    }
}

#[tokio::test]
async fn connections_of_others_and_nonsense_are_closed() {
    let server = start(proxied(ProxyBehavior::DenyUnauthorized, &["192.0.2.0/24"])).await;
    let mut client = server.connect().await;
    assert!(client.is_closed().await);
    let server = start(proxied(ProxyBehavior::UseAlways, &[])).await;
    let mut client = server.connect().await;
    client.send("PROXY TCP4 nonsense\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn tls_follows_the_word_of_a_proxy() {
    let estate = Estate::new();
    let listener = Listener {
        proxy_protocol: proxied(ProxyBehavior::UseAlways, &[]).proxy_protocol,
        ..estate.listener(|_| {})
    };
    let server = start(listener).await;
    let stream = crate::tls::Client::default()
        .connect(&server, &estate.authority)
        .await
        .unwrap();
    let answer = crate::client::Raw::over(stream).ask("GET /v1/echo/a", "").await;
    assert_eq!(answer.json()["address"], "127.0.0.1");
}
