//! The audit log: as many entries as requests were served, refused ones included, and no secret in it or anywhere else.

use std::fs;

use arca_tests::http::{Address, Answer};
use arca_tests::{Connection, Node};
use serde_json::{Value, json};

/// Planted in every place a request has for a secret. None may come back in anything but the answer to a read.
const VALUE: &str = "canary-value-7f3a";
const FIELD_OF_A_BROKEN_BODY: &str = "canary-broken-91bc";
const WRONG_TOKEN: &str = "hvs.canary0token0that0nobody0has";
const PASSWORD: &str = "canary-password-55d2";

const POLICY: &str = r#"path "secret/data/mine" { capabilities = ["create", "update", "read"] }"#;

struct Asked {
    requests: usize,
    errors: String,
}

impl Asked {
    /// Sends a request as it is; what is answered must have the status.
    fn ask(
        &mut self,
        address: &Address,
        request: (&str, &str),
        token: &str,
        body: &str,
        status: u16,
    ) -> Answer {
        let (method, target) = request;
        let mut connection = Connection::open(address).unwrap();
        let mut headers = vec![("Connection", "close")];
        if !token.is_empty() {
            headers.push(("X-Vault-Token", token));
        }
        let answer = connection
            .send(method, target, &headers, body.as_bytes())
            .unwrap();
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        self.requests += 1;
        if status >= 400 {
            self.errors.push_str(&answer.text());
        }
        answer
    }
}

fn entries(text: &str, kind: &str) -> Vec<Value> {
    let all = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.filter(|entry| entry["type"] == kind).collect()
}

/// Requests that are served and requests that are refused, at every stage there is.
fn ask_everything(node: &Node, mine: &str) -> Asked {
    let (address, root) = (node.server.address(), node.keys.root.as_str());
    let mut asked = Asked {
        requests: 0,
        errors: String::new(),
    };
    let value = json!({"data": {"password": VALUE}}).to_string();
    let broken = format!("{{\"data\": {{\"password\": \"{FIELD_OF_A_BROKEN_BODY}\" oops");
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let odd_policy = json!({"policy": format!("path \"a\" {{ capabilities = [\"{PASSWORD}\"")}).to_string();
    let mut ask = |request, token: &str, body: &str, status| asked.ask(address, request, token, body, status);
    ask(("POST", "/v1/secret/data/mine"), mine, &value, 200);
    let read = ask(("GET", "/v1/secret/data/mine"), mine, "", 200);
    assert_eq!(read.at("/data/data/password"), VALUE, "the canary is real");
    ask(("POST", "/v1/secret/data/other"), mine, &value, 403);
    ask(("POST", "/v1/secret/data/mine"), "", &value, 403);
    ask(("POST", "/v1/secret/data/mine"), WRONG_TOKEN, &value, 403);
    ask(("POST", "/v1/secret/data/mine"), mine, &broken, 400);
    ask(("POST", "/v1/secret/data/mine"), mine, &deep, 400);
    ask(
        ("POST", "/v1/secret/data/mine"),
        mine,
        &json!({"data": PASSWORD}).to_string(),
        400,
    );
    ask(("POST", "/v1/secret/data/mine/"), root, &value, 400);
    ask(("GET", "/v1/secret/data/../mine"), root, "", 400);
    ask(("GET", "/v1/secret/data/none"), root, "", 404);
    ask(("GET", "/v1/nowhere/x"), root, "", 404);
    ask(("DELETE", "/v1/sys/policies/acl"), root, "", 405);
    ask(("PUT", "/v1/sys/policies/acl/odd"), root, &odd_policy, 400);
    ask(("POST", "/v1/auth/token/create"), mine, "{}", 403);
    ask(("PATCH", "/v1/secret/data/mine"), root, &value, 400);
    ask(("LIST", "/v1/secret/metadata"), root, "", 200);
    ask(("POST", "/v1/sys/wrapping/unwrap"), WRONG_TOKEN, "", 400);
    asked
}

#[test]
fn every_request_is_on_record_and_no_secret_is() {
    let node = Node::embedded();
    node.mount_kv();
    node.policy("mine", POLICY);
    let mine = node.token(&["mine"]);
    let log = node.audit();
    let before = fs::read_to_string(&log).unwrap();
    let asked = ask_everything(&node, &mine);
    let after = fs::read_to_string(&log).unwrap();
    let new = after.strip_prefix(&before).unwrap();
    assert_eq!(entries(new, "request").len(), asked.requests, "{new}");
    assert_eq!(entries(new, "response").len(), asked.requests, "{new}");
    let refused = entries(new, "response");
    let refused = refused
        .iter()
        .filter(|entry| entry["response"]["http_status"].as_u64() >= Some(400));
    assert_eq!(refused.count(), asked.requests - 3);

    let output = node.server.all();
    let places = [
        ("the audit log", &after),
        ("the output", &output),
        ("an error", &asked.errors),
    ];
    let secrets = [
        VALUE,
        FIELD_OF_A_BROKEN_BODY,
        WRONG_TOKEN,
        PASSWORD,
        &mine,
        &node.keys.root,
        &node.keys.shares[0],
    ];
    for (place, text) in places {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
    assert!(
        entries(&after, "request")
            .iter()
            .all(|entry| entry["time"].is_string())
    );
}

#[test]
fn a_log_that_is_moved_away_is_made_again() {
    let node = Node::embedded();
    node.mount_kv();
    let log = node.audit();
    let moved = node.path("audit.log.1");
    fs::rename(&log, &moved).unwrap();
    node.server.signal(rustix::process::Signal::HUP);
    arca_tests::clock::eventually(
        std::time::Duration::from_secs(10),
        "the log is there again",
        || {
            let _ = node.api().get("secret/data/none");
            log.exists()
        },
    );
    let written = fs::read_to_string(&log).unwrap();
    assert!(written.contains("secret/data/none"), "{written}");
    assert!(
        !fs::read_to_string(&moved).unwrap().is_empty(),
        "what was written before is still there"
    );

    fs::remove_file(&log).unwrap();
    arca_tests::clock::eventually(
        std::time::Duration::from_secs(10),
        "noticed without a signal",
        || {
            let _ = node.api().get("secret/data/none");
            log.exists()
        },
    );
}
