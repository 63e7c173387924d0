//! Answers that are too large.

use std::sync::Arc;

use arca_client::{Address, Network, Proxies, TlsOptions, TransportError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::double::{Double, client_over, json};

fn limited(url: &str, limit: usize) -> arca_client::Client {
    let address = Address::parse(url).unwrap();
    let network = Network::new(&address, &TlsOptions::default(), &Proxies::default()).unwrap();
    let surroundings = arca_client::Surroundings {
        transport: Arc::new(network.with_answer_limit(limit)),
        clock: crate::clock::Waits::up_to(30),
        entropy: Arc::new(crate::clock::Zeros),
    };
    arca_client::Client::new(address, surroundings)
}

fn body(bytes: usize) -> String {
    format!(r#"{{"data":{{"k":"{}"}}}}"#, "x".repeat(bytes - 17))
}

#[tokio::test]
async fn an_announced_size_is_believed() {
    let double = Double::answering(|number, _| json(200, &body(1000 + number))).await;
    let client = limited(&double.url, 1000);
    client.read("a").await.unwrap();
    let error = client.read("a").await.unwrap_err();
    assert_eq!(error.transport(), Some(&TransportError::TooLarge { limit: 1000 }));
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let error = limited(&url, 1 << 20).read("a").await.unwrap_err();
    assert_eq!(
        error.transport(),
        Some(&TransportError::TooLarge { limit: 1 << 20 })
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_from_one_that_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                .await;
        }
    });
    let error = limited(&url, 1000).with_retries(1).read("a").await.unwrap_err();
    assert!(
        matches!(error.transport(), Some(TransportError::Broken { .. })),
        "{error}"
    );
}

/// A transport that never answers, for what must not be sent.
struct Nowhere;

#[async_trait::async_trait]
impl arca_client::Transport for Nowhere {
    async fn send(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        assert!(request.headers()["x-vault-token"].is_sensitive());
        Err(TransportError::NotSent)
    }
}

#[tokio::test]
async fn a_transport_in_process_sees_absolute_urls_and_no_printable_token() {
    let client = client_over(Nowhere).with_token(Some(arca_base::Secret::new("t".into())));
    let error = client.read("a").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET http://localhost/v1/a: the request was not sent"
    );
}
