//! The change stream: what is told of changes, to whom, and from where on.

use std::sync::Arc;
use std::time::Duration;

use arca_base::json::{Limits, Object};
use arca_base::{Json, Operation, RequestPath, Secret};
use arca_core::engine::{Catalog, ClientInfo};
use arca_core::events::{Message, Subscription};
use arca_core::pipeline::{Incoming, Reply};
use arca_core::seal::Seal;
use arca_storage::{HistoryLimits, MemoryStorage};
use arca_testkit::{TestServer, Unsealed};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Asks for a stream.
async fn ask(server: &Unsealed, token: &str, kind: &str, after: Option<&str>) -> Reply {
    let data = json!({ "after": after.unwrap_or_default() }).to_string();
    let data = match Json::parse(data.as_bytes(), &Limits::default()).unwrap() {
        Json::Object(members) if after.is_some() => members,
        _ => Object::new(),
    };
    let incoming = Incoming {
        operation: Operation::Read,
        path: RequestPath::parse(&format!("sys/events/subscribe/{kind}")).unwrap(),
        namespace: String::new(),
        token: Some(Secret::new(token.to_owned())),
        inline_auth: None,
        wrap_ttl: None,
        factors: Vec::new(),
        data,
        headers: arca_core::web::RequestHeaders::default(),
        client: ClientInfo {
            address: Some("127.0.0.1:50000".parse().unwrap()),
            certificates: vec![],
        },
    };
    server.server.core.handle(incoming).await
}

/// A stream and the revision it begins at.
async fn follow(server: &Unsealed, token: &str, kind: &str, after: Option<u64>) -> (Subscription, u64) {
    let after = after.map(|after| after.to_string());
    let reply = ask(server, token, kind, after.as_deref()).await;
    assert_eq!(reply.status, 200);
    let mut stream = reply.stream.unwrap().take().unwrap();
    match stream.next().await {
        Some(Message::Ready { revision }) => (stream, revision),
        other => panic!("{other:?}"),
    }
}

/// What comes next, which must be there in a moment; nothing otherwise.
async fn next(stream: &mut Subscription) -> Option<Message> {
    tokio::time::timeout(Duration::from_millis(500), stream.next())
        .await
        .ok()
        .flatten()
}

async fn event(stream: &mut Subscription) -> (Option<u64>, Value) {
    match next(stream).await {
        Some(Message::Event { id, kind, body }) => {
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["type"], kind);
            (id, body)
        }
        other => panic!("{other:?}"),
    }
}

/// Type and data path of what comes next.
async fn told(stream: &mut Subscription) -> (String, String) {
    let (_, event) = event(stream).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (
        text(&event["type"]),
        text(&event["data"]["event"]["metadata"]["data_path"]),
    )
}

async fn silent(stream: &mut Subscription) {
    let next = tokio::time::timeout(Duration::from_millis(100), stream.next()).await;
    assert!(next.is_err(), "{next:?}");
}

/// A server with both kinds of key/value mounts.
async fn server() -> Unsealed {
    let server = Unsealed::start().await;
    server.mount("secret", "kv-v2").await;
    server.mount("kv1", "kv").await;
    server
}

async fn put(server: &Unsealed, path: &str) {
    let data = json!({ "data": { "k": "canary" } });
    let _ = server.write(path, data).await.expect(200);
}

#[tokio::test]
async fn an_event_has_the_form_clients_know_and_no_value() {
    let server = server().await;
    let root = server.root.clone();
    let (mut stream, start) = follow(&server, &root, "kv-v2/*", None).await;
    put(&server, "secret/data/a/b").await;
    put(&server, "secret/data/a/b").await;
    let (first, _) = event(&mut stream).await;
    let (id, event) = event(&mut stream).await;
    assert!(start < first.unwrap() && first < id);
    assert!(!event.to_string().contains("canary"));
    let mount = server.read("sys/mounts/secret").await;
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["source"], "vault://test");
    assert_eq!(event["datacontentype"], "application/cloudevents");
    assert_eq!(event["revision"], id.unwrap());
    assert_eq!(
        event["data"]["event"]["metadata"],
        json!({
            "current_version": "2", "oldest_version": "0", "modified": "true", "operation": "data-write",
            "data_path": "secret/data/a/b", "path": "secret/data/a/b",
        })
    );
    assert_eq!(
        event["data"]["plugin_info"],
        json!({
            "mount_class": "secret", "mount_path": "secret/", "plugin": "kv", "version": "2",
            "mount_accessor": mount.data("accessor"),
        })
    );
    assert_eq!(event["id"], event["data"]["event"]["id"]);
    assert_eq!(event["data"]["event_type"], "kv-v2/data-write");
}

#[tokio::test]
async fn every_change_of_a_secret_is_told() {
    let server = server().await;
    let root = server.root.clone();
    let (mut stream, _) = follow(&server, &root, "kv*", None).await;
    put(&server, "secret/data/a").await;
    let patch = json!({ "data": { "k": "canary2" } });
    let _ = server.patch("secret/data/a", patch).await.expect(200);
    let _ = server.delete("secret/data/a").await.expect(204);
    for verb in ["undelete", "delete", "destroy"] {
        let versions = json!({ "versions": [2] });
        let _ = server
            .write(&format!("secret/{verb}/a"), versions)
            .await
            .expect(204);
    }
    let _ = server
        .write("secret/metadata/a", json!({ "max_versions": 5 }))
        .await
        .expect(204);
    let _ = server
        .patch("secret/metadata/a", json!({ "max_versions": 6 }))
        .await
        .expect(204);
    let _ = server.delete("secret/metadata/a").await.expect(204);
    let _ = server
        .write("secret/config", json!({ "max_versions": 6 }))
        .await
        .expect(204);
    let _ = server.write("kv1/a", json!({ "k": "canary" })).await.expect(204);
    let _ = server.delete("kv1/a").await.expect(204);
    for (kind, path) in [
        ("kv-v2/data-write", "secret/data/a"),
        ("kv-v2/data-patch", "secret/data/a"),
        ("kv-v2/data-delete", "secret/data/a"),
        ("kv-v2/undelete", "secret/data/a"),
        ("kv-v2/delete", "secret/data/a"),
        ("kv-v2/destroy", "secret/data/a"),
        ("kv-v2/metadata-write", "secret/metadata/a"),
        ("kv-v2/metadata-patch", "secret/metadata/a"),
        ("kv-v2/metadata-delete", "secret/data/a"),
        ("kv-v2/config-write", "secret/config"),
        ("kv-v1/write", "kv1/a"),
        ("kv-v1/delete", "kv1/a"),
    ] {
        assert_eq!(told(&mut stream).await, (kind.to_owned(), path.to_owned()));
    }
    silent(&mut stream).await;
}

#[tokio::test]
async fn changes_of_the_server_itself_are_told() {
    let server = server().await;
    let root = server.root.clone();
    let (mut stream, _) = follow(&server, &root, "*", None).await;
    server
        .policy("p", "path \"a\" { capabilities = [\"read\"] }")
        .await;
    let _ = server.delete("sys/policies/acl/p").await.expect(204);
    server.mount("x", "kv").await;
    let _ = server
        .write("sys/mounts/x/tune", json!({ "description": "d" }))
        .await
        .expect(204);
    let _ = server
        .write("sys/remount", json!({ "from": "x", "to": "y" }))
        .await
        .expect(200);
    let _ = server.delete("sys/mounts/y").await.expect(204);
    for (kind, path) in [
        ("policy/write", "sys/policies/acl/p"),
        ("policy/delete", "sys/policies/acl/p"),
        ("mount/enable", "sys/mounts/x"),
        ("mount/tune", "sys/mounts/x"),
        ("mount/move", "sys/mounts/y"),
        ("mount/disable", "sys/mounts/y"),
    ] {
        assert_eq!(told(&mut stream).await, (kind.to_owned(), path.to_owned()));
    }
}

#[tokio::test]
async fn nobody_sees_what_they_may_neither_read_nor_subscribe_to() {
    let server = server().await;
    let policy = r#"
        path "sys/events/subscribe/*" { capabilities = ["read"] }
        path "secret/data/read/*" { capabilities = ["read"] }
        path "secret/data/sub/*" { capabilities = ["subscribe"] subscribe_event_types = ["kv*write"] }
        path "secret/data/any/*" { capabilities = ["subscribe"] }
        path "secret/data/read/denied" { capabilities = ["deny"] }
        path "secret/data/list/*" { capabilities = ["list", "update"] }
    "#;
    server.policy("p", policy).await;
    let token = server.token(&["p"]).await;
    let (mut stream, _) = follow(&server, &token, "*", None).await;
    for path in ["read/a", "read/denied", "sub/a", "any/a", "list/a", "other"] {
        put(&server, &format!("secret/data/{path}")).await;
        let _ = server.delete(&format!("secret/data/{path}")).await.expect(204);
    }
    for (kind, path) in [
        ("data-write", "read/a"),
        ("data-delete", "read/a"),
        ("data-write", "sub/a"),
        ("data-write", "any/a"),
        ("data-delete", "any/a"),
    ] {
        let expected = (format!("kv-v2/{kind}"), format!("secret/data/{path}"));
        assert_eq!(told(&mut stream).await, expected);
    }
    silent(&mut stream).await;
    // A change of the policy counts for the next event.
    server
        .policy("p", "path \"secret/data/other\" { capabilities = [\"read\"] }")
        .await;
    put(&server, "secret/data/read/a").await;
    put(&server, "secret/data/other").await;
    assert_eq!(told(&mut stream).await.1, "secret/data/other");
}

#[tokio::test]
async fn subscribing_takes_the_right_to_read_the_path_of_the_stream() {
    let server = server().await;
    server
        .policy(
            "p",
            "path \"sys/events/subscribe/kv*\" { capabilities = [\"read\"] }",
        )
        .await;
    let token = server.token(&["p"]).await;
    assert_eq!(ask(&server, &token, "*", None).await.status, 403);
    assert_eq!(ask(&server, &token, "kv-v2/data-write", None).await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_by_name() {
    let server = server().await;
    for (kind, after, says) in [
        ("*", Some("x"), "must be a revision"),
        ("*", Some("-1"), "must be a revision"),
        ("*", Some("99999999999999999999"), "must be a revision"),
        ("a b", None, "type of event"),
        (&*"x".repeat(200), None, "type of event"),
    ] {
        let reply = ask(&server, &server.root, kind, after).await;
        assert_eq!(reply.status, 400, "{kind} {after:?}");
        assert!(reply.body.0.contains(says), "{}", reply.body.0);
    }
    // A pattern that fits nothing this server tells is quiet, not wrong: there are other servers and later versions.
    let root = server.root.clone();
    let (mut stream, _) = follow(&server, &root, "aws/*", None).await;
    put(&server, "secret/data/a").await;
    silent(&mut stream).await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_says_so() {
    let server = server().await;
    server
        .policy("p", "path \"*\" { capabilities = [\"read\"] }")
        .await;
    for at_once in [true, false] {
        let token = server.token(&["p"]).await;
        let (mut stream, _) = follow(&server, &token, "*", None).await;
        let _ = server
            .write("auth/token/revoke", json!({ "token": token }))
            .await
            .expect(204);
        if at_once {
            put(&server, "secret/data/a").await;
        } else {
            server.advance(15).await;
        }
        match next(&mut stream).await {
            Some(Message::End { reason }) => assert!(reason.contains("revoked"), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(next(&mut stream).await, None);
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_server_is_sealed() {
    let server = server().await;
    let root = server.root.clone();
    let (mut stream, _) = follow(&server, &root, "*", None).await;
    server.server.core.seal().await;
    assert!(matches!(next(&mut stream).await, Some(Message::End { reason }) if reason.contains("sealed")));
    assert_eq!(next(&mut stream).await, None);
    assert_eq!(ask(&server, &root, "*", None).await.status, 503);
}

#[tokio::test]
async fn a_quiet_stream_beats() {
    let server = server().await;
    let root = server.root.clone();
    let (mut stream, start) = follow(&server, &root, "kv*", None).await;
    silent(&mut stream).await;
    for _ in 0..2 {
        server.advance(15).await;
        assert_eq!(next(&mut stream).await, Some(Message::Beat { revision: start }));
        silent(&mut stream).await;
    }
}

/// A server whose store remembers only this many commits.
async fn forgetful(commits: usize) -> Unsealed {
    let limits = HistoryLimits {
        commits,
        ..HistoryLimits::default()
    };
    let storage = Arc::new(MemoryStorage::with_history(limits));
    let server = TestServer::on(storage, Catalog::new(), Seal::Shamir, 1)
        .unsealed()
        .await;
    server.mount("secret", "kv-v2").await;
    server
}

#[tokio::test]
async fn a_history_that_is_gone_is_a_gap_and_the_stream_goes_on() {
    let server = forgetful(4).await;
    let root = server.root.clone();
    for _ in 0..8 {
        put(&server, "secret/data/a").await;
    }
    let (mut stream, _) = follow(&server, &root, "*", Some(1)).await;
    let Some(Message::Gap { oldest }) = next(&mut stream).await else {
        panic!("no gap");
    };
    put(&server, "secret/data/b").await;
    let (id, _) = event(&mut stream).await;
    assert!(id.unwrap() > oldest);
    let (mut future, ready) = follow(&server, &root, "*", Some(1 << 40)).await;
    assert_eq!(next(&mut future).await, Some(Message::Gap { oldest: ready }));
    put(&server, "secret/data/c").await;
    assert_eq!(told(&mut future).await.1, "secret/data/c");
}

#[tokio::test]
async fn whoever_reads_too_slowly_is_told_of_a_gap() {
    let server = server().await;
    let root = server.root.clone();
    let (mut stream, _) = follow(&server, &root, "*", None).await;
    server.settle().await;
    // From the first event on, it is handed what all subscribers are.
    put(&server, "secret/data/a").await;
    event(&mut stream).await;
    for _ in 0..1100 {
        let _ = server.write("kv1/a", json!({ "k": "v" })).await.expect(204);
        tokio::task::yield_now().await;
    }
    assert!(matches!(next(&mut stream).await, Some(Message::Gap { .. })));
    put(&server, "secret/data/b").await;
    let mut last = told(&mut stream).await.1;
    while last == "kv1/a" {
        last = told(&mut stream).await.1;
    }
    assert_eq!(last, "secret/data/b");
}

#[tokio::test]
async fn the_end_of_a_lease_is_told_to_its_token_and_to_nobody_beside() {
    let (server, _world) = crate::leases::start().await;
    let policy = r#"
        path "sys/events/subscribe/*" { capabilities = ["read"] }
        path "db/creds/app" { capabilities = ["read"] }
    "#;
    server.policy("p", policy).await;
    let mut streams = Vec::new();
    let mut leases = Vec::new();
    for _ in 0..2 {
        let token = server.token(&["p"]).await;
        let made = server.read_as(&token, "db/creds/app").await.expect(200);
        leases.push(made.body["lease_id"].as_str().unwrap().to_owned());
        streams.push(follow(&server, &token, "lease/*", None).await.0);
    }
    let revoke = json!({ "lease_id": leases[0] });
    let _ = server.write("sys/leases/revoke", revoke).await.expect(204);
    let (_, first) = event(&mut streams[0]).await;
    assert_eq!(first["type"], "lease/revoke");
    let metadata = &first["data"]["event"]["metadata"];
    assert_eq!(
        (&metadata["lease_id"], &metadata["lease_path"]),
        (&json!(leases[0]), &json!("db/creds/app"))
    );
    assert!(metadata.get(".owner").is_none());
    silent(&mut streams[1]).await;
    server.advance(601).await;
    let mut next_event = next(&mut streams[1]).await;
    if let Some(Message::Beat { .. }) = next_event {
        next_event = next(&mut streams[1]).await;
    }
    match next_event {
        Some(Message::Event { kind, .. }) => assert_eq!(kind, "lease/expire"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nodes_of_one_store_tell_the_same_in_the_same_order() {
    let clock = arca_testkit::ManualClock::new();
    let storage = MemoryStorage::shared(clock, Duration::from_secs(10), HistoryLimits::default());
    let storage = Arc::new(storage);
    let first = TestServer::on(storage.clone(), Catalog::new(), Seal::Shamir, 1)
        .unsealed()
        .await;
    let second = Unsealed {
        server: TestServer::on(storage, Catalog::new(), Seal::Shamir, 2),
        root: first.root.clone(),
        unseal_key: first.unseal_key.clone(),
    };
    second
        .server
        .core
        .lifecycle()
        .unseal(&second.unseal_key)
        .await
        .unwrap();
    first.mount("secret", "kv-v2").await;
    first.settle().await;
    let root = first.root.clone();
    let (mut there, start) = follow(&second, &root, "*", None).await;
    for path in ["secret/data/a", "secret/data/b"] {
        put(&first, path).await;
    }
    let (id, seen) = event(&mut there).await;
    let (mut here, _) = follow(&first, &root, "*", Some(start)).await;
    assert_eq!(
        event(&mut here).await,
        (id, seen),
        "the same event with the same identifier"
    );
    let (mut resumed, _) = follow(&first, &root, "*", id).await;
    assert_eq!(told(&mut resumed).await.1, "secret/data/b");
    assert_eq!(told(&mut there).await.1, "secret/data/b");
}

#[tokio::test]
async fn a_subscription_is_audited_like_any_request() {
    let server = server().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = json!({ "type": "file", "options": { "file_path": file.path() } });
    let _ = server.write("sys/audit/f", options).await.expect(204);
    let reply = ask(&server, &server.root, "kv*", None).await;
    assert_eq!(reply.status, 200);
    let log = std::fs::read_to_string(file.path()).unwrap();
    let entries = log
        .lines()
        .filter(|line| line.contains("sys/events/subscribe/kv*"));
    assert_eq!(entries.count(), 2, "a request and a response");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Cut at random, resumed from the last event seen: each write exactly once, in order.
    #[test]
    fn nothing_is_lost_or_doubled_over_reconnects(steps in prop::collection::vec(0_u8..4, 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = server().await;
            let root = server.root.clone();
            let (mut stream, mut after) = follow(&server, &root, "kv-v2/data-write", None).await;
            let (mut written, mut seen) = (0_u64, Vec::new());
            for step in steps {
                match step {
                    0 => (stream, _) = follow(&server, &root, "kv-v2/data-write", Some(after)).await,
                    1 if (seen.len() as u64) < written => {
                        let (id, event) = event(&mut stream).await;
                        after = id.unwrap();
                        seen.push(event["data"]["event"]["metadata"]["current_version"].clone());
                    }
                    _ => {
                        put(&server, "secret/data/a").await;
                        written += 1;
                    }
                }
            }
            while (seen.len() as u64) < written {
                let (_, event) = event(&mut stream).await;
                seen.push(event["data"]["event"]["metadata"]["current_version"].clone());
            }
            let expected: Vec<Value> = (1..=written).map(|version| json!(version.to_string())).collect();
            assert_eq!(seen, expected);
            silent(&mut stream).await;
        });
    }
}
