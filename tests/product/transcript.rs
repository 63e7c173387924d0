//! Exchanges letter by letter: what existing clients were written against.
//!
//! In an expected body `…` stands for text without quotes (an identifier, a time, a token) and `⋯` for anything.

use std::path::Path;

use arca_tests::http::{Answer, Api};
use arca_tests::node::{configuration, folder};
use arca_tests::server::Launch;
use serde_json::{Value, json};

/// Whether `text` has the form of `template`.
fn fits(template: &str, text: &str) -> bool {
    let Some(at) = template.find(['…', '⋯']) else {
        return template == text;
    };
    let Some(rest) = text.strip_prefix(&template[..at]) else {
        return false;
    };
    let anything = template[at..].starts_with('⋯');
    let after = &template[at + '…'.len_utf8()..];
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.take_while(|end| anything || !rest[..*end].contains('"'))
        .any(|end| fits(after, &rest[end..]))
}

/// A request, and what comes back.
struct Exchange<'a> {
    api: &'a Api,
    headers: Vec<(&'a str, &'a str)>,
    method: &'a str,
    path: &'a str,
    data: Option<Value>,
}

fn ask<'a>(api: &'a Api, method: &'a str, path: &'a str) -> Exchange<'a> {
    Exchange {
        api,
        headers: Vec::new(),
        method,
        path,
        data: None,
    }
}

impl<'a> Exchange<'a> {
    fn with(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    #[track_caller]
    fn answers(self, status: u16, template: &str) -> Answer {
        let name = format!("{} /v1/{}", self.method, self.path);
        let answer = self.api.request(self.method, self.path, &self.headers, self.data);
        let text = answer.text();
        assert_eq!(answer.status, status, "{name}: {text}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
        if status == 204 {
            assert_eq!(text, "", "{name}");
            return answer;
        }
        assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
        assert!(
            fits(&format!("{template}\n"), &text),
            "{name}\nexpected {template}\ngot      {text}"
        );
        answer
    }
}

fn serve(home: &Path) -> arca_tests::Server {
    let storage = format!("\"file\" {{ path = \"{}\" }}", home.join("data").display());
    let path = home.join("arca.hcl");
    std::fs::write(&path, configuration(&storage, "", "")).unwrap();
    Launch::new(home, ["server", "-config", &path.display().to_string()]).start()
}

/// Initializes and unseals. Gives the root token.
fn opens(anyone: &Api) -> String {
    let five = ["\"…\""; 5].join(",");
    let made = ask(anyone, "PUT", "sys/init")
        .with(json!({"secret_shares": 5, "secret_threshold": 3}))
        .answers(
            200,
            &format!(r#"{{"keys":[{five}],"keys_base64":[{five}],"root_token":"hvs.…"}}"#),
        );
    assert_eq!(made.text_at("/keys/0").len(), 66);
    let root = made.text_at("/root_token");
    for path in ["secret/x", "sys/mounts", "auth/token/lookup-self"] {
        ask(&anyone.with(&root), "GET", path).answers(503, r#"{"errors":["Vault is sealed"]}"#);
    }
    for share in 0..3 {
        if share == 1 {
            ask(anyone, "GET", "sys/seal-status").answers(
                200,
                // The order of members is not significant; bodies without an envelope are sorted by name.
                concat!(
                    r#"{"build_date":"…","commit_date":"…","initialized":true,"migration":false,"n":5,"nonce":"…","#,
                    r#""progress":1,"recovery_seal":false,"sealed":true,"storage_type":"embedded","t":3,"#,
                    r#""type":"shamir","version":"1.16.3"}"#
                ),
            );
        }
        let key = made.text_at(&format!("/keys/{share}"));
        anyone.post("sys/unseal", json!({"key": key})).expect(200);
    }
    root
}

#[test]
fn the_worked_exchanges_are_answered_letter_by_letter() {
    let home = folder();
    let server = serve(home.path());
    let anyone = Api::new(server.address());
    let root = opens(&anyone);
    let root = anyone.with(&root);
    root.post(
        "sys/mounts/secret",
        json!({"type": "kv", "options": {"version": "1"}}),
    )
    .expect(204);
    refuses(&anyone, &root);
    tokens(&root);
    wraps(&anyone, &root);
    mounts(&root);
}

fn refuses(anyone: &Api, root: &Api) {
    const NOTHING: &str = r#"{"errors":[]}"#;
    const DENIED: &str = r#"{"errors":["permission denied"]}"#;
    ask(root, "GET", "secret/nope").answers(404, NOTHING);
    ask(root, "LIST", "secret/empty/").answers(404, NOTHING);
    ask(root, "GET", "nope/x").answers(
        404,
        r#"{"errors":["no handler for route \"nope/x\". route entry not found."]}"#,
    );
    ask(root, "GET", "sys/zzz").answers(
        404,
        r#"{"errors":["1 error occurred:\n\t* unsupported path\n\n"]}"#,
    );
    ask(anyone, "DELETE", "sys/health").answers(405, NOTHING);
    ask(root, "DELETE", "sys/health").answers(405, NOTHING);
    ask(root, "DELETE", "sys/policies/acl").answers(
        405,
        r#"{"errors":["1 error occurred:\n\t* unsupported operation\n\n"]}"#,
    );
    ask(anyone, "GET", "secret/x").answers(403, DENIED);
    ask(&anyone.with("hvs.nobody-has-this"), "GET", "secret/x").answers(403, DENIED);
    let made = root
        .post("auth/token/create", json!({"policies": ["default"]}))
        .expect(200);
    let other = anyone.with(&made.text_at("/auth/client_token"));
    ask(&other, "GET", "secret/x").answers(
        403,
        r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#,
    );
}

fn tokens(root: &Api) {
    ask(root, "POST", "auth/token/create")
        .with(json!({"ttl": "1h", "policies": ["dev"]}))
        .answers(
            200,
            concat!(
                r#"{"request_id":"…","lease_id":"","renewable":false,"lease_duration":0,"data":null,"#,
                r#""wrap_info":null,"warnings":["Policy \"dev\" does not exist"],"#,
                r#""auth":{"client_token":"hvs.…","accessor":"…","policies":["default","dev"],"#,
                r#""token_policies":["default","dev"],"metadata":null,"lease_duration":3600,"#,
                r#""renewable":true,"entity_id":"","token_type":"service","orphan":false,"#,
                r#""mfa_requirement":null,"num_uses":0},"mount_type":"token"}"#
            ),
        );
    ask(root, "GET", "auth/token/lookup-self").answers(
        200,
        concat!(
            r#"{"request_id":"…","lease_id":"","renewable":false,"lease_duration":0,"#,
            r#""data":{"accessor":"…","creation_time":⋯,"creation_ttl":0,"display_name":"root","entity_id":"","#,
            r#""expire_time":null,"explicit_max_ttl":0,"id":"hvs.…","meta":null,"num_uses":0,"orphan":true,"#,
            r#""path":"auth/token/root","policies":["root"],"ttl":0,"type":"service"},"#,
            r#""wrap_info":null,"warnings":null,"auth":null,"mount_type":"token"}"#
        ),
    );
}

fn wraps(anyone: &Api, root: &Api) {
    root.post("secret/data/a", json!({"k": "v"})).expect(204);
    let wrapped = ask(root, "GET", "secret/data/a")
        .header("X-Vault-Wrap-TTL", "60")
        .answers(
            200,
            concat!(
                r#"{"request_id":"","lease_id":"","renewable":false,"lease_duration":0,"data":null,"#,
                r#""wrap_info":{"token":"hvs.…","accessor":"…","ttl":60,"creation_time":"…Z","#,
                r#""creation_path":"secret/data/a"},"warnings":null,"auth":null}"#
            ),
        );
    let wrapping = anyone.with(&wrapped.text_at("/wrap_info/token"));
    ask(&wrapping, "PUT", "sys/wrapping/unwrap").answers(
        200,
        concat!(
            // Kept as an object, whose members are sorted by name.
            r#"{"auth":null,"data":{"k":"v"},"lease_duration":2764800,"lease_id":"","renewable":false,"#,
            r#""request_id":"…","warnings":null,"wrap_info":null}"#
        ),
    );
    ask(&wrapping, "PUT", "sys/wrapping/unwrap").answers(
        400,
        r#"{"errors":["wrapping token is not valid or does not exist"]}"#,
    );
}

fn mounts(root: &Api) {
    let enable =
        || ask(root, "POST", "sys/mounts/kv").with(json!({"type": "kv", "options": {"version": "2"}}));
    enable().answers(204, "");
    enable().answers(400, r#"{"errors":["path is already in use at kv/"]}"#);
    ask(root, "POST", "sys/mounts/x")
        .with(json!({"type": "zzz"}))
        .answers(400, r#"{"errors":["plugin not found in the catalog: zzz"]}"#);
    ask(root, "PUT", "sys/leases/renew")
        .with(json!({"lease_id": "a/b/c"}))
        .answers(400, r#"{"errors":["lease not found"]}"#);
    ask(root, "PUT", "sys/leases/lookup")
        .with(json!({"lease_id": "a"}))
        .answers(400, r#"{"errors":["invalid lease"]}"#);
    ask(root, "GET", "sys/mounts").answers(
        200,
        concat!(
            r#"{"cubbyhole/":{⋯},"identity/":{⋯},⋯,"request_id":"…","lease_id":"","renewable":false,"#,
            r#""lease_duration":0,"data":{"cubbyhole/":{⋯},⋯},"wrap_info":null,"warnings":null,"auth":null,"#,
            r#""mount_type":"system"}"#
        ),
    );
}

#[test]
fn placeholders_stand_for_what_they_say() {
    for (template, text, expected) in [
        (r#"{"a":"…"}"#, r#"{"a":"x"}"#, true),
        (r#"{"a":"…"}"#, r#"{"a":"x","b":"y"}"#, false),
        (r#"{"a":⋯}"#, r#"{"a":"x","b":"y"}"#, true),
        (r#"{"a":⋯,"c":1}"#, r#"{"a":"x","c":2}"#, false),
    ] {
        assert_eq!(fits(template, text), expected, "{template} {text}");
    }
}
