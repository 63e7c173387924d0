//! The commands of the article about policies, key/value secrets and the audit log, typed as they are printed there.

use std::fs;
use std::path::{Path, PathBuf};

use arca_tests::{Node, Shell};
use serde_json::{Value, json};

/// As printed.
const AUDIT_ENABLE: &str = "vault audit enable file file_path=/var/log/vault/audit.log";
const AUDIT_LOG: &str = "/var/log/vault/audit.log";

/// As printed, the file and its name.
const POLICY_FILE: &str = "payments-api-policy.hcl";
const POLICY: &str = r#"# payments-api-policy.hcl
path "secret/data/production/payments/*" {
  capabilities = ["read"]
}
path "database/creds/payments-db-role" {
  capabilities = ["read"]
}
path "auth/token/renew-self" {
  capabilities = ["update"]
}
"#;

/// What `policy fmt` makes of it: a blank line between the blocks.
const FORMATTED_POLICY: &str = r#"# payments-api-policy.hcl
path "secret/data/production/payments/*" {
  capabilities = ["read"]
}

path "database/creds/payments-db-role" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
"#;

/// A server with what the article takes for granted: `secret/` with versions. Also the terminal of an operator.
fn operated() -> (Node, Shell) {
    let node = Node::embedded();
    let shell = node.shell();
    shell
        .run("vault secrets enable -path=secret -version=2 kv")
        .expect(0);
    shell
        .run("vault kv put secret/production/payments/stripe api_key=sk_live_old webhook_secret=whsec_1")
        .expect(0);
    (node, shell)
}

/// The terminal of the payments service: a token with its policy and nothing else.
fn payments(shell: &Shell) -> Shell {
    fs::write(home(shell).join(POLICY_FILE), POLICY).unwrap();
    shell
        .run(&format!("vault policy write payments-api-policy {POLICY_FILE}"))
        .expect(0);
    let token = shell
        .run("vault token create -policy=payments-api-policy -ttl=1h -field=token")
        .expect(0)
        .out;
    shell.with("VAULT_TOKEN", token.trim())
}

fn home(shell: &Shell) -> PathBuf {
    shell.run("pwd").expect(0).out.trim().into()
}

fn denied(shell: &Shell, line: &str) {
    let ran = shell.run(line).expect(2);
    assert!(
        ran.errors.contains("Code: 403") && ran.errors.contains("permission denied"),
        "{line}: {ran:?}"
    );
    assert_eq!(ran.out, "", "{line}");
}

#[test]
fn the_policy_is_kept_as_written() {
    let (_node, shell) = operated();
    fs::write(home(&shell).join(POLICY_FILE), POLICY).unwrap();
    let written = shell
        .run("vault policy write payments-api-policy payments-api-policy.hcl")
        .expect(0);
    assert_eq!(written.out, "Success! Uploaded policy: payments-api-policy\n");
    let read = shell.run("vault policy read payments-api-policy").expect(0);
    assert_eq!(read.out.trim_end(), POLICY.trim_end());
    let listed = shell.run("vault policy list").expect(0).out;
    assert_eq!(listed, "default\npayments-api-policy\nroot\n");
    let piped = shell
        .run("cat payments-api-policy.hcl | vault policy write again -")
        .expect(0);
    assert!(piped.out.contains("again"), "{piped:?}");
    shell.run("vault policy fmt payments-api-policy.hcl").expect(0);
    assert_eq!(
        fs::read_to_string(home(&shell).join(POLICY_FILE)).unwrap(),
        FORMATTED_POLICY
    );
    shell.run("vault policy delete again").expect(0);
    assert_eq!(
        shell.run("vault policy list").expect(0).out,
        "default\npayments-api-policy\nroot\n"
    );
    shell.run("vault policy read again").expect(2);
}

#[test]
fn the_policy_allows_what_it_says() {
    let (_node, shell) = operated();
    let payments = payments(&shell);
    let key = payments
        .run("vault kv get -field=api_key secret/production/payments/stripe")
        .expect(0);
    assert_eq!(key.out.trim(), "sk_live_old");
    let read = payments
        .run("vault read -format=json secret/data/production/payments/stripe")
        .expect(0)
        .json();
    assert_eq!(read["data"]["data"]["webhook_secret"], "whsec_1");
    let renewed = payments.run("vault token renew -format=json").expect(0).json();
    assert_eq!(renewed["auth"]["lease_duration"], 3600);
    assert_eq!(
        renewed["auth"]["policies"],
        json!(["default", "payments-api-policy"])
    );
    let may = payments
        .run("vault token capabilities secret/data/production/payments/stripe")
        .expect(0);
    assert_eq!(may.out, "read\n");
    payments.run("vault token lookup").expect(0);

    // Allowed by the policy, so what is missing is the engine and not the permission.
    let database = payments.run("vault read database/creds/payments-db-role");
    assert!(!database.errors.contains("permission denied"), "{database:?}");
}

#[test]
fn the_policy_denies_everything_else() {
    let (_node, shell) = operated();
    shell.run("vault kv put secret/production/auth/key a=b").expect(0);
    shell
        .run("vault kv put secret/staging/payments/stripe a=b")
        .expect(0);
    let payments = payments(&shell);
    for line in [
        "vault kv put secret/production/payments/stripe api_key=mine",
        "vault kv patch secret/production/payments/stripe api_key=mine",
        "vault kv delete secret/production/payments/stripe",
        "vault kv destroy -versions=1 secret/production/payments/stripe",
        "vault kv metadata get secret/production/payments/stripe",
        "vault kv metadata delete secret/production/payments/stripe",
        "vault kv list secret/production/payments",
        "vault kv get secret/production/payments",
        "vault kv get secret/production/auth/key",
        "vault kv get secret/staging/payments/stripe",
        "vault read database/creds/another-role",
        "vault write database/creds/payments-db-role a=b",
        "vault token create",
        "vault policy list",
        "vault policy write payments-api-policy payments-api-policy.hcl",
        "vault audit list",
        "vault audit disable file",
        "vault secrets list",
        "vault operator seal",
    ] {
        denied(&payments, line);
    }
    let may = payments
        .run("vault token capabilities secret/data/production/auth/key")
        .expect(0);
    assert_eq!(may.out, "deny\n");
    let kept = shell
        .run("vault kv get -field=api_key secret/production/payments/stripe")
        .expect(0);
    assert_eq!(kept.out.trim(), "sk_live_old", "nothing of it was done");
}

#[test]
fn a_credential_is_rotated_without_downtime() {
    let (_node, shell) = operated();
    let payments = payments(&shell);
    let both = json!({"api_keys": ["sk_live_new", "sk_live_old"], "webhook_secret": "whsec_1"});
    fs::write(home(&shell).join("both.json"), both.to_string()).unwrap();
    let written = shell
        .run("vault kv put -format=json secret/production/payments/stripe @both.json")
        .expect(0);
    assert_eq!(written.json()["data"]["version"], 2);
    let seen = payments
        .run("vault kv get -format=json secret/production/payments/stripe")
        .expect(0)
        .json();
    assert_eq!(
        seen["data"]["data"]["api_keys"],
        json!(["sk_live_new", "sk_live_old"])
    );

    shell
        .run("vault kv put -cas=2 secret/production/payments/stripe api_key=sk_live_new webhook_secret=whsec_1")
        .expect(0);
    let late = shell
        .run("vault kv put -cas=2 secret/production/payments/stripe api_key=lost")
        .expect(2);
    assert!(late.errors.contains("check-and-set"), "{late:?}");
    let key = payments
        .run("vault kv get -field=api_key secret/production/payments/stripe")
        .expect(0);
    assert_eq!(key.out.trim(), "sk_live_new");
    let old = shell
        .run("vault kv get -version=1 -field=api_key secret/production/payments/stripe")
        .expect(0);
    assert_eq!(old.out.trim(), "sk_live_old");
    shell
        .run("vault kv destroy -versions=1,2 secret/production/payments/stripe")
        .expect(0);
    // As the original: what is known of a version without data is shown, and that is no failure.
    let gone = shell
        .run("vault kv get -version=1 secret/production/payments/stripe")
        .expect(0);
    assert!(gone.out.contains("destroyed          true"), "{gone:?}");
    assert!(!gone.out.contains("sk_live_old"), "{gone:?}");
    shell
        .run("vault kv get -version=1 -field=api_key secret/production/payments/stripe")
        .expect(2);
    let metadata = shell
        .run("vault kv metadata get -format=json secret/production/payments/stripe")
        .expect(0);
    let versions = metadata.json()["data"]["versions"].clone();
    let destroyed: Vec<bool> = ["1", "2", "3"]
        .iter()
        .map(|v| versions[v]["destroyed"] == json!(true))
        .collect();
    assert_eq!(destroyed, [true, true, false]);
}

/// The audit log of the article at its own path, where this machine has none yet and we may make one; else elsewhere.
struct AuditLog {
    command: String,
    path: PathBuf,
    made: Vec<PathBuf>,
}

impl AuditLog {
    fn place(node: &Node) -> Self {
        let path = Path::new(AUDIT_LOG);
        let folder = path.parent().unwrap();
        let mut made: Vec<PathBuf> = [folder, path]
            .iter()
            .filter(|p| !p.exists())
            .map(|p| p.to_path_buf())
            .collect();
        made.reverse();
        let may_write =
            fs::create_dir_all(folder).is_ok() && fs::write(folder.join(".arca-test"), "").is_ok();
        let _ = fs::remove_file(folder.join(".arca-test"));
        if may_write && !path.exists() {
            return Self {
                command: AUDIT_ENABLE.to_owned(),
                path: path.to_owned(),
                made,
            };
        }
        let elsewhere = node.path("audit.log");
        println!(
            "article: {AUDIT_LOG} is taken or not ours, the log is at {}",
            elsewhere.display()
        );
        Self {
            command: AUDIT_ENABLE.replace(AUDIT_LOG, &elsewhere.display().to_string()),
            path: elsewhere,
            made: Vec::new(),
        }
    }

    fn entries(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        for path in &self.made {
            let _ = if path.is_dir() {
                fs::remove_dir(path)
            } else {
                fs::remove_file(path)
            };
        }
    }
}

#[test]
fn the_audit_log_has_what_the_article_promises() {
    let (node, shell) = operated();
    let log = AuditLog::place(&node);
    let enabled = shell.run(&log.command).expect(0);
    assert_eq!(enabled.out, "Success! Enabled the file audit device at: file/\n");
    let listed = shell.run("vault audit list -format=json").expect(0).json();
    assert_eq!(
        listed["file/"]["options"]["file_path"],
        log.path.display().to_string()
    );

    let payments = payments(&shell);
    payments
        .run("vault kv get secret/production/payments/stripe")
        .expect(0);
    for _ in 0..3 {
        denied(&payments, "vault read secret/data/production/auth/key");
    }
    let entries = log.entries();
    let of = |path: &str, kind: &str| -> Vec<&Value> {
        let of_path = |entry: &&Value| entry["request"]["path"] == path && entry["type"] == kind;
        entries.iter().filter(of_path).collect()
    };
    let allowed = of("secret/data/production/payments/stripe", "response");
    let denied = of("secret/data/production/auth/key", "response");
    assert_eq!((allowed.len(), denied.len()), (1, 3));
    for entry in allowed.iter().chain(&denied) {
        let accessor = entry["auth"]["accessor"].as_str().unwrap();
        assert!(accessor.starts_with("hmac-sha256:"), "{entry}");
        assert_eq!(entry["request"]["remote_address"], "127.0.0.1");
        assert_eq!(
            entry["auth"]["accessor"], denied[0]["auth"]["accessor"],
            "one token, one accessor"
        );
    }
    assert_eq!(allowed[0]["response"]["http_status"], 200);
    assert_eq!(denied[0]["response"]["http_status"], 403);
    assert!(
        denied[0]["error"].as_str().unwrap().contains("permission denied"),
        "{}",
        denied[0]
    );
    assert_eq!(
        of("secret/data/production/auth/key", "request").len(),
        3,
        "refused, and on record as asked"
    );

    let text = fs::read_to_string(&log.path).unwrap();
    let token = payments.run("vault print token").expect(0).out;
    for secret in [token.trim(), node.keys.root.as_str(), "sk_live_old", "whsec_1"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    shell.run("vault audit disable file").expect(0);
}
