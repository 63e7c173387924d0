//! What refusals look like, on every endpoint.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

/// What ends the server or the token of this test, or does not end by itself.
const LEFT_OUT: [&str; 4] = ["sys/seal", "revoke-self", "sys/events/", "sys/monitor"];

async fn paths(vault: &Unsealed) -> Vec<String> {
    let document = vault.read("sys/internal/specs/openapi").await.expect(200);
    let paths = document.body["paths"].as_object().unwrap().keys();
    let filled = paths.map(|path| {
        let segments = path.trim_start_matches('/').split('/');
        let filled: Vec<&str> = segments
            .map(|segment| if segment.starts_with('{') { "x" } else { segment })
            .collect();
        filled.join("/")
    });
    filled
        .filter(|path| !LEFT_OUT.iter().any(|left_out| path.contains(left_out)))
        .collect()
}

/// Answers that were both have let people in: a login that failed carried a token.
#[tokio::test]
async fn an_answer_is_an_error_or_a_result_and_never_both() {
    let vault = Unsealed::start().await;
    let nobody = vault.token(&["nothing"]).await;
    let operations = [
        Operation::Read,
        Operation::Update,
        Operation::Patch,
        Operation::Delete,
        Operation::List,
    ];
    let bodies = [
        json!({}),
        json!({"name": "x", "type": [], "key": {}, "ttl": "-1s"}),
    ];
    let mut seen = (0, 0);
    for path in paths(&vault).await {
        for operation in operations {
            for (token, body) in [
                (None, &bodies[0]),
                (Some(&nobody), &bodies[0]),
                (Some(&vault.root), &bodies[0]),
                (Some(&vault.root), &bodies[1]),
            ] {
                let token = token.map(String::as_str);
                let answer = vault
                    .server
                    .request(operation, &path, token, body.clone(), None)
                    .await;
                let has = |name: &str| answer.body.get(name).is_some_and(|member| !member.is_null());
                if answer.status >= 400 {
                    seen.0 += 1;
                    let carries = ["auth", "wrap_info", "lease_id"]
                        .into_iter()
                        .find(|name| has(name));
                    assert_eq!(carries, None, "{operation:?} {path}: {}", answer.body);
                } else {
                    seen.1 += 1;
                    assert!(!has("errors"), "{operation:?} {path}: {}", answer.body);
                }
            }
        }
    }
    assert!(seen.0 > 1000 && seen.1 > 50, "{seen:?}");
}

/// A page begins behind any text at all, also one that can be no name.
#[tokio::test]
async fn a_page_begins_behind_any_text() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv-v2").await;
    for name in ["a", "b"] {
        let secret = json!({"data": {"k": "v"}});
        let _ = vault.write(&format!("kv/data/{name}"), secret).await.expect(200);
        let role = format!("auth/token/roles/{name}");
        let _ = vault.write(&role, json!({})).await.expect(204);
    }
    for folder in ["kv/metadata", "auth/token/roles"] {
        for (after, expected) in [
            ("\0", json!(["a", "b"])),
            ("a\0b", json!(["b"])),
            ("\u{1e}\u{f8}", json!(["a", "b"])),
        ] {
            let token = Some(vault.root.as_str());
            let answer = vault
                .server
                .request(Operation::List, folder, token, json!({"after": after}), None)
                .await;
            assert_eq!(
                answer.body["data"]["keys"], expected,
                "{folder} {after:?}: {}",
                answer.body
            );
        }
    }
}

/// Who may do nothing learns nothing of what is there: every path refuses in the same words.
#[tokio::test]
async fn strangers_cannot_tell_what_exists() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/there", json!({"a": "b"})).await.expect(204);
    let nobody = vault.token(&["nothing"]).await;
    for token in [None, Some("hvs.unknown"), Some(nobody.as_str())] {
        let mut words: Vec<(u16, Value)> = Vec::new();
        for path in [
            "kv/there",
            "kv/absent",
            "no-mount/x",
            "sys/policies/acl/default",
            "sys/mounts/kv",
        ] {
            let answer = vault
                .server
                .request(Operation::Read, path, token, Value::Null, None)
                .await;
            words.push((answer.status, answer.body));
        }
        words.dedup();
        assert_eq!(words.len(), 1, "{words:?}");
        assert_eq!(words[0].0, 403);
    }
}
