//! What a person reads when something is wrong, from the agent as a process beside a real server.

use std::fs;
use std::time::Duration;

use arca_tests::Node;
use arca_tests::clock::eventually;
use rustix::process::Signal;
use serde_json::json;

use crate::agent::{SOON, configuration, ends, launch, read, stage};

fn template(node: &Node, contents: &str) -> String {
    format!(
        "template_config {{ static_secret_render_interval = \"2s\" }}\ntemplate {{\n  destination = \"{}\"\n  \
         {contents}\n}}\n",
        node.path("out").display()
    )
}

const PASSWORD: &str =
    r#"contents = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}""#;

fn put(node: &Node, password: &str) {
    let data = json!({"data": {"password": password}});
    node.api().post("secret/data/app", data).expect(200);
}

#[test]
fn a_mistake_in_a_key_is_told_with_the_key_that_was_meant() {
    let node = stage();
    let text = configuration(
        &node,
        "template_config { exit_on_retry_failur = true }\nlog_levl = \"info\"\n",
    );
    let ran = launch(&node, &text, &["-exit-after-auth"]).run().expect(0);
    for (line, column, key, near) in [
        (14, 1, "log_levl", "log_level"),
        (
            13,
            19,
            "template_config.exit_on_retry_failur",
            "exit_on_retry_failure",
        ),
    ] {
        let note = format!("agent.hcl:{line}:{column}: unknown key {key:?}; did you mean {near:?}?");
        assert!(ran.errors.contains(&note), "{note}\n{ran:?}");
    }
    let ran = launch(&node, &text, &["-exit-after-auth", "-strict"])
        .run()
        .expect(1);
    assert!(
        ran.errors.contains("the configuration has keys without effect:"),
        "{ran:?}"
    );
    assert!(ran.errors.contains("did you mean \"log_level\"?"), "{ran:?}");
}

#[test]
fn a_template_that_is_none_is_told_with_its_place_before_anything_starts() {
    let node = stage();
    let source = node.path("source.tmpl");
    for (text, place, reason) in [
        (
            "one\n{{ with secret \"secret/app\" }}\n{{ end",
            ":3:",
            "unclosed action",
        ),
        ("{{ nosuchfunction }}", ":1:", "nosuchfunction"),
        ("a\n{{ if true }}", ":2:", "unexpected EOF"),
    ] {
        fs::write(&source, text).unwrap();
        let more = template(&node, &format!("source = \"{}\"", source.display()));
        let ran = launch(&node, &configuration(&node, &more), &[]).run().expect(1);
        let said = format!("template for {}: ", node.path("out").display());
        assert!(
            ran.errors.contains(&said) && ran.errors.contains(place) && ran.errors.contains(reason),
            "{text}: {ran:?}"
        );
    }
    fs::remove_file(&source).unwrap();
    let more = template(&node, &format!("source = \"{}\"", source.display()));
    let ran = launch(&node, &configuration(&node, &more), &[]).run().expect(1);
    assert!(ran.errors.contains("cannot read the template"), "{ran:?}");
}

#[test]
fn a_server_that_is_sealed_or_restarted_is_waited_for() {
    let mut node = stage();
    let mut agent = launch(&node, &configuration(&node, &template(&node, PASSWORD)), &[]).spawn();
    let out = node.path("out");
    let is = |text: &str| read(&out).as_deref() == Some(text);
    eventually(SOON, "a file", || is("s3cret"));

    node.api().post("sys/seal", json!({})).expect(204);
    eventually(SOON, "a word about the seal", || {
        let said = agent.stderr();
        said.contains("the server answers 503 Service Unavailable: ") && said.contains("sealed")
    });
    assert!(is("s3cret"));
    node.keys.unseal(&node.anyone());
    put(&node, "after the seal");
    eventually(Duration::from_secs(70), "the file after the seal", || {
        is("after the seal")
    });

    // Again on the same port, as a service manager would do it.
    let place = node.server.address().place().to_owned();
    let file = node.path("arca.hcl");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("127.0.0.1:0"), "{text}");
    fs::write(&file, text.replace("127.0.0.1:0", &place)).unwrap();
    node.server.kill();
    eventually(SOON, "a word about the outage", || {
        agent.stderr().contains("connection refused")
    });
    assert!(is("after the seal") && agent.ended().is_none());
    node.restart();
    put(&node, "after the restart");
    eventually(Duration::from_secs(70), "the file after the restart", || {
        is("after the restart")
    });
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
}

#[test]
fn a_token_that_is_revoked_under_the_agent_is_replaced_within_moments() {
    let node = stage();
    let mut agent = launch(&node, &configuration(&node, &template(&node, PASSWORD)), &[]).spawn();
    let out = node.path("out");
    eventually(SOON, "a file", || read(&out).as_deref() == Some("s3cret"));
    let token = read(&node.path("token")).unwrap();
    node.api()
        .post("auth/token/revoke", json!({ "token": token }))
        .expect(204);
    put(&node, "after the login");
    eventually(SOON, "the file after another login", || {
        read(&out).as_deref() == Some("after the login")
    });
    assert!(
        agent
            .stderr()
            .contains("the server no longer takes the token: logging in again")
    );
    eventually(SOON, "the new token", || {
        read(&node.path("token")).is_some_and(|new| new != token)
    });
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
}

#[test]
fn a_policy_that_is_taken_away_is_told_and_the_file_stays() {
    let node = stage();
    let mut agent = launch(&node, &configuration(&node, &template(&node, PASSWORD)), &[]).spawn();
    let out = node.path("out");
    eventually(SOON, "a file", || read(&out).as_deref() == Some("s3cret"));
    node.policy("app", "path \"secret/*\" { capabilities = [\"deny\"] }");
    eventually(SOON, "a word about the refusal", || {
        agent.stderr().contains("the server answers 403 Forbidden: ")
    });
    assert_eq!(read(&out).as_deref(), Some("s3cret"));
    node.policy("app", "path \"secret/*\" { capabilities = [\"read\"] }");
    eventually(Duration::from_secs(70), "that it is well again", || {
        agent.stderr().contains("the template is well again")
    });
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
}
