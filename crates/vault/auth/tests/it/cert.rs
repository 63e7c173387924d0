//! Callers with a TLS client certificate. That the listener hands over what the client presented is tested there.

use arca_base::Clock as _;
use arca_crypto::x509::Certificate;
use arca_fixtures::Authority;
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

use crate::caller::{call_from, call_from_as, start};

/// An authority of the test, a client certificate of it in DER, and a server that trusts the authority as `ca`, at a
/// time when both are valid.
pub(crate) struct Estate {
    pub(crate) vault: Unsealed,
    authority: Authority,
    pub(crate) client: Vec<u8>,
}

fn der(pem: &str) -> Vec<u8> {
    Certificate::from_pem(pem).unwrap().der().to_vec()
}

fn pem_of(authority: &Authority) -> String {
    std::fs::read_to_string(authority.file()).unwrap()
}

pub(crate) async fn with_authority(settings: Value) -> Estate {
    let vault = start("cert").await;
    let authority = Authority::new().unwrap();
    let client = der(&authority.issue("app.example.com").unwrap().certificate);
    let valid_from = Certificate::from_der(&client).unwrap().validity().not_before();
    let now = vault.server.clock.now();
    vault.advance(valid_from.seconds_until(now) + 60).await;
    let mut settings = settings;
    settings["certificate"] = json!(pem_of(&authority));
    let _ = vault.write("auth/cert/certs/CA", settings).await.expect(204);
    Estate {
        vault,
        authority,
        client,
    }
}

impl Estate {
    pub(crate) async fn log_in(&self, chain: &[&[u8]], name: &str) -> Response {
        let chain = chain.iter().map(|der| der.to_vec()).collect();
        let data = json!({ "name": name });
        call_from(&self.vault, "10.0.0.1", chain, "auth/cert/login", &data).await
    }

    async fn renew(&self, token: &str, chain: &[&[u8]]) -> Response {
        let chain = chain.iter().map(|der| der.to_vec()).collect();
        let path = "auth/token/renew-self";
        call_from_as(&self.vault, Some(token), "10.0.0.1", chain, path, &json!({})).await
    }

    async fn change(&self, settings: Value) {
        let _ = self.vault.write("auth/cert/certs/ca", settings).await.expect(204);
    }
}

const STRANGER: &str = "invalid certificate or no client certificate supplied";
const INCOMPLETE: &str = "no chain matching all constraints could be found for this login certificate";

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_logs_in() {
    let estate =
        with_authority(json!({"token_policies": "app", "token_ttl": 60, "display_name": "apps"})).await;
    let login = estate.log_in(&[&estate.client], "").await.expect(200);
    let auth = &login.body["auth"];
    assert_eq!(auth["policies"], json!(["app", "default"]));
    assert_eq!(auth["metadata"]["cert_name"], "ca");
    assert_eq!(auth["metadata"]["common_name"], "arca-test");
    let serial = auth["metadata"]["serial_number"].as_str().unwrap();
    assert!(
        serial
            .split(':')
            .all(|byte| byte.len() == 2 && byte == byte.to_lowercase()),
        "{serial}"
    );
    let me = estate
        .vault
        .read(&format!(
            "identity/entity/id/{}",
            auth["entity_id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    assert_eq!(me.data("aliases/0/name"), "arca-test");
    let _ = estate.log_in(&[&estate.client], "CA").await.expect(200);
    let shown = estate.vault.read("auth/cert/certs/ca").await.expect(200);
    assert_eq!(shown.data("certificate"), &json!(pem_of(&estate.authority)));
    assert_eq!(
        estate
            .vault
            .list("auth/cert/certs")
            .await
            .expect(200)
            .data("keys"),
        &json!(["ca"])
    );
}

#[tokio::test]
async fn strangers_and_expired_certificates_are_refused() {
    let estate = with_authority(json!({})).await;
    let other = Authority::new().unwrap();
    let stranger = der(&other.issue("app.example.com").unwrap().certificate);
    let none = estate.log_in(&[], "").await.expect(400);
    assert_eq!(none.error(), "no client certificate found");
    for chain in [
        vec![stranger.as_slice()],
        vec![stranger.as_slice(), &der(&pem_of(&other))],
        vec![&stranger, &der(&pem_of(&estate.authority))],
        vec![b"not a certificate"],
        vec![&estate.client, b"not a certificate"],
    ] {
        assert_eq!(estate.log_in(&chain, "").await.expect(400).error(), STRANGER);
    }
    let unknown = estate.log_in(&[&estate.client], "other").await.expect(400);
    assert_eq!(unknown.error(), STRANGER);
    estate.vault.advance(3 * 24 * 3600).await;
    let expired = estate.log_in(&[&estate.client], "").await.expect(400);
    assert_eq!(expired.error(), STRANGER);
}

#[tokio::test]
async fn what_must_stand_in_a_certificate_is_looked_for() {
    let estate = with_authority(json!({})).await;
    for (field, good, bad) in [
        ("allowed_names", "x,app.*", "x,web.*"),
        ("allowed_common_names", "arca-*", "app.example.com"),
        ("allowed_dns_sans", "*.example.com", "arca-test"),
        ("allowed_email_sans", "", "*"),
        ("allowed_uri_sans", "", "spiffe://*"),
        ("allowed_organizational_units", "", "ops"),
        ("required_extensions", "hex:2.5.29.17:30*", "2.5.29.17:x"),
        ("required_extensions", "", "1.2.3.4:*"),
    ] {
        estate.change(json!({ field: bad })).await;
        let refused = estate.log_in(&[&estate.client], "").await.expect(400);
        assert_eq!(refused.error(), INCOMPLETE, "{field}={bad}");
        estate.change(json!({ field: good })).await;
        let _ = estate.log_in(&[&estate.client], "").await.expect(200);
        estate.change(json!({ field: "" })).await;
    }
}

#[tokio::test]
async fn the_certificate_of_one_client_vouches_for_nobody_else() {
    let estate = with_authority(json!({})).await;
    let other = estate.authority.issue("web.example.com").unwrap();
    let pinned = json!({"certificate": other.certificate, "token_policies": "web"});
    let _ = estate
        .vault
        .write("auth/cert/certs/web", pinned)
        .await
        .expect(204);
    let login = estate
        .log_in(&[&der(&other.certificate)], "web")
        .await
        .expect(200);
    assert_eq!(login.body["auth"]["policies"], json!(["default", "web"]));
    let refused = estate.log_in(&[&estate.client], "web").await.expect(400);
    assert_eq!(refused.error(), STRANGER);
    let _ = estate.vault.delete("auth/cert/certs/web").await.expect(204);
    let refused = estate
        .log_in(&[&der(&other.certificate)], "web")
        .await
        .expect(400);
    assert_eq!(refused.error(), STRANGER);
}

#[tokio::test]
async fn renewals_follow_the_entry_of_today() {
    let estate = with_authority(json!({"token_policies": "a", "token_ttl": 100})).await;
    let token = estate.log_in(&[&estate.client], "").await.expect(200).token();
    let renew = async || estate.renew(&token, &[&estate.client]).await;
    estate.change(json!({"token_ttl": 200})).await;
    assert_eq!(renew().await.expect(200).body["auth"]["lease_duration"], 200);
    estate.change(json!({"token_policies": "b"})).await;
    assert!(
        renew()
            .await
            .expect(500)
            .error()
            .contains("policies have changed")
    );
    let _ = estate.vault.delete("auth/cert/certs/ca").await.expect(204);
    assert!(
        renew()
            .await
            .expect(500)
            .error()
            .contains("does not exist during renewal")
    );
}

#[tokio::test]
async fn renewals_ask_for_the_certificate_of_the_login() {
    let estate = with_authority(json!({"token_ttl": 100})).await;
    let token = estate.log_in(&[&estate.client], "").await.expect(200).token();
    let sibling = der(&estate.authority.issue("app.example.com").unwrap().certificate);
    let stranger = der(&Authority::new()
        .unwrap()
        .issue("app.example.com")
        .unwrap()
        .certificate);
    let _ = estate.renew(&token, &[&estate.client]).await.expect(200);
    for (chain, status, says) in [
        (vec![], 400, "no client certificate found"),
        (vec![stranger.as_slice()], 400, STRANGER),
        (
            vec![sibling.as_slice()],
            500,
            "client identity during renewal not matching",
        ),
    ] {
        let refused = estate.renew(&token, &chain).await.expect(status);
        assert!(refused.error().contains(says), "{}", refused.error());
    }
    estate.change(json!({"allowed_common_names": "other"})).await;
    let refused = estate.renew(&token, &[&estate.client]).await.expect(400);
    assert_eq!(refused.error(), INCOMPLETE);
    estate.change(json!({"allowed_common_names": ""})).await;

    let config = async |data: Value| {
        let _ = estate.vault.write("auth/cert/config", data).await.expect(204);
        estate.vault.read("auth/cert/config").await.expect(200)
    };
    assert_eq!(config(json!({})).await.data("disable_binding"), false);
    let unbound = config(json!({"disable_binding": true})).await;
    assert_eq!(unbound.data("disable_binding"), true);
    let _ = estate.renew(&token, &[]).await.expect(200);
    let _ = config(json!({"disable_binding": false})).await;
    let _ = estate.renew(&token, &[]).await.expect(400);
}

#[tokio::test]
async fn an_expired_certificate_does_not_renew() {
    let estate = with_authority(json!({"token_period": "30d"})).await;
    let token = estate.log_in(&[&estate.client], "").await.expect(200).token();
    estate.vault.advance(3 * 24 * 3600).await;
    let refused = estate.renew(&token, &[&estate.client]).await.expect(400);
    assert_eq!(refused.error(), STRANGER);
}

#[tokio::test]
async fn revoked_certificates_neither_log_in_nor_renew() {
    let estate = with_authority(json!({"token_ttl": 100})).await;
    let other = estate.authority.issue("web.example.com").unwrap().certificate;
    let token = estate.log_in(&[&estate.client], "").await.expect(200).token();
    let client = Certificate::from_der(&estate.client).unwrap();
    let path = "auth/cert/crls/List";
    let write = async |crl: &str| estate.vault.write(path, json!({ "crl": crl })).await;

    let _ = write(&estate.authority.revoke(&other).unwrap()).await.expect(204);
    let _ = estate.renew(&token, &[&estate.client]).await.expect(200);
    let refused = estate.log_in(&[&der(&other)], "").await.expect(400);
    assert_eq!(refused.error(), INCOMPLETE);

    let list = estate.authority.revoke(&client.to_pem().unwrap()).unwrap();
    let base64: String = list.lines().filter(|line| !line.starts_with("-----")).collect();
    let _ = write(&base64).await.expect(204);
    let shown = estate.vault.read("auth/cert/crls/list").await.expect(200);
    assert_eq!(shown.data("serials").as_object().unwrap().len(), 2);
    for name in ["", "ca"] {
        let refused = estate.log_in(&[&estate.client], name).await.expect(400);
        assert_eq!(refused.error(), INCOMPLETE);
    }
    let refused = estate.renew(&token, &[&estate.client]).await.expect(400);
    assert_eq!(refused.error(), INCOMPLETE);
    let pinned = json!({ "certificate": client.to_pem().unwrap() });
    let _ = estate
        .vault
        .write("auth/cert/certs/pin", pinned)
        .await
        .expect(204);
    let refused = estate.log_in(&[&estate.client], "pin").await.expect(400);
    assert_eq!(refused.error(), INCOMPLETE);

    let names = estate.vault.list("auth/cert/crls").await.expect(200);
    assert_eq!(names.data("keys"), &json!(["list"]));
    let _ = estate.vault.delete(path).await.expect(204);
    let _ = estate.log_in(&[&estate.client], "ca").await.expect(200);
    let _ = estate.renew(&token, &[&estate.client]).await.expect(200);
    for gone in [estate.vault.read(path).await, estate.vault.delete(path).await] {
        assert_eq!(gone.expect(400).error(), "no such CRL list");
    }
}

#[tokio::test]
async fn a_revoked_authority_in_between_is_none() {
    let estate = with_authority(json!({})).await;
    let subordinate = estate.authority.subordinate().unwrap();
    let middle = pem_of(&subordinate);
    let leaf = der(&subordinate.issue("app.example.com").unwrap().certificate);
    let _ = estate.log_in(&[&leaf, &der(&middle)], "").await.expect(200);
    let list = json!({ "crl": estate.authority.revoke(&middle).unwrap() });
    let _ = estate.vault.write("auth/cert/crls/a", list).await.expect(204);
    let refused = estate.log_in(&[&leaf, &der(&middle)], "").await.expect(400);
    assert_eq!(refused.error(), INCOMPLETE);
    for chain in [
        vec![estate.client.as_slice()],
        vec![&estate.client, &der(&middle)],
    ] {
        let _ = estate.log_in(&chain, "").await.expect(200);
    }
}

#[tokio::test]
async fn a_list_that_is_due_is_kept_with_a_warning() {
    let estate = with_authority(json!({})).await;
    let client = Certificate::from_der(&estate.client).unwrap().to_pem().unwrap();
    let list = json!({ "crl": estate.authority.revoke(&client).unwrap() });
    estate.vault.advance(36 * 3600).await;
    let written = estate.vault.write("auth/cert/crls/a", list).await.expect(200);
    let warning = written.body["warnings"][0].as_str().unwrap();
    assert!(warning.contains("should have been replaced"), "{warning}");
    let refused = estate.log_in(&[&estate.client], "").await.expect(400);
    assert_eq!(refused.error(), INCOMPLETE);
}

#[tokio::test]
async fn wrong_lists_are_named() {
    let estate = with_authority(json!({})).await;
    let pem = pem_of(&estate.authority);
    for (data, says) in [
        (json!({}), "one of CRL or URL must be provided"),
        (json!({"crl": " "}), "one of CRL or URL must be provided"),
        (json!({"url": "http://x"}), "url is not supported"),
        (
            json!({"crl": "?"}),
            "failed to parse CRL: it is neither PEM nor DER in base64",
        ),
        (
            json!({"crl": "AAAA"}),
            "failed to parse CRL: the certificate revocation list cannot be read",
        ),
        (
            json!({ "crl": pem }),
            "failed to parse CRL: the PEM text has no X509 CRL block",
        ),
        (
            json!({"crl": "A".repeat(1024 * 1024 + 1)}),
            "crl has 1048577 bytes but may have at most 1048576",
        ),
    ] {
        let refused = estate.vault.write("auth/cert/crls/a", data).await.expect(400);
        assert!(refused.error().contains(says), "{}", refused.error());
    }
    let list = json!({ "crl": estate.authority.revoke(&pem).unwrap() });
    for number in 0..100 {
        let path = format!("auth/cert/crls/{number}");
        let _ = estate.vault.write(&path, list.clone()).await.expect(204);
    }
    let more = "auth/cert/crls/more";
    let refused = estate.vault.write(more, list.clone()).await.expect(400);
    assert!(refused.error().contains("at most 100"), "{}", refused.error());
    let _ = estate.vault.write("auth/cert/crls/7", list).await.expect(204);
}

#[tokio::test]
async fn wrong_input_is_named() {
    let estate = with_authority(json!({"token_bound_cidrs": "192.168.0.0/16"})).await;
    let _ = estate.log_in(&[&estate.client], "").await.expect(403);
    for (data, says) in [
        (json!({}), "failed to parse certificate"),
        (json!({"certificate": "x"}), "failed to parse certificate"),
        (
            json!({"certificate": "x".repeat(65 * 1024)}),
            "certificate has 66560 bytes but may have at most 65536",
        ),
        (
            json!({"certificate": pem_of(&estate.authority), "required_extensions": "x"}),
            "required_extensions: \"x\" is neither oid:value nor hex:oid:value",
        ),
        (
            json!({"certificate": pem_of(&estate.authority), "token_ttl": "x"}),
            "error converting input for field \"token_ttl\"",
        ),
    ] {
        let refused = estate.vault.write("auth/cert/certs/new", data).await.expect(400);
        assert!(refused.error().contains(says), "{}", refused.error());
    }
    let _ = estate.vault.read("auth/cert/certs/new").await.expect(404);
}
