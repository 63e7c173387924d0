//! Clients that take their time, and too many of them.

use std::sync::Arc;
use std::time::Duration;

use arca_server::config::{Listener, Timeouts};
use arca_server::server::Options;
use tokio::io::AsyncWriteExt as _;

use crate::client::request;
use crate::double::Double;
use crate::running::{Running, listener, start, start_with};

fn millis(count: u64) -> Option<Duration> {
    Some(Duration::from_millis(count))
}

fn impatient(header: u64, body: u64, idle: u64) -> Listener {
    Listener {
        timeouts: Timeouts {
            header: millis(header),
            body: millis(body),
            write: None,
            idle: millis(idle),
        },
        ..listener()
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    let server = start(impatient(300, 60_000, 60_000)).await;
    let mut client = server.connect().await;
    client.send("GET /v1/echo/a HTTP/1.1\r\n").await;
    let mut sent = 0;
    while client.stream.write_all(b"x: y\r\n").await.is_ok() {
        sent += 1;
        assert!(sent < 1000, "it goes on and on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.connections(0).await;
}

#[tokio::test]
async fn silence_before_the_first_request_is_cut_off() {
    let server = start(impatient(200, 60_000, 60_000)).await;
    let mut client = server.connect().await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn silence_after_a_request_has_its_own_limit() {
    let server = start(impatient(200, 60_000, 800)).await;
    let mut client = server.connect().await;
    client.ask("GET /v1/echo/a", "").await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(
        client.ask("GET /v1/echo/a", "").await.status,
        200,
        "longer than a head may take"
    );
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_later_head_has_the_limit_of_the_first() {
    let server = start(impatient(300, 60_000, 60_000)).await;
    let mut client = server.connect().await;
    client.ask("GET /v1/echo/a", "").await;
    client.send("GET /v1/echo/a HT").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused() {
    let server = start(impatient(60_000, 300, 60_000)).await;
    let mut client = server.connect().await;
    client
        .send("POST /v1/echo/a HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.error()),
        (400, "the request body did not arrive within 300ms".to_owned())
    );
    assert!(client.is_closed().await);
    assert_eq!(server.service.refusals().len(), 1);
}

#[tokio::test]
async fn an_answer_nobody_takes_is_given_up() {
    let mut listener = impatient(60_000, 60_000, 60_000);
    listener.timeouts.write = millis(400);
    let server = start(listener).await;
    let mut client = server.connect().await;
    client.send(request("GET /v1/big/30000000", "")).await;
    server.service.finished(1).await;
    server.connections(0).await;
}

#[tokio::test]
async fn an_answer_that_is_taken_late_is_forgiven() {
    let mut listener = impatient(60_000, 60_000, 60_000);
    listener.timeouts.write = millis(1000);
    let server = start(listener).await;
    let mut client = server.connect().await;
    client.send(request("GET /v1/big/8000000", "")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(client.answer().await.body.len(), 8_000_000);
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(client.ask("GET /v1/echo/a", "").await.status, 200);
}

#[tokio::test]
async fn a_long_request_is_no_slow_client() {
    let server = start(impatient(100, 100, 100)).await;
    let mut client = server.connect().await;
    client.send(request("GET /v1/slow/a", "")).await;
    server.service.begun(1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.service.open_gate();
    assert_eq!(client.answer().await.status, 200);
}

async fn crowded(connections: usize) -> Running {
    let options = Options {
        max_connections: connections,
        ..Options::default()
    };
    start_with(vec![listener()], options, Arc::new(Double::default())).await
}

#[tokio::test]
async fn connections_beyond_the_number_wait_until_idle_ones_make_room() {
    let server = crowded(2).await;
    let mut idle = server.connect().await;
    idle.ask("GET /v1/echo/a", "").await;
    let mut busy = server.connect().await;
    busy.send(request("GET /v1/slow/a", "")).await;
    server.service.begun(2).await;
    let mut third = server.connect().await;
    // Idle for a second, the first makes room; the one with a request does not.
    assert_eq!(third.ask("GET /v1/echo/a", "").await.status, 200);
    assert!(idle.is_closed().await);
    server.service.open_gate();
    assert_eq!(busy.answer().await.status, 200);
}

#[tokio::test]
async fn busy_connections_keep_their_places() {
    let server = crowded(1).await;
    let mut busy = server.connect().await;
    busy.send(request("GET /v1/slow/a", "")).await;
    server.service.begun(1).await;
    let mut second = server.connect().await;
    second.send(request("GET /v1/echo/a", "")).await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(server.control.connections(), 1);
    server.service.open_gate();
    assert_eq!(busy.answer().await.status, 200);
    drop(busy);
    assert_eq!(second.answer().await.status, 200);
}
