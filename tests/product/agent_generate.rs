//! Configurations that are written for a person, and `run` with templates.

use std::fs;

use arca_tests::clock::eventually;
use arca_tests::program::{bare, checked_in, python};
use arca_tests::server::Launch;
use arca_tests::{Node, Shell};
use rustix::process::Signal;
use serde_json::json;

use crate::agent::{SOON, configuration, ends, launch, listener, read, stage};

/// A terminal with the root token in its usual file.
fn terminal(node: &Node) -> Shell {
    let shell = node.shell();
    let home = shell.run("echo $HOME").expect(0).out;
    fs::write(format!("{}/.vault-token", home.trim()), &node.keys.root).unwrap();
    shell
}

#[test]
fn a_generated_configuration_starts_the_program_with_its_variables() {
    let node = stage();
    let api = node.api();
    api.post(
        "secret/data/team/db",
        json!({"data": {"user": "u", "pass-word": "p"}}),
    )
    .expect(200);
    api.post("secret/data/team/deep/er", json!({"data": {"key": "k"}}))
        .expect(200);
    api.post("sys/mounts/old", json!({"type": "kv"})).expect(204);
    api.post("old/one", json!({"color": "red"})).expect(204);
    let shell = terminal(&node);
    let (file, seen, script) = (node.path("made.hcl"), node.path("seen"), node.path("program.sh"));
    fs::write(
        &script,
        format!(
            "echo \"$APP_PASSWORD $DB_USER $DB_PASS_WORD $ER_KEY $ONE_COLOR $1\" > {}\n",
            seen.display()
        ),
    )
    .unwrap();
    let ran = shell
        .run(&format!(
            "vault agent generate-config -type=env-template -exec=\"sh {} 'two words'\" -path=secret/app \
             -path='secret/team/*' -path=old/one {}",
            script.display(),
            file.display()
        ))
        .expect(0);
    assert!(
        ran.out.contains("Success! Wrote the configuration to: "),
        "{ran:?}"
    );
    assert!(ran.errors.contains("token_file"), "{ran:?}");
    let text = fs::read_to_string(&file).unwrap();
    for value in ["s3cret", "red", &node.keys.root] {
        assert!(!text.contains(value), "a value is in the file");
    }
    shell
        .run(&format!("arca agent validate -strict -config={}", file.display()))
        .expect(0);
    let home = node.path("agent");
    fs::create_dir_all(&home).unwrap();
    let flag = format!("-config={}", file.display());
    let ran = Launch::new(&home, ["agent", &flag]).run().expect(0);
    assert_eq!(
        read(&seen).as_deref(),
        Some("s3cret u p k red two words\n"),
        "{ran:?}\n{text}"
    );
}

#[test]
fn what_cannot_be_generated_is_told() {
    let node = stage();
    let shell = terminal(&node);
    for (arguments, code, reason) in [
        ("-path=secret/app", 1, "-type=env-template"),
        ("-type=file -path=secret/app", 1, "no kind of configuration"),
        ("-type=env-template", 1, "-path=secret/app"),
        (
            "-type=env-template -path=secret/none",
            2,
            "No value found at secret/data/none",
        ),
        ("-type=env-template -path='secret/none/*'", 2, "no secret"),
        ("-type=env-template -path=secret/app -exec=\"a 'b\"", 1, "-exec"),
    ] {
        let ran = shell.run(&format!("vault agent generate-config {arguments}"));
        assert_eq!(ran.code, code, "{arguments}: {ran:?}");
        assert!(ran.errors.contains(reason), "{arguments}: {ran:?}");
    }
}

#[test]
fn run_renders_templates_and_keeps_them_fresh() {
    let node = stage();
    let shell = node.shell();
    let source = node.path("app.conf.tmpl");
    fs::write(
        &source,
        "{{ with secret \"secret/app\" }}password={{ .Data.data.password }}{{ end }}\n",
    )
    .unwrap();
    let run = format!("arca run -template app.conf={}", source.display());
    let ran = shell
        .run(&format!(
            "{run} -- sh -c 'cat \"$ARCA_RUN_FILES/app.conf\"; stat -c %a \"$ARCA_RUN_FILES/app.conf\"'"
        ))
        .expect(0);
    assert_eq!(ran.out, "password=s3cret\n600\n");
    fs::write(
        &source,
        "{{ with secret \"secret/none\" }}{{ .Data.data.x }}{{ end }}",
    )
    .unwrap();
    let ran = shell.run(&format!("{run} -- true")).expect(2);
    assert!(
        ran.errors.contains("no secret exists at secret secret/none"),
        "{ran:?}"
    );
    fs::write(&source, "{{ with").unwrap();
    let ran = shell.run(&format!("{run} -- true")).expect(1);
    assert!(
        ran.errors.contains("app.conf") && ran.errors.contains(":1:"),
        "{ran:?}"
    );
    fs::write(
        &source,
        "{{ with secret \"secret/app\" }}{{ .Data.data.nothing }}{{ end }}",
    )
    .unwrap();
    shell.run(&format!("{run} -- true")).expect(2);
}

#[test]
fn events_are_followed_over_a_websocket_through_the_agent() {
    let node = stage();
    node.policy(
        "reader",
        "path \"sys/events/subscribe/*\" { capabilities = [\"read\"] }\n\
         path \"secret/data/mine\" { capabilities = [\"read\"] }",
    );
    let more = "api_proxy { use_auto_auth_token = false }\n\
                listener \"tcp\" { address = \"127.0.0.1:0\" tls_disable = true }";
    let mut agent = launch(&node, &configuration(&node, more), &[]).spawn();
    let address = listener(&node);
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/events.py"))
        .env("VAULT_ADDR", address.url())
        .env("VAULT_TOKEN", &node.keys.root)
        .env("READER_TOKEN", node.token(&["reader"]));
    let limit = std::time::Duration::from_secs(60);
    let ran = arca_tests::commands::finish(&mut command, None, limit).expect(0);
    assert_eq!(ran.out.lines().count(), crate::events::PARTS, "{ran:?}");
    eventually(SOON, "a token", || node.path("token").exists());
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
}
