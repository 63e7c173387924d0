//! Tokens of service accounts verified with keys alone: those given, or those the API server publishes.

use std::path::Path;
use std::sync::Arc;

use arca_crypto::jws::{Algorithm, Family, SigningKey};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::jwt_issuer::signed;
use crate::kubernetes::{configure, log_in, now, outside_of_a_pod, role, server, warnings};
use crate::kubernetes_double::{ApiServer, Reply, claims, token};

const ISSUER: &str = "https://kubernetes.default.svc";

/// A cluster that publishes keys to whoever has the credential, and reviews nothing.
struct Cluster {
    server: ApiServer,
    key: SigningKey,
    keys: Arc<Mutex<Value>>,
}

impl Cluster {
    async fn start(credential: &'static str) -> Self {
        let key = SigningKey::generate(Family::Rsa).unwrap();
        let keys = Arc::new(Mutex::new(Self::set(&key, "k1")));
        let published = keys.clone();
        let server = ApiServer::start(move |asked| {
            let allowed = asked.bearer == credential;
            match asked.line.as_str() {
                "GET /version" => None,
                "GET /api/v1/namespaces/production" => None,
                _ if !allowed => Some(Reply::Json(403, json!({"message": "forbidden"}))),
                "GET /.well-known/openid-configuration" => Some(Reply::Json(200, json!({"issuer": ISSUER}))),
                "GET /openid/v1/jwks" => Some(Reply::Json(200, published.lock().clone())),
                _ => Some(Reply::Json(500, json!({"message": "nothing is reviewed here"}))),
            }
        })
        .await;
        Self { server, key, keys }
    }

    fn set(key: &SigningKey, id: &str) -> Value {
        let jwk: Value = serde_json::from_str(key.public_jwk(id).to_text().as_str()).unwrap();
        json!({"keys": [jwk]})
    }

    fn sign(&self, claims: &Value) -> String {
        signed(&self.key, Algorithm::Rs256, "k1", claims)
    }
}

#[tokio::test]
async fn tokens_are_verified_without_asking_about_each() {
    let cluster = Cluster::start("").await;
    let vault = outside_of_a_pod().await;
    let config = json!({"kubernetes_host": cluster.server.url, "use_local_verification": true});
    let written = vault.write("auth/kubernetes/config", config).await.expect(200);
    assert!(
        warnings(&written).contains("deleted is accepted until it expires"),
        "{written:?}"
    );
    role(&vault, json!({})).await;
    cluster.server.asked();
    let good = claims(now(&vault));
    let answer = log_in(&vault, &cluster.sign(&good)).await.expect(200);
    assert_eq!(
        answer.body["auth"]["metadata"]["pod_name"],
        json!("payments-api-0")
    );
    assert!(cluster.server.asked().is_empty(), "the keys are at hand");

    let with = |member: &str, value: Value| {
        let mut claims = good.clone();
        claims[member] = value;
        claims
    };
    let mut endless = good.clone();
    endless.as_object_mut().unwrap().remove("exp");
    for (claims, expected) in [
        (with("iss", json!("https://other")), "invalid issuer (iss) claim"),
        (
            with("aud", json!(["other"])),
            "invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (
            with("exp", json!(now(&vault) - 100)),
            "invalid expiration time (exp) claim: token is expired",
        ),
        (
            with("nbf", json!(now(&vault) + 100)),
            "invalid not before (nbf) claim: token not yet valid",
        ),
        (endless, "permission denied"),
    ] {
        let refused = log_in(&vault, &cluster.sign(&claims)).await.expect(403);
        assert_eq!(refused.error(), expected, "{claims}");
    }
    let other = SigningKey::generate(Family::Rsa).unwrap();
    for forged in [token(&good), signed(&other, Algorithm::Rs256, "k1", &good)] {
        assert_eq!(
            log_in(&vault, &forged).await.expect(403).error(),
            "permission denied"
        );
    }
    role(&vault, json!({"audience": ""})).await;
    assert_eq!(
        log_in(&vault, &cluster.sign(&good)).await.expect(403).error(),
        "permission denied"
    );
    let checked = vault.read("auth/kubernetes/check").await.expect(200);
    assert!(
        checked
            .body
            .to_string()
            .contains("1 keys of https://kubernetes.default.svc"),
        "{checked:?}"
    );
}

#[tokio::test]
async fn keys_are_fetched_as_the_pod_and_again_when_the_cluster_has_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "own").unwrap();
    let mut cluster = Cluster::start("own").await;
    let vault = server(folder.path()).await;
    configure(&vault, &cluster.server, json!({"use_local_verification": true})).await;
    role(
        &vault,
        json!({"bound_service_account_namespaces": "", "bound_service_account_namespace_selector": "team=payments"}),
    )
    .await;
    let _ = log_in(&vault, &cluster.sign(&claims(now(&vault))))
        .await
        .expect(200);
    cluster.key = SigningKey::generate(Family::P256).unwrap();
    *cluster.keys.lock() = Cluster::set(&cluster.key, "k2");
    vault.advance(30).await;
    let new = signed(&cluster.key, Algorithm::Es256, "k2", &claims(now(&vault)));
    let _ = log_in(&vault, &new).await.expect(200);
}

#[tokio::test]
async fn a_cluster_that_shows_its_keys_to_nobody_is_pointed_out() {
    let cluster = Cluster::start("secret").await;
    let vault = server(Path::new("/nowhere")).await;
    let config = json!({"kubernetes_host": cluster.server.url, "use_local_verification": true});
    let written = vault.write("auth/kubernetes/config", config).await.expect(200);
    assert!(
        warnings(&written).contains("system:service-account-issuer-discovery"),
        "{written:?}"
    );
    role(&vault, json!({})).await;
    let refused = log_in(&vault, &cluster.sign(&claims(now(&vault))))
        .await
        .expect(403);
    assert_eq!(refused.error(), "permission denied");
}

#[tokio::test]
async fn keys_that_are_given_are_asked_for_besides_the_review_or_instead_of_it() {
    let authority = arca_fixtures::Authority::new().unwrap();
    let pair = authority.issue("signer").unwrap();
    let key = SigningKey::from_pem(&pair.key).unwrap();
    let algorithm = Algorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm.family() == key.family())
        .unwrap();
    let healthy = ApiServer::healthy().await;
    let vault = outside_of_a_pod().await;
    configure(&vault, &healthy, json!({"pem_keys": [pair.certificate.clone()]})).await;
    role(&vault, json!({})).await;
    let good = claims(now(&vault));
    assert_eq!(
        log_in(&vault, &token(&good)).await.expect(403).error(),
        "permission denied"
    );
    assert_eq!(
        healthy.reviews().len(),
        0,
        "a signature of somebody else is not even reviewed"
    );
    let _ = log_in(&vault, &signed(&key, algorithm, "any", &good))
        .await
        .expect(200);
    assert_eq!(healthy.reviews().len(), 1);

    let local = json!({"kubernetes_host": healthy.url, "pem_keys": [pair.certificate], "use_local_verification": true});
    let refused = vault
        .write("auth/kubernetes/config", local.clone())
        .await
        .expect(400);
    assert!(refused.error().contains("issuer must be given"), "{refused:?}");
    let mut local = local;
    local["issuer"] = json!(ISSUER);
    let _ = vault.write("auth/kubernetes/config", local).await.expect(200);
    healthy.asked();
    let _ = log_in(&vault, &signed(&key, algorithm, "any", &good))
        .await
        .expect(200);
    assert!(healthy.asked().is_empty(), "nothing is asked");
    assert_eq!(
        log_in(&vault, &token(&good)).await.expect(403).error(),
        "permission denied"
    );
}
