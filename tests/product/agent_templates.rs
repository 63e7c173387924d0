//! The agent as a process beside a server: files, variables and database users that are always valid.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use arca_fixtures::Postgres;
use arca_tests::clock::{eventually, pause, wait_for};
use arca_tests::{Node, Shell};
use rustix::process::Signal;
use serde_json::json;

use crate::agent::{SOON, configuration, ends, launch, read, stage};
use crate::article_database;

/// A template that prints the password of `secret/app` into this file.
fn password(node: &Node, file: &str, more: &str) -> String {
    format!(
        "template {{\n  destination = \"{}\"\n  {more}\n  contents = \"{{{{ with secret \\\"secret/data/app\\\" \
         }}}}{{{{ .Data.data.password }}}}{{{{ end }}}}\"\n}}\n",
        node.path(file).display()
    )
}

fn put(node: &Node, password: &str) {
    let data = json!({"data": {"password": password}});
    node.api().post("secret/data/app", data).expect(200);
}

#[test]
fn a_file_follows_its_secret_within_moments() {
    let node = stage();
    node.policy(
        "app",
        "path \"secret/*\" { capabilities = [\"read\", \"subscribe\"] }\n\
         path \"sys/events/subscribe/*\" { capabilities = [\"read\"] }",
    );
    let more = password(&node, "out", "perms = \"0600\"");
    let mut agent = launch(&node, &configuration(&node, &more), &[]).spawn();
    let out = node.path("out");
    eventually(SOON, "a file", || read(&out).as_deref() == Some("s3cret"));
    let log = node.path("agent/stderr.log");
    eventually(SOON, "the stream", || following(&node));
    for round in 0..20 {
        let value = format!("value-{round}");
        put(&node, &value);
        // The interval alone would take minutes.
        let found = wait_for(Duration::from_secs(5), || {
            (read(&out).as_deref() == Some(&value)).then_some(())
        });
        assert!(found.is_some(), "round {round}: {:?}", fs::read_to_string(&log));
    }
    assert!(!fs::read_to_string(&log).unwrap().contains("value-"));
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
}

fn following(node: &Node) -> bool {
    let command = format!(
        "vault agent status -format=json -pid-file={}",
        node.path("agent.pid").display()
    );
    let ran = node.shell().run(&command);
    ran.code == 0 && ran.json()["following"] == json!(true)
}

#[test]
fn a_rehearsal_explains_and_writes_nothing() {
    let node = stage();
    let file = node.path("agent.hcl");
    fs::write(&file, configuration(&node, &password(&node, "out", ""))).unwrap();
    let ran = node
        .shell()
        .run(&format!("arca agent render -dry-run -config={}", file.display()))
        .expect(0);
    assert!(
        ran.out.contains("secret/data/app") && ran.out.contains("6 bytes"),
        "{ran:?}"
    );
    assert!(!ran.out.contains("s3cret") && !node.path("out").exists());
}

#[test]
fn files_are_written_once_and_the_agent_ends() {
    let node = stage();
    let command = format!("command = \"echo done > {}\"", node.path("done").display());
    let more = password(&node, "out", &command);
    launch(&node, &configuration(&node, &more), &["-exit-after-auth"])
        .run()
        .expect(0);
    assert_eq!(read(&node.path("out")).as_deref(), Some("s3cret"));
    assert_eq!(read(&node.path("done")).as_deref(), Some("done\n"));
}

#[test]
fn a_program_is_started_again_with_new_values() {
    let node = stage();
    node.policy(
        "app",
        "path \"secret/*\" { capabilities = [\"read\"] }\npath \"sys/events/subscribe/*\" { capabilities = [\"read\"] }",
    );
    let script = node.path("script.sh");
    let seen = node.path("seen");
    fs::write(
        &script,
        format!("echo \"$PASSWORD\" >> {}\nexec sleep 1000\n", seen.display()),
    )
    .unwrap();
    let more = format!(
        "env_template \"PASSWORD\" {{ contents = \"{{{{ with secret \\\"secret/app\\\" }}}}{{{{ .Data.data.password \
         }}}}{{{{ end }}}}\" }}\nexec {{ command = [\"/bin/sh\", \"{}\"] }}\n",
        script.display()
    );
    let mut agent = launch(&node, &configuration(&node, &more), &[]).spawn();
    eventually(SOON, "the program", || read(&seen).as_deref() == Some("s3cret\n"));
    eventually(SOON, "the stream", || following(&node));
    put(&node, "second");
    eventually(SOON, "the program again", || {
        read(&seen).as_deref() == Some("s3cret\nsecond\n")
    });
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
}

#[test]
fn a_server_that_is_away_leaves_the_last_good_file() {
    let mut node = stage();
    let more = password(&node, "out", "");
    let mut agent = launch(&node, &configuration(&node, &more), &[]).spawn();
    let out = node.path("out");
    eventually(SOON, "a file", || read(&out).as_deref() == Some("s3cret"));
    node.server.kill();
    pause(Duration::from_secs(2));
    assert_eq!(read(&out).as_deref(), Some("s3cret"));
    assert_eq!(agent.ended(), None);
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
}

/// How long the test watches: `ARCA_AGENT_SECONDS`, else what continuous integration can wait for.
fn watch() -> Duration {
    let seconds = std::env::var("ARCA_AGENT_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(40))
}

#[test]
fn the_database_accepts_what_the_file_holds_at_every_moment() {
    let (node, postgres) = (stage(), article_database::database());
    let shell = node.shell();
    article_database::configure(&shell, &postgres);
    let role = "vault write database/roles/payments-db-role default_ttl=15s max_ttl=30s";
    shell.run(role).expect(0);
    node.policy("app", "path \"database/creds/*\" { capabilities = [\"read\"] }");
    let more = format!(
        "template {{\n  destination = \"{}\"\n  contents = \"{{{{- with secret \\\"database/creds/payments-db-role\\\" \
         -}}}}{{{{ .Data.username }}}} {{{{ .Data.password }}}}{{{{- end }}}}\"\n}}\n",
        node.path("user").display()
    );
    let mut agent = launch(&node, &configuration(&node, &more), &["-revoke-on-shutdown"]).spawn();
    let file = node.path("user");
    eventually(SOON, "a file", || read(&file).is_some());
    accepted_at_every_moment(&shell, &postgres, || {
        let text = read(&file).expect("the file is always there");
        let (user, password) = text.split_once(' ').expect("a whole file");
        (user.to_owned(), password.to_owned())
    });
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
    no_user_is_left(&postgres);
}

/// Watches a file: the database accepts what it holds all the time, and it holds more than one user.
pub(crate) fn accepted_at_every_moment(
    shell: &Shell,
    postgres: &Postgres,
    held: impl Fn() -> (String, String),
) {
    let mut users = BTreeSet::new();
    let refused = wait_for(watch(), || {
        let (user, password) = held();
        let is_refused = !article_database::sees_payments(shell, postgres, &user, &password);
        users.insert(user.clone());
        // The file may have changed between the reading and the login.
        (is_refused && held().0 == user).then_some(user)
    });
    assert_eq!(refused, None, "the database refuses what the file holds");
    assert!(users.len() > 1, "no user was replaced: {users:?}");
}

/// What the agent had made is gone.
pub(crate) fn no_user_is_left(postgres: &Postgres) {
    eventually(SOON, "the end of the users", || {
        let left = postgres.query("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'");
        left.unwrap() == "0"
    });
}
