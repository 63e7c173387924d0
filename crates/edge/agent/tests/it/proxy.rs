//! Requests through the agent's listener, to a double of the server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arca_agent::board::{AuthState, Board, TemplateState};
use arca_agent::config::{Account, ListenAddress, Listener, OwnToken};
use arca_agent::proxy::cache::LeaseCache;
use arca_agent::proxy::{Desk, DeskSettings, Door};
use arca_agent::token::HeldToken;
use arca_base::{Clock, Entropy, Secret, Timestamp};
use arca_client::{Address, Client, Network, Proxies, Surroundings, TlsOptions, Transport};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::real_time::RealTime;
use crate::server_double::{Asked, ServerDouble};

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }
}

/// An agent's listener in front of a double.
struct Stage {
    double: ServerDouble,
    url: String,
    network: Network,
    board: Board,
    quit: Arc<Notify>,
    cache: Arc<LeaseCache>,
    clock: Arc<dyn Clock>,
    token: watch::Sender<Option<Arc<HeldToken>>>,
}

fn listener(address: &str) -> Listener {
    Listener {
        address: ListenAddress::Tcp(address.to_owned()),
        tls: None,
        require_request_header: false,
        metrics_only: false,
        enable_quit: true,
    }
}

fn held(token: &str) -> Option<Arc<HeldToken>> {
    Some(Arc::new(HeldToken {
        token: Secret::new(token.to_owned()),
        accessor: None,
        since: Timestamp::EPOCH,
        lease: None,
        generation: 1,
    }))
}

impl Stage {
    async fn new(
        own_token: OwnToken,
        listener: Listener,
        answer: impl Fn(usize, &Asked) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let double = ServerDouble::answering(answer).await;
        let clock: Arc<dyn Clock> = Arc::new(RealTime::start());
        let address = Address::parse(&double.url).unwrap();
        let network = || Network::new(&address, &TlsOptions::default(), &Proxies::default()).unwrap();
        let surroundings = Surroundings {
            transport: Arc::new(network()),
            clock: clock.clone(),
            entropy: Arc::new(Zeros),
        };
        let client = Client::new(address.clone(), surroundings).with_retries(0);
        let cache = LeaseCache::bounded(client, clock.clone(), Arc::new(Zeros), 8 << 10);
        let (token, feed) = watch::channel(held("own"));
        let (board, quit) = (Board::default(), Arc::new(Notify::new()));
        let desk = Desk::new(DeskSettings {
            network: Arc::new(network()),
            address: address.clone(),
            namespace: String::new(),
            token: feed,
            own_token,
            cache: Some(cache.clone()),
            board: board.clone(),
            quit: quit.clone(),
            clock: clock.clone(),
        });
        let door = Door::open(listener).await.unwrap();
        let url = format!("http://{}", door.address());
        let at_work = clock.clone();
        tokio::spawn(async move { door.serve(Arc::new(desk), at_work).await });
        Self {
            double,
            url,
            network: network(),
            board,
            quit,
            cache,
            clock,
            token,
        }
    }

    async fn ask(&self, line: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let answer = self.network.send(request.body(body).unwrap()).await.unwrap();
        let headers = answer.headers().iter();
        Answer {
            status: answer.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            text: String::from_utf8(answer.body().to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], Value::Null).await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn cache(&self) -> &str {
        self.headers.get("x-cache").map_or("", String::as_str)
    }
}

/// A server with leases: each read of `database/creds/app` gives another, and logins give tokens.
fn leases(number: usize, asked: &Asked) -> (u16, String) {
    let leased = |length: u64| {
        let lease = format!("database/creds/app/{number}");
        json!({"request_id": "r", "lease_id": lease, "renewable": true, "lease_duration": length, "data": {"n": number}})
    };
    let answer = match asked.line.as_str() {
        "GET /v1/database/creds/app" => leased(3600),
        "GET /v1/database/creds/short" => leased(1),
        "GET /v1/secret/data/a" => json!({"request_id": "r", "lease_duration": 0, "data": {"n": number}}),
        "POST /v1/auth/token/create" => {
            json!({"auth": {"client_token": format!("child{number}"), "accessor": format!("a{number}"), "renewable": true, "lease_duration": 3600}})
        }
        "GET /v1/auth/token/lookup-self" => json!({"data": {"id": "own", "accessor": "acc", "ttl": 7}}),
        "PUT /v1/sys/leases/renew" | "POST /v1/sys/leases/renew" => {
            return (400, json!({"errors": ["gone"]}).to_string());
        }
        _ => return (204, String::new()),
    };
    (200, answer.to_string())
}

#[tokio::test]
async fn the_own_token_goes_where_the_configuration_says() {
    let seen = |own: OwnToken, sent: Option<&'static str>| async move {
        let stage = Stage::new(own, listener("127.0.0.1:0"), leases).await;
        let headers: Vec<_> = sent.map(|token| ("x-vault-token", token)).into_iter().collect();
        stage.ask("GET /v1/secret/data/a", &headers, Value::Null).await;
        let asked = stage.double.asked();
        asked[0].header("x-vault-token").map(str::to_owned)
    };
    assert_eq!(seen(OwnToken::Never, None).await, None);
    assert_eq!(seen(OwnToken::Never, Some("mine")).await.as_deref(), Some("mine"));
    assert_eq!(seen(OwnToken::WhenMissing, None).await.as_deref(), Some("own"));
    assert_eq!(
        seen(OwnToken::WhenMissing, Some("mine")).await.as_deref(),
        Some("mine")
    );
    assert_eq!(seen(OwnToken::Force, Some("mine")).await.as_deref(), Some("own"));
}

#[tokio::test]
async fn without_a_token_in_force_and_for_pages_in_browsers_the_own_token_is_refused() {
    let stage = Stage::new(OwnToken::WhenMissing, listener("127.0.0.1:0"), leases).await;
    let page = [("origin", "https://evil.example")];
    let refused = stage.ask("GET /v1/secret/data/a", &page, Value::Null).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    stage.token.send_replace(None);
    let refused = stage.get("/v1/secret/data/a").await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(stage.double.asked().is_empty());
}

#[tokio::test]
async fn method_query_body_and_headers_arrive_and_answers_come_back() {
    let stage = Stage::new(OwnToken::Force, listener("127.0.0.1:0"), leases).await;
    let headers = [
        ("x-vault-namespace", "team/"),
        ("accept-encoding", "gzip"),
        ("connection", "keep-alive"),
    ];
    let answer = stage
        .ask("PATCH /v1/secret/data/b?x=1%2F2", &headers, json!({"k": "v"}))
        .await;
    assert_eq!(answer.status, 204);
    let asked = &stage.double.asked()[0];
    assert_eq!(
        (asked.line.as_str(), asked.body.as_str()),
        ("PATCH /v1/secret/data/b?x=1%2F2", r#"{"k":"v"}"#)
    );
    assert_eq!(asked.header("x-vault-namespace"), Some("team/"));
    assert_eq!(asked.header("accept-encoding"), None);
    assert_eq!(asked.header("x-vault-request"), Some("true"));
}

#[tokio::test]
async fn answers_with_leases_are_kept_and_others_are_not() {
    let stage = Stage::new(OwnToken::WhenMissing, listener("127.0.0.1:0"), leases).await;
    let first = stage.get("/v1/database/creds/app").await;
    let second = stage.get("/v1/database/creds/app").await;
    assert_eq!((first.cache(), second.cache()), ("MISS", "HIT"));
    assert_eq!(first.json(), second.json());
    assert_eq!(second.headers.get("age").unwrap(), "0");
    // Another token is another request, and one the agent does not manage.
    let other = [("x-vault-token", "other")];
    let third = stage.ask("GET /v1/database/creds/app", &other, Value::Null).await;
    assert_eq!(third.cache(), "");
    assert_ne!(third.json(), first.json());
    for _ in 0..2 {
        assert_eq!(stage.get("/v1/secret/data/a").await.cache(), "MISS");
    }
    let errors = stage.get("/metrics").await.text;
    assert!(errors.contains("arca_agent_cache_hits_total 1\n"), "{errors}");
}

#[tokio::test]
async fn identical_requests_under_way_become_one() {
    let stage = Stage::new(OwnToken::WhenMissing, listener("127.0.0.1:0"), leases).await;
    let all = futures_util::future::join_all((0..10).map(|_| stage.get("/v1/database/creds/app"))).await;
    assert_eq!(stage.double.times("GET /v1/database/creds/app"), 1);
    assert!(all.iter().all(|answer| answer.json() == all[0].json()));
}

#[tokio::test]
async fn tokens_that_come_out_of_here_are_managed_and_revoking_them_forgets_what_they_asked_for() {
    let stage = Stage::new(OwnToken::WhenMissing, listener("127.0.0.1:0"), leases).await;
    let made = stage
        .ask("POST /v1/auth/token/create", &[], json!({}))
        .await
        .json();
    let child = made["auth"]["client_token"].as_str().unwrap().to_owned();
    let headers = [("x-vault-token", child.as_str())];
    for expected in ["MISS", "HIT"] {
        let answer = stage
            .ask("GET /v1/database/creds/app", &headers, Value::Null)
            .await;
        assert_eq!(answer.cache(), expected);
    }
    assert_eq!(stage.cache.len(), 2);
    stage
        .ask("POST /v1/auth/token/revoke", &[], json!({"token": child}))
        .await;
    assert_eq!(stage.cache.len(), 0);
    let again = stage
        .ask("GET /v1/database/creds/app", &headers, Value::Null)
        .await;
    assert_eq!(again.cache(), "", "a token that was revoked is managed no more");
}

#[tokio::test]
async fn a_revoked_lease_and_one_that_cannot_be_renewed_are_forgotten() {
    let stage = Stage::new(OwnToken::WhenMissing, listener("127.0.0.1:0"), leases).await;
    let lease = stage.get("/v1/database/creds/app").await.json()["lease_id"].clone();
    stage
        .ask("PUT /v1/sys/leases/revoke", &[], json!({"lease_id": lease}))
        .await;
    assert!(stage.cache.is_empty());
    stage.get("/v1/database/creds/short").await;
    assert_eq!(stage.cache.len(), 1);
    for _ in 0..300 {
        stage.clock.sleep(Duration::from_millis(10)).await;
        if stage.cache.is_empty() {
            return;
        }
    }
    panic!("a lease the server does not renew is still kept");
}

#[tokio::test]
async fn what_is_kept_is_cleared_on_request_and_bounded() {
    let stage = Stage::new(OwnToken::WhenMissing, listener("127.0.0.1:0"), leases).await;
    let clear = |kind: &'static str, value: &'static str| {
        stage.ask(
            "PUT /agent/v1/cache-clear",
            &[],
            json!({"type": kind, "value": value}),
        )
    };
    for (kind, value, left) in [
        ("request_path", "/v1/database/other", 1),
        ("request_path", "/v1/database", 0),
        ("token", "own", 0),
        ("all", "", 0),
    ] {
        stage.get("/v1/database/creds/app").await;
        assert_eq!(clear(kind, value).await.status, 200);
        assert_eq!(stage.cache.len(), left, "{kind} {value}");
    }
    assert_eq!(clear("nonsense", "x").await.status, 400);
    assert_eq!(clear("lease", "").await.status, 400);
    for number in 0..20 {
        stage.get(&format!("/v1/database/creds/app?n={number}")).await;
        let headers = [("x-vault-wrap-ttl", &*number.to_string())];
        stage
            .ask("GET /v1/database/creds/app", &headers, Value::Null)
            .await;
    }
    assert!((1..8).contains(&stage.cache.len()), "{}", stage.cache.len());
}

#[tokio::test]
async fn the_own_token_is_not_shown() {
    let stage = Stage::new(OwnToken::WhenMissing, listener("127.0.0.1:0"), leases).await;
    let own = stage.get("/v1/auth/token/lookup-self").await.json();
    assert_eq!(own["data"], json!({"id": "", "accessor": "", "ttl": 7}));
    let headers = [("x-vault-token", "other")];
    let other = stage
        .ask("GET /v1/auth/token/lookup-self", &headers, Value::Null)
        .await
        .json();
    assert_eq!(other["data"]["accessor"], "acc");
}

#[tokio::test]
async fn health_metrics_status_and_quit() {
    let stage = Stage::new(OwnToken::Never, listener("127.0.0.1:0"), leases).await;
    stage.board.post(|report| {
        report.auth = Some(AuthState {
            method: "approle".into(),
            ..AuthState::default()
        });
        report.templates.insert(
            0,
            TemplateState {
                destination: "/x".into(),
                ..TemplateState::default()
            },
        );
    });
    assert_eq!(stage.get("/livez").await.status, 200);
    assert_eq!(stage.get("/readyz").await.status, 503);
    stage.board.post(|report| {
        report.auth.as_mut().unwrap().authenticated = true;
        report.templates.get_mut(&0).unwrap().rendered = Some(Timestamp::EPOCH);
    });
    assert_eq!(stage.get("/readyz").await.status, 200);
    let status = stage.get("/agent/v1/status").await.json();
    assert_eq!(
        (&status["ready"], &status["auth"]["method"]),
        (&json!(true), &json!("approle"))
    );
    assert!(
        stage
            .get("/agent/v1/metrics")
            .await
            .text
            .contains("arca_agent_ready 1\n")
    );
    assert_eq!(stage.get("/agent/v1/quit").await.status, 405);
    assert_eq!(
        stage.ask("POST /agent/v1/quit", &[], Value::Null).await.status,
        200
    );
    stage.quit.notified().await;
    assert_eq!(stage.get("/ui/").await.status, 404);
}

#[tokio::test]
async fn a_listener_keeps_to_its_role() {
    let wanted = Listener {
        require_request_header: true,
        enable_quit: false,
        ..listener("127.0.0.1:0")
    };
    let stage = Stage::new(OwnToken::Force, wanted, leases).await;
    assert_eq!(stage.get("/v1/secret/data/a").await.status, 412);
    let header = [("x-vault-request", "true")];
    assert_eq!(
        stage
            .ask("GET /v1/secret/data/a", &header, Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(
        stage
            .ask("POST /agent/v1/quit", &header, Value::Null)
            .await
            .status,
        404
    );
    let wanted = Listener {
        metrics_only: true,
        ..listener("127.0.0.1:0")
    };
    let stage = Stage::new(OwnToken::Force, wanted, leases).await;
    assert_eq!(stage.get("/v1/secret/data/a").await.status, 404);
    assert_eq!(stage.get("/agent/v1/status").await.status, 404);
    assert_eq!(stage.get("/metrics").await.status, 200);
}

#[tokio::test]
async fn a_server_that_is_gone_is_told() {
    let mut stage = Stage::new(OwnToken::Force, listener("127.0.0.1:0"), |_, _| {
        (307, String::new())
    })
    .await;
    // A redirect without a target is passed on as it is.
    assert_eq!(stage.get("/v1/secret/data/a").await.status, 307);
    stage.token.send_replace(held("bad\ntoken"));
    let refused = stage.get("/v1/secret/data/a").await;
    assert_eq!(refused.status, 502);
    assert!(!refused.text.contains("bad"), "{}", refused.text);
    stage.url.clear();
}

#[tokio::test]
async fn sockets_have_their_mode_and_go_with_the_listener() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    let wanted = |mode, user| Listener {
        address: ListenAddress::Unix {
            path: path.clone(),
            mode,
            user,
            group: None,
        },
        ..listener("")
    };
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let door = Door::open(wanted(Some(0o660), None)).await.unwrap();
    assert_eq!(mode(), 0o660);
    let taken = Door::open(wanted(None, None)).await.err().unwrap().to_string();
    assert!(taken.contains("another agent"), "{taken}");
    drop(door);
    assert!(!path.exists());
    let user = Account::Name("no-such-user-here".into());
    let unknown = Door::open(wanted(None, Some(user)))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(unknown.contains("no-such-user-here"), "{unknown}");
    drop(Door::open(wanted(None, None)).await.unwrap());
}
