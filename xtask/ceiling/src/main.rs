//! A bare HTTP server of the stack that Arca is built on: the ceiling its benchmarks are compared with.
//!
//! It accepts, parses, reads the body and answers a fixed document to everything. What a request costs in Arca
//! beyond what it costs here is ours.
#![expect(
    clippy::print_stdout,
    reason = "it says where it listens to the program that started it"
)]

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

/// 300 bytes, the size of a small secret in its envelope.
const ANSWER: &str = concat!(
    r#"{"request_id":"3f0e2f0a-6d0f-4d2c-9d63-0d5a6a1d8c11","lease_id":"","renewable":false,"lease_duration":0,"#,
    r#""data":{"data":{"password":"correct-horse-battery-staple","user":"application"},"metadata":{"#,
    r#""created_time":"2026-01-01T00:00:00.000000000Z","destroyed":false,"version":1,"x":"01234567890123456"}}}"#,
);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("{}", listener.local_addr()?);
    loop {
        // A connection that is gone before it is accepted is nobody's loss.
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    }
}

/// Serves one connection to its end. How it ends is the client's affair.
async fn serve(stream: TcpStream) {
    let nodelay = stream.set_nodelay(true);
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
    drop((nodelay, served));
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that breaks off breaks the connection as well: hyper sees to that.
    drop(request.into_body().collect().await);
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER.as_bytes())));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_answer_has_its_size() {
        assert_eq!(super::ANSWER.len(), 300);
    }
}
