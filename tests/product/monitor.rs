//! The log over the network: its levels, its lines as they are written, and the command that prints them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use arca_tests::Node;
use arca_tests::clock::now;
use arca_tests::program::arca;
use rustix::process::Signal;
use serde_json::{Value, json};

/// `arca monitor` while it runs, and what it prints.
struct Monitor {
    child: Child,
    lines: Receiver<String>,
}

impl Monitor {
    fn start(node: &Node, token: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(arca());
        command
            .arg("monitor")
            .args(arguments)
            .env_clear()
            .env("HOME", node.folder())
            .env("VAULT_ADDR", node.server.address().url())
            .env("VAULT_TOKEN", token)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines();
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in printed.map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        Self { child, lines }
    }

    /// The first line with `text`, while the server is asked again and again to say it.
    fn line(&self, text: &str, mut ask: impl FnMut()) -> String {
        let deadline = now() + Duration::from_secs(20);
        loop {
            ask();
            match self.lines.recv_timeout(Duration::from_millis(200)) {
                Ok(line) if line.contains(text) => return line,
                _ => assert!(now() < deadline, "nothing was printed"),
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_log_is_printed_until_interrupted() {
    let node = Node::embedded();
    let root = node.keys.root.clone();
    let reload = || node.server.signal(Signal::HUP);
    let mut monitor = Monitor::start(&node, &root, &[]);
    let line = monitor.line("reloaded", reload);
    assert!(
        line.contains("INFO") && line.contains("arca_server::run"),
        "{line}"
    );
    let as_json = Monitor::start(&node, &root, &["-log-format=json"]);
    let line: Value = serde_json::from_str(&as_json.line("reloaded", reload)).unwrap();
    assert_eq!(
        (&line["message"], &line["level"]),
        (&json!("reloaded"), &json!("INFO"))
    );
    let id = monitor.child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(monitor.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_level_holds_for_what_is_written_and_not_for_who_follows() {
    let node = Node::embedded();
    let api = node.api();
    let reload = || node.server.signal(Signal::HUP);
    api.post("sys/loggers/http", json!({"level": "error"}))
        .expect(204);
    assert_eq!(api.get("sys/loggers/http").expect(200).at("/data/http"), "error");
    assert_eq!(api.get("sys/loggers").expect(200).at("/data/core"), "info");
    let monitor = Monitor::start(&node, &node.keys.root, &["-log-level=info"]);
    monitor.line("reloaded", reload);
    assert!(
        !node.server.all().contains("reloaded"),
        "it was not to be written"
    );
    api.delete("sys/loggers/http").expect(204);
    monitor.line("reloaded", reload);
    assert!(node.server.all().contains("reloaded"));
}

#[test]
fn who_may_not_read_the_log_is_refused_and_who_could_is_cut_off() {
    let node = Node::embedded();
    let api = node.api();
    let policy = json!({"policy": "path \"sys/monitor\" { capabilities = [\"read\"] }"});
    api.post("sys/policies/acl/monitor", policy).expect(204);
    let token = |policy: &str| {
        let made = api
            .post("auth/token/create", json!({"policies": [policy]}))
            .expect(200);
        made.text_at("/auth/client_token")
    };
    let mut refused = Monitor::start(&node, &token("default"), &[]);
    assert_eq!(refused.child.wait().unwrap().code(), Some(2));
    let allowed = Monitor::start(&node, &token("monitor"), &[]);
    allowed.line("reloaded", || node.server.signal(Signal::HUP));
    api.post("sys/seal", json!({})).expect(204);
    let mut allowed = allowed;
    assert_eq!(
        allowed.child.wait().unwrap().code(),
        Some(1),
        "a sealed server tells nothing"
    );
}
