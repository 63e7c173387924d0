//! Logging in with tokens of Kubernetes service accounts, against a double of the API server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arca_auth::kubernetes::{Kubernetes, Surroundings};
use arca_base::{Clock as _, Operation};
use arca_core::engine::Catalog;
use arca_core::seal::Seal;
use arca_storage::MemoryStorage;
use arca_testkit::{Response, TestServer, Unsealed};
use serde_json::{Value, json};

use crate::kubernetes_double::{ApiServer, Asked, Reply, claims, reviewed, token, token_signed_with};

const REVIEWS: &str = "POST /apis/authentication.k8s.io/v1/tokenreviews";

/// A server with the method enabled, in a pod with the files of `folder`, or in none.
pub(crate) async fn server(folder: &Path) -> Unsealed {
    let surroundings = Surroundings {
        pod_folder: folder.to_owned(),
        patience: Duration::from_millis(300),
    };
    let catalog = Catalog::new().auth("kubernetes", Kubernetes::factory(surroundings));
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 1)
        .unsealed()
        .await;
    let _ = vault
        .write("sys/auth/kubernetes", json!({"type": "kubernetes"}))
        .await
        .expect(204);
    vault
}

pub(crate) async fn outside_of_a_pod() -> Unsealed {
    server(Path::new("/nowhere")).await
}

async fn configured(cluster: &ApiServer) -> Unsealed {
    let vault = outside_of_a_pod().await;
    configure(&vault, cluster, json!({})).await;
    role(&vault, json!({})).await;
    vault
}

pub(crate) async fn configure(vault: &Unsealed, cluster: &ApiServer, more: Value) {
    let mut config = json!({"kubernetes_host": cluster.url});
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let _ = vault.write("auth/kubernetes/config", config).await;
    cluster.asked();
}

pub(crate) async fn role(vault: &Unsealed, more: Value) {
    let mut role = json!({
        "bound_service_account_names": "payments-api",
        "bound_service_account_namespaces": "production",
        "policies": "payments-api-policy",
        "audience": "vault",
        "ttl": "1h",
    });
    role.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let _ = vault
        .write("auth/kubernetes/role/payments-api", role)
        .await
        .expect(204);
}

pub(crate) fn now(vault: &Unsealed) -> i64 {
    vault.server.clock.now().unix_seconds()
}

pub(crate) async fn log_in(vault: &Unsealed, jwt: &str) -> Response {
    let data = json!({"role": "payments-api", "jwt": jwt});
    vault
        .server
        .request(Operation::Update, "auth/kubernetes/login", None, data, None)
        .await
}

pub(crate) fn warnings(response: &Response) -> String {
    response.body["warnings"].to_string()
}

#[tokio::test]
async fn a_service_account_logs_in_with_its_own_token() {
    let cluster = ApiServer::healthy().await;
    let vault = configured(&cluster).await;
    let jwt = token(&claims(now(&vault)));
    let answer = log_in(&vault, &jwt).await.expect(200);
    let auth = &answer.body["auth"];
    assert_eq!(auth["policies"], json!(["default", "payments-api-policy"]));
    assert_eq!(
        (&auth["lease_duration"], &auth["renewable"], &auth["orphan"]),
        (&json!(3600), &json!(true), &json!(true))
    );
    let account = json!({
        "service_account_name": "payments-api",
        "service_account_namespace": "production",
        "service_account_secret_name": "",
        "service_account_uid": "5e1f",
    });
    let mut metadata = account.clone();
    for (name, value) in [
        ("role", "payments-api"),
        ("pod_name", "payments-api-0"),
        ("pod_uid", "9d0c"),
        ("node_name", "node-1"),
    ] {
        metadata[name] = json!(value);
    }
    assert_eq!(auth["metadata"], metadata);

    let [review] = &*cluster.reviews() else {
        panic!("one review")
    };
    assert_eq!(
        review.bearer, jwt,
        "without a reviewer, in the name of the caller"
    );
    assert_eq!(review.body["spec"], json!({"token": jwt, "audiences": ["vault"]}));

    let accessor = json!({"accessor": auth["accessor"]});
    let found = vault
        .write("auth/token/lookup-accessor", accessor)
        .await
        .expect(200);
    assert_eq!(found.data("meta"), &metadata, "an accessor leads to the pod");
    assert_eq!(
        (found.data("display_name"), found.data("path")),
        (
            &json!("kubernetes-production-payments-api"),
            &json!("auth/kubernetes/login")
        )
    );
    let entity = auth["entity_id"].as_str().unwrap();
    let entity = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(entity.data("aliases/0/name"), &json!("5e1f"));
    assert_eq!(entity.data("aliases/0/metadata"), &account);
}

#[tokio::test]
async fn an_account_is_known_by_its_name_when_the_role_says_so() {
    let cluster = ApiServer::healthy().await;
    let vault = configured(&cluster).await;
    role(&vault, json!({"alias_name_source": "serviceaccount_name"})).await;
    let first = log_in(&vault, &token(&claims(now(&vault)))).await.expect(200);
    let mut again = claims(now(&vault));
    again["kubernetes.io"]["serviceaccount"]["uid"] = json!("made-again");
    let second = log_in(&vault, &token(&again)).await.expect(200);
    assert_eq!(
        first.body["auth"]["entity_id"], second.body["auth"]["entity_id"],
        "an account that was made again is the same"
    );
    role(&vault, json!({"alias_name_source": "serviceaccount_uid"})).await;
    let third = log_in(&vault, &token(&again)).await.expect(200);
    assert_ne!(first.body["auth"]["entity_id"], third.body["auth"]["entity_id"]);
}

#[tokio::test]
async fn the_reviewer_is_the_configured_one_or_the_pod_and_read_anew() {
    let cluster = ApiServer::healthy().await;
    let folder = tempfile::tempdir().unwrap();
    let vault = server(folder.path()).await;
    configure(&vault, &cluster, json!({})).await;
    role(&vault, json!({})).await;
    let jwt = token(&claims(now(&vault)));
    let reviewer = async || {
        let _ = log_in(&vault, &jwt).await.expect(200);
        cluster.reviews()[0].bearer.clone()
    };
    assert_eq!(reviewer().await, jwt);
    std::fs::write(folder.path().join("token"), "of-the-pod\n").unwrap();
    assert_eq!(reviewer().await, "of-the-pod");
    std::fs::write(folder.path().join("token"), "rotated\n").unwrap();
    assert_eq!(reviewer().await, "rotated", "as soon as it is there");
    configure(&vault, &cluster, json!({"token_reviewer_jwt": "configured\n"})).await;
    assert_eq!(reviewer().await, "configured");
    let ignoring = json!({"disable_local_ca_jwt": true, "kubernetes_ca_cert": certificate()});
    configure(&vault, &cluster, ignoring).await;
    assert_eq!(reviewer().await, jwt);
}

/// A certificate of an authority.
fn certificate() -> String {
    let output = std::process::Command::new("openssl")
        .args(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=a"
                .split(' '),
        )
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn callers_whom_the_role_does_not_bind_are_refused() {
    let cluster = ApiServer::healthy().await;
    let vault = configured(&cluster).await;
    let at = now(&vault);
    let with = |pointer: &str, value: Value| {
        let mut changed = claims(at);
        *changed.pointer_mut(pointer).unwrap() = value;
        token(&changed)
    };
    for (jwt, error) in [
        (
            with("/kubernetes.io/serviceaccount/name", json!("web")),
            "service account name not authorized",
        ),
        (
            with("/kubernetes.io/namespace", json!("staging")),
            "namespace not authorized",
        ),
        (
            with("/aud", json!(["another"])),
            "invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (
            with("/aud", json!([])),
            "invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (
            with("/exp", json!(at - 60)),
            "invalid expiration time (exp) claim: token is expired",
        ),
        (
            with("/nbf", json!(at + 61)),
            "invalid not before (nbf) claim: token not yet valid",
        ),
        (
            with("/iat", json!(at + 61)),
            "invalid issued at (iat) claim: token issued in the future",
        ),
        (token_signed_with("none", &claims(at)), "permission denied"),
        (token_signed_with("HS256", &claims(at)), "permission denied"),
        (
            with("/kubernetes.io/namespace", json!("../../x")),
            "permission denied",
        ),
        (with("/kubernetes.io", json!("x")), "permission denied"),
        ("not-a-token".to_owned(), "permission denied"),
        ("x".repeat(100_000), "permission denied"),
    ] {
        let answer = log_in(&vault, &jwt).await.expect(403);
        assert_eq!(answer.error(), error);
    }
    assert_eq!(cluster.asked().len(), 0, "nobody was asked about any of these");
    role(&vault, json!({"token_bound_cidrs": "10.0.0.0/8"})).await;
    let elsewhere = log_in(&vault, &token(&claims(at))).await.expect(403);
    assert_eq!(elsewhere.error(), "permission denied");
}

#[tokio::test]
async fn globs_and_the_issuer_are_looked_at() {
    let cluster = ApiServer::healthy().await;
    let vault = configured(&cluster).await;
    let jwt = token(&claims(now(&vault)));
    let globs =
        json!({"bound_service_account_names": "web,payments-*", "bound_service_account_namespaces": "*"});
    role(&vault, globs).await;
    let _ = log_in(&vault, &jwt).await.expect(200);
    role(&vault, json!({"bound_service_account_names": "*-web"})).await;
    let _ = log_in(&vault, &jwt).await.expect(403);
    role(&vault, json!({})).await;
    let strict = json!({"issuer": "https://another", "disable_iss_validation": false});
    configure(&vault, &cluster, strict).await;
    let other = log_in(&vault, &jwt).await.expect(403);
    assert_eq!(other.error(), "invalid issuer (iss) claim");
    let same = json!({"issuer": "https://kubernetes.default.svc", "disable_iss_validation": false});
    configure(&vault, &cluster, same).await;
    let _ = log_in(&vault, &jwt).await.expect(200);
}

#[tokio::test]
async fn namespaces_are_selected_by_label_once_the_token_is_proved() {
    let cluster = ApiServer::healthy().await;
    let vault = configured(&cluster).await;
    let jwt = token(&claims(now(&vault)));
    let selecting = |selector: Value| {
        json!({
            "bound_service_account_namespaces": "other",
            "bound_service_account_namespace_selector": selector,
        })
    };
    role(
        &vault,
        selecting(json!(r#"{"matchLabels": {"team": "payments"}}"#)),
    )
    .await;
    let _ = log_in(&vault, &jwt).await.expect(200);
    let lines: Vec<String> = cluster.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(lines, [REVIEWS, "GET /api/v1/namespaces/production"]);
    role(&vault, selecting(json!("team=ledger"))).await;
    let refused = log_in(&vault, &jwt).await.expect(403);
    assert_eq!(refused.error(), "namespace not authorized");
    let mut elsewhere = claims(now(&vault));
    elsewhere["kubernetes.io"]["namespace"] = json!("unknown");
    let unknown = log_in(&vault, &token(&elsewhere)).await.expect(403);
    assert_eq!(unknown.error(), "namespace not authorized");
    let shown = vault.read("auth/kubernetes/role/payments-api").await.expect(200);
    assert!(
        shown
            .data("bound_service_account_namespace_selector")
            .as_str()
            .unwrap()
            .contains("ledger")
    );
    role(&vault, json!({"bound_service_account_namespaces": "other"})).await;
    let shown = vault.read("auth/kubernetes/role/payments-api").await.expect(200);
    assert_eq!(shown.data("bound_service_account_namespace_selector"), &json!(""));
}

/// Answers reviews with what `change` makes of a good one.
async fn cluster_that(change: impl Fn(&mut Value) + Send + Sync + 'static) -> ApiServer {
    ApiServer::start(move |asked| {
        (asked.line == REVIEWS).then(|| {
            let mut review = reviewed(asked);
            change(&mut review["status"]);
            Reply::Json(201, review)
        })
    })
    .await
}

async fn cluster_that_answers(reply: impl Fn() -> Reply + Send + Sync + 'static) -> ApiServer {
    ApiServer::start(move |asked: &Asked| (asked.line == REVIEWS).then(&reply)).await
}

/// The reason of the last refusal in the audit log.
fn last_reason(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap();
    let entry: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    entry.to_string()
}

#[tokio::test]
async fn a_token_that_is_not_confirmed_is_refused_without_a_reason_for_the_caller() {
    let clusters = [
        (
            cluster_that(|status| status["authenticated"] = json!(false)).await,
            "service account jwt not valid",
        ),
        (
            cluster_that(|status| status["error"] = json!("invalid bearer token")).await,
            "invalid bearer token",
        ),
        (
            cluster_that(|status| status["audiences"] = json!(["another"])).await,
            "does not confirm the audience",
        ),
        (
            cluster_that(|status| drop(status.as_object_mut().unwrap().remove("audiences"))).await,
            "does not confirm the audience",
        ),
        (
            cluster_that(|status| status["user"]["username"] = json!("system:serviceaccount:production:web"))
                .await,
            "belongs to another account than it names (name)",
        ),
        (
            cluster_that(|status| status["user"]["uid"] = json!("made-again")).await,
            "belongs to another account than it names (uid)",
        ),
        (
            cluster_that_answers(|| Reply::Json(401, json!({"message": "Unauthorized"}))).await,
            "it has been deleted or recreated",
        ),
        (
            cluster_that_answers(|| Reply::Json(403, json!({"message": "tokenreviews is forbidden"}))).await,
            "tokenreviews is forbidden",
        ),
        (
            cluster_that_answers(|| Reply::Text(500, "<html>".to_owned())).await,
            "answers 500",
        ),
        (
            cluster_that_answers(|| Reply::Text(201, "[1,2".to_owned())).await,
            "not the JSON that is expected",
        ),
        (
            cluster_that_answers(|| Reply::Json(201, json!({"status": {"authenticated": "yes"}}))).await,
            "not the JSON that is expected",
        ),
        (
            cluster_that_answers(|| Reply::Json(201, json!({"status": null}))).await,
            "not the JSON that is expected",
        ),
        (
            cluster_that_answers(|| Reply::Text(201, " ".repeat(2 << 20))).await,
            "larger than",
        ),
        (
            cluster_that_answers(|| Reply::Late(Duration::from_secs(5))).await,
            "has not answered within",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let vault = outside_of_a_pod().await;
    role(&vault, json!({})).await;
    let device = json!({"type": "file", "options": {"file_path": log}});
    let _ = vault.write("sys/audit/file", device).await.expect(204);
    let jwt = token(&claims(now(&vault)));
    for (cluster, reason) in &clusters {
        configure(&vault, cluster, json!({})).await;
        let answer = log_in(&vault, &jwt).await.expect(403);
        assert_eq!(answer.error(), "permission denied", "{reason}");
        let entry = last_reason(&log);
        assert!(entry.contains(reason), "{reason}: {entry}");
        assert!(!entry.contains(&jwt), "the token is not in the log");
    }
    let (down, _) = clusters.into_iter().next().unwrap();
    configure(&vault, &down, json!({})).await;
    drop(down);
    let answer = log_in(&vault, &jwt).await.expect(403);
    assert_eq!(answer.error(), "permission denied");
    assert!(
        last_reason(&log).contains("cannot connect"),
        "{}",
        last_reason(&log)
    );
}

#[tokio::test]
async fn logins_that_name_nothing_usable_are_told_so() {
    let cluster = ApiServer::healthy().await;
    let vault = outside_of_a_pod().await;
    role(&vault, json!({})).await;
    let jwt = token(&claims(now(&vault)));
    let unconfigured = log_in(&vault, &jwt).await.expect(500);
    assert_eq!(unconfigured.error(), "could not load backend configuration");
    configure(&vault, &cluster, json!({})).await;
    for (data, error) in [
        (json!({"jwt": jwt}), "missing role"),
        (json!({"role": "payments-api"}), "missing jwt"),
        (json!({"role": "none", "jwt": jwt}), "invalid role name \"none\""),
    ] {
        let answer = vault
            .server
            .request(Operation::Update, "auth/kubernetes/login", None, data, None)
            .await
            .expect(400);
        assert_eq!(answer.error(), error);
    }
    let upper = json!({"role": "Payments-API", "jwt": jwt});
    let _ = vault.write("auth/kubernetes/login", upper).await.expect(200);
}

#[tokio::test]
async fn a_token_is_renewed_as_the_role_says_today() {
    let cluster = ApiServer::healthy().await;
    let vault = configured(&cluster).await;
    let token = log_in(&vault, &token(&claims(now(&vault))))
        .await
        .expect(200)
        .token();
    role(&vault, json!({"ttl": "2h"})).await;
    let renewed = vault
        .write("auth/token/renew", json!({"token": token}))
        .await
        .expect(200);
    assert_eq!(renewed.body["auth"]["lease_duration"], 7200);
    let _ = vault
        .delete("auth/kubernetes/role/payments-api")
        .await
        .expect(204);
    let refused = vault
        .write("auth/token/renew", json!({"token": token}))
        .await
        .expect(500);
    assert!(
        refused
            .error()
            .contains("role payments-api does not exist during renewal"),
        "{}",
        refused.error()
    );
}

#[tokio::test]
async fn roles_are_checked_shown_and_removed() {
    let vault = outside_of_a_pod().await;
    let path = "auth/kubernetes/role/Web";
    let bad = [
        (json!({}), "\"bound_service_account_names\" can not be empty"),
        (
            json!({"bound_service_account_names": "a"}),
            "\"bound_service_account_namespaces\" can not be empty if \"bound_service_account_namespace_selector\" is not set",
        ),
        (
            json!({"bound_service_account_names": "a,*", "bound_service_account_namespaces": "b"}),
            "bound_service_account_names: can not mix \"*\" with values",
        ),
        (
            json!({"bound_service_account_names": "a", "bound_service_account_namespaces": "b", "alias_name_source": "x"}),
            "invalid alias_name_source, must be one of: serviceaccount_uid, serviceaccount_name",
        ),
        (
            json!({"bound_service_account_names": "a", "bound_service_account_namespace_selector": "{\"matchLabel\":{}}"}),
            "invalid \"bound_service_account_namespace_selector\" configured",
        ),
        (
            json!({"bound_service_account_names": vec!["a"; 257], "bound_service_account_namespaces": "b"}),
            "bound_service_account_names has 257 entries but may have at most 256",
        ),
    ];
    for (data, error) in bad {
        let answer = vault.write(path, data).await.expect(400);
        assert!(answer.error().starts_with(error), "{}", answer.error());
    }
    let good = json!({
        "bound_service_account_names": ["web"], "bound_service_account_namespaces": "prod, test",
        "ttl": "1h", "policies": "web",
    });
    let _ = vault.write(path, good).await.expect(204);
    let _ = vault
        .write("auth/kubernetes/role/web", json!({"audience": "vault"}))
        .await
        .expect(204);
    let shown = vault.read(path).await.expect(200);
    for (field, expected) in [
        ("bound_service_account_names", json!(["web"])),
        ("bound_service_account_namespaces", json!(["prod", "test"])),
        ("bound_service_account_namespace_selector", json!("")),
        ("audience", json!("vault")),
        ("alias_name_source", json!("serviceaccount_uid")),
        ("token_ttl", json!(3600)),
        ("ttl", json!(3600)),
        ("token_policies", json!(["web"])),
        ("token_type", json!("default")),
        ("token_bound_cidrs", json!([])),
    ] {
        assert_eq!(shown.data(field), &expected, "{field}");
    }
    let listed = vault.list("auth/kubernetes/role").await.expect(200);
    assert_eq!(listed.data("keys"), &json!(["web"]));
    let _ = vault.delete(path).await.expect(204);
    let _ = vault.read(path).await.expect(404);
    let _ = vault.list("auth/kubernetes/role/").await.expect(404);
}

#[tokio::test]
async fn the_configuration_is_checked_shown_without_its_secret_and_replaced() {
    let cluster = ApiServer::healthy().await;
    let vault = outside_of_a_pod().await;
    let path = "auth/kubernetes/config";
    let _ = vault.read(path).await.expect(404);
    let host = cluster.url.clone();
    for (data, error) in [
        (json!({}), "no host provided"),
        (
            json!({"kubernetes_host": host, "disable_local_ca_jwt": true}),
            "kubernetes_ca_cert must be given when disable_local_ca_jwt is true",
        ),
        (json!({"kubernetes_host": "10.0.0.1:443"}), "kubernetes_host: "),
        (
            json!({"kubernetes_host": "https://a", "kubernetes_ca_cert": "no PEM"}),
            "kubernetes_ca_cert: ",
        ),
        (
            json!({"kubernetes_host": host, "token_reviewer_jwt": "two words"}),
            "token_reviewer_jwt holds characters",
        ),
        (
            json!({"kubernetes_host": host, "pem_keys": ["key"]}),
            "pem_keys: the PEM text has neither",
        ),
        (
            json!({"kubernetes_host": "h".repeat(70_000)}),
            "kubernetes_host is longer than",
        ),
    ] {
        let answer = vault.write(path, data).await.expect(400);
        assert!(answer.error().starts_with(error), "{}", answer.error());
    }
    let data = json!({"kubernetes_host": host, "token_reviewer_jwt": "canary"});
    let _ = vault.write(path, data).await;
    let shown = vault.read(path).await.expect(200);
    assert_eq!(
        shown.body["data"],
        json!({
            "kubernetes_host": host, "kubernetes_ca_cert": "", "token_reviewer_jwt_set": true, "pem_keys": [],
            "issuer": "", "disable_iss_validation": true, "disable_local_ca_jwt": false, "use_local_verification": false,
        })
    );
    let _ = vault.write(path, json!({"kubernetes_host": host})).await;
    let shown = vault.read(path).await.expect(200);
    assert_eq!(
        shown.data("token_reviewer_jwt_set"),
        &json!(false),
        "all is replaced"
    );
}

#[tokio::test]
async fn writing_the_configuration_tries_it() {
    let cluster = ApiServer::start(|asked| match asked.line.as_str() {
        REVIEWS if asked.bearer == "weak" => Some(Reply::Json(
            403,
            json!({"message": "tokenreviews is forbidden: User \"weak\""}),
        )),
        REVIEWS if asked.bearer == "gone" => Some(Reply::Json(401, json!({"message": "Unauthorized"}))),
        REVIEWS if !asked.bearer.contains('.') => {
            Some(Reply::Json(201, json!({"status": {"authenticated": true}})))
        }
        _ => None,
    })
    .await;
    let vault = outside_of_a_pod().await;
    let write = async |reviewer: &str| {
        let data = json!({"kubernetes_host": cluster.url, "token_reviewer_jwt": reviewer});
        warnings(&vault.write("auth/kubernetes/config", data).await.expect(200))
    };
    let weak = write("weak").await;
    assert!(
        weak.contains("tokenreviews is forbidden") && weak.contains("--clusterrole=system:auth-delegator"),
        "{weak}"
    );
    assert!(
        write("gone")
            .await
            .contains("does not accept the token that reviews others")
    );
    let bound = write(&token(&claims(now(&vault)))).await;
    assert!(
        bound.contains("is bound to the pod payments-api-0 and expires at"),
        "{bound}"
    );
    let mut expired = claims(now(&vault));
    expired["exp"] = json!(now(&vault) - 1);
    assert!(write(&token(&expired)).await.contains("has expired at"));
    let fine = write("fine").await;
    assert!(
        fine.contains("without encryption") && !fine.contains("reviewer:"),
        "{fine}"
    );

    let down = json!({"kubernetes_host": "http://127.0.0.1:1"});
    let down = vault.write("auth/kubernetes/config", down).await.expect(200);
    assert!(warnings(&down).contains("cannot connect"), "{}", down.body);
    let nobody = json!({"kubernetes_host": "https://127.0.0.1:1"});
    let nobody = vault.write("auth/kubernetes/config", nobody).await.expect(200);
    assert!(
        warnings(&nobody).contains("kubernetes_ca_cert is not set"),
        "{}",
        nobody.body
    );
}

/// The outcome of each check.
fn outcomes(response: &Response) -> Vec<(String, String)> {
    let text = |check: &Value, member: &str| check[member].as_str().unwrap().to_owned();
    let checks = response.data("checks").as_array().unwrap();
    checks
        .iter()
        .map(|check| (text(check, "check"), text(check, "outcome")))
        .collect()
}

#[tokio::test]
async fn the_check_says_what_works_and_what_to_do() {
    let cluster = ApiServer::start(|asked| {
        (asked.line.starts_with("GET /api/v1/namespaces/default"))
            .then(|| Reply::Json(403, json!({"message": "namespaces \"default\" is forbidden"})))
    })
    .await;
    let vault = outside_of_a_pod().await;
    let check = async || vault.read("auth/kubernetes/check").await.expect(200);
    let found = check().await;
    assert_eq!(found.data("ok"), &json!(false));
    assert_eq!(outcomes(&found), [("configuration".into(), "failed".into())]);
    let reviewer = json!({"token_reviewer_jwt": token(&claims(now(&vault)))});
    configure(&vault, &cluster, reviewer).await;
    role(
        &vault,
        json!({"bound_service_account_namespace_selector": "team=payments", "audience": ""}),
    )
    .await;
    let found = check().await;
    assert_eq!(found.data("ok"), &json!(false));
    let expected = [
        ("api_server", "warning"),
        ("reviewer", "warning"),
        ("token_review", "ok"),
        ("roles", "warning"),
        ("namespaces", "failed"),
    ];
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(check, outcome)| ((*check).to_owned(), (*outcome).to_owned()))
        .collect();
    assert_eq!(outcomes(&found), expected, "{}", found.body);
    let last = &found.data("checks")[4];
    assert!(
        last["detail"].as_str().unwrap().contains("is forbidden"),
        "{last}"
    );
    assert!(
        last["remedy"]
            .as_str()
            .unwrap()
            .contains("permission to get namespaces"),
        "{last}"
    );
    let stranger = vault.token(&["default"]).await;
    let _ = vault
        .read_as(&stranger, "auth/kubernetes/check")
        .await
        .expect(403);
}

#[tokio::test]
async fn many_log_in_at_once() {
    let cluster = ApiServer::healthy().await;
    let vault = Arc::new(configured(&cluster).await);
    let jwt = token(&claims(now(&vault)));
    let logins: Vec<_> = (0..64)
        .map(|_| {
            let (vault, jwt) = (vault.clone(), jwt.clone());
            tokio::spawn(async move { log_in(&vault, &jwt).await.status })
        })
        .collect();
    for login in logins {
        assert_eq!(login.await.unwrap(), 200);
    }
    assert_eq!(cluster.reviews().len(), 64);
    let entities = vault.list("identity/entity/id").await.expect(200);
    assert_eq!(
        entities.data("keys").as_array().unwrap().len(),
        1,
        "one account is one entity"
    );
}
