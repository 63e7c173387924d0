//! What reading a request and writing its answer cost, beside a service that costs nothing, and what it costs to let
//! a request end although its connection has. Run with `cargo bench -p arca-server`.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use std::sync::Arc;

use arca_base::Timestamp;
use arca_core::Fault;
use arca_core::pipeline::{Incoming, Reply, Unread};
use arca_server::config::Listener;
use arca_server::service::{Answering, Service};
use arca_server::{InProcess, SystemClock};
use bytes::Bytes;
use divan::{AllocProfiler, Bencher};
use futures_util::FutureExt as _;
use http::{Request, Response};
use tokio::runtime::{Builder, Runtime};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The size of a small secret in its envelope.
const ANSWER: usize = 300;
const TOKEN: &str = "hvs.CAESIJ7VJzT3v4Xk0d6p1mQ2r9s8t7u6v5w4x3y2z1a0b9c8";

fn main() {
    divan::main();
}

/// Answers at once.
struct Fixed;

impl Service for Fixed {
    fn handle(self: Arc<Self>, incoming: Incoming) -> Answering {
        Box::pin(async move {
            drop(incoming);
            Reply::json(200, "x".repeat(ANSWER))
        })
    }

    fn refuse(self: Arc<Self>, _: Unread, fault: Fault) -> Answering {
        Box::pin(std::future::ready(Reply::empty(fault.class().status())))
    }

    fn metrics(&self, _: bool, _: Timestamp) -> Reply {
        Reply::empty(200)
    }
}

fn server() -> InProcess {
    InProcess::new(
        Listener::plain("127.0.0.1:0"),
        Arc::new(Fixed),
        Arc::new(SystemClock::new()),
    )
}

fn request(method: &str, path: &str, body: &'static str) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(path);
    let request = request
        .header("x-vault-token", TOKEN)
        .header("x-vault-request", "true");
    let request = request
        .header("user-agent", "bench")
        .header("accept-encoding", "gzip");
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn measure(bencher: Bencher<'_, '_>, method: &'static str, path: &'static str, body: &'static str) {
    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let server = server();
    bencher
        .with_inputs(|| request(method, path, body))
        .bench_values(|request| -> Response<Bytes> {
            let response = server.send(request).now_or_never().unwrap();
            assert_eq!(response.status(), 200);
            response
        });
}

#[divan::bench]
fn get(bencher: Bencher<'_, '_>) {
    measure(bencher, "GET", "/v1/secret/data/team/app/config", "");
}

#[divan::bench]
fn list(bencher: Bencher<'_, '_>) {
    measure(bencher, "GET", "/v1/secret/metadata/team/app?list=true", "");
}

#[divan::bench]
fn small_post(bencher: Bencher<'_, '_>) {
    let body =
        r#"{"data":{"password":"correct-horse-battery-staple","user":"application"},"options":{"cas":1}}"#;
    measure(bencher, "POST", "/v1/secret/data/team/app/config", body);
}

/// The answer of the service alone, to subtract.
#[divan::bench]
fn service_alone(bencher: Bencher<'_, '_>) {
    bencher.bench(|| "x".repeat(ANSWER));
}

/// A hundred requests on one thread, each in the task of its connection, or each in a task of its own, which is what
/// completion would cost if it were not on demand.
#[divan::bench(args = [false, true])]
fn hundred_gets(bencher: Bencher<'_, '_>, own_tasks: bool) {
    let runtime = Builder::new_current_thread().build().unwrap();
    let server = Arc::new(runtime.block_on(async { server() }));
    let requests = || -> Vec<_> {
        let one = |_| request("GET", "/v1/secret/data/team/app/config", "");
        (0..100).map(one).collect()
    };
    bencher.with_inputs(requests).bench_values(|requests| {
        runtime.block_on(async {
            for request in requests {
                let server = server.clone();
                let sent = async move { server.send(request).await };
                let response = if own_tasks {
                    tokio::spawn(sent).await.unwrap()
                } else {
                    sent.await
                };
                assert_eq!(response.status(), 200);
            }
        });
    });
}
