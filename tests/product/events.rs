//! The change stream over the network: frames, sockets, resumption, the command, and the end of the server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use arca_tests::Node;
use arca_tests::clock::now;
use arca_tests::commands::finish;
use arca_tests::program::{arca, bare, checked_in, python};
use serde_json::{Value, json};

/// How many parts the session of the WebSocket client has, so that none is left out unseen.
pub(crate) const PARTS: usize = 5;

fn node() -> Node {
    let node = Node::embedded();
    node.mount_kv();
    node
}

fn put(node: &Node, path: &str) {
    let data = json!({"data": {"k": "canary"}});
    node.api().post(&format!("secret/data/{path}"), data).expect(200);
}

/// A stream of events as it arrives.
struct Frames {
    reader: BufReader<TcpStream>,
}

/// One frame: identifier, type, data.
type Frame = (Option<u64>, String, Value);

impl Frames {
    fn open(node: &Node, token: &str, target: &str, headers: &str) -> Self {
        let place = node.server.address().place();
        let mut stream = TcpStream::connect(place).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let request =
            format!("GET /v1/{target} HTTP/1.1\r\nhost: arca\r\nx-vault-token: {token}\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Status and headers.
    fn head(&mut self) -> String {
        let mut head = String::new();
        while let Some(line) = self.line().filter(|line| !line.is_empty()) {
            head.push_str(&line.to_lowercase());
            head.push('\n');
        }
        head
    }

    /// The next frame with data; sizes of chunks and comments are passed over.
    fn next(&mut self) -> Option<Frame> {
        let (mut id, mut kind) = (None, String::new());
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("id", value)) => id = Some(value.parse().unwrap()),
                Some(("event", value)) => kind = value.to_owned(),
                Some(("data", value)) => return Some((id, kind, serde_json::from_str(value).unwrap())),
                _ => {}
            }
        }
    }
}

#[test]
fn events_arrive_as_frames_and_resume_from_where_they_were_cut() {
    let node = node();
    let root = node.keys.root.clone();
    let mut frames = Frames::open(&node, &root, "sys/events/subscribe/kv*", "");
    let head = frames.head();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    let (start, kind, data) = frames.next().unwrap();
    assert_eq!(
        (kind.as_str(), &data),
        ("arca/ready", &json!({"revision": start}))
    );
    put(&node, "a");
    let (first, kind, event) = frames.next().unwrap();
    assert_eq!(kind, "kv-v2/data-write");
    assert_eq!(event["revision"], json!(first));
    assert!(!event.to_string().contains("canary"));
    drop(frames);
    put(&node, "b");
    put(&node, "c");
    let after = first.unwrap();
    for (target, headers) in [
        (format!("sys/events/subscribe/kv*?after={after}"), String::new()),
        (
            "sys/events/subscribe/kv*".to_owned(),
            format!("last-event-id: {after}\r\n"),
        ),
    ] {
        let mut frames = Frames::open(&node, &root, &target, &headers);
        frames.head();
        assert_eq!(frames.next().unwrap().1, "arca/ready");
        for path in ["secret/data/b", "secret/data/c"] {
            let event = frames.next().unwrap().2;
            assert_eq!(event["data"]["event"]["metadata"]["data_path"], path);
        }
    }
    // The embedded store remembers no commit from before its start.
    let mut node = node;
    node.server.terminate(Duration::from_secs(20));
    node.restart();
    let mut frames = Frames::open(&node, &root, &format!("sys/events/subscribe/*?after={after}"), "");
    frames.head();
    assert_eq!(frames.next().unwrap().1, "arca/ready");
    assert_eq!(frames.next().unwrap().1, "arca/gap");
}

#[test]
fn the_server_does_not_wait_for_its_subscribers_and_tells_them() {
    let mut node = node();
    let root = node.keys.root.clone();
    let mut frames = Frames::open(&node, &root, "sys/events/subscribe/*", "");
    frames.head();
    frames.next().unwrap();
    let (code, took) = node.server.terminate(Duration::from_secs(20));
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (_, kind, data) = frames.next().unwrap();
    assert_eq!(kind, "arca/end");
    assert!(data["reason"].as_str().unwrap().contains("reconnect"), "{data}");
    assert_eq!(frames.next(), None);
}

#[test]
fn a_client_of_another_language_follows_over_a_websocket() {
    let node = node();
    node.policy(
        "reader",
        "path \"sys/events/subscribe/*\" { capabilities = [\"read\"] }\n\
         path \"secret/data/mine\" { capabilities = [\"read\"] }",
    );
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/events.py"))
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root)
        .env("READER_TOKEN", node.token(&["reader"]));
    let ran = finish(&mut command, None, Duration::from_secs(60)).expect(0);
    assert_eq!(ran.out.lines().count(), PARTS, "{ran:?}");
}

#[test]
fn a_handshake_that_is_not_understood_is_refused_with_the_remedy() {
    let node = node();
    let headers = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 12\r\n";
    let mut frames = Frames::open(&node, &node.keys.root.clone(), "sys/events/subscribe/*", headers);
    let head = frames.head();
    assert!(head.starts_with("http/1.1 426"), "{head}");
    assert!(head.contains("sec-websocket-version: 13"), "{head}");
}

#[test]
fn the_command_prints_lines_and_ends_when_interrupted() {
    let node = node();
    let mut command = Command::new(arca());
    command
        .args(["events", "subscribe", "kv*"])
        .env_clear()
        .env("HOME", node.folder())
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root)
        .stdout(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let deadline = now() + Duration::from_secs(20);
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = say.send(lines.next());
        lines.count()
    });
    // It may not have subscribed yet.
    let line = loop {
        put(&node, "a");
        match said.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => break line.unwrap().unwrap(),
            Err(_) => assert!(now() < deadline, "nothing was printed"),
        }
    };
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["data"]["event"]["metadata"]["data_path"], "secret/data/a");
    let id = running.id().to_string();
    let killed = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(killed.success());
    assert_eq!(running.wait().unwrap().code(), Some(0));
}
