//! Workloads of a real Kubernetes cluster: the commands of the article as printed, and the tokens its API server makes.
//!
//! `cargo xtask kubernetes` builds the control plane and runs these tests.

use std::fs;
use std::path::Path;
use std::time::Duration;

use arca_fixtures::{ControlPlane, Postgres, TokenRequest};
use arca_tests::clock::eventually;
use arca_tests::http::Answer;
use arca_tests::program::{bare, checked_in, python};
use arca_tests::{Node, Ran, Shell};
use serde_json::json;

use crate::{agent, agent_templates, article_database};

/// As printed.
const ENABLE: &str = "vault auth enable kubernetes";
const CONFIG: &str = r#"vault write auth/kubernetes/config \
  kubernetes_host="https://$KUBERNETES_PORT_443_TCP_ADDR:443" \
  token_reviewer_jwt="$(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" \
  kubernetes_ca_cert=@/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"#;
const POD_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const ROLE: &str = r#"vault write auth/kubernetes/role/payments-api \
  bound_service_account_names=payments-api \
  bound_service_account_namespaces=production \
  policies=payments-api-policy \
  ttl=1h"#;
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

/// One cluster for all of it: starting one takes seconds.
#[test]
#[ignore = "needs the Kubernetes control plane: cargo xtask kubernetes"]
fn workloads_of_a_cluster_log_in() {
    let cluster = ControlPlane::start().unwrap();
    populate(&cluster);
    the_commands_of_the_article(&cluster);
    with_the_token_of_the_caller(&cluster);
    many_at_once(&cluster);
    the_check_says_what_is_missing(&cluster);
    hvac_logs_in(&cluster);
    verified_with_keys_alone(&cluster);
    the_agent_of_the_article(&cluster);
    a_deleted_account_is_refused(&cluster);
}

/// The namespaces, accounts and pods of the article, and the pod of the server itself.
fn populate(cluster: &ControlPlane) {
    for namespace in ["production", "staging", "vault"] {
        cluster
            .create_namespace(namespace, &[("name", namespace)])
            .unwrap();
    }
    for (namespace, account) in [
        ("production", "payments-api"),
        ("production", "web"),
        ("staging", "payments-api"),
        ("vault", "vault"),
        ("vault", "weak"),
    ] {
        cluster.create_service_account(namespace, account).unwrap();
    }
    cluster
        .create_pod("production", "payments-api-0", "payments-api", "node-1")
        .unwrap();
    cluster.create_pod("vault", "vault-0", "vault", "node-1").unwrap();
    cluster
        .bind_cluster_role("system:auth-delegator", "vault", "vault")
        .unwrap();
}

fn token(cluster: &ControlPlane, namespace: &str, account: &str) -> String {
    cluster.token(&TokenRequest::of(namespace, account)).unwrap()
}

/// The token that a kubelet gives the pod of the payments service.
fn token_of_payments(cluster: &ControlPlane) -> String {
    cluster
        .token(&TokenRequest {
            pod: Some("payments-api-0"),
            ..TokenRequest::of("production", "payments-api")
        })
        .unwrap()
}

/// A server with the secrets and the policy of the article, and the terminal of its operator.
fn operated() -> (Node, Shell) {
    let node = Node::embedded();
    let shell = node.shell();
    for line in [
        "vault secrets enable -path=secret -version=2 kv",
        "vault kv put secret/production/payments/stripe api_key=sk_live",
        "vault kv put secret/production/auth/key a=b",
        ENABLE,
    ] {
        shell.run(line).expect(0);
    }
    let written = shell.run_with("vault policy write payments-api-policy -", POLICY);
    written.expect(0);
    (node, shell)
}

/// The same with the method configured: its reviewer is the account `vault` of the namespace `vault`.
fn configured(cluster: &ControlPlane, role: &str) -> (Node, Shell) {
    let (node, shell) = operated();
    let reviewer = token(cluster, "vault", "vault");
    configure(&shell, cluster, &format!("token_reviewer_jwt={reviewer}"));
    shell.run(&format!("{ROLE} {role}")).expect(0);
    (node, shell)
}

fn configure(shell: &Shell, cluster: &ControlPlane, more: &str) {
    let line = format!(
        "vault write auth/kubernetes/config kubernetes_host={} kubernetes_ca_cert=@{} {more}",
        cluster.url(),
        cluster.authority_file().display()
    );
    shell.run(&line).expect(0);
}

/// What a command printed, in one line: terminals break it.
fn said(ran: &Ran) -> String {
    let text = format!("{} {}", ran.out, ran.errors);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn log_in(node: &Node, jwt: &str) -> Answer {
    let request = json!({"role": "payments-api", "jwt": jwt});
    node.anyone().post("auth/kubernetes/login", request)
}

fn the_commands_of_the_article(cluster: &ControlPlane) {
    let (node, shell) = operated();
    let log = node.audit();
    let postgres = article_database::database();
    article_database::configure(&shell, &postgres);
    configure_as_printed(cluster, &shell);
    payments_reads_what_it_may(&shell, &postgres, &token_of_payments(cluster));
    which_pod_read_it(&log);
    others_are_refused(cluster, &node);
}

/// As printed, but for the port of the API server and the folder of the pod.
fn configure_as_printed(cluster: &ControlPlane, shell: &Shell) {
    let pod = tempfile::tempdir().unwrap();
    let own = cluster
        .token(&TokenRequest {
            pod: Some("vault-0"),
            ..TokenRequest::of("vault", "vault")
        })
        .unwrap();
    fs::write(pod.path().join("token"), own).unwrap();
    fs::copy(cluster.authority_file(), pod.path().join("ca.crt")).unwrap();
    let port = cluster.url().rsplit_once(':').unwrap().1.to_owned();
    let config = CONFIG
        .replace(":443\"", &format!(":{port}\""))
        .replace(POD_FOLDER, &pod.path().display().to_string());
    let written = shell
        .with("KUBERNETES_PORT_443_TCP_ADDR", "127.0.0.1")
        .run(&config)
        .expect(0);
    let said = said(&written);
    assert!(
        said.contains("is bound to the pod vault-0 and expires at"),
        "the token of a pod does not last, and it says so: {said}"
    );
    shell.run(ROLE).expect(0);
}

fn payments_reads_what_it_may(shell: &Shell, postgres: &Postgres, jwt: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwt");
    fs::write(&file, jwt).unwrap();
    let login = format!(
        "vault login -method=kubernetes -token-only role=payments-api jwt=@{}",
        file.display()
    );
    let given = shell.run(&login).expect(0).out;
    let payments = shell.with("VAULT_TOKEN", given.trim());
    let key = payments
        .run("vault kv get -field=api_key secret/production/payments/stripe")
        .expect(0);
    assert_eq!(key.out.trim(), "sk_live");
    let made = payments.run("vault read -format=json database/creds/payments-db-role");
    let made = made.expect(0).json();
    let [user, password] = ["username", "password"].map(|name| made["data"][name].as_str().unwrap());
    assert!(article_database::sees_payments(shell, postgres, user, password));
    let other = payments.run("vault kv get secret/production/auth/key").expect(2);
    assert!(other.errors.contains("permission denied"), "{other:?}");
    payments.run("vault token renew").expect(0);

    let found = payments.run("vault token lookup -format=json").expect(0).json();
    let data = &found["data"];
    assert_eq!(data["display_name"], "kubernetes-production-payments-api");
    assert_eq!(data["policies"], json!(["default", "payments-api-policy"]));
    for (name, value) in [
        ("role", "payments-api"),
        ("service_account_name", "payments-api"),
        ("service_account_namespace", "production"),
        ("pod_name", "payments-api-0"),
        ("node_name", "node-1"),
    ] {
        assert_eq!(data["meta"][name], value, "{data}");
    }
}

fn others_are_refused(cluster: &ControlPlane, node: &Node) {
    for (namespace, account, error) in [
        ("staging", "payments-api", "namespace not authorized"),
        ("production", "web", "service account name not authorized"),
    ] {
        let answer = log_in(node, &token(cluster, namespace, account)).expect(403);
        assert_eq!(answer.error(), error);
    }
    let mut forged = token_of_payments(cluster);
    let signature = forged.rfind('.').unwrap() + 1;
    forged.replace_range(
        signature..=signature,
        if &forged[signature..=signature] == "A" {
            "B"
        } else {
            "A"
        },
    );
    let answer = log_in(node, &forged).expect(403);
    assert_eq!(answer.error(), "permission denied");
    assert!(
        node.server
            .all()
            .contains("a login with a Kubernetes token was refused"),
        "the operator is told: {}",
        node.server.all()
    );
}

/// Which pod read this secret, at what time, from which address?
fn which_pod_read_it(log: &Path) {
    let text = fs::read_to_string(log).unwrap();
    assert!(!text.contains("eyJ"), "no token of a workload is in the log");
    let entry = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|entry| {
            entry["request"]["path"] == "secret/data/production/payments/stripe"
                && entry["request"]["operation"] == "read"
        })
        .unwrap();
    assert_eq!(entry["auth"]["metadata"]["pod_name"], "payments-api-0", "{entry}");
    assert_eq!(
        entry["auth"]["metadata"]["service_account_namespace"],
        "production"
    );
    assert_eq!(entry["request"]["remote_address"], "127.0.0.1");
    assert!(entry["time"].is_string());
}

fn with_the_token_of_the_caller(cluster: &ControlPlane) {
    let (node, shell) = operated();
    configure(&shell, cluster, "disable_local_ca_jwt=true");
    shell
        .run(&format!("{ROLE} bound_service_account_names=web"))
        .expect(0);
    let jwt = token(cluster, "production", "web");
    let refused = log_in(&node, &jwt).expect(403);
    assert_eq!(refused.error(), "permission denied");
    assert!(
        node.server.all().contains("tokenreviews"),
        "{}",
        node.server.all()
    );
    cluster
        .bind_cluster_role("system:auth-delegator", "production", "web")
        .unwrap();
    eventually(Duration::from_secs(20), "the permission counts", || {
        log_in(&node, &jwt).status == 200
    });
}

fn many_at_once(cluster: &ControlPlane) {
    let (node, _shell) = configured(cluster, "");
    let jwt = token_of_payments(cluster);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let logins: Vec<_> = (0..64)
            .map(|_| scope.spawn(|| log_in(&node, &jwt).status))
            .collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    });
    assert_eq!(statuses, [200; 64], "{}", node.server.all());
}

fn the_check_says_what_is_missing(cluster: &ControlPlane) {
    let (_node, shell) = operated();
    let empty = shell.run("vault auth test kubernetes").expect(2);
    assert!(empty.out.contains("[fail] configuration"), "{empty:?}");
    let weak = token(cluster, "vault", "weak");
    configure(&shell, cluster, &format!("token_reviewer_jwt={weak}"));
    shell.run(ROLE).expect(0);
    let check = shell.run("vault auth test kubernetes").expect(2);
    assert!(check.out.contains("[ok  ] api_server"), "{check:?}");
    assert!(
        check.out.contains("[fail] token_review")
            && check
                .out
                .contains("--clusterrole=system:auth-delegator --serviceaccount=vault:weak"),
        "{check:?}"
    );
    cluster
        .bind_cluster_role("system:auth-delegator", "vault", "weak")
        .unwrap();
    eventually(Duration::from_secs(20), "the permission counts", || {
        shell.run("vault auth test kubernetes").code == 0
    });
    let stranger = arca_fixtures::Authority::new().unwrap();
    let line = format!(
        "vault write auth/kubernetes/config kubernetes_host={} kubernetes_ca_cert=@{}",
        cluster.url(),
        stranger.file().display()
    );
    let written = shell.run(&line).expect(0);
    let said = said(&written);
    assert!(
        said.contains("cannot trust") && said.contains("kubernetes_ca_cert"),
        "{said}"
    );
    shell.run("vault auth test token").expect(2);
}

fn hvac_logs_in(cluster: &ControlPlane) {
    let (node, shell) = operated();
    let home = tempfile::tempdir().unwrap();
    let mut command = bare(&python(), home.path());
    command
        .arg(checked_in("clients/python/hvac_kubernetes.py"))
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root)
        .env("KUBERNETES_HOST", cluster.url())
        .env("KUBERNETES_CA", cluster.authority_file())
        .env("REVIEWER", token(cluster, "vault", "vault"))
        .env("JWT", token_of_payments(cluster));
    let ran = arca_tests::commands::finish(&mut command, None, Duration::from_secs(60)).expect(0);
    assert_eq!(ran.out.trim(), "payments-api of production", "{ran:?}");
    drop(shell);
}

/// The keys are those the API server publishes; nothing is reviewed.
fn verified_with_keys_alone(cluster: &ControlPlane) {
    let (node, shell) = operated();
    let reviewer = token(cluster, "vault", "weak");
    configure(
        &shell,
        cluster,
        &format!("token_reviewer_jwt={reviewer} use_local_verification=true"),
    );
    shell.run(&format!("{ROLE} audience=vault")).expect(0);
    let check = shell.run("vault auth test kubernetes").expect(0);
    assert!(
        check.out.contains("[ok  ] keys") && check.out.contains("[warn] local_verification"),
        "{check:?}"
    );
    let asked = TokenRequest {
        audiences: &["vault"],
        pod: Some("payments-api-0"),
        ..TokenRequest::of("production", "payments-api")
    };
    log_in(&node, &cluster.token(&asked).unwrap()).expect(200);
    let other = log_in(&node, &token_of_payments(cluster)).expect(403);
    assert!(other.error().contains("invalid audience"), "{other:?}");
    let written = shell.run(&format!("{ROLE} audience=")).expect(0);
    assert_eq!(
        log_in(&node, &token_of_payments(cluster)).status,
        403,
        "{written:?}"
    );
}

/// The two templates of the Deployment, as printed.
const TEMPLATES: [(&str, &str); 2] = [
    (
        "db-creds",
        r#"{{- with secret "database/creds/payments-db-role" -}}
DATABASE_URL=postgresql://{{ .Data.username }}:{{ .Data.password }}@postgres.production.svc:5432/payments
{{- end }}
"#,
    ),
    (
        "api-key",
        r#"{{- with secret "secret/data/production/payments/stripe" -}}
STRIPE_API_KEY={{ .Data.data.api_key }}
{{- end }}
"#,
    ),
];

/// The agent keeps both files of the Deployment; whatever the file holds, the database accepts.
fn the_agent_of_the_article(cluster: &ControlPlane) {
    let (node, shell) = configured(cluster, "");
    let postgres = article_database::database();
    article_database::configure(&shell, &postgres);
    let times = "vault write database/roles/payments-db-role default_ttl=15s max_ttl=30s";
    shell.run(times).expect(0);
    let jwt = node.path("jwt");
    fs::write(&jwt, token_of_payments(cluster)).unwrap();
    let mut process = agent::launch(&node, &article_agent(&node, &jwt), &["-revoke-on-shutdown"]).spawn();
    let [user, key] = ["db-creds", "api-key"].map(|name| node.path(&format!("secrets/{name}")));
    eventually(agent::SOON, "both files", || {
        [&user, &key].iter().all(|file| agent::read(file).is_some())
    });
    assert_eq!(agent::read(&key).unwrap(), "STRIPE_API_KEY=sk_live\n");
    shell
        .run("vault kv put secret/production/payments/stripe api_key=sk_new")
        .expect(0);
    eventually(agent::SOON, "the new key", || {
        agent::read(&key).unwrap() == "STRIPE_API_KEY=sk_new\n"
    });
    agent_templates::accepted_at_every_moment(&shell, &postgres, || {
        let text = agent::read(&user).expect("the file is always there");
        let text = text.strip_prefix("DATABASE_URL=postgresql://").unwrap();
        let (login, rest) = text.rsplit_once('@').expect("a whole file");
        assert_eq!(rest, "postgres.production.svc:5432/payments\n");
        let (user, password) = login.split_once(':').unwrap();
        (user.to_owned(), password.to_owned())
    });
    process.signal(rustix::process::Signal::TERM);
    assert_eq!(agent::ends(&mut process), Some(0));
    agent_templates::no_user_is_left(&postgres);
}

fn article_agent(node: &Node, jwt: &Path) -> String {
    let mut text = format!(
        "vault {{ address = \"{}\" }}\nauto_auth {{\n  method \"kubernetes\" {{\n    config {{\n      \
         role = \"payments-api\"\n      token_path = \"{}\"\n    }}\n  }}\n}}\n",
        node.server.address().url(),
        jwt.display()
    );
    for (name, template) in TEMPLATES {
        let destination = node.path(&format!("secrets/{name}"));
        let destination = destination.display();
        text.push_str(&format!(
            "template {{\n  destination = \"{destination}\"\n  contents = <<EOT\n{template}EOT\n}}\n"
        ));
    }
    text
}

/// Last: the account is gone afterwards.
fn a_deleted_account_is_refused(cluster: &ControlPlane) {
    let (node, _shell) = configured(cluster, "");
    let jwt = token(cluster, "production", "payments-api");
    log_in(&node, &jwt).expect(200);
    cluster
        .request(
            "DELETE",
            "/api/v1/namespaces/production/serviceaccounts/payments-api",
            None,
        )
        .unwrap();
    // The API server remembers for ten seconds whom it has recognized.
    eventually(
        Duration::from_secs(30),
        "the API server forgets the account",
        || log_in(&node, &jwt).status == 403,
    );
    assert_eq!(log_in(&node, &jwt).error(), "permission denied");
}
