//! A double of the server: answers as it is told, and writes down what it was asked.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

type Handler = Arc<dyn Fn(usize, &Asked) -> (u16, String) + Send + Sync>;

/// Stops with the runtime of its test.
pub(crate) struct ServerDouble {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ServerDouble {
    /// Answers by a function of the number of the request, from 0, and the request.
    pub(crate) async fn answering(
        answer: impl Fn(usize, &Asked) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (handler, book): (Handler, _) = (Arc::new(answer), asked.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (handler, book) = (handler.clone(), book.clone());
                let service = service_fn(move |request| serve(request, handler.clone(), book.clone()));
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().clone()
    }

    /// How often something was asked.
    pub(crate) fn times(&self, line: &str) -> usize {
        self.asked
            .lock()
            .iter()
            .filter(|asked| asked.line == line)
            .count()
    }
}

async fn serve(
    request: Request<Incoming>,
    handler: Handler,
    book: Arc<Mutex<Vec<Asked>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let asked = Asked {
        line: format!("{} {}", head.method, head.uri.path_and_query().unwrap()),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let number = {
        let mut book = book.lock();
        book.push(asked.clone());
        book.len() - 1
    };
    // Others get their turn while this one is on its way.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let (status, body) = handler(number, &asked);
    let answer = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(answer.body(Full::new(body.into())).unwrap())
}
