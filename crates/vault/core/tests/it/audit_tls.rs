//! A collector of audit entries behind TLS, with an authority that only the options of its device know.

use std::path::Path;
use std::sync::Arc;

use arca_base::Timestamp;
use arca_crypto::SystemEntropy;
use arca_crypto::x509::{
    AltName, Authority, Certificate, ClientIssuer, KeyAlgorithm, KeyPair, PrivateKey, ServerIdentity,
    Validity,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};

use crate::audit_selection::{Collector, Setting, start};

/// Who vouches for a collector, and in the same way for those who write to it.
struct Estate {
    authority: Authority,
    validity: Validity,
}

impl Estate {
    fn new(name: &str) -> Self {
        let at = |year| Timestamp::parse(&format!("{year}-01-01T00:00:00Z")).unwrap();
        let validity = Validity::new(at(2020), at(2070)).unwrap();
        Self {
            authority: Authority::create(name, validity, &SystemEntropy).unwrap(),
            validity,
        }
    }

    fn issue(&self, name: &str) -> (Certificate, PrivateKey) {
        let key = PrivateKey::generate(&SystemEntropy).unwrap();
        let names: [AltName; 1] = [name.parse().unwrap()];
        let identity = ServerIdentity {
            common_name: name,
            alt_names: &names,
            validity: self.validity,
        };
        let issued = self.authority.issue_server(&identity, &key, &SystemEntropy);
        (issued.unwrap(), key)
    }

    fn issue_client(&self, name: &str) -> (Certificate, KeyPair) {
        let certificate = self.authority.certificate().to_pem().unwrap();
        let key = self.authority.key().to_pem().unwrap();
        let issuer = ClientIssuer::from_pem(&certificate, key.expose(), 0).unwrap();
        let key = KeyPair::generate(KeyAlgorithm::Ec(256)).unwrap();
        let issued = issuer.issue(name, self.validity, &key, &SystemEntropy);
        (issued.unwrap(), key)
    }

    /// The configuration of a collector called `name`; `known` is who vouches for its callers, if they need that.
    fn server(&self, name: &str, known: Option<&Certificate>) -> ServerConfig {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match known {
            None => builder.with_no_client_auth(),
            Some(known) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from(known.der().to_vec())).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let (certificate, key) = self.issue(name);
        let key = PrivatePkcs8KeyDer::from(key.pkcs8().expose().clone());
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        builder.with_single_cert(chain, PrivateKeyDer::from(key)).unwrap()
    }

    /// The certificate of the authority in a file.
    fn file(&self, folder: &Path, name: &str) -> String {
        write(folder, name, &self.authority.certificate().to_pem().unwrap())
    }
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Enables a device called `name` with these options beside where the collector is.
async fn enable(set: &Setting, name: &str, collector: &Collector, options: Value) -> (u16, String) {
    let mut options = options;
    options["uri"] = json!(format!("https://{}/ingest", collector.address));
    options["write_timeout"] = json!("5s");
    let device = json!({"type": "http", "options": options});
    let answer = set.vault.write(&format!("sys/audit/{name}"), device).await;
    (answer.status, answer.body.to_string())
}

#[tokio::test]
async fn a_collector_is_trusted_by_the_authority_of_its_options_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, others) = (Estate::new("ours"), Estate::new("others"));
    let ca = ours.file(folder.path(), "ca.pem");
    let wrong = others.file(folder.path(), "wrong.pem");
    let empty = write(folder.path(), "empty.pem", "no certificate\n");
    let set = start().await;
    let collector = Collector::start_with(Some(ours.server("127.0.0.1", None))).await;
    for options in [
        json!({}),
        json!({"ca_cert": wrong}),
        json!({"ca_cert": empty}),
        json!({"ca_cert": "/nowhere/ca.pem"}),
        json!({"ca_cert": ca, "tls_server_name": "logs.example.com"}),
    ] {
        let (status, body) = enable(&set, "refused", &collector, options.clone()).await;
        assert_eq!(status, 400, "{options}: {body}");
    }
    assert_eq!(collector.lines().len(), 0);
    let (status, body) = enable(&set, "good", &collector, json!({"ca_cert": ca})).await;
    assert_eq!(status, 204, "{body}");
    assert_eq!(set.put("kv/a").await, 204);
    let paths: Vec<Value> = collector
        .lines()
        .iter()
        .map(|line| line["request"]["path"].clone())
        .collect();
    assert_eq!(paths, ["sys/audit/test", "sys/audit/good", "kv/a", "kv/a"]);
    // One that is called otherwise than its address is found by the name it has.
    let named = Collector::start_with(Some(ours.server("logs.example.com", None))).await;
    let (status, body) = enable(&set, "unnamed", &named, json!({"ca_cert": ca})).await;
    assert_eq!(status, 400, "{body}");
    let options = json!({"ca_cert": ca, "tls_server_name": "logs.example.com"});
    let (status, body) = enable(&set, "named", &named, options).await;
    assert_eq!(status, 204, "{body}");
}

#[tokio::test]
async fn a_collector_that_asks_for_a_certificate_gets_that_of_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, callers) = (Estate::new("ours"), Estate::new("callers"));
    let ca = ours.file(folder.path(), "ca.pem");
    let known = callers.authority.certificate();
    let collector = Collector::start_with(Some(ours.server("127.0.0.1", Some(known)))).await;
    let pair = |estate: &Estate, name: &str| {
        let (certificate, key) = estate.issue_client("arca.example.com");
        let certificate = write(
            folder.path(),
            &format!("{name}.pem"),
            &certificate.to_pem().unwrap(),
        );
        let key = write(
            folder.path(),
            &format!("{name}-key.pem"),
            key.to_pem().unwrap().expose(),
        );
        json!({"ca_cert": ca, "client_cert": certificate, "client_key": key})
    };
    let set = start().await;
    let strangers = pair(&ours, "stranger");
    for options in [json!({"ca_cert": ca}), strangers] {
        let (status, body) = enable(&set, "refused", &collector, options).await;
        assert_eq!(status, 400, "{body}");
    }
    assert_eq!(collector.lines().len(), 0);
    let (status, body) = enable(&set, "good", &collector, pair(&callers, "caller")).await;
    assert_eq!(status, 204, "{body}");
    assert_eq!(set.put("kv/a").await, 204);
    assert_eq!(collector.lines().len(), 4);
}
