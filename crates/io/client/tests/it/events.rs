//! Streams of events, as they arrive.

use std::sync::Arc;

use arca_client::{Chunks, ClientError, Event, Transport, TransportError};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::double::{Double, client, client_over, json};

const READY: &str = "id: 4\nevent: arca/ready\ndata: {\"revision\":4}\n\n";

fn event(id: u64, kind: &str, data: &str) -> Event {
    Event {
        id: Some(id),
        kind: kind.to_owned(),
        data: Bytes::from(data.to_owned()),
    }
}

/// A server whose one answer is written by the test, piece by piece.
async fn speaking() -> (String, mpsc::Sender<String>, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (say, mut said) = mpsc::channel::<String>(8);
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let length = stream.read(&mut asked).await.unwrap();
        asked.truncate(length);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        while let Some(text) = said.recv().await {
            chunk(&mut stream, &text).await;
        }
        String::from_utf8(asked).unwrap()
    });
    (url, say, asked)
}

async fn chunk(stream: &mut TcpStream, text: &str) {
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    stream.write_all(chunk.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn events_arrive_one_by_one_while_the_answer_goes_on() {
    let (url, say, asked) = speaking().await;
    say.send(READY.to_owned()).await.unwrap();
    let client = client(&[("VAULT_ADDR", &url)]);
    let mut events = client.events("kv*", Some(3)).await.unwrap();
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        event(4, Event::READY, r#"{"revision":4}"#)
    );
    say.send(":\n\nid: 5\nevent: kv-v2/data-wr".to_owned())
        .await
        .unwrap();
    say.send("ite\ndata: {}\n\n".to_owned()).await.unwrap();
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        event(5, "kv-v2/data-write", "{}")
    );
    drop(say);
    // The connection ends in the middle of a chunked body.
    let error = events.next().await.unwrap().unwrap_err();
    assert!(
        matches!(error.transport(), Some(TransportError::Broken { .. })),
        "{error}"
    );
    assert!(events.next().await.is_none());
    let asked = asked.await.unwrap();
    assert!(
        asked.starts_with("GET /v1/sys/events/subscribe/kv%2A?after=3 "),
        "{asked}"
    );
    assert!(asked.contains("accept: text/event-stream"), "{asked}");
}

#[tokio::test]
async fn an_answer_that_ends_ends_the_stream() {
    let double = Double::answering(|_, _| {
        let mut answer = json(200, READY);
        answer.headers_mut().insert(
            "content-type",
            "text/event-stream; charset=utf-8".parse().unwrap(),
        );
        answer
    })
    .await;
    let mut events = double.client().events("*", None).await.unwrap();
    assert_eq!(double.asked()[0].target, "/v1/sys/events/subscribe/%2A");
    assert!(events.next().await.unwrap().unwrap().is_control());
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_refusal_is_an_error_with_its_reasons() {
    let double = Double::answering(|_, _| json(403, r#"{"errors":["permission denied"]}"#)).await;
    let error = double.client().events("*", None).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
    assert!(error.to_string().contains("permission denied"), "{error}");
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let double = Double::answering(|number, _| match number {
        0 => json(503, r#"{"errors":["too many subscribers"]}"#),
        _ => json(200, "{}"),
    })
    .await;
    let error = double.client().events("*", None).await.unwrap_err();
    assert!(matches!(error, ClientError::Decode { .. }), "{error}");
    assert_eq!(double.asked().len(), 2);
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let (url, say, _) = speaking().await;
    say.send(READY.to_owned()).await.unwrap();
    let client = crate::double::client_with(&[("VAULT_ADDR", &url)], crate::clock::Waits::up_to(30)).unwrap();
    let mut events = client.events("*", None).await.unwrap();
    events.next().await.unwrap().unwrap();
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(50), events.next());
    assert!(waiting.await.is_err(), "a wait of a minute does not pass at once");
    say.send("id: 9\ndata: x\n\n".to_owned()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap(), event(9, "message", "x"));
}

/// A transport within the process that speaks once and is silent then.
struct Inside(&'static str);

#[async_trait::async_trait]
impl Transport for Inside {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        Err(TransportError::NotSent)
    }

    async fn open(&self, _: http::Request<Bytes>) -> Result<http::Response<Chunks>, TransportError> {
        let said = stream::iter([Ok(Bytes::from_static(self.0.as_bytes()))]);
        let chunks = Chunks::new(said.chain(stream::pending()));
        let answer = http::Response::builder().header("content-type", "text/event-stream");
        Ok(answer.body(chunks).unwrap())
    }
}

#[tokio::test]
async fn a_transport_in_process_streams_too() {
    let mut events = client_over(Inside(READY)).events("*", None).await.unwrap();
    assert_eq!(
        events.next().await.unwrap().unwrap(),
        event(4, Event::READY, r#"{"revision":4}"#)
    );
}

#[tokio::test]
async fn a_minute_of_silence_is_an_error() {
    let surroundings = arca_client::Surroundings {
        transport: Arc::new(Inside(READY)),
        clock: crate::clock::Waits::up_to(60),
        entropy: Arc::new(crate::clock::Zeros),
    };
    let client =
        arca_client::Client::new(arca_client::Address::in_process(), surroundings).with_timeout(None);
    let mut events = client.events("*", None).await.unwrap();
    events.next().await.unwrap().unwrap();
    let error = events.next().await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn the_position_is_that_of_what_was_given_and_of_a_quiet_stream() {
    let text = "id: 4\nevent: arca/ready\ndata: {}\n\ndata: a\n\nid: 6\ndata: b\n\n:\nid: 9\n\n";
    let mut events = client_over(Inside(text)).events("*", Some(3)).await.unwrap();
    assert_eq!(events.position(), Some(3));
    for position in [4, 4, 6] {
        events.next().await.unwrap().unwrap();
        assert_eq!(events.position(), Some(position));
    }
    let wait = tokio::time::timeout(std::time::Duration::from_millis(20), events.next());
    assert!(wait.await.is_err());
    assert_eq!(events.position(), Some(9));
}

#[tokio::test]
async fn an_event_without_end_is_cut_off() {
    let long: &'static str = Box::leak(format!("data: {}", "x".repeat(2 << 20)).into_boxed_str());
    let mut events = client_over(Inside(long)).events("*", None).await.unwrap();
    let error = events.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
}
