//! Audited headers, headers for engines, CORS and headers of the web interface, as far as the core goes.

use std::sync::Arc;

use arca_api::database::Name;
use arca_base::json::Object;
use arca_base::{Operation, RequestPath, Secret};
use arca_core::Fault;
use arca_core::engine::{Answer, Catalog, ClientInfo, Cx, Engine, Factory, Table};
use arca_core::pipeline::{Incoming, Reply};
use arca_core::seal::Seal;
use arca_core::web::RequestHeaders;
use arca_storage::MemoryStorage;
use arca_testkit::{TestServer, Unsealed};
use serde_json::{Value, json};

const HEADERS: &str = "sys/config/auditing/request-headers";

async fn read_with(vault: &Unsealed, path: &str, headers: &[(&str, &str)]) -> Reply {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let incoming = Incoming {
        operation: Operation::Read,
        path: RequestPath::parse(path).unwrap(),
        namespace: String::new(),
        token: Some(Secret::new(vault.root.clone())),
        inline_auth: None,
        wrap_ttl: None,
        factors: Vec::new(),
        data: Object::new(),
        headers: RequestHeaders::new(headers),
        client: ClientInfo::unknown(),
    };
    vault.server.core.handle(incoming).await
}

/// The last entries of a device: of a request and its answer.
fn last_two(log: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().skip(lines.len() - 2);
    last.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn configured_headers_are_in_the_audit_log_and_credentials_never_in_the_clear() {
    let vault = Unsealed::start().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let device = json!({"type": "file", "options": {"file_path": log.to_str().unwrap(), "log_raw": "true"}});
    let _ = vault.write("sys/audit/file", device).await.expect(204);
    for (name, hmac) in [
        ("X-Request-From", false),
        ("x-user", true),
        ("X-Vault-Token", true),
    ] {
        let path = format!("{HEADERS}/{name}");
        let _ = vault.write(&path, json!({ "hmac": hmac })).await.expect(204);
    }
    let sent = [
        ("x-request-from", "a"),
        ("x-request-from", "b"),
        ("x-user", "ann"),
        ("x-other", "canary"),
        ("x-vault-token", "canary"),
    ];
    assert_eq!(read_with(&vault, "sys/mounts", &sent).await.status, 200);
    let hash = vault.write("sys/audit-hash/file", json!({"input": "ann"})).await;
    let entries: Vec<Value> = {
        let text = std::fs::read_to_string(&log).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let of_mounts: Vec<&Value> = entries
        .iter()
        .filter(|entry| entry["request"]["path"] == "sys/mounts")
        .collect();
    assert_eq!(of_mounts.len(), 2, "the request and its answer");
    for entry in of_mounts {
        let headers = &entry["request"]["headers"];
        assert_eq!(headers["x-request-from"], json!(["a", "b"]));
        assert_eq!(&headers["x-user"][0], hash.data("hash"));
        assert!(
            headers["x-vault-token"][0]
                .as_str()
                .unwrap()
                .starts_with("hmac-sha256:")
        );
        assert_eq!(headers.as_object().unwrap().len(), 3);
        assert!(!entry.to_string().contains("canary"), "{entry}");
    }
    let _ = vault
        .delete(&format!("{HEADERS}/x-request-from"))
        .await
        .expect(204);
    assert_eq!(read_with(&vault, "sys/mounts", &sent).await.status, 200);
    let left = last_two(&log);
    assert_eq!(left[0]["request"]["headers"].get("x-request-from"), None);
}

#[tokio::test]
async fn audited_headers_are_configured_one_by_one() {
    let vault = Unsealed::start().await;
    assert_eq!(vault.read(HEADERS).await.expect(200).data("headers"), &json!({}));
    let path = format!("{HEADERS}/X-Forwarded-For");
    let _ = vault.write(&path, json!({"hmac": "true"})).await.expect(204);
    let read = vault.read(&path).await.expect(200);
    assert_eq!(read.data("x-forwarded-for/hmac"), true);
    assert_eq!(read.body["x-forwarded-for"]["hmac"], true, "repeated at the top");
    let all = vault.read(HEADERS).await.expect(200);
    assert_eq!(all.data("headers"), &json!({"x-forwarded-for": {"hmac": true}}));
    let none = vault.read(&format!("{HEADERS}/x-none")).await.expect(400);
    assert_eq!(none.error(), "Could not find header in config");
    for name in [
        "x-vault-token",
        "Authorization",
        "cookie",
        "x-vault-inline-auth-parameter-password",
    ] {
        let refused = vault
            .write(&format!("{HEADERS}/{name}"), json!({"hmac": false}))
            .await;
        assert!(refused.expect(400).error().contains("write hmac=true"), "{name}");
    }
    let long = format!("{HEADERS}/{}", "a".repeat(129));
    let _ = vault.write(&long, json!({})).await.expect(400);
    for number in 0..63 {
        let _ = vault
            .write(&format!("{HEADERS}/h-{number}"), json!({}))
            .await
            .expect(204);
    }
    let full = vault
        .write(&format!("{HEADERS}/one-more"), json!({}))
        .await
        .expect(400);
    assert!(full.error().contains("64 headers already"), "{}", full.error());
    let _ = vault.write(&path, json!({})).await.expect(204);
    vault
        .policy(
            "no-sudo",
            &format!("path \"{HEADERS}*\" {{ capabilities = [\"read\"] }}"),
        )
        .await;
    let token = vault.token(&["no-sudo"]).await;
    let _ = vault.read_as(&token, HEADERS).await.expect(403);
}

/// A double: answers with the headers it got.
struct Mirror;

arca_api::endpoints! {
    /// Show headers.
    Show = Read "show/{name}" => Name;
}

impl Engine for Mirror {
    fn routes() -> Table<Self> {
        Table::new().on::<Show, _, _>(show)
    }
}

async fn show(_: Arc<Mirror>, cx: Cx, request: Name) -> Result<Answer, Fault> {
    let got: Vec<&str> = cx.headers.values(&request.name).collect();
    Ok(Answer::data(&arca_base::json_object! { "got" => got.join("|") })
        .header("x-allowed", "1")
        .header("x-other", "2"))
}

#[tokio::test]
async fn a_mount_says_which_headers_its_engine_gets_and_sets() {
    let catalog = Catalog::new().secret("mirror", Factory::new(|_| Mirror));
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 7)
        .unsealed()
        .await;
    vault.mount("m", "mirror").await;
    let sent = [("x-a", "1"), ("x-a", "2"), ("x-b", "3")];
    let got = |reply: &Reply| -> String {
        let body: Value = serde_json::from_str(&reply.body.0).unwrap();
        body["data"]["got"].as_str().unwrap().to_owned()
    };
    let none = read_with(&vault, "m/show/x-a", &sent).await;
    assert_eq!((got(&none), none.headers), (String::new(), vec![]));
    assert!(vault.server.core.web().unwrap().wants_nothing());
    let tune =
        json!({"passthrough_request_headers": "X-A,Authorization", "allowed_response_headers": "X-Allowed"});
    let _ = vault.write("sys/mounts/m/tune", tune).await.expect(204);
    assert!(
        vault.server.core.web().unwrap().wants("x-a"),
        "from the next request on"
    );
    let some = read_with(&vault, "m/show/x-a", &sent).await;
    assert_eq!(got(&some), "1|2");
    assert_eq!(some.headers, [("x-allowed", "1".to_owned())]);
    assert_eq!(got(&read_with(&vault, "m/show/x-b", &sent).await), "");
    let bearer = format!("Bearer {}", vault.root);
    let token = [("authorization", &*bearer)];
    assert_eq!(got(&read_with(&vault, "m/show/authorization", &token).await), "");
    let web = vault.server.core.web().unwrap();
    assert!(!web.is_stale() && web.wants("x-a") && !web.wants("x-b"));
    for bad in ["X-Vault-Token", "a b", &"a".repeat(129)] {
        for list in ["passthrough_request_headers", "allowed_response_headers"] {
            let refused = vault.write("sys/mounts/m/tune", json!({ list: [bad] })).await;
            assert!(refused.expect(400).error().contains(list), "{bad}");
        }
    }
}

#[tokio::test]
async fn cors_is_off_until_it_is_written() {
    let vault = Unsealed::start().await;
    assert_eq!(
        vault.read("sys/config/cors").await.expect(200).body["data"],
        json!({"enabled": false})
    );
    for (origins, reason) in [
        (json!([]), "at least one origin"),
        (json!("*,https://a.example.com"), "must be the only value"),
        (json!(["a.example.com"]), "without a path"),
        (json!(["https://a.example.com/"]), "without a path"),
    ] {
        let refused = vault
            .write("sys/config/cors", json!({ "allowed_origins": origins }))
            .await;
        assert!(refused.expect(400).error().contains(reason), "{reason}");
    }
    let cors = json!({"allowed_origins": "https://a.example.com,https://b.example.com", "allowed_headers": "X-Custom"});
    let _ = vault.write("sys/config/cors", cors).await.expect(204);
    let read = vault.read("sys/config/cors").await.expect(200);
    assert_eq!(read.body["enabled"], true);
    assert_eq!(read.data("allowed_origins/1"), "https://b.example.com");
    assert_eq!(read.data("allowed_headers"), &json!(["X-Custom"]));
    let web = vault.server.core.web().unwrap();
    assert!(web.allows_origin("https://a.example.com") && !web.allows_origin("https://c.example.com"));
    let _ = vault.delete("sys/config/cors").await.expect(204);
    assert!(!vault.server.core.web().unwrap().has_cors());
}

#[tokio::test]
async fn headers_of_the_interface_are_kept() {
    let vault = Unsealed::start().await;
    let path = "sys/config/ui/headers/X-Frame-Options";
    let _ = vault.read(path).await.expect(404);
    let _ = vault.list("sys/config/ui/headers").await.expect(404);
    let _ = vault
        .write(path, json!({"values": ["deny", "sameorigin"]}))
        .await
        .expect(204);
    assert_eq!(vault.read(path).await.expect(200).data("value"), "deny");
    let all = vault.query(path, json!({"multivalue": "true"})).await.expect(200);
    assert_eq!(all.data("values"), &json!(["deny", "sameorigin"]));
    let names = vault.list("sys/config/ui/headers").await.expect(200);
    assert_eq!(names.data("keys"), &json!(["x-frame-options"]));
    for (name, values) in [
        ("X-Vault-Foo", json!(["a"])),
        ("Content-Length", json!(["1"])),
        ("x-a", json!([])),
        ("x-a", json!(["a\r\nb: c"])),
        ("x-a", json!(["a".repeat(4097)])),
    ] {
        let path = format!("sys/config/ui/headers/{name}");
        let _ = vault.write(&path, json!({ "values": values })).await.expect(400);
    }
    let _ = vault.delete(path).await.expect(204);
    let _ = vault.read(path).await.expect(404);
}
