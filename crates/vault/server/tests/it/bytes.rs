//! Whatever is sent, there is an answer or an end, and the server lives.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use crate::client::{Answer, Raw};
use crate::running::{Running, listener, soon, start};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

/// Sends bytes and the end of them, and reads what comes: whole answers, then the end.
async fn exchange(server: &Running, bytes: &[u8]) -> Vec<u16> {
    let mut client = Raw::connect(server.address()).await;
    // The server may close before everything is sent.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut client.stream, bytes).await;
    let _ = tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await;
    let mut statuses = Vec::new();
    while let Some(head) = soon(client.until(b"\r\n\r\n")).await {
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        statuses.push(status.unwrap_or_else(|| panic!("no answer: {head}")));
    }
    statuses
}

async fn lives(server: &Running) -> Answer {
    server.connect().await.ask("GET /v1/echo/a", "").await
}

#[test]
fn any_bytes() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(start(listener()));
    runner(400)
        .run(&prop::collection::vec(any::<u8>(), 0..400), |bytes| {
            runtime.block_on(exchange(&server, &bytes));
            Ok(())
        })
        .unwrap();
    assert_eq!(runtime.block_on(lives(&server)).status, 200);
}

/// Bytes that can stand in a target, and all others by their escapes.
fn target(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"#<>[\\]^`{|}%".contains(byte);
    let piece = |byte: &u8| {
        if plain(byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02x}")
        }
    };
    bytes.iter().map(piece).collect()
}

#[test]
fn any_request() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(start(listener()));
    let methods = prop::sample::select(vec![
        "GET", "POST", "LIST", "PATCH", "DELETE", "OPTIONS", "HELP", "FOO",
    ]);
    let names = prop::sample::select(vec![
        "x-vault-token",
        "authorization",
        "x-vault-namespace",
        "x-vault-wrap-ttl",
        "content-type",
        "x-forwarded-for",
    ]);
    let values = prop::collection::vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..], 0..40);
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        "[{}\\[\\]\",:a-z0-9 \\\\]{0,60}".prop_map(String::into_bytes),
    ];
    let path = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[a./%?&=]{0,30}".prop_map(String::into_bytes)
    ];
    runner(600)
        .run(
            &(methods, path, prop::collection::vec((names, values), 0..4), body),
            |(method, path, headers, body)| {
                let mut bytes =
                    format!("{method} /v1/echo/{} HTTP/1.1\r\nhost: a\r\n", target(&path)).into_bytes();
                for (name, value) in headers {
                    bytes.extend([name.as_bytes(), b": ", &value, b"\r\n"].concat());
                }
                bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
                bytes.extend(body);
                let statuses = runtime.block_on(exchange(&server, &bytes));
                let expected = [200, 307, 400, 403, 405, 415];
                prop_assert!(
                    matches!(statuses[..], [status] if expected.contains(&status)),
                    "{:?}",
                    statuses
                );
                Ok(())
            },
        )
        .unwrap();
    assert_eq!(runtime.block_on(lives(&server)).status, 200);
}
