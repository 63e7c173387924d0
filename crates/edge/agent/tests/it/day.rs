//! A whole day in seconds: the real login, broker, renderer and files beside a real server, whose connection breaks,
//! answers errors and asks for patience as often as it likes, for as long as the agent promises to bear.
//!
//! After every step of five seconds each file is there, whole, and holds nothing that has ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arca_agent::auth::{Login, Rejections};
use arca_agent::board::Board;
use arca_agent::config::{AgentConfig, Strictness};
use arca_agent::secrets::Secrets;
use arca_agent::server::{Connect, Identity};
use arca_agent::template::{Around, Templates};
use arca_base::{Clock as _, entropy};
use arca_client::{Address, Client, ConfigError, Surroundings, Transport, TransportError};
use arca_testkit::{ManualClock, SeededEntropy};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::world::{Line, World};

const STEP: Duration = Duration::from_secs(5);
const DAY: Duration = Duration::from_hours(24);
const CREDENTIAL: Duration = Duration::from_mins(10);
const LONGEST: Duration = Duration::from_hours(1);
/// Longest the server is away: less than a tenth of what it gives.
const AWAY: u64 = 50;
/// How many letters a value has that must never be seen half.
const LONG: usize = 40_000;

/// A double of the engine that makes database users, and of the way to the server.
struct Way {
    line: Arc<Line>,
    world: Arc<World>,
    clock: Arc<ManualClock>,
    chance: Arc<SeededEntropy>,
    bank: Mutex<Bank>,
    open: AtomicUsize,
}

#[derive(Default)]
struct Bank {
    leases: BTreeMap<String, Lease>,
    /// The server is away until then, and goes away again at that time.
    away: (Duration, Duration),
    renewals: usize,
}

struct Lease {
    ends: Duration,
    longest: Duration,
    token: String,
}

/// Handed to every client, which shares the way.
struct Through(Arc<Way>);

impl Connect for Through {
    fn connect(&self, _identity: Option<&Identity>) -> Result<Client, ConfigError> {
        let surroundings = Surroundings {
            transport: Arc::new(Self(self.0.clone())),
            clock: self.0.clock.clone(),
            entropy: SeededEntropy::new(3),
        };
        Ok(Client::new(Address::in_process(), surroundings))
    }
}

#[async_trait::async_trait]
impl Transport for Through {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let way = &self.0;
        way.open.fetch_add(1, Ordering::SeqCst);
        let answer = way.answer(request).await;
        way.open.fetch_sub(1, Ordering::SeqCst);
        answer
    }
}

fn answer(status: u16, body: &Value) -> http::Response<Bytes> {
    let answer = http::Response::builder().status(status);
    answer.body(Bytes::from(body.to_string())).unwrap()
}

fn refusal(status: u16) -> http::Response<Bytes> {
    answer(status, &json!({"errors": ["the double refuses"]}))
}

impl Way {
    fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    fn below(&self, bound: u64) -> u64 {
        entropy::below(&*self.chance, bound)
    }

    /// What goes wrong with this request, if something does.
    fn fault(&self) -> Option<Result<http::Response<Bytes>, TransportError>> {
        let (now, mut bank) = (self.now(), self.bank.lock());
        if now >= bank.away.1 {
            bank.away.0 = now + Duration::from_secs(self.below(AWAY));
            bank.away.1 = bank.away.0 + Duration::from_secs(300 + self.below(1500));
        }
        if now < bank.away.0 {
            let (address, reason) = ("in process".to_owned(), "refused".to_owned());
            return Some(Err(TransportError::Connect { address, reason }));
        }
        match self.below(20) {
            0 => Some(Ok(refusal(503))),
            1 => {
                let mut busy = refusal(429);
                let seconds = http::HeaderValue::from(1 + self.below(15));
                busy.headers_mut().insert("retry-after", seconds);
                Some(Ok(busy))
            }
            _ => None,
        }
    }

    async fn answer(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        if let Some(fault) = self.fault() {
            return fault;
        }
        let path = request.uri().path().trim_start_matches("/v1/").to_owned();
        let token = request.headers().get("x-vault-token");
        let token = token.map_or_else(String::new, |token| token.to_str().unwrap().to_owned());
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let is_about_leases = path == "database/creds/app" || path.starts_with("sys/leases/");
        if path == "sys/internal/ui/mounts/database/creds/app" {
            let mount = json!({"data": {"path": "database/", "type": "database", "options": null}});
            return Ok(answer(200, &mount));
        }
        if !is_about_leases {
            return self.line.send(request).await;
        }
        if !self.is_good_token(&token).await {
            return Ok(refusal(403));
        }
        let id = body["lease_id"].as_str().unwrap_or_default().to_owned();
        Ok(self.lease(&path, &id, token))
    }

    fn lease(&self, path: &str, id: &str, token: String) -> http::Response<Bytes> {
        let (now, mut bank) = (self.now(), self.bank.lock());
        if path == "database/creds/app" {
            let number = bank.leases.len();
            let lease = Lease {
                ends: now + CREDENTIAL,
                longest: now + LONGEST,
                token,
            };
            bank.leases.insert(format!("database/creds/app/{number}"), lease);
            return answer(
                200,
                &json!({"lease_id": format!("database/creds/app/{number}"), "renewable": true,
                    "lease_duration": CREDENTIAL.as_secs(), "data": {"number": number.to_string()}}),
            );
        }
        bank.renewals += usize::from(path == "sys/leases/renew");
        let Some(lease) = bank.leases.get_mut(id).filter(|lease| lease.ends > now) else {
            return answer(400, &json!({"errors": ["lease not found"]}));
        };
        if path == "sys/leases/renew" {
            lease.ends = (now + CREDENTIAL).min(lease.longest);
        }
        let left = (lease.ends - now).as_secs();
        answer(
            200,
            &json!({"lease_id": id, "renewable": true, "lease_duration": left, "data": {"ttl": left}}),
        )
    }

    async fn is_good_token(&self, token: &str) -> bool {
        let asked = self
            .world
            .vault
            .write("auth/token/lookup", json!({ "token": token }));
        asked.await.status == 200
    }
}

/// What is at work, and what the test knows of it.
struct Day {
    way: Arc<Way>,
    world: Arc<World>,
    board: Board,
    versions: Vec<(Duration, char)>,
}

const TEMPLATES: &str = r#"
template { destination = "@/user" contents = "{{ with secret \"database/creds/app\" }}user-{{ .Data.number }}.{{ end }}" }
template { destination = "@/token" contents = "{{ with secret \"auth/token/create\" \"ttl=10m\" \"policies=default\" }}{{ .Auth.ClientToken }}{{ end }}" }
template { destination = "@/value" contents = "{{ with secret \"secret/app\" }}{{ .Data.data.value }}{{ end }}" }
"#;

const POLICY: &str = r#"
path "secret/*" { capabilities = ["read"] }
path "auth/token/create" { capabilities = ["create", "update"] }
"#;

impl Day {
    async fn begin(seed: u64) -> Self {
        let user = json!({"token_policies": "app", "token_ttl": "20m", "token_max_ttl": "1h"});
        let world = World::with_user(user).await;
        world.vault.policy("app", POLICY).await;
        let mount = json!({"type": "kv", "options": {"version": "2"}});
        let _ = world.vault.write("sys/mounts/secret", mount).await.expect(204);
        let world = Arc::new(world);
        let way = Arc::new(Way {
            line: world.connect(),
            world: world.clone(),
            clock: world.vault.server.clock.clone(),
            chance: SeededEntropy::new(seed),
            bank: Mutex::default(),
            open: AtomicUsize::new(0),
        });
        let mut day = Self {
            way,
            world,
            board: Board::default(),
            versions: Vec::new(),
        };
        day.change().await;
        day.start(seed);
        day
    }

    /// Starts the agent: everything but sockets and signals.
    fn start(&self, seed: u64) {
        let connect = Arc::new(Through(self.way.clone()));
        let (clock, entropy) = (self.way.clock.clone(), SeededEntropy::new(seed + 1));
        let (sender, feed) = watch::channel(None);
        let rejections = Rejections::default();
        let method = r#"method "userpass" { config { username = "ann" password_file_path = "@/password" remove_password_after_reading = false } }"#;
        let login = Login {
            method: self.world.auto_auth(method).method,
            connect: connect.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            feed: sender,
            board: self.board.clone(),
            rejections: rejections.clone(),
            preloaded: None,
        };
        tokio::spawn(login.run());
        let text = format!("auto_auth {{ {method} }}\n{TEMPLATES}");
        let text = text.replace('@', self.world.folder.path().to_str().unwrap());
        let config = AgentConfig::parse(text.as_bytes(), "day", &|_| None, Strictness::Strict).unwrap();
        let (secrets, broker) = Secrets::new(
            connect.connect(None).unwrap(),
            feed,
            &config.server,
            &config.template_settings,
            clock.clone(),
            entropy.clone(),
        );
        tokio::spawn(broker.reporting(rejections).run(CancellationToken::new()));
        let around = Around {
            secrets,
            board: self.board.clone(),
            clock,
            entropy,
            exit_on_failure: false,
            reload: Arc::new(Notify::new()),
        };
        let templates = Templates::new(config.templates, config.env_templates, around).unwrap();
        tokio::spawn(templates.run(CancellationToken::new()));
    }

    /// The value changes: `secret/app` holds one letter many times.
    async fn change(&mut self) {
        let letter = char::from(b'a' + u8::try_from(self.versions.len() % 26).unwrap());
        let data = json!({"data": {"value": letter.to_string().repeat(LONG)}});
        let _ = self.world.vault.write("secret/data/app", data).await.expect(200);
        self.versions.push((self.way.now(), letter));
    }

    /// Everything that needs no time happens. There is one thread for blocking work, so that it can be waited for.
    async fn settle(&self) {
        let mut quiet = 0;
        while quiet < 3 {
            for _ in 0..30 {
                tokio::task::yield_now().await;
            }
            tokio::task::spawn_blocking(|| {}).await.unwrap();
            quiet = if self.way.open.load(Ordering::SeqCst) == 0 {
                quiet + 1
            } else {
                0
            };
        }
    }

    fn read(&self, name: &str) -> String {
        let at = self.way.now();
        fs::read_to_string(self.world.path(name))
            .unwrap_or_else(|error| panic!("{name} after {at:?}: {error}"))
    }

    async fn check(&self) {
        let now = self.way.now();
        let user = self.read("user");
        let number = user.strip_prefix("user-").and_then(|rest| rest.strip_suffix('.'));
        let number = number.unwrap_or_else(|| panic!("half a file: {user:?}"));
        let (ends, token) = {
            let bank = self.way.bank.lock();
            let lease = &bank.leases[&format!("database/creds/app/{number}")];
            (lease.ends, lease.token.clone())
        };
        assert!(
            ends > now,
            "{user} has ended {:?} ago, at {now:?}: {:?}",
            now - ends,
            self.board.report()
        );
        assert!(
            self.way.is_good_token(&token).await,
            "{user} has ended with the login it was made with, at {now:?}"
        );
        let child = self.read("token");
        assert!(
            self.way.is_good_token(&child).await,
            "the token in the file has ended, at {now:?}: {:?}",
            self.board.report()
        );
        let value = self.read("value");
        assert_eq!(value.len(), LONG);
        // Read again every five minutes at the latest; a pause after a failure is a minute at most.
        let settled = now.saturating_sub(Duration::from_mins(7));
        let oldest = self
            .versions
            .iter()
            .rposition(|(since, _)| *since <= settled)
            .unwrap_or(0);
        let allowed: Vec<char> = self.versions[oldest..]
            .iter()
            .map(|(_, letter)| *letter)
            .collect();
        assert!(
            allowed.contains(&value.chars().next().unwrap()),
            "an old value, at {now:?}"
        );
    }

    fn files(&self) -> [PathBuf; 3] {
        ["user", "token", "value"].map(|name| self.world.path(name))
    }
}

/// Reads the files all the time, as programs do: what is there is whole.
fn watch(files: [PathBuf; 3], done: Arc<AtomicBool>) -> std::thread::JoinHandle<usize> {
    std::thread::spawn(move || {
        let mut reads = 0;
        while !done.load(Ordering::SeqCst) {
            let [user, token, value] = &files;
            let value = fs::read(value).expect("the file is always there");
            assert!(
                value.len() == LONG && value.iter().all(|byte| *byte == value[0]),
                "half a value"
            );
            let user = fs::read_to_string(user).expect("the file is always there");
            assert!(
                user.starts_with("user-") && user.ends_with('.'),
                "half a user: {user:?}"
            );
            assert!(fs::read(token).expect("the file is always there").len() > 20);
            reads += 1;
            std::thread::park_timeout(Duration::from_millis(1));
        }
        reads
    })
}

async fn whole_day(seed: u64) {
    let mut day = Day::begin(seed).await;
    let is_ready = |day: &Day| day.files().iter().all(|file| file.exists());
    while !is_ready(&day) {
        day.settle().await;
        day.way.clock.advance(STEP);
        day.settle().await;
        assert!(
            day.way.now() < Duration::from_mins(10),
            "{:?}",
            day.board.report()
        );
    }
    let done = Arc::new(AtomicBool::new(false));
    let watcher = watch(day.files(), done.clone());
    let mut changes_at = Duration::from_mins(30);
    while day.way.now() < DAY {
        day.way.clock.advance(STEP);
        if day.way.now() >= changes_at {
            day.change().await;
            changes_at += Duration::from_secs(600 + day.way.below(3000));
        }
        day.settle().await;
        day.check().await;
    }
    done.store(true, Ordering::SeqCst);
    assert!(watcher.join().unwrap() > 100);
    let (users, renewals) = {
        let bank = day.way.bank.lock();
        (bank.leases.len(), bank.renewals)
    };
    let auth = day.board.report().auth.unwrap();
    // An hour at most each, and not many more than that takes.
    assert!((24..=45).contains(&users), "{users} users");
    assert!((24..=45).contains(&auth.successes), "{} logins", auth.successes);
    assert!(renewals < 24 * 12, "{renewals} renewals");
}

/// `ARCA_AGENT_DAYS` is how many days, each with its own faults; 1 unless it is set.
#[test]
fn no_file_is_missing_half_or_over_for_a_whole_day() {
    let days = std::env::var("ARCA_AGENT_DAYS").ok();
    let days: u64 = days.and_then(|text| text.parse().ok()).unwrap_or(1);
    for seed in 1..=days {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        runtime.block_on(whole_day(seed));
    }
}
