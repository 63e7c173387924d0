//! The audit log.

use std::path::PathBuf;

use arca_base::Operation;
use arca_core::Fault;
use arca_core::engine::ClientInfo;
use arca_core::pipeline::Unread;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

struct Audited {
    vault: Unsealed,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

async fn start(options: Value) -> Audited {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let mut options = options;
    options["file_path"] = json!(log.to_str().unwrap());
    let _ = vault
        .write("sys/audit/file", json!({"type": "file", "options": options}))
        .await
        .expect(204);
    Audited {
        vault,
        log,
        _folder: folder,
    }
}

impl Audited {
    fn text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn entries(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    async fn hash(&self, input: &str) -> String {
        let answer = self
            .vault
            .write("sys/audit-hash/file", json!({"input": input}))
            .await
            .expect(200);
        assert_eq!(answer.data("hash"), &answer.body["hash"]);
        answer.data("hash").as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_request_and_its_answer_are_two_lines() {
    let audited = start(json!({})).await;
    let before = audited.entries().len();
    let _ = audited
        .vault
        .write(
            "kv/app",
            json!({"password": "canary-1", "port": 5432, "on": true, "none": null}),
        )
        .await
        .expect(204);
    let _ = audited.vault.read("kv/app").await.expect(200);
    let entries = audited.entries();
    let [write, written, read, answered] = &entries[before..] else {
        panic!("{entries:?}")
    };
    let hash = audited.hash("canary-1").await;
    assert_eq!(
        (&write["type"], &written["type"]),
        (&json!("request"), &json!("response"))
    );
    assert_eq!(write["request"]["id"], written["request"]["id"]);
    assert_eq!(write["request"]["operation"], "create");
    assert_eq!(
        write["request"]["data"],
        json!({"password": hash, "port": 5432, "on": true, "none": null})
    );
    assert_eq!(write["request"]["path"], "kv/app");
    assert_eq!(
        (&write["request"]["mount_point"], &write["request"]["mount_type"]),
        (&json!("kv/"), &json!("kv"))
    );
    assert_eq!(
        (
            &write["request"]["remote_address"],
            &write["request"]["remote_port"]
        ),
        (&json!("127.0.0.1"), &json!(50000))
    );
    assert_eq!(write["request"]["namespace"], json!({"id": "root"}));
    assert_eq!(write["auth"]["policies"], json!(["root"]));
    assert_eq!(
        write["auth"]["policy_results"],
        json!({"allowed": true, "granting_policies": [{"name": "root", "namespace_id": "root", "type": "acl"}]})
    );
    assert_eq!(
        write["auth"]["client_token"],
        json!(audited.hash(&audited.vault.root).await)
    );
    assert_eq!(written["response"]["http_status"], 204);
    assert!(written["response"]["duration_us"].is_u64());
    assert_eq!(
        (
            &read["request"]["operation"],
            &answered["response"]["http_status"]
        ),
        (&json!("read"), &json!(200))
    );
    assert_eq!(
        answered["response"]["data"],
        json!({"password": hash, "port": 5432, "on": true, "none": null})
    );
    assert!(!audited.text().contains("canary-1") && !audited.text().contains(&audited.vault.root));
}

#[tokio::test]
async fn every_served_request_has_an_entry_also_refused_ones() {
    let audited = start(json!({})).await;
    let before = audited.entries().len();
    let vault = &audited.vault;
    let nobody = vault.token(&["default"]).await;
    let mut served = 1;
    for (operation, path, token) in [
        (Operation::Read, "kv/none", Some(vault.root.as_str())),
        (Operation::Read, "nowhere/x", Some(&vault.root)),
        (Operation::Read, "sys/zzz", Some(&vault.root)),
        (Operation::Delete, "sys/policies/acl", Some(&vault.root)),
        (Operation::Read, "kv/a", Some(&nobody)),
        (Operation::Read, "kv/a", Some("hvs.unknown")),
        (Operation::Read, "kv/a", None),
        (Operation::Update, "kv/a/", Some(&vault.root)),
        (Operation::Update, "sys/wrapping/unwrap", Some("hvs.unknown")),
    ] {
        let _ = vault
            .server
            .request(operation, path, token, json!({}), None)
            .await;
        served += 1;
    }
    let unread = Unread {
        operation: Operation::Update,
        path: "kv/broken".into(),
        client: ClientInfo::unknown(),
    };
    let reply = vault
        .server
        .core
        .refuse(unread, &Fault::invalid("failed to decode JSON input"))
        .await;
    assert_eq!(reply.status, 400);
    served += 1;
    let entries = audited.entries().split_off(before);
    let of = |kind: &str| entries.iter().filter(|entry| entry["type"] == kind).count();
    assert_eq!((of("request"), of("response")), (served, served));
    let denied = entries
        .iter()
        .find(|entry| entry["response"]["deny_reason"].is_string())
        .unwrap();
    assert_eq!(
        (
            &denied["response"]["http_status"],
            &denied["auth"]["policy_results"]
        ),
        (&json!(403), &json!({"allowed": false}))
    );
    assert_eq!(denied["response"]["deny_reason"], "no rule matches the path");
    let broken = entries
        .iter()
        .find(|entry| entry["request"]["path"] == "kv/broken")
        .unwrap();
    assert_eq!(broken["error"], "failed to decode JSON input");
    // Status that anybody may read is left out.
    let _ = vault
        .server
        .request(Operation::Read, "sys/health", None, json!({}), None)
        .await;
    assert_eq!(audited.entries().len(), before + 2 * served);
}

#[tokio::test]
async fn nothing_is_done_while_no_device_accepts_entries() {
    let audited = start(json!({})).await;
    let vault = &audited.vault;
    let _ = vault.write("kv/a", json!({"k": 1})).await.expect(204);
    let folder = audited.log.parent().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    std::fs::write(folder, "in the way").unwrap();
    let refused = vault.write("kv/a", json!({"k": 2})).await.expect(500);
    assert_eq!(refused.error(), "1 error occurred:\n\t* internal error\n\n");
    let _ = vault.read("kv/a").await.expect(500);
    std::fs::remove_file(folder).unwrap();
    assert_eq!(
        vault.read("kv/a").await.expect(200).data("k"),
        1,
        "the refused write was not executed"
    );
    std::fs::create_dir_all(folder).unwrap();
}

#[tokio::test]
async fn one_working_device_is_enough() {
    let audited = start(json!({})).await;
    let vault = &audited.vault;
    let second = audited.log.parent().unwrap().join("sub/second.log");
    let options = json!({"file_path": second.to_str().unwrap()});
    let _ = vault
        .write("sys/audit/second", json!({"type": "file", "options": options}))
        .await
        .expect(204);
    std::fs::remove_dir_all(second.parent().unwrap()).unwrap();
    std::fs::write(second.parent().unwrap(), "in the way").unwrap();
    let _ = vault.write("kv/a", json!({"k": 1})).await.expect(204);
    let hashes: Vec<String> = {
        let mut hashes = vec![audited.hash("x").await];
        let answer = vault
            .write("sys/audit-hash/second", json!({"input": "x"}))
            .await
            .expect(200);
        hashes.push(answer.data("hash").as_str().unwrap().to_owned());
        hashes
    };
    assert_ne!(hashes[0], hashes[1], "each device has a salt of its own");
}

#[tokio::test]
async fn devices_outlive_sealing_and_are_listed() {
    let audited = start(json!({})).await;
    let vault = &audited.vault;
    let _ = vault.write("sys/seal", json!({})).await.expect(204);
    vault
        .server
        .core
        .lifecycle()
        .unseal(&vault.unseal_key)
        .await
        .unwrap();
    let before = audited.entries().len();
    let listed = vault.read("sys/audit").await.expect(200);
    assert_eq!(
        (listed.data("file~1/type"), &listed.body["file/"]["path"]),
        (&json!("file"), &json!("file/"))
    );
    assert_eq!(audited.entries().len(), before + 2);
    let again = vault
        .write(
            "sys/audit/file",
            json!({"type": "file", "options": {"file_path": "x"}}),
        )
        .await
        .expect(400);
    assert_eq!(again.error(), "path already in use");
    let bad = vault
        .write(
            "sys/audit/new",
            json!({"type": "file", "options": {"file_path": "/proc/none/x"}}),
        )
        .await
        .expect(400);
    assert!(
        bad.error().starts_with("audit backend failed test message:"),
        "{}",
        bad.error()
    );
    let unknown = vault
        .write("sys/audit/new", json!({"type": "pigeon"}))
        .await
        .expect(400);
    assert_eq!(
        unknown.error(),
        "unknown backend type: \"pigeon\"; this server has \"file\", \"http\", \"socket\" and \"syslog\""
    );
    let unknown = vault
        .write("sys/audit-hash/none", json!({"input": "x"}))
        .await
        .expect(400);
    assert_eq!(unknown.error(), "unknown audit backend \"none/\"");
    let _ = vault.delete("sys/audit/file").await.expect(204);
    let count = audited.entries().len();
    let _ = vault.read("sys/audit").await.expect(200);
    assert_eq!(audited.entries().len(), count);
}

#[tokio::test]
async fn options_decide_what_is_shown() {
    let audited = start(json!({"log_raw": "true", "hmac_accessor": "false"})).await;
    let _ = audited
        .vault
        .write("kv/a", json!({"password": "shown"}))
        .await
        .expect(204);
    assert!(audited.text().contains("\"password\":\"shown\""));
    let audited = start(json!({"hmac_accessor": "false", "elide_list_responses": "true"})).await;
    let accessor = audited
        .vault
        .read("auth/token/lookup-self")
        .await
        .data("accessor")
        .as_str()
        .unwrap()
        .to_owned();
    assert!(audited.text().contains(&accessor));
    let _ = audited.vault.write("kv/a", json!({"k": 1})).await.expect(204);
    let _ = audited.vault.list("kv").await.expect(200);
    assert_eq!(
        audited.entries().last().unwrap()["response"]["data"],
        json!({"keys": 1})
    );
}

#[tokio::test]
async fn keys_of_a_mount_can_stay_clear() {
    let audited = start(json!({})).await;
    let vault = &audited.vault;
    let keys = json!({"audit_non_hmac_request_keys": ["owner"], "audit_non_hmac_response_keys": ["owner"]});
    let _ = vault.write("sys/mounts/kv/tune", keys).await.expect(204);
    let _ = vault
        .write("kv/a", json!({"owner": "team-a", "password": "x"}))
        .await
        .expect(204);
    let _ = vault.read("kv/a").await.expect(200);
    let entries = audited.entries();
    let [.., write, _, _, read] = &entries[..] else {
        panic!()
    };
    assert_eq!(
        (
            &write["request"]["data"]["owner"],
            &read["response"]["data"]["owner"]
        ),
        (&json!("team-a"), &json!("team-a"))
    );
    assert!(
        read["response"]["data"]["password"]
            .as_str()
            .unwrap()
            .starts_with("hmac-sha256:")
    );
}

#[tokio::test]
async fn issued_tokens_and_wrapping_are_logged_without_their_secrets() {
    let audited = start(json!({})).await;
    let vault = &audited.vault;
    let made = vault
        .write("auth/token/create", json!({"policies": ["default"], "ttl": "1h"}))
        .await
        .expect(200);
    let logged = audited.entries().last().unwrap()["response"]["auth"].clone();
    assert_eq!(
        (&logged["token_policies"], &logged["token_ttl"]),
        (&json!(["default"]), &json!(3600))
    );
    assert!(!audited.text().contains(&made.token()));
    let wrapped = vault
        .write_wrapped("sys/wrapping/wrap", json!({"a": "canary"}), 60)
        .await
        .expect(200);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap().to_owned();
    let logged = audited.entries().last().unwrap()["response"]["wrap_info"].clone();
    assert_eq!(
        (&logged["ttl"], &logged["creation_path"]),
        (&json!(60), &json!("sys/wrapping/wrap"))
    );
    let _ = vault
        .write_as(&token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(200);
    assert!(!audited.text().contains("canary") && !audited.text().contains(&token));
}

#[tokio::test]
async fn what_holders_of_shares_do_is_recorded_without_shares() {
    let audited = start(json!({})).await;
    let server = &audited.vault.server;
    let before = audited.entries().len();
    let share = audited.vault.unseal_key.clone();
    for (path, data) in [
        ("sys/generate-root/attempt", json!({})),
        (
            "sys/generate-root/update",
            json!({"key": "canary-share", "nonce": "canary-nonce"}),
        ),
        (
            "sys/rekey/init",
            json!({"secret_shares": 1, "secret_threshold": 1}),
        ),
        ("sys/rekey/update", json!({"key": share, "nonce": "canary-nonce"})),
    ] {
        let _ = server.request(Operation::Update, path, None, data, None).await;
    }
    let entries = audited.entries();
    let paths: Vec<&str> = entries[before..]
        .iter()
        .map(|entry| entry["request"]["path"].as_str().unwrap())
        .collect();
    let twice = |path: &str| paths.iter().filter(|found| **found == path).count();
    for path in [
        "sys/generate-root/attempt",
        "sys/generate-root/update",
        "sys/rekey/init",
        "sys/rekey/update",
    ] {
        assert_eq!(twice(path), 2, "{paths:?}");
    }
    let text = audited.text();
    for secret in ["canary-share", share.as_str()] {
        assert!(!text.contains(secret));
    }
}
