//! What an init container leaves to its sidecar: the same token, the same credentials, nothing fetched twice.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use arca_fixtures::Postgres;
use arca_tests::clock::{eventually, pause};
use arca_tests::server::Launch;
use arca_tests::{Node, Server};
use rustix::process::Signal;
use serde_json::json;

use crate::agent::{SOON, configuration, ends, launch, read, stage};
use crate::article_database;

/// Users of a database live this long unless they are renewed.
const TTL: &str = "15s";

/// An agent with a database user in a file, which hands over through the folder `state`.
fn users(node: &Node, more: &str) -> String {
    let template = format!(
        "template {{\n  destination = \"{user}\"\n  contents = \"{{{{ with secret \\\"database/creds/payments-db-role\\\" \
         }}}}{{{{ .Data.username }}}} {{{{ .Data.password }}}}{{{{ end }}}}\"\n  command = \"echo x >> {ran}\"\n}}\n\
         template {{\n  destination = \"{app}\"\n  contents = \"{{{{ with secret \\\"secret/app\\\" }}}}{{{{ \
         .Data.data.password }}}}{{{{ end }}}}\"\n}}\n\
         cache {{\n  persist \"file\" {{\n    path = \"{state}\"\n    {more}\n  }}\n}}\n",
        user = node.path("user").display(),
        app = node.path("app").display(),
        ran = node.path("ran").display(),
        state = node.path("state").display(),
    );
    configuration(node, &template)
}

fn prepared() -> (Node, Postgres) {
    let (node, postgres) = (stage(), article_database::database());
    let shell = node.shell();
    article_database::configure(&shell, &postgres);
    let role = format!("vault write database/roles/payments-db-role default_ttl={TTL} max_ttl=1h");
    shell.run(&role).expect(0);
    node.policy(
        "app",
        "path \"database/creds/*\" { capabilities = [\"read\"] }\npath \"secret/*\" { capabilities = [\"read\"] }",
    );
    (node, postgres)
}

/// How many logins and how many credentials there have been.
fn made(node: &Node) -> (usize, usize) {
    let count = |path: &str| {
        let answer = node.api().list(path);
        let keys = answer.json()["data"]["keys"].as_array().cloned();
        keys.unwrap_or_default().len()
    };
    (
        count("auth/token/accessors"),
        count("sys/leases/lookup/database/creds/payments-db-role"),
    )
}

fn said(agent: &Launched, text: &str) -> bool {
    agent.log().contains(text)
}

/// An agent at work with its log.
struct Launched {
    server: Server,
    log: std::path::PathBuf,
}

impl Launched {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

fn sidecar(node: &Node, configuration: &str) -> Launched {
    let launched: Launch = launch(node, configuration, &[]);
    Launched {
        server: launched.spawn(),
        log: node.path("agent/stderr.log"),
    }
}

#[test]
fn a_sidecar_goes_on_with_what_its_init_container_has_made() {
    let (node, postgres) = prepared();
    let text = users(&node, "");
    launch(&node, &text, &["-exit-after-auth"]).run().expect(0);
    let (user, token) = (
        read(&node.path("user")).unwrap(),
        read(&node.path("token")).unwrap(),
    );
    let before = made(&node);
    assert_eq!(before.1, 1);
    for name in ["arca-agent-state", "arca-agent-state.key"] {
        let file = node.path("state").join(name);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let content = fs::read(&file).unwrap();
        let secret = user.split(' ').nth(1).unwrap().as_bytes();
        assert!(!content.windows(secret.len()).any(|part| part == secret));
    }

    let mut agent = sidecar(&node, &text);
    eventually(SOON, "the state", || {
        said(&agent, "took up the token and 2 secrets of the earlier run")
    });
    assert!(said(
        &agent,
        "the token of the earlier run is still good: no login is needed"
    ));
    // Longer than the user lives unless it is renewed.
    pause(Duration::from_secs(20));
    assert_eq!(read(&node.path("user")).as_deref(), Some(&*user));
    assert_eq!(read(&node.path("token")).as_deref(), Some(&*token));
    assert_eq!(read(&node.path("app")).as_deref(), Some("s3cret"));
    assert_eq!(
        made(&node),
        before,
        "a second login or a second user:\n{}",
        agent.log()
    );
    let (name, password) = user.split_once(' ').unwrap();
    assert!(article_database::sees_payments(
        &node.shell(),
        &postgres,
        name,
        password
    ));
    assert_eq!(
        read(&node.path("ran")).as_deref(),
        Some("x\n"),
        "the file never changed"
    );
    assert!(
        !node.path("state/arca-agent-state").exists(),
        "keep_after_import is off"
    );
    agent.server.signal(Signal::TERM);
    assert_eq!(ends(&mut agent.server), Some(0));
}

#[test]
fn a_sidecar_that_is_killed_goes_on_where_it_was_if_the_state_is_kept() {
    let (node, _postgres) = prepared();
    let text = users(&node, "keep_after_import = true");
    launch(&node, &text, &["-exit-after-auth"]).run().expect(0);
    let user = read(&node.path("user"));
    let before = made(&node);
    for round in 1..=3 {
        let mut agent = sidecar(&node, &text);
        eventually(SOON, "the state", || {
            agent.log().matches("took up the token and 2 secrets").count() == round
        });
        // Renewed meanwhile, or it would have ended by the third time.
        pause(Duration::from_secs(6));
        agent.server.kill();
    }
    assert_eq!((read(&node.path("user")), made(&node)), (user, before));
}

#[test]
fn what_is_no_good_is_said_and_the_agent_fetches_for_itself() {
    let (node, _postgres) = prepared();
    let text = users(&node, "");
    let once = || launch(&node, &text, &["-exit-after-auth"]).run().expect(0);
    once();
    let state = node.path("state/arca-agent-state");
    let mut content = fs::read(&state).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&state, content).unwrap();
    let ran = once();
    let line = format!(
        "what an earlier run left is not used: {} is damaged, or was sealed with another key; logging in and \
         fetching anew",
        state.display()
    );
    assert!(ran.errors.contains(&line), "{ran:?}");
    // A token that was revoked in between is looked up before it is trusted.
    let token = read(&node.path("token")).unwrap();
    let user = read(&node.path("user"));
    node.api()
        .post("auth/token/revoke", json!({ "token": token }))
        .expect(204);
    let ran = once();
    assert!(
        ran.errors
            .contains("the token of the earlier run is no longer good (")
            && ran
                .errors
                .contains("what the earlier run fetched ended with its token, and is fetched again"),
        "{ran:?}"
    );
    assert!(read(&node.path("user")) != user && read(&node.path("token")).as_deref() != Some(&*token));
    assert!(!ran.errors.contains(&token), "{ran:?}");

    fs::write(&state, "nothing of ours").unwrap();
    let strict = users(&node, "exit_on_err = true");
    let ran = launch(&node, &strict, &["-exit-after-auth"]).run().expect(1);
    assert!(
        ran.errors.contains("cache.persist: ") && ran.errors.contains("is damaged"),
        "{ran:?}"
    );
}
