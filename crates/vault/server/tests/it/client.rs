//! An HTTP/1 client that sends what it is told, byte by byte.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::running::soon;

pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// A connection.
pub(crate) struct Raw<T = TcpStream> {
    pub(crate) stream: T,
    unread: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }
}

impl<T: Bytes> Raw<T> {
    pub(crate) fn over(stream: T) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends a request and waits for its answer. `head` is method and target, then header lines.
    pub(crate) async fn ask(&mut self, head: &str, body: &str) -> Answer {
        let is_head = head.starts_with("HEAD ");
        self.send(request(head, body)).await;
        self.answer_to(is_head).await
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to(false).await
    }

    pub(crate) async fn answer_to(&mut self, is_head: bool) -> Answer {
        soon(async {
            let head = self.until(b"\r\n\r\n").await.expect("an answer");
            let head = String::from_utf8(head).unwrap();
            let mut lines = head.split("\r\n");
            let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
            let header = |line: &str| {
                line.split_once(": ")
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
            };
            let headers: HashMap<_, _> = lines.filter_map(header).collect();
            let length = headers
                .get("content-length")
                .map_or(0, |length| length.parse().unwrap());
            let body = if is_head {
                Vec::new()
            } else {
                self.take(length).await
            };
            let body = String::from_utf8(body).unwrap();
            Answer {
                status,
                headers,
                body,
            }
        })
        .await
    }

    /// Whether the server has closed the connection, or does soon, without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0; 1];
        let read = soon(self.stream.read(&mut byte)).await;
        self.unread.is_empty() && !matches!(read, Ok(1..))
    }

    /// Reads through a mark; nothing if the connection ends before.
    pub(crate) async fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self.unread.windows(mark.len()).position(|window| window == mark);
            if let Some(at) = found {
                let rest = self.unread.split_off(at + mark.len());
                return Some(std::mem::replace(&mut self.unread, rest));
            }
            if !matches!(self.stream.read_buf(&mut self.unread).await, Ok(1..)) {
                return None;
            }
        }
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            assert!(
                self.stream.read_buf(&mut self.unread).await.unwrap() > 0,
                "cut off"
            );
        }
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The text of an error, empty if there is none.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        let errors = json["errors"].as_array().unwrap();
        errors
            .first()
            .map_or_else(String::new, |error| error.as_str().unwrap().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// The bytes of a request. `head` is method and target, then header lines.
pub(crate) fn request(head: &str, body: &str) -> String {
    let (first, headers) = head.split_once('\n').unwrap_or((head, ""));
    let mut text = format!("{first} HTTP/1.1\r\nhost: arca\r\n");
    for line in headers.lines().map(str::trim).filter(|line| !line.is_empty()) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text
}
