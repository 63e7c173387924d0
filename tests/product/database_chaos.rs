//! Kills: the server and the database end without warning, again and again, while users are made, renewed and revoked.
//! In the end there is no user without a lease and no lease without a user.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use arca_fixtures::{Postgres, PostgresSetup};
use arca_tests::clock::{eventually, now, pause, wait_for};
use arca_tests::node::{configuration, folder};
use arca_tests::{Api, Node};
use serde_json::{Value, json};

const WORKERS: u64 = 6;
/// How long it goes on; `ARCA_CHAOS_SECONDS` says otherwise.
const SECONDS: u64 = 25;
/// Users of the short role live this long.
const SHORT: Duration = Duration::from_secs(3);
/// From the last start until everything must be right. A note of a user that was being made counts as stale after two
/// minutes; only then may another node of the server not be making it any more.
const GRACE: Duration = Duration::from_secs(180);

const CREATE: &str = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; \
                      GRANT SELECT ON payments TO \"{{name}}\";";

/// What one worker was told about users that live long, and how often it was told something.
#[derive(Default)]
struct Told {
    kept: BTreeSet<String>,
    revoked: BTreeSet<String>,
    made: u64,
    renewed: u64,
    failed: u64,
}

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn ask(api: &Api, method: &str, path: &str, data: Option<Value>) -> Option<Value> {
    let answer = api.try_request(method, path, &[], data).ok()?;
    (answer.status < 300).then(|| answer.json())
}

fn work(api: &Api, mut dice: Dice, stop: &AtomicBool) -> Told {
    let mut told = Told::default();
    while !stop.load(Ordering::Relaxed) {
        let long = dice.below(4) == 0;
        let path = if long {
            "database/creds/long"
        } else {
            "database/creds/short"
        };
        let Some(made) = ask(api, "GET", path, None) else {
            told.failed += 1;
            pause(Duration::from_millis(20));
            continue;
        };
        told.made += 1;
        let user = made["data"]["username"].as_str().unwrap().to_owned();
        let lease = json!({"lease_id": made["lease_id"]});
        match (long, dice.below(3)) {
            (true, 0) => {
                // Without an answer nobody knows, and either is right.
                if ask(api, "PUT", "sys/leases/revoke", Some(lease)).is_some() {
                    told.revoked.insert(user);
                }
            }
            (true, _) => {
                told.kept.insert(user);
            }
            (false, 0) => {
                told.renewed += u64::from(ask(api, "PUT", "sys/leases/renew", Some(lease)).is_some());
            }
            (false, _) => {}
        }
    }
    told
}

/// A server on a port that stays the same over its deaths, and a database that forgets nothing in its own.
fn prepared() -> (Postgres, Node) {
    let durable = PostgresSetup {
        durable: true,
        ..PostgresSetup::default()
    };
    let postgres = Postgres::start_with(&durable).unwrap();
    postgres.query("CREATE TABLE payments AS SELECT 7 AS id").unwrap();
    let folder = folder();
    let store = format!(
        "\"embedded\" {{ path = \"{}\" }}",
        folder.path().join("store").display()
    );
    let port = arca_fixtures::process::free_port().unwrap();
    let text = configuration(&store, "", "").replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    let node = Node::on(folder, &text, None);
    let api = node.api();
    api.post("sys/mounts/database", json!({"type": "database"}))
        .expect(204);
    let config = json!({
        "plugin_name": "postgresql-database-plugin",
        "allowed_roles": "*",
        "connection_url": postgres.url().replace("postgres://arca:p4ss%20word%2F%25@", "postgresql://{{username}}:{{password}}@"),
        "username": "arca",
        "password": "p4ss word/%",
    });
    api.post("database/config/pg", config).expect(204);
    for (role, ttl) in [("short", SHORT.as_secs()), ("long", 3600)] {
        let role_data =
            json!({"db_name": "pg", "creation_statements": CREATE, "default_ttl": ttl, "max_ttl": 2 * ttl});
        let written = api.post(&format!("database/roles/{role}"), role_data);
        assert!(written.status < 300, "{}", written.text());
    }
    (postgres, node)
}

/// Users of this engine in the database.
fn users(postgres: &Postgres) -> BTreeSet<String> {
    let names = postgres
        .query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'")
        .unwrap();
    names
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

fn lives_until(seconds: u64, postgres: &mut Postgres, node: &mut Node, mut dice: Dice) -> (u64, u64) {
    let (begun, mut deaths) = (now(), (0, 0));
    while begun.elapsed() < Duration::from_secs(seconds) {
        pause(Duration::from_millis(300 + dice.below(2500)));
        if dice.below(3) == 0 {
            postgres.kill();
            pause(Duration::from_millis(dice.below(1500)));
            postgres.restart().unwrap();
            deaths.1 += 1;
        } else {
            node.server.kill();
            node.restart();
            deaths.0 += 1;
        }
    }
    deaths
}

/// Waits until everything that must end has ended; returns the last census.
fn settle(node: &Node, postgres: &Postgres) -> Value {
    let (api, begun) = (node.api(), now());
    let settled = wait_for(GRACE, || {
        pause(Duration::from_millis(500));
        let short = api.list("sys/leases/lookup/database/creds/short").status;
        // Refused at first, when the database has only just come back.
        let census = api.get("database/census/pg").at("/data");
        let here = users(postgres).len() as u64;
        let right = short == 404
            && census["users_without_lease_count"] == 0
            && census["leases_without_user_count"] == 0
            && census["lease_count"] == json!(here);
        right.then_some(census)
    });
    println!("chaos: settled after {:?}", begun.elapsed());
    settled.unwrap_or_else(|| {
        let census = api.get("database/census/pg").text();
        let waiting = api
            .list("sys/leases/lookup/database/creds/short")
            .at("/data/keys");
        let waiting = waiting.as_array().cloned().unwrap_or_default();
        let first = waiting.first().and_then(Value::as_str).unwrap_or_default();
        let lease = json!({"lease_id": format!("database/creds/short/{first}")});
        panic!(
            "not settled: {census}, {} users, {} short leases, one of them {}, irrevocable: {}\n{}",
            users(postgres).len(),
            waiting.len(),
            api.request("PUT", "sys/leases/lookup", &[], Some(lease)).text(),
            api.get("sys/leases?type=irrevocable").text(),
            node.server.stderr(),
        )
    })
}

#[test]
fn deaths_leave_no_user_without_a_lease_and_no_lease_without_a_user() {
    let seconds = std::env::var("ARCA_CHAOS_SECONDS").map_or(SECONDS, |text| text.parse().unwrap());
    let seed = u64::from(std::process::id()) << 8 | 1;
    println!("chaos: {seconds} s, seed {seed}");
    let (mut postgres, mut node) = prepared();
    let (api, stop, counter) = (node.api(), AtomicBool::new(false), AtomicU64::new(0));
    let (deaths, told) = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (api, stop) = (&api, &stop);
                let dice = Dice(seed.wrapping_mul(counter.fetch_add(7, Ordering::Relaxed) + 3));
                scope.spawn(move || work(api, dice, stop))
            })
            .collect();
        let deaths = lives_until(seconds, &mut postgres, &mut node, Dice(seed));
        stop.store(true, Ordering::Relaxed);
        let told: Vec<Told> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
        (deaths, told)
    });
    let census = settle(&node, &postgres);
    let here = users(&postgres);
    let sum = |of: fn(&Told) -> u64| told.iter().map(of).sum::<u64>();
    println!(
        "chaos: {} users made, {} renewed, {} refused; server killed {} times, database {} times; {} users left, all with leases",
        sum(|told| told.made),
        sum(|told| told.renewed),
        sum(|told| told.failed),
        deaths.0,
        deaths.1,
        here.len()
    );
    assert!(sum(|told| told.made) > 50 && deaths.0 > 0, "nothing happened");
    for told in &told {
        let lost: Vec<_> = told.kept.difference(&here).collect();
        assert!(lost.is_empty(), "users whose leases go on are gone: {lost:?}");
        let back: Vec<_> = told.revoked.intersection(&here).collect();
        assert!(
            back.is_empty(),
            "users whose revocation was confirmed are there: {back:?}"
        );
    }
    assert_eq!(census["sessions_of_dropped_users"], 0, "{census}");

    // What is left goes with one request.
    node.api()
        .post("sys/leases/revoke-prefix/database/creds/long", json!({}));
    eventually(Duration::from_secs(60), "everything is revoked", || {
        users(&postgres).is_empty()
    });
    assert!(
        !fs::read_to_string(node.path("stderr.log"))
            .unwrap()
            .contains("panicked")
    );
}
