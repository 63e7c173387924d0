//! Requests: whatever is sent, the answer has a status clients know, errors have their shape, and the server goes on.
//!
//! The input is a request as on the wire, without its version: `METHOD /path?query`, header lines, an empty line,
//! the body. It is asked with the root token, so that it reaches everything that reads bodies.
#![no_main]

use std::sync::{Arc, LazyLock};

use arca_server::config::Listener;
use arca_server::{InProcess, Service, SystemClock};
use arca_testkit::Unsealed;
use bytes::Bytes;
use http::Request;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

struct Target {
    runtime: Runtime,
    server: InProcess,
    root: String,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (server, root) = runtime.block_on(async {
        let vault = Unsealed::start().await;
        vault.mount("kv1", "kv").await;
        vault.mount("kv2", "kv-v2").await;
        let service: Arc<dyn Service> = vault.server.core.clone();
        let clock = Arc::new(SystemClock::new());
        (InProcess::new(Listener::plain("127.0.0.1:0"), service, clock), vault.root)
    });
    Target { runtime, server, root }
});

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = request(bytes) else { return };
    // Other paths are pages, and these end what all later inputs need.
    if !request.uri().path().starts_with("/v1/")
        || ["/v1/sys/seal", "/v1/sys/step-down", "revoke"].iter().any(|path| request.uri().path().contains(path))
    {
        return;
    }
    let target = &*TARGET;
    let (status, body) = target.runtime.block_on(async {
        let response = target.server.send(request).await;
        (response.status().as_u16(), response.into_body())
    });
    assert!(
        [200, 202, 204, 307, 400, 403, 404, 405, 412, 413, 415, 429, 500, 501, 503].contains(&status),
        "{status}"
    );
    assert_ne!(status, 500, "{}", String::from_utf8_lossy(&body));
    if status >= 400 && !body.is_empty() {
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert!(body.get("errors").is_some() || body.get("data").is_some() || body.get("initialized").is_some());
    }
});

fn request(bytes: &[u8]) -> Option<Request<Bytes>> {
    let split = bytes.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (std::str::from_utf8(bytes.get(..split)?).ok()?, bytes.get(split + 2..)?);
    let mut lines = head.lines();
    let (method, uri) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(uri).header("x-vault-token", &TARGET.root);
    for line in lines {
        let (name, value) = line.split_once(": ")?;
        if !name.eq_ignore_ascii_case("x-vault-token") {
            request = request.header(name, value);
        }
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}
