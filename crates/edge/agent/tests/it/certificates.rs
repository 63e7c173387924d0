//! `pkiCert`: what is in the file already is used again, by runs one after the other.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arca_agent::board::Board;
use arca_agent::config::{AgentConfig, Strictness};
use arca_agent::secrets::Secrets;
use arca_agent::template::{Around, Templates};
use arca_agent::token::HeldToken;
use arca_base::{Clock as _, Secret};
use arca_client::{Address, Client, Surroundings, Transport, TransportError};
use arca_crypto::x509::{AltName, Authority, Certificate, PrivateKey, ServerIdentity, Validity};
use arca_testkit::{ManualClock, SeededEntropy};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::world::{breathe, until};

const DAY: Duration = Duration::from_hours(24);
const NAME: &str = "a.example";

/// A double of an engine that issues certificates for a day, with real certificates.
struct Issuer {
    authority: Authority,
    clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    issued: AtomicUsize,
}

struct Line(Arc<Issuer>);

#[async_trait::async_trait]
impl Transport for Line {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let path = request.uri().path().trim_start_matches("/v1/");
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let answer = if path.starts_with("sys/internal/ui/mounts/") {
            json!({"data": {"path": "pki/", "type": "pki", "options": null}})
        } else {
            assert_eq!(path, "pki/issue/web");
            self.0.issue(body["common_name"].as_str().unwrap())
        };
        Ok(http::Response::new(Bytes::from(answer.to_string())))
    }
}

impl Issuer {
    fn issue(&self, name: &str) -> Value {
        self.issued.fetch_add(1, Ordering::SeqCst);
        let key = PrivateKey::generate(&*self.entropy).unwrap();
        let now = self.clock.now();
        let identity = ServerIdentity {
            common_name: name,
            alt_names: &[AltName::Dns(name.to_owned())],
            validity: Validity::new(now, now.plus_duration(DAY)).unwrap(),
        };
        let certificate = self
            .authority
            .issue_server(&identity, &key, &*self.entropy)
            .unwrap();
        let text = |pem: &str| pem.trim_end().to_owned();
        let authority = text(&self.authority.certificate().to_pem().unwrap());
        json!({"data": {
            "certificate": text(&certificate.to_pem().unwrap()),
            "private_key": text(key.to_pem().unwrap().expose()),
            "issuing_ca": authority,
            "ca_chain": [authority],
            "expiration": now.plus_duration(DAY).unix_seconds(),
        }})
    }
}

struct Stage {
    issuer: Arc<Issuer>,
    folder: TempDir,
}

/// A run of the agent; ends with this value.
struct Run {
    board: Board,
    _parts: JoinSet<()>,
    _token: watch::Sender<Option<Arc<HeldToken>>>,
}

impl Stage {
    fn new() -> Self {
        let clock = ManualClock::new();
        let entropy = SeededEntropy::new(9);
        let now = clock.now();
        let validity = Validity::new(now, now.plus_duration(400 * DAY)).unwrap();
        let issuer = Issuer {
            authority: Authority::create("double", validity, &*entropy).unwrap(),
            clock,
            entropy,
            issued: AtomicUsize::new(0),
        };
        Self {
            issuer: Arc::new(issuer),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn issued(&self) -> usize {
        self.issuer.issued.load(Ordering::SeqCst)
    }

    fn read(&self) -> String {
        fs::read_to_string(self.folder.path().join("pem")).unwrap_or_default()
    }

    fn run(&self, contents: &str) -> Run {
        let text = format!(
            "auto_auth {{ method \"token_file\" {{ config {{ token_file_path = \"/unused\" }} }} }}\n\
             template {{\n destination = \"{}\"\n perms = \"0600\"\n contents = <<EOT\n{contents}\nEOT\n}}\n",
            self.folder.path().join("pem").display()
        );
        let config = AgentConfig::parse(text.as_bytes(), "test", &|_| None, Strictness::Strict).unwrap();
        let clock = self.issuer.clock.clone();
        let held = HeldToken {
            token: Secret::new("t".to_owned()),
            accessor: None,
            since: clock.now(),
            lease: None,
            generation: 1,
        };
        let (token, feed) = watch::channel(Some(Arc::new(held)));
        let surroundings = Surroundings {
            transport: Arc::new(Line(self.issuer.clone())),
            clock: clock.clone(),
            entropy: SeededEntropy::new(3),
        };
        let client = Client::new(Address::in_process(), surroundings);
        let (server, settings) = (&config.server, &config.template_settings);
        let entropy = SeededEntropy::new(5);
        let (secrets, broker) = Secrets::new(client, feed, server, settings, clock.clone(), entropy.clone());
        let board = Board::default();
        let around = Around {
            secrets,
            board: board.clone(),
            clock,
            entropy,
            exit_on_failure: false,
            reload: Arc::new(Notify::new()),
        };
        let templates = Templates::new(config.templates, config.env_templates, around).unwrap();
        let mut parts = JoinSet::new();
        parts.spawn(broker.run(CancellationToken::new()));
        parts.spawn(templates.run(CancellationToken::new()));
        Run {
            board,
            _parts: parts,
            _token: token,
        }
    }

    async fn pass(&self, time: Duration) {
        breathe().await;
        self.issuer.clock.advance(time);
        breathe().await;
    }
}

impl Run {
    async fn rendered(&self) {
        let is_rendered = || self.board.report().templates[&0].rendered.is_some();
        until(is_rendered).await;
    }
}

fn all(name: &str) -> String {
    format!(
        "{{{{ with pkiCert \"pki/issue/web\" \"common_name={name}\" }}}}{{{{ .Cert }}}}\n{{{{ .CA }}}}\n{{{{ .Key }}}}{{{{ end }}}}"
    )
}

#[tokio::test]
async fn a_restart_issues_nothing_while_the_certificate_in_the_file_is_good() {
    let stage = Stage::new();
    let first = stage.run(&all(NAME));
    first.rendered().await;
    let (text, issued) = (stage.read(), stage.issued());
    assert_eq!(issued, 1);
    drop(first);
    for _ in 0..3 {
        stage.pass(Duration::from_hours(6)).await;
        let again = stage.run(&all(NAME));
        again.rendered().await;
        stage.pass(Duration::ZERO).await;
        assert_eq!((stage.read(), stage.issued()), (text.clone(), 1));
        let state = again.board.report().templates[&0].clone();
        assert_eq!(state.changes, 0);
        let end = Certificate::from_pem(&text).unwrap().validity().not_after();
        assert_eq!(state.expires, Some(end));
    }
    // 18 hours old by now: what goes on with it replaces it before its end.
    let last = stage.run(&all(NAME));
    last.rendered().await;
    for _ in 0..20 {
        stage.pass(Duration::from_mins(15)).await;
    }
    assert_eq!(stage.issued(), 2);
    assert_ne!(stage.read(), text);
    drop(last);
}

#[tokio::test]
async fn what_is_soon_over_or_for_another_name_or_another_text_is_not_used() {
    let stage = Stage::new();
    let run = stage.run(&all(NAME));
    run.rendered().await;
    drop(run);
    for (contents, wait) in [
        (all("b.example"), Duration::ZERO),
        (format!("# changed\n{}", all("b.example")), Duration::ZERO),
        (
            format!("# changed\n{}", all("b.example")),
            23 * Duration::from_hours(1),
        ),
    ] {
        stage.pass(wait).await;
        let before = (stage.read(), stage.issued());
        let run = stage.run(&contents);
        run.rendered().await;
        assert_eq!(stage.issued(), before.1 + 1, "{contents}");
        assert_ne!(stage.read(), before.0);
    }
    for damage in ["", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----"] {
        fs::write(stage.folder.path().join("pem"), damage).unwrap();
        let before = stage.issued();
        stage.run(&all(NAME)).rendered().await;
        assert_eq!(stage.issued(), before + 1);
    }
    // The key of another certificate.
    let text = stage.read();
    let other = PrivateKey::generate(&*SeededEntropy::new(77))
        .unwrap()
        .to_pem()
        .unwrap();
    let key = text.find("-----BEGIN PRIVATE KEY").unwrap();
    fs::write(
        stage.folder.path().join("pem"),
        format!("{}{}", &text[..key], other.expose()),
    )
    .unwrap();
    let before = stage.issued();
    stage.run(&all(NAME)).rendered().await;
    assert_eq!(stage.issued(), before + 1);
}
