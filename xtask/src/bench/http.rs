//! A small HTTP/1.1 client for set-up and for filling: JSON over plain TCP, one connection kept open.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// No answer of the API is larger than this.
const MOST_BYTES: usize = 64 << 20;

/// A client of one server.
pub(super) struct Client {
    address: String,
    token: Option<String>,
    connection: Option<BufReader<TcpStream>>,
}

/// The status of an answer, and its body: `null` when there is none.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Client {
    pub(super) fn new(address: &str, token: Option<&str>) -> Self {
        Self {
            address: address.to_owned(),
            token: token.map(str::to_owned),
            connection: None,
        }
    }

    /// Sends a request and gives the body of a 2xx answer.
    pub(super) fn call(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let reply = self
            .send(method, path, body)
            .with_context(|| format!("{method} {path}"))?;
        match reply.status {
            200..300 => Ok(reply.body),
            status => bail!("{method} {path} was answered with {status}: {}", reply.body),
        }
    }

    /// Sends a request and gives the answer, whatever its status.
    pub(super) fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.address)?,
        };
        let request = self.request(method, path, body);
        connection.get_mut().write_all(request.as_bytes())?;
        let (reply, keep) = read_reply(&mut connection)?;
        self.connection = keep.then_some(connection);
        Ok(reply)
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let body = body.map(Value::to_string).unwrap_or_default();
        let token = self
            .token
            .as_ref()
            .map(|token| format!("X-Vault-Token: {token}\r\n"))
            .unwrap_or_default();
        let length = body.len();
        let host = &self.address;
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{token}Content-Length: {length}\r\n\r\n{body}")
    }
}

fn connect(address: &str) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(BufReader::new(stream))
}

/// Reads one answer; the flag says whether the connection serves another.
fn read_reply(from: &mut impl BufRead) -> Result<(Reply, bool)> {
    let status = line(from)?;
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.context("the answer has no status line")?;
    let (mut length, mut chunked, mut keep) = (0, false, true);
    loop {
        let header = line(from)?.to_ascii_lowercase();
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        match (name, value.trim()) {
            ("content-length", value) => length = value.parse().context("content-length")?,
            ("transfer-encoding", value) => chunked = value.contains("chunked"),
            ("connection", value) => keep = value != "close",
            _ => {}
        }
    }
    let bytes = if chunked {
        read_chunks(from)?
    } else {
        read_exactly(from, length)?
    };
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes).context("not JSON")?
    };
    Ok((Reply { status, body }, keep))
}

fn read_chunks(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let size = usize::from_str_radix(&line(from)?, 16).context("the size of a chunk")?;
        bytes.extend(read_exactly(from, size)?);
        line(from)?;
        if size == 0 {
            return Ok(bytes);
        }
    }
}

fn read_exactly(from: &mut impl BufRead, length: usize) -> Result<Vec<u8>> {
    if length > MOST_BYTES {
        bail!("an answer of {length} bytes");
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A line without its ending.
fn line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    from.take(64 << 10).read_line(&mut line)?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (u16, Value, bool) {
        let (reply, keep) = read_reply(&mut text.as_bytes()).unwrap();
        (reply.status, reply.body, keep)
    }

    #[test]
    fn reads_answers_of_every_framing() {
        let body = serde_json::json!({"a": 1});
        assert_eq!(
            read("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}"),
            (200, body.clone(), true)
        );
        assert_eq!(
            read(
                "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"
            ),
            (400, body, true)
        );
        assert_eq!(
            read("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
            (204, Value::Null, false)
        );
    }

    #[test]
    fn refuses_what_is_not_an_answer() {
        for text in [
            "",
            "hello\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        ] {
            assert!(read_reply(&mut text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn keeps_its_connection_and_sends_the_token() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = Client::new(&listener.local_addr().unwrap().to_string(), Some("s.1"));
        let server = std::thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let mut heads = String::new();
            for _ in 0..2 {
                let start = heads.len();
                while !heads.get(start..).unwrap().ends_with("\r\n\r\n") {
                    stream.read_line(&mut heads).unwrap();
                }
                stream
                    .get_mut()
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    .unwrap();
            }
            heads
        });
        client.call("GET", "/v1/one", None).unwrap();
        client.call("LIST", "/v1/two", None).unwrap();
        let heads = server.join().unwrap();
        assert!(heads.starts_with("GET /v1/one HTTP/1.1\r\n"), "{heads}");
        assert!(heads.contains("LIST /v1/two HTTP/1.1\r\n"), "{heads}");
        assert_eq!(heads.matches("X-Vault-Token: s.1\r\n").count(), 2);
    }
}
