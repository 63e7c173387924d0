//! A server that is killed while 64 clients write loses nothing it acknowledged.

use std::thread;
use std::time::Duration;

use arca_tests::clock::pause;
use arca_tests::http::Address;
use arca_tests::{Api, Connection, Node};
use serde_json::json;

const ROUNDS: u64 = 10;
const WRITERS: usize = 64;

/// What the server said it has kept: a path, the version it named, and what was written.
type Kept = (String, u64, String);

/// Writes until the connection breaks; returns what was acknowledged.
fn write(address: &Address, token: &str, round: u64, writer: usize) -> Vec<Kept> {
    let mut kept = Vec::new();
    let Ok(mut connection) = Connection::open(address) else {
        return kept;
    };
    for number in 0_u64.. {
        // Few names for each writer: most writes add a version to a secret that has some.
        let path = format!("rounds/{round}/{writer}/{}", number % 4);
        let value = format!("{round}-{writer}-{number}");
        let body = json!({"data": {"value": value}}).to_string();
        let headers = [("X-Vault-Token", token)];
        let target = format!("/v1/secret/data/{path}");
        match connection.send("POST", &target, &headers, body.as_bytes()) {
            Ok(answer) if answer.status == 200 => {
                let version = answer.at("/data/version").as_u64().unwrap();
                kept.push((path, version, value));
            }
            _ => break,
        }
    }
    kept
}

/// One round: clients write, and the server is killed in the middle; returns what it had acknowledged.
fn cut(node: &mut Node, round: u64) -> Vec<Kept> {
    let (address, token) = (node.server.address().clone(), node.keys.root.clone());
    thread::scope(|scope| {
        let (address, token) = (&address, &token);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(address, token, round, writer)))
            .collect();
        pause(Duration::from_millis(150 + 37 * round));
        node.server.kill();
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    })
}

fn missing(api: &Api, kept: &[Kept]) -> Vec<Kept> {
    let lost = |(path, version, value): &&Kept| {
        let read = api.get(&format!("secret/data/{path}?version={version}"));
        read.status != 200 || read.at("/data/data/value") != json!(value)
    };
    kept.iter().filter(lost).cloned().collect()
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let mut node = Node::embedded();
    node.mount_kv();
    node.audit();
    let keep_all = json!({"max_versions": 100_000});
    node.api().post("secret/config", keep_all).expect(204);
    let mut total = 0;
    for round in 0..ROUNDS {
        let kept = cut(&mut node, round);
        assert!(kept.len() > WRITERS, "round {round}: only {} writes", kept.len());
        node.restart();
        let lost = missing(&node.api(), &kept);
        assert!(lost.is_empty(), "round {round}: {lost:?}");
        total += kept.len();
    }
    println!("durability: {total} acknowledged writes in {ROUNDS} rounds, none lost");
}
