//! A whole server process: unsealing by itself, and signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arca_base::{Json, Secret};
use arca_core::engine::Catalog;
use arca_core::login::LockoutDefaults;
use arca_core::router::LeaseDefaults;
use arca_core::seal::{AutoSeal, Seal, SealError, SealKind};
use arca_core::{Core, Settings};
use arca_crypto::SystemEntropy;
use arca_server::config::{Configuration, Environment, Strictness};
use arca_server::run::{Reloading, run, unseal};
use arca_server::server::{Options, Server};
use arca_server::signals::Signals;
use arca_server::{SystemClock, service::Service};
use arca_storage::{MemoryStorage, Storage};
use async_trait::async_trait;
use rustix::process::{Signal, getpid, kill_process};

use crate::client::Raw;
use crate::running::{soon, until};

pub(crate) fn core(storage: Arc<dyn Storage>, seal: Seal) -> Arc<Core> {
    Arc::new(Core::new(Settings {
        storage,
        seal,
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        catalog: Catalog::default(),
        lease_defaults: LeaseDefaults::default(),
        lockout_defaults: LockoutDefaults::default(),
        cache: arca_core::barrier::CacheLimits::default(),
        cluster_name: "test".to_owned(),
        api_address: String::new(),
        former_seal: None,
        raw_storage: false,
        sanitized_config: Json::object(),
        log: arca_core::log::NoLog::shared(),
    }))
}

/// A seal that cannot be reached for a while.
struct Distant {
    failures: AtomicUsize,
}

impl Distant {
    fn after(failures: usize) -> Seal {
        Seal::Automatic(Arc::new(Self {
            failures: AtomicUsize::new(failures),
        }))
    }
}

#[async_trait]
impl AutoSeal for Distant {
    fn kind(&self) -> SealKind {
        SealKind::Static
    }

    async fn wrap(&self, plaintext: &Secret<Vec<u8>>) -> Result<Vec<u8>, SealError> {
        Ok(plaintext.expose().clone())
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        let left = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match left {
            Ok(_) => Err(SealError::Unreachable("as asked".to_owned())),
            Err(_) => Ok(Secret::new(wrapped.to_vec())),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_seal_that_opens_by_itself_is_asked_until_it_does() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let first = core(storage.clone(), Distant::after(0));
    let clock = Arc::new(SystemClock::new());
    let waiting = tokio::spawn(unseal(first.clone(), clock.clone()));
    let client = arca_server::InProcess::new(
        crate::running::listener(),
        first.clone() as Arc<dyn Service>,
        clock.clone(),
    );
    let body = bytes::Bytes::from_static(br#"{"recovery_shares":1,"recovery_threshold":1}"#);
    let request = http::Request::builder()
        .method("PUT")
        .uri("/v1/sys/init")
        .body(body)
        .unwrap();
    assert_eq!(client.send(request).await.status(), 200);
    waiting.await.unwrap();
    assert!(!first.lifecycle().is_sealed(), "noticed that it was initialized");

    let second = core(storage.clone(), Distant::after(3));
    unseal(second.clone(), clock.clone()).await;
    assert!(!second.lifecycle().is_sealed());
    let by_people = core(storage, Seal::Shamir);
    unseal(by_people.clone(), clock).await;
    assert!(by_people.lifecycle().is_sealed());
}

/// One test for all signals: they reach the whole process.
#[tokio::test(flavor = "multi_thread")]
async fn signals_reload_describe_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("arca.hcl");
    let configure = |version: &str| {
        let header = format!("custom_response_headers {{ default = {{ X-Version = \"{version}\" }} }}");
        let listener = format!("listener \"tcp\" {{ address = \"127.0.0.1:0\" tls_disable = 1 {header} }}");
        std::fs::write(&file, format!("storage \"inmem\" {{}}\n{listener}\n")).unwrap();
    };
    configure("1");
    let paths = vec![file.clone()];
    let environment = Environment::of::<String, String>([]);
    let configuration = Configuration::load(&paths, &environment, Strictness::Strict).unwrap();
    let core = core(Arc::new(MemoryStorage::default()), Seal::Shamir);
    let clock = Arc::new(SystemClock::new());
    let server = Server::bind(
        &configuration.listeners,
        Options::from(&configuration),
        core.clone(),
        clock.clone(),
    );
    let server = server.await.unwrap();
    let address = server.addresses()[0].tcp().unwrap();
    let reloading = Reloading {
        paths,
        environment,
        strictness: Strictness::Strict,
        logging: None,
    };
    // From here on no signal has its default effect.
    let _signals = Signals::new().unwrap();
    let running = tokio::spawn(run(server, core, clock, reloading));
    let send = |signal| kill_process(getpid(), signal).unwrap();
    let version = async || {
        let answer = Raw::connect(address)
            .await
            .ask("GET /v1/sys/seal-status", "")
            .await;
        answer.header("x-version").unwrap().to_owned()
    };
    assert_eq!(version().await, "1");

    configure("2");
    send(Signal::USR2);
    send(Signal::HUP);
    soon(async { while version().await != "2" {} }).await;
    std::fs::write(&file, "storage {").unwrap();
    send(Signal::HUP);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(version().await, "2", "a mistake changes nothing");

    send(Signal::TERM);
    soon(running).await.unwrap().unwrap();
    until(|| std::net::TcpStream::connect(address).is_err()).await;
}
