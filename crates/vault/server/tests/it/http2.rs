//! HTTP/2, over TLS.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;

use crate::running::{Running, soon, start};
use crate::tls::{Client, Estate};

type Sender = SendRequest<Full<Bytes>>;

async fn connect(server: &Running, estate: &Estate) -> Sender {
    let client = Client {
        alpn: &["h2"],
        ..Client::default()
    };
    let stream = client.connect(server, &estate.authority).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    drop(tokio::spawn(connection));
    sender
}

fn request(method: &str, path: &str, body: &str) -> Request<Full<Bytes>> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let body = Full::new(Bytes::from(body.to_owned()));
    Request::builder()
        .method(method)
        .uri(format!("https://localhost{path}"))
        .body(body)
        .unwrap()
}

async fn ask(sender: &mut Sender, method: &str, path: &str, body: &str) -> (u16, Option<String>, Bytes) {
    let response = soon(sender.send_request(request(method, path, body)))
        .await
        .unwrap();
    let length = response
        .headers()
        .get("content-length")
        .map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (
        status,
        length,
        soon(response.into_body().collect()).await.unwrap().to_bytes(),
    )
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test]
async fn requests_are_answered() {
    let estate = Estate::new();
    let server = start(estate.listener(|_| {})).await;
    let mut sender = connect(&server, &estate).await;
    let (status, length, body) = ask(&mut sender, "POST", "/v1/echo/a", "{\"a\":1}").await;
    assert_eq!((status, json(&body)["data"]["a"].as_i64()), (200, Some(1)));
    assert_eq!(length, Some(body.len().to_string()));
    let (_, _, body) = ask(&mut sender, "LIST", "/v1/echo/a", "").await;
    assert_eq!(json(&body)["operation"], "list");
    let (status, length, body) = ask(&mut sender, "HEAD", "/v1/big/99", "").await;
    assert_eq!((status, length.as_deref(), body.len()), (200, Some("99"), 0));
    let (status, _, body) = ask(&mut sender, "GET", "/v1/big/1000000", "").await;
    assert_eq!((status, body.len()), (200, 1_000_000));
    let (status, _, _) = ask(&mut sender, "POST", "/v1/echo/a", "nonsense").await;
    assert_eq!(status, 400);
    assert_eq!(server.service.refusals().len(), 1);
}

#[tokio::test]
async fn requests_do_not_wait_for_each_other() {
    let estate = Estate::new();
    let server = start(estate.listener(|_| {})).await;
    let mut sender = connect(&server, &estate).await;
    let slow: Vec<_> = (0..20)
        .map(|_| sender.send_request(request("GET", "/v1/slow/a", "")))
        .collect();
    let slow = tokio::spawn(futures_util::future::join_all(slow));
    soon(server.service.begun(20)).await;
    let (status, _, _) = ask(&mut sender, "GET", "/v1/echo/a", "").await;
    assert_eq!(status, 200);
    server.service.open_gate();
    for response in soon(slow).await.unwrap() {
        assert_eq!(response.unwrap().status(), 200);
    }
}

/// A client that gives requests up as fast as it sends them gets no more done at a time than one that waits.
#[tokio::test]
async fn requests_given_up_count_to_their_end() {
    let estate = Estate::new();
    let server = start(estate.listener(|_| {})).await;
    let mut sender = connect(&server, &estate).await;
    for count in 1..=250 {
        let given_up = sender.send_request(request("GET", "/v1/slow/a", ""));
        let given_up = tokio::spawn(given_up);
        soon(server.service.begun(count)).await;
        given_up.abort();
    }
    let one_more = tokio::spawn(sender.send_request(request("GET", "/v1/echo/a", "")));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.service.finished_so_far(), 0);
    server.service.open_gate();
    assert_eq!(soon(one_more).await.unwrap().unwrap().status(), 200);
    soon(server.service.finished(251)).await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let estate = Estate::new();
    let server = start(estate.listener(|_| {})).await;
    let mut sender = connect(&server, &estate).await;
    let mut large = request("GET", "/v1/echo/a", "");
    large
        .headers_mut()
        .insert("x", "y".repeat(100_000).parse().unwrap());
    let outcome = soon(sender.send_request(large)).await;
    assert!(
        outcome.map_or(true, |response| response.status() == 431),
        "refused"
    );
    let mut fresh = connect(&server, &estate).await;
    assert_eq!(ask(&mut fresh, "GET", "/v1/echo/a", "").await.0, 200);
}

#[tokio::test]
async fn idle_connections_are_closed_and_stopping_is_polite() {
    let estate = Estate::new();
    let mut listener = estate.listener(|_| {});
    listener.timeouts.idle = Some(Duration::from_millis(300));
    let server = start(listener).await;
    let mut idle = connect(&server, &estate).await;
    ask(&mut idle, "GET", "/v1/echo/a", "").await;
    server.connections(0).await;

    let mut busy = connect(&server, &estate).await;
    let slow = tokio::spawn(busy.send_request(request("GET", "/v1/slow/a", "")));
    soon(server.service.begun(2)).await;
    server.stop();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.service.open_gate();
    assert_eq!(soon(slow).await.unwrap().unwrap().status(), 200);
    server.ended().await;
}

#[tokio::test]
async fn requests_that_are_cut_off_end_before_the_server_does() {
    let estate = Estate::new();
    let server = start(estate.listener(|_| {})).await;
    let mut sender = connect(&server, &estate).await;
    let slow = tokio::spawn(sender.send_request(request("POST", "/v1/slow/a", "{}")));
    soon(server.service.begun(1)).await;
    server.stop();
    server.stop();
    assert!(soon(slow).await.unwrap().is_err(), "cut off");
    server.service.open_gate();
    let service = server.service.clone();
    server.ended().await;
    assert_eq!(service.finished_so_far(), 1);
}
