//! Requests that outlive their connections, and the end of a server.

use std::sync::Arc;
use std::time::Duration;

use arca_server::server::Options;
use tokio::net::TcpStream;

use crate::client::request;
use crate::double::Double;
use crate::running::{listener, soon, start, start_with, until};

/// A client that goes without a word.
async fn vanishing(server: &crate::running::Running) -> crate::client::Raw {
    let client = server.connect().await;
    client.stream.set_zero_linger().unwrap();
    client
}

#[tokio::test]
async fn a_request_ends_although_its_client_has_gone() {
    let server = start(listener()).await;
    let mut client = vanishing(&server).await;
    client.send(request("POST /v1/slow/a", "{}")).await;
    server.service.begun(1).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.service.finished_so_far(), 0);
    server.service.open_gate();
    soon(server.service.finished(1)).await;
    until(|| server.control.tasks() == 0).await;
}

#[tokio::test]
async fn a_request_without_a_client_still_has_its_place() {
    let options = Options {
        max_connections: 1,
        ..Options::default()
    };
    let server = start_with(vec![listener()], options, Arc::new(Double::default())).await;
    let mut client = vanishing(&server).await;
    client.send(request("POST /v1/slow/a", "{}")).await;
    server.service.begun(1).await;
    drop(client);
    let mut next = server.connect().await;
    next.send(request("GET /v1/echo/a", "")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        server.service.finished_so_far(),
        0,
        "no more requests at a time than connections"
    );
    server.service.open_gate();
    assert_eq!(next.answer().await.status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_and_goes_on() {
    let mut hasty = listener();
    hasty.limits.duration = Duration::from_millis(100);
    let server = start(hasty).await;
    let mut client = server.connect().await;
    let answer = client.ask("POST /v1/slow/a\nX-Vault-Token: t", "{}").await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.error().starts_with("context deadline exceeded"),
        "{}",
        answer.error()
    );
    let [refusal] = &server.service.refusals()[..] else {
        panic!("the refusal is recorded");
    };
    assert_eq!((refusal.operation, refusal.path.as_str()), ("update", "slow/a"));
    assert_eq!(
        client.ask("GET /v1/echo/a", "").await.status,
        200,
        "the connection is free"
    );
    assert_eq!(
        server.control.tasks(),
        2,
        "the connection and the request that goes on by itself"
    );
    server.service.open_gate();
    soon(server.service.finished(2)).await;
    until(|| server.control.tasks() == 1).await;
}

#[tokio::test]
async fn a_panic_ends_its_connection_only() {
    let server = start(listener()).await;
    let mut other = server.connect().await;
    other.ask("GET /v1/echo/a", "").await;
    let mut client = server.connect().await;
    client.send(request("GET /v1/panic", "")).await;
    assert!(client.is_closed().await);
    assert_eq!(other.ask("GET /v1/echo/a", "").await.status, 200);
    assert_eq!(server.connect().await.ask("GET /v1/echo/a", "").await.status, 200);
    server.connections(1).await;
}

#[tokio::test]
async fn stopping_ends_what_was_begun_and_takes_nothing_new() {
    let server = start(listener()).await;
    let address = server.address();
    let mut idle = server.connect().await;
    idle.ask("GET /v1/echo/a", "").await;
    let mut busy = server.connect().await;
    busy.send(request("GET /v1/slow/a", "")).await;
    server.service.begun(2).await;
    server.stop();
    assert!(idle.is_closed().await);
    until(|| std::net::TcpStream::connect(address).is_err()).await;
    server.service.open_gate();
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert!(busy.is_closed().await);
    server.ended().await;
}

#[tokio::test]
async fn stopping_waits_for_requests_without_a_client() {
    let server = start(listener()).await;
    let mut client = vanishing(&server).await;
    client.send(request("POST /v1/slow/a", "{}")).await;
    server.service.begun(1).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop();
    let service = server.service.clone();
    service.open_gate();
    server.ended().await;
    assert_eq!(service.finished_so_far(), 1);
}

#[tokio::test]
async fn stopping_has_an_end() {
    let options = Options {
        drain: Duration::from_millis(100),
        ..Options::default()
    };
    let server = start_with(vec![listener()], options, Arc::new(Double::default())).await;
    let mut client = server.connect().await;
    client.send(request("GET /v1/slow/a", "")).await;
    server.service.begun(1).await;
    server.stop();
    assert!(client.is_closed().await, "cut off after the time for it");
    // It is cut off, but not cut short: there are some seconds more for its audit entries.
    server.service.open_gate();
    let service = server.service.clone();
    server.ended().await;
    assert_eq!(service.finished_so_far(), 1);
}

#[tokio::test]
async fn a_second_word_ends_at_once() {
    let server = start(listener()).await;
    let mut client = server.connect().await;
    client.send(request("GET /v1/slow/a", "")).await;
    server.service.begun(1).await;
    server.stop();
    server.stop();
    assert!(client.is_closed().await);
    server.service.open_gate();
    server.ended().await;
}

#[tokio::test]
async fn sockets_are_open_before_the_server_runs() {
    let clock = Arc::new(arca_server::SystemClock::new());
    let double = Arc::new(Double::default());
    let server = arca_server::Server::bind(&[listener()], Options::default(), double, clock)
        .await
        .unwrap();
    let address = server.addresses()[0].tcp().unwrap();
    let mut early = crate::client::Raw::over(TcpStream::connect(address).await.unwrap());
    early.send(request("GET /v1/echo/a", "")).await;
    let serving = tokio::spawn(server.run_until(std::future::pending(), std::future::pending()));
    assert_eq!(early.answer().await.status, 200);
    serving.abort();
}
