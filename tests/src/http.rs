//! A client that sends exactly what it is told, byte for byte, and keeps its connection.
//!
//! Real clients clean paths, fix headers and retry. Where a test is about what a server does with what no client
//! sends, or about the very moment an answer arrives, it speaks through this.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    place: String,
    tls: bool,
}

impl Address {
    /// `host:port`, or the path of a socket.
    #[must_use]
    pub fn new(place: &str, tls: bool) -> Self {
        Self {
            place: place.to_owned(),
            tls,
        }
    }

    /// The address in `http://host:port` or `https://host:port`.
    #[must_use]
    pub fn of_url(url: &str) -> Self {
        let (scheme, place) = url.split_once("://").expect("a URL");
        Self::new(place, scheme == "https")
    }

    /// As a URL.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match (self.is_socket(), self.tls) {
            (true, _) => "unix",
            (false, true) => "https",
            (false, false) => "http",
        };
        format!("{scheme}://{}", self.place)
    }

    /// `host:port`, or the path of a socket.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    fn is_socket(&self) -> bool {
        self.place.starts_with('/')
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A connection without TLS.
pub struct Connection {
    stream: BufReader<Box<dyn Stream>>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Panics
    /// For an address with TLS.
    pub fn open(address: &Address) -> io::Result<Self> {
        assert!(!address.tls, "this client does not encrypt");
        let stream: Box<dyn Stream> = if address.is_socket() {
            let stream = UnixStream::connect(&address.place)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Box::new(stream)
        } else {
            let stream = TcpStream::connect(&address.place)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Box::new(stream)
        };
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends a request and waits for the answer. `target` goes out as it is.
    ///
    /// # Errors
    /// When the connection breaks, or what arrives is no answer.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: arca\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body);
        self.write(&bytes)?;
        self.answer(method)
    }

    /// Waits for the answer to a request.
    ///
    /// # Errors
    /// When the connection breaks, or what arrives is no answer.
    pub fn answer(&mut self, method: &str) -> io::Result<Answer> {
        let status = self.line()?;
        let status = status
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| broken(&status))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken(&line))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if method != "HEAD" && !matches!(status, 100..200 | 204 | 304) {
            answer.body = self.body(&answer)?;
        }
        Ok(answer)
    }

    fn body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if answer
            .header("transfer-encoding")
            .is_some_and(|coding| coding == "chunked")
        {
            loop {
                let line = self.line()?;
                let size = usize::from_str_radix(&line, 16).map_err(|_| broken(&line))?;
                let mut chunk = vec![0; size];
                self.stream.read_exact(&mut chunk)?;
                self.line()?;
                if size == 0 {
                    return Ok(body);
                }
                body.extend(chunk);
            }
        }
        match answer.header("content-length").map(str::parse::<usize>) {
            Some(Ok(length)) => {
                body.resize(length, 0);
                self.stream.read_exact(&mut body)?;
            }
            _ => {
                self.stream.read_to_end(&mut body)?;
            }
        }
        Ok(body)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn broken(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not an answer: {line:?}"))
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(given, _)| given == name)?;
        Some(value)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null for one that is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A member by its JSON pointer; null when there is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    /// A member that is a text.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        match self.at(pointer) {
            Value::String(text) => text,
            other => panic!("{pointer} is {other} in {}: {}", self.status, self.text()),
        }
    }

    /// The first error, or nothing.
    #[must_use]
    pub fn error(&self) -> String {
        self.at("/errors/0").as_str().unwrap_or_default().to_owned()
    }

    /// Fails the test unless the status is `status`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// Requests to one server with one token, each on a connection of its own.
#[derive(Clone, Debug)]
pub struct Api {
    address: Address,
    token: Option<String>,
}

impl Api {
    /// Requests without a token.
    #[must_use]
    pub fn new(address: &Address) -> Self {
        Self {
            address: address.clone(),
            token: None,
        }
    }

    /// The same server with a token.
    #[must_use]
    pub fn with(&self, token: &str) -> Self {
        Self {
            address: self.address.clone(),
            token: Some(token.to_owned()),
        }
    }

    /// Where requests go.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Reads; `path` is what follows `/v1/`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], None)
    }

    /// Lists.
    #[track_caller]
    pub fn list(&self, path: &str) -> Answer {
        self.request("LIST", path, &[], None)
    }

    /// Deletes.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], None)
    }

    /// Writes.
    #[track_caller]
    pub fn post(&self, path: &str, data: Value) -> Answer {
        self.request("POST", path, &[], Some(data))
    }

    /// Any request.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], data: Option<Value>) -> Answer {
        let answer = self.try_request(method, path, headers, data);
        answer.unwrap_or_else(|error| panic!("{method} {path} at {}: {error}", self.address.url()))
    }

    /// Any request.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        data: Option<Value>,
    ) -> io::Result<Answer> {
        let mut all = vec![("Connection", "close")];
        all.extend(self.token.as_deref().map(|token| ("X-Vault-Token", token)));
        all.extend_from_slice(headers);
        let body = data.map(|data| data.to_string().into_bytes()).unwrap_or_default();
        Connection::open(&self.address)?.send(method, &format!("/v1/{path}"), &all, &body)
    }
}
