//! A double of the server: answers as it is told, and writes down what it was asked.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use arca_client::{Address, Client, ClientConfig, Surroundings};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use crate::clock::{Waits, Zeros};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// Path and query, or the whole URL when asked as a proxy.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) version: Version,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

type Handler = Arc<dyn Fn(usize, &Asked) -> Response<Bytes> + Send + Sync>;

/// A running double. Stops with the runtime of its test.
pub(crate) struct Double {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Double {
    /// Answers by a function of the number of the request, from 0, and the request.
    pub(crate) async fn answering(
        answer: impl Fn(usize, &Asked) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let desk = Desk::new(answer);
        let asked = Arc::clone(&desk.asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(desk.clone().serve(stream));
            }
        });
        Self { url, asked }
    }

    /// The same over TLS.
    pub(crate) async fn answering_tls(
        config: rustls::ServerConfig,
        answer: impl Fn(usize, &Asked) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let desk = Desk::new(answer);
        let asked = Arc::clone(&desk.asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (desk, acceptor) = (desk.clone(), acceptor.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        desk.serve(stream).await;
                    }
                });
            }
        });
        Self { url, asked }
    }

    /// The same at a Unix socket.
    pub(crate) fn answering_at(
        path: &Path,
        answer: impl Fn(usize, &Asked) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let desk = Desk::new(answer);
        let asked = Arc::clone(&desk.asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(desk.clone().serve(stream));
            }
        });
        Self {
            url: format!("unix://{}", path.display()),
            asked,
        }
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// A client of this double that waits for nothing but retries.
    pub(crate) fn client(&self) -> Client {
        client(&[("VAULT_ADDR", &self.url)])
    }
}

/// A client configured by environment variables.
pub(crate) fn client(vars: &[(&str, &str)]) -> Client {
    client_with(vars, Waits::up_to(30)).unwrap()
}

pub(crate) fn client_with(
    vars: &[(&str, &str)],
    clock: Arc<Waits>,
) -> Result<Client, arca_client::ConfigError> {
    let config = config(vars);
    Client::connect(&config, clock, Arc::new(Zeros))
}

pub(crate) fn config(vars: &[(&str, &str)]) -> ClientConfig {
    ClientConfig::from_env(|name| {
        let found = vars.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
    .unwrap()
}

/// A client over another transport.
pub(crate) fn client_over(transport: impl arca_client::Transport) -> Client {
    let surroundings = Surroundings {
        transport: Arc::new(transport),
        clock: Waits::up_to(30),
        entropy: Arc::new(Zeros),
    };
    Client::new(Address::in_process(), surroundings)
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

/// An answer that points elsewhere.
pub(crate) fn redirect(status: u16, location: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("location", location)
        .body(Bytes::new())
        .unwrap()
}

#[derive(Clone)]
struct Desk {
    answer: Handler,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Desk {
    fn new(answer: impl Fn(usize, &Asked) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            asked: Arc::default(),
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let service = service_fn(move |request| self.clone().handle(request));
        let _ = auto::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn handle(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let asked = Asked {
            method: head.method,
            target: match head.version {
                Version::HTTP_2 => head.uri.path_and_query().unwrap().to_string(),
                _ => head.uri.to_string(),
            },
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
            version: head.version,
        };
        let number = {
            let mut all = self.asked.lock();
            all.push(asked.clone());
            all.len() - 1
        };
        Ok((self.answer)(number, &asked).map(Full::new))
    }
}
