//! Audit devices beside each other: sockets, syslog and pipes that stall, are full, or away.

use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use arca_testkit::Unsealed;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener};

async fn start() -> Unsealed {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    vault
}

async fn enable(vault: &Unsealed, path: &str, kind: &str, options: Value) -> arca_testkit::Response {
    let device = json!({"type": kind, "options": options});
    vault.write(&format!("sys/audit/{path}"), device).await
}

async fn enable_file(vault: &Unsealed, path: &Path) {
    let options = json!({"file_path": path.to_str().unwrap()});
    let _ = enable(vault, "file", "file", options).await.expect(204);
}

async fn put(vault: &Unsealed, number: usize) -> u16 {
    let data = json!({"number": number, "text": "x".repeat(200)});
    vault.write("kv/a", data).await.status
}

/// Waits for background work that has its own pace: the kernel's.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        pause().await;
    }
    panic!("{what}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "sockets of the machine do not follow the clock of the test"
)]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[expect(clippy::disallowed_methods, reason = "this measures")]
fn now() -> Instant {
    Instant::now()
}

fn metric(vault: &Unsealed, name: &str) -> u64 {
    let text = vault.server.core.metrics().prometheus();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

async fn accept(listener: &TcpListener) -> Lines<BufReader<TcpStream>> {
    BufReader::new(listener.accept().await.unwrap().0).lines()
}

async fn entry(lines: &mut Lines<BufReader<TcpStream>>) -> Value {
    serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap()
}

#[tokio::test]
async fn a_tcp_socket_gets_a_line_for_each_entry_and_a_new_connection_when_it_breaks() {
    let vault = start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let options = json!({"address": address, "socket_type": "tcp", "write_timeout": "1s"});
    let _ = enable(&vault, "tcp", "socket", options).await.expect(204);
    let mut lines = accept(&listener).await;
    assert_eq!(entry(&mut lines).await["request"]["path"], "sys/audit/test");
    assert_eq!(
        entry(&mut lines).await["type"],
        "response",
        "the answer to enabling"
    );
    assert_eq!(put(&vault, 1).await, 204);
    assert_eq!(entry(&mut lines).await["request"]["path"], "kv/a");
    let written = entry(&mut lines).await;
    assert_eq!(
        (&written["type"], &written["response"]["http_status"]),
        (&json!("response"), &json!(204))
    );
    drop(lines);
    assert_eq!(
        put(&vault, 2).await,
        204,
        "the only device gets another connection"
    );
    let mut lines = accept(&listener).await;
    assert_eq!(entry(&mut lines).await["request"]["data"]["number"], 2);
    let listed = vault.read("sys/audit").await.expect(200);
    assert_eq!(listed.data("tcp~1/options/socket_type"), "tcp");
    assert!(metric(&vault, "vault_audit_device_accepted_total{device=\"tcp/\"}") >= 5);
}

#[tokio::test]
async fn udp_and_unix_sockets_and_syslog_get_entries() {
    let vault = start().await;
    let folder = tempfile::tempdir().unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let options = json!({"address": udp.local_addr().unwrap().to_string(), "socket_type": "udp"});
    let _ = enable(&vault, "udp", "socket", options).await.expect(204);
    let mut datagram = vec![0; 65536];
    let length = udp.recv(&mut datagram).await.unwrap();
    let first: Value = serde_json::from_slice(&datagram[..length]).unwrap();
    assert_eq!(first["request"]["path"], "sys/audit/test");

    let place = folder.path().join("log");
    let syslog = UnixDatagram::bind(&place).unwrap();
    let options = json!({"facility": "local1", "tag": "arca", "socket_path": place.to_str().unwrap()});
    let _ = enable(&vault, "syslog", "syslog", options).await.expect(204);
    let length = syslog.recv(&mut datagram).await.unwrap();
    let message = String::from_utf8_lossy(&datagram[..length]).into_owned();
    // local1 is 17: 17 * 8 + 6.
    let head = format!("<142>arca[{}]: {{\"time\":", std::process::id());
    assert!(message.starts_with(&head) && message.ends_with('}'), "{message}");

    let place = folder.path().join("stream");
    let listener = UnixListener::bind(&place).unwrap();
    let options = json!({"address": place.to_str().unwrap(), "socket_type": "unix", "prefix": "@cee: "});
    let _ = enable(&vault, "unix", "socket", options).await.expect(204);
    let mut lines = BufReader::new(listener.accept().await.unwrap().0).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.starts_with("@cee: {\"time\":"), "{line}");
}

/// A Unix socket that accepts and never reads, and a connection of the device to it that is full.
async fn stalled(vault: &Unsealed, folder: &Path) -> UnixListener {
    let place = folder.join("stalled");
    let listener = UnixListener::bind(&place).unwrap();
    let options = json!({"address": place.to_str().unwrap(), "socket_type": "unix"});
    let _ = enable(vault, "stalled", "socket", options).await.expect(204);
    listener
}

async fn latencies(vault: &Unsealed, count: usize) -> (Duration, Duration) {
    let mut took = Vec::with_capacity(count);
    for number in 0..count {
        let started = now();
        assert_eq!(put(vault, number).await, 204);
        took.push(started.elapsed());
    }
    took.sort_unstable();
    (took[count / 2], took[count * 99 / 100])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_never_reads_delays_nobody_who_has_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let vault = start().await;
    enable_file(&vault, &folder.path().join("audit.log")).await;
    let _ = latencies(&vault, 500).await;
    let alone = latencies(&vault, 2000).await;
    let _listener = stalled(&vault, folder.path()).await;
    // More than the buffers of the kernel hold.
    let _ = latencies(&vault, 500).await;
    let beside = latencies(&vault, 2000).await;
    println!("median and 99th percentile: file alone {alone:?}, beside a stalled socket {beside:?}");
    assert!(
        beside.0 < alone.0 * 3 + Duration::from_millis(1),
        "{alone:?} {beside:?}"
    );
    assert!(
        beside.1 < alone.1 * 5 + Duration::from_millis(10),
        "{alone:?} {beside:?}"
    );
    let waiting = metric(&vault, "vault_audit_device_queue_length{device=\"stalled/\"}");
    assert!(waiting > 1000, "it does stall: {waiting} wait");
    let started = now();
    let _ = vault.delete("sys/audit/stalled").await.expect(204);
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "disabling waits for nothing"
    );
}

#[tokio::test]
async fn what_does_not_fit_into_the_queue_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let vault = start().await;
    enable_file(&vault, &folder.path().join("audit.log")).await;
    let _listener = stalled(&vault, folder.path()).await;
    let many: Vec<String> = (0..4000).map(|number| format!("value {number}")).collect();
    for _ in 0..40 {
        let _ = vault.write("kv/a", json!({"many": many})).await.expect(204);
    }
    assert!(metric(&vault, "vault_audit_device_dropped_total{device=\"stalled/\"}") > 0);
    assert_eq!(
        metric(&vault, "vault_audit_device_dropped_total{device=\"file/\"}"),
        0
    );
}

#[tokio::test]
async fn the_only_device_is_waited_for_until_its_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let vault = start().await;
    let listener = stalled(&vault, folder.path()).await;
    let mut number = 0;
    // Fills the buffers of the kernel, until one request does not return any more.
    let refused = loop {
        number += 1;
        let mut request = Box::pin(put(&vault, number));
        let returned = tokio::select! {
            status = &mut request => Some(status),
            () = async { for _ in 0..20 { pause().await } } => None,
        };
        match returned {
            Some(status) => assert_eq!(status, 204),
            None => {
                vault.server.clock.advance(Duration::from_secs(2));
                break request.await;
            }
        }
        assert!(number < 5000, "the socket takes everything");
    };
    assert_eq!(refused, 500, "fails closed");
    // Its reader comes back: what it missed is sent again, the torn line whole.
    let (first, _) = listener.accept().await.unwrap();
    drop(first);
    vault.server.clock.advance(Duration::from_secs(1));
    let (second, _) = listener.accept().await.unwrap();
    let mut lines = BufReader::new(second).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
}

#[tokio::test]
async fn a_syslog_that_is_away_gets_what_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let vault = start().await;
    enable_file(&vault, &folder.path().join("audit.log")).await;
    let place = folder.path().join("log");
    let options = json!({"socket_path": place.to_str().unwrap()});
    let refused = enable(&vault, "syslog", "syslog", options.clone())
        .await
        .expect(400);
    assert!(
        refused.error().starts_with("audit backend failed test message: "),
        "{}",
        refused.error()
    );
    let mut options = options;
    options["skip_test"] = json!("true");
    let _ = enable(&vault, "syslog", "syslog", options).await.expect(204);
    assert_eq!(put(&vault, 7).await, 204, "the file is enough");
    eventually("the device fails", || {
        metric(&vault, "vault_audit_device_failed_total{device=\"syslog/\"}") > 0
    })
    .await;
    let syslog = UnixDatagram::bind(&place).unwrap();
    vault.advance(1).await;
    let mut datagram = vec![0; 65536];
    let mut messages = String::new();
    while !messages.contains("\"number\":7") {
        let length = syslog.recv(&mut datagram).await.unwrap();
        messages.push_str(&String::from_utf8_lossy(&datagram[..length]));
    }
}

#[tokio::test]
async fn a_full_pipe_delays_nobody_and_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let vault = start().await;
    let place = folder.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &place, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let options = json!({"file_path": place.to_str().unwrap(), "mode": "0000"});
    let refused = enable(&vault, "pipe", "file", options.clone()).await.expect(400);
    assert!(
        refused.error().starts_with("audit backend failed test message: "),
        "nobody reads"
    );
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let mut reader = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(&place)
        .unwrap();
    let _ = enable(&vault, "pipe", "file", options).await.expect(204);
    let log = folder.path().join("audit.log");
    enable_file(&vault, &log).await;
    for number in 0..200 {
        assert_eq!(put(&vault, number).await, 204);
    }
    // The answer to this has no other device any more.
    let mut request = Box::pin(vault.delete("sys/audit/file"));
    tokio::select! {
        answer = &mut request => panic!("{}: the pipe is full", answer.status),
        () = pause() => {}
    }
    for _ in 0..3 {
        vault.advance(2).await;
    }
    assert_eq!(request.await.status, 500);
    let mut read = vec![0; 1 << 20];
    let length = reader.read(&mut read).unwrap();
    assert!(length > 4096);
    assert_eq!(put(&vault, 1001).await, 204, "it is read again");
}
