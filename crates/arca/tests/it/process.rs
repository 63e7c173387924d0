//! The program as a process.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

fn arca(arguments: &[&str], vars: &[(&str, &str)]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_arca"))
        .args(arguments)
        .env_clear()
        .env("HOME", home.path())
        .envs(vars.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Answers one request with a JSON body and gives the request.
fn serve_once(listener: TcpListener, body: &'static str) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let count = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..count]);
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    })
}

#[test]
fn speaks_to_a_server_over_the_network() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = serve_once(listener, r#"{"request_id":"r","data":{"k":"v"}}"#);
    let output = arca(
        &["read", "secret/app"],
        &[("VAULT_ADDR", &address), ("VAULT_TOKEN", "t")],
    );
    let request = server.join().unwrap();
    assert!(
        request.starts_with("GET /v1/secret/app HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.contains("x-vault-token: t\r\n"), "{request}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "Key    Value\n---    -----\nk      v\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn says_where_nobody_answers() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = format!("http://{free}");
    let output = arca(&["status"], &[("VAULT_ADDR", &address)]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains(&format!("cannot connect to {address}: connection refused")),
        "{errors}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_reader_that_had_enough_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_arca"))
        .args(["completion", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(0), ""));
}
