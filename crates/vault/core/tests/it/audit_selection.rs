//! Devices that take some entries, leave parts of them out, or send them to a collector.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arca_testkit::{Response, Unsealed};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

struct Setting {
    vault: Unsealed,
    folder: tempfile::TempDir,
}

async fn start() -> Setting {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault.mount("other", "kv").await;
    Setting {
        vault,
        folder: tempfile::tempdir().unwrap(),
    }
}

impl Setting {
    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn enable(&self, name: &str, mut options: Value) -> Response {
        options["file_path"] = json!(self.log(name).to_str().unwrap());
        let device = json!({"type": "file", "options": options});
        self.vault.write(&format!("sys/audit/{name}"), device).await
    }

    async fn put(&self, path: &str) -> u16 {
        self.vault.write(path, json!({"k": "v"})).await.status
    }
}

fn entries(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The paths of requests in a log, each once for its request and its answer.
fn paths(log: &Path) -> Vec<String> {
    let path = |entry: &Value| entry["request"]["path"].as_str().unwrap().to_owned();
    entries(log)
        .iter()
        .map(path)
        .filter(|path| path != "sys/audit/test")
        .collect()
}

#[tokio::test]
async fn a_filter_decides_and_the_fallback_has_the_rest() {
    let set = start().await;
    let _ = set.enable("rest", json!({"fallback": "true"})).await.expect(204);
    let filter =
        "mount_type == kv and mount_point == \"kv/\" and operation != read and path not matches \"^kv/no\"";
    let _ = set.enable("some", json!({ "filter": filter })).await.expect(204);
    for path in ["kv/a", "kv/no", "other/a"] {
        assert_eq!(set.put(path).await, 204);
    }
    let _ = set.vault.read("kv/a").await.expect(200);
    assert_eq!(paths(&set.log("some")), ["kv/a", "kv/a"]);
    let rest = paths(&set.log("rest"));
    let (enabling, others) = rest.split_at(rest.len() - 6);
    assert_eq!(others, ["kv/no", "kv/no", "other/a", "other/a", "kv/a", "kv/a"]);
    assert!(
        enabling.iter().all(|path| path.starts_with("sys/audit/")),
        "{enabling:?}"
    );
}

#[tokio::test]
async fn a_namespace_is_a_filter_too() {
    let set = start().await;
    let _ = set.enable("rest", json!({"fallback": "true"})).await.expect(204);
    let _ = set
        .enable("root", json!({"filter": "namespace is empty"}))
        .await
        .expect(204);
    assert_eq!(set.put("kv/a").await, 204);
    assert_eq!(
        paths(&set.log("root")).len(),
        3,
        "the answer to enabling, and two"
    );
}

#[tokio::test]
async fn no_request_is_served_that_no_device_takes() {
    let set = start().await;
    let filtered = json!({"filter": "path == \"kv/a\""});
    let alone = set.enable("some", filtered.clone()).await.expect(400);
    assert!(alone.error().contains("fallback=true"), "{}", alone.error());
    let _ = set.enable("rest", json!({"fallback": "true"})).await.expect(204);
    let second = set.enable("rest2", json!({"fallback": "true"})).await.expect(400);
    assert_eq!(second.error(), "there is a fallback device already: rest/");
    let _ = set.enable("some", filtered).await.expect(204);
    let last = set.vault.delete("sys/audit/rest").await.expect(400);
    assert!(last.error().contains("first disable those"), "{}", last.error());
    let _ = set.enable("all", json!({})).await.expect(204);
    let _ = set.vault.delete("sys/audit/rest").await.expect(204);
    let _ = set.vault.delete("sys/audit/all").await.expect(400);
    let _ = set.vault.delete("sys/audit/some").await.expect(204);
    let _ = set.vault.delete("sys/audit/all").await.expect(204);
}

/// What the store may hold after two nodes removed devices at the same time in a way nobody can: fail closed.
#[tokio::test]
async fn with_filters_alone_what_they_refuse_is_not_done() {
    let set = start().await;
    let _ = set.enable("all", json!({})).await.expect(204);
    let _ = set
        .enable("some", json!({"filter": "path == \"kv/a\""}))
        .await
        .expect(204);
    let storage = &set.vault.server.storage;
    let batch = arca_storage::Batch::new().delete("ns/root/audit/all");
    storage.commit(batch).await.unwrap();
    set.vault.server.core.seal().await;
    let key = &set.vault.unseal_key;
    set.vault.server.core.lifecycle().unseal(key).await.unwrap();
    assert_eq!(set.put("kv/a").await, 204);
    assert_eq!(set.put("kv/b").await, 500);
    assert_eq!(set.put("other/a").await, 500);
    assert_eq!(paths(&set.log("some")), ["kv/a", "kv/a"]);
}

#[tokio::test]
async fn parts_of_entries_are_left_out() {
    let set = start().await;
    let exclude = json!([
        {"condition": "\"/request/mount_point\" == \"kv/\"", "fields": ["/request/data", "/response/data/k"]},
        {"fields": ["/auth/policies", "/request/remote_port"]},
    ]);
    let options = json!({"exclude": exclude.to_string(), "prefix": "@cee: "});
    let _ = set.enable("log", options).await.expect(204);
    for path in ["kv/a", "other/a"] {
        assert_eq!(set.put(path).await, 204);
    }
    let _ = set.vault.read("kv/a").await.expect(200);
    let text = std::fs::read_to_string(set.log("log")).unwrap();
    let all: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line.strip_prefix("@cee: ").unwrap()).unwrap())
        .collect();
    let of = |path: &'static str| all.iter().filter(move |entry| entry["request"]["path"] == path);
    assert_eq!((of("kv/a").count(), of("other/a").count()), (4, 2));
    assert!(of("kv/a").all(|entry| entry["request"].get("data").is_none()));
    assert!(of("other/a").all(|entry| entry["request"].get("data").is_some()));
    assert!(all.iter().all(|entry| entry["auth"].get("policies").is_none()));
    assert!(all.iter().all(|entry| entry["request"]["id"].is_string()));
    let read = of("kv/a").next_back().unwrap();
    assert_eq!(read["response"]["data"], json!({}), "{read}");
}

#[tokio::test]
async fn wrong_selections_name_the_option() {
    let set = start().await;
    for (options, expected) in [
        (
            json!({"filter": "mount == kv"}),
            "\"filter\": at byte 0: there is nothing called \"mount\"",
        ),
        (json!({"filter": "path ="}), "\"filter\": at byte 5"),
        (json!({"filter": "path == x", "fallback": "true"}), "\"fallback\""),
        (json!({"fallback": "perhaps"}), "\"fallback\""),
        (json!({"exclude": "{}"}), "\"exclude\""),
        (
            json!({"exclude": "[{\"fields\":[\"/request/id\"]}]"}),
            "cannot be left out",
        ),
    ] {
        let refused = set.enable("x", options).await.expect(400);
        assert!(refused.error().contains(expected), "{}", refused.error());
    }
}

/// A double of a collector: takes what it is sent, and answers as it is told.
struct Collector {
    address: String,
    bodies: Arc<Mutex<Vec<String>>>,
    heads: Arc<Mutex<Vec<String>>>,
    status: Arc<AtomicUsize>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let collector = Self {
            address,
            bodies: Arc::default(),
            heads: Arc::default(),
            status: Arc::new(AtomicUsize::new(200)),
        };
        let (bodies, heads, status) = (
            collector.bodies.clone(),
            collector.heads.clone(),
            collector.status.clone(),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, bodies.clone(), heads.clone(), status.clone()));
            }
        });
        collector
    }

    fn lines(&self) -> Vec<Value> {
        let bodies = self.bodies.lock();
        let lines = bodies.iter().flat_map(|body| body.lines());
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn answer(
    mut stream: TcpStream,
    bodies: Arc<Mutex<Vec<String>>>,
    heads: Arc<Mutex<Vec<String>>>,
    status: Arc<AtomicUsize>,
) {
    let mut got = Vec::new();
    let mut buffer = vec![0; 65536];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        got.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&got).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() < length.unwrap().parse::<usize>().unwrap() {
            continue;
        }
        let status = status.load(Ordering::SeqCst);
        if status < 300 {
            bodies.lock().push(body.to_owned());
        }
        heads.lock().push(head);
        got.clear();
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_collector_gets_lines_and_its_credentials_are_not_shown() {
    let set = start().await;
    let collector = Collector::start().await;
    let options = json!({
        "uri": format!("http://{}/ingest?tenant=a", collector.address),
        "headers": "{\"Authorization\":\"Bearer canary\"}",
        "write_timeout": "1s",
    });
    let device = json!({"type": "http", "options": options});
    let _ = set.vault.write("sys/audit/http", device).await.expect(204);
    assert_eq!(set.put("kv/a").await, 204);
    let paths: Vec<Value> = collector
        .lines()
        .iter()
        .map(|line| line["request"]["path"].clone())
        .collect();
    assert_eq!(paths, ["sys/audit/test", "sys/audit/http", "kv/a", "kv/a"]);
    let head = collector.heads.lock()[0].clone();
    assert!(head.starts_with("post /ingest?tenant=a http/1.1"), "{head}");
    assert!(
        head.contains("authorization: bearer canary") && head.contains("application/x-ndjson"),
        "{head}"
    );
    let shown = set.vault.read("sys/audit").await.expect(200);
    assert!(!shown.body.to_string().contains("canary"), "{}", shown.body);
    assert_eq!(
        shown.data("http~1/options/headers"),
        "{\"Authorization\":\"(not shown)\"}"
    );
    // Away: nothing is done without a record.
    collector.status.store(503, Ordering::SeqCst);
    assert_eq!(set.put("kv/b").await, 500);
    collector.status.store(200, Ordering::SeqCst);
}

#[tokio::test]
async fn wrong_collectors_are_refused() {
    let set = start().await;
    for (options, expected) in [
        (json!({}), "uri is required"),
        (json!({"uri": "logs.example.com"}), "\"uri\""),
        (json!({"uri": "ftp://logs.example.com"}), "\"uri\""),
        (
            json!({"uri": "https://user:canary@logs.example.com"}),
            "put credentials into headers",
        ),
        (json!({"uri": "http://a", "headers": "x"}), "\"headers\""),
        (
            json!({"uri": "http://a", "headers": "{\"Host\":\"b\"}"}),
            "\"headers\"",
        ),
        (json!({"uri": "http://a", "client_cert": "/x"}), "go together"),
        (
            json!({"uri": "http://a", "write_timeout": "2m"}),
            "\"write_timeout\"",
        ),
        (json!({"uri": "http://127.0.0.1:1/x"}), "failed test message"),
    ] {
        let device = json!({"type": "http", "options": options});
        let refused = set.vault.write("sys/audit/x", device).await.expect(400);
        assert!(refused.error().contains(expected), "{}", refused.error());
        assert!(!refused.error().contains("canary"));
    }
}
