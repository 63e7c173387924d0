//! The agent as a process beside a server, and programs that run with secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use arca_fixtures::Authority;
use arca_tests::clock::{eventually, wait_for};
use arca_tests::http::Address;
use arca_tests::server::Launch;
use arca_tests::{Api, Node, Server, Shell};
use rustix::process::Signal;
use serde_json::json;

use crate::hvac::write_pair;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A server with a secret and an approle, whose identifiers lie in files.
pub(crate) fn stage() -> Node {
    let node = Node::embedded();
    node.mount_kv();
    let api = node.api();
    api.post("secret/data/app", json!({"data": {"password": "s3cret"}}))
        .expect(200);
    node.policy("app", r#"path "secret/*" { capabilities = ["read"] }"#);
    api.post("sys/auth/approle", json!({"type": "approle"}))
        .expect(204);
    let role = json!({"token_policies": "app", "token_ttl": "1h"});
    api.post("auth/approle/role/app", role).expect(204);
    let role_id = api
        .get("auth/approle/role/app/role-id")
        .expect(200)
        .text_at("/data/role_id");
    let secret_id = api
        .post("auth/approle/role/app/secret-id", json!({}))
        .expect(200)
        .text_at("/data/secret_id");
    fs::write(node.path("role-id"), role_id).unwrap();
    fs::write(node.path("secret-id"), secret_id).unwrap();
    node
}

/// A configuration that logs in, writes the token to a file, and listens.
pub(crate) fn configuration(node: &Node, more: &str) -> String {
    let path = |name: &str| node.path(name).display().to_string();
    format!(
        r#"pid_file = "{pid}"
vault {{ address = "{url}" }}
auto_auth {{
  method "approle" {{
    config = {{
      role_id_file_path = "{role}"
      secret_id_file_path = "{secret}"
      remove_secret_id_file_after_reading = false
    }}
  }}
  sink "file" {{ config = {{ path = "{token}" }} }}
}}
{more}
"#,
        pid = path("agent.pid"),
        url = node.server.address().url(),
        role = path("role-id"),
        secret = path("secret-id"),
        token = path("token"),
    )
}

pub(crate) fn launch(node: &Node, configuration: &str, flags: &[&str]) -> Launch {
    launch_as("agent", node, configuration, flags)
}

fn launch_as(command: &str, node: &Node, configuration: &str, flags: &[&str]) -> Launch {
    let file = node.path("agent.hcl");
    fs::write(&file, configuration).unwrap();
    let home = node.path("agent");
    fs::create_dir_all(&home).unwrap();
    let file = format!("-config={}", file.display());
    let arguments = [command, &file].into_iter().chain(flags.iter().copied());
    Launch::new(&home, arguments)
}

pub(crate) fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().filter(|text| !text.is_empty())
}

/// The address of the first listener, as printed.
pub(crate) fn listener(node: &Node) -> Address {
    let output = node.path("agent/stdout.log");
    let found = wait_for(SOON, || {
        let text = read(&output)?;
        let line = text
            .lines()
            .find(|line| line.contains("Listener 1: 127.0.0.1:"))?
            .to_owned();
        Some(line.split("Listener 1: ").nth(1)?.split(' ').next()?.to_owned())
    });
    Address::new(&found.expect("an agent that listens"), false)
}

pub(crate) fn ends(agent: &mut Server) -> Option<i32> {
    wait_for(SOON, || agent.ended()).and_then(|status| status.code())
}

#[test]
fn an_agent_does_its_work_once_and_ends() {
    let node = stage();
    let ran = launch(&node, &configuration(&node, ""), &["-exit-after-auth"])
        .run()
        .expect(0);
    let token = read(&node.path("token")).unwrap();
    let found = node.anyone().with(&token).get("secret/data/app").expect(200);
    assert_eq!(found.text_at("/data/data/password"), "s3cret");
    assert!(
        !ran.errors.contains(&token) && !ran.out.contains(&token),
        "{ran:?}"
    );
    assert!(ran.out.contains("agent started!"), "{ran:?}");
}

#[test]
fn programs_speak_through_the_agent_until_it_is_told_to_end() {
    let node = stage();
    let more = "api_proxy { use_auto_auth_token = true }\ncache {}\n\
                listener \"tcp\" { address = \"127.0.0.1:0\" tls_disable = true }";
    let mut agent = launch(&node, &configuration(&node, more), &["-revoke-on-shutdown"]).spawn();
    let address = listener(&node);
    let api = Api::new(&address);
    eventually(SOON, "a token", || node.path("token").exists());
    let found = api.get("secret/data/app").expect(200);
    assert_eq!(found.text_at("/data/data/password"), "s3cret");
    let own = api.get("auth/token/lookup-self").expect(200);
    assert_eq!(own.text_at("/data/id"), "");

    let pid_file = node.path("agent.pid");
    assert_eq!(
        fs::metadata(&pid_file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let shell = node.shell();
    let status = shell
        .run(&format!(
            "vault agent status -format=json -pid-file={}",
            pid_file.display()
        ))
        .expect(0)
        .json();
    assert_eq!(
        (&status["ready"], &status["auth"]["method"]),
        (&json!(true), &json!("approle"))
    );
    let asked = format!("vault agent status -agent-address={}", address.url());
    assert!(shell.run(&asked).expect(0).out.contains("approle"));

    let token = read(&node.path("token")).unwrap();
    agent.signal(Signal::TERM);
    assert_eq!(ends(&mut agent), Some(0));
    assert!(!pid_file.exists() && !node.path("agent.pid.sock").exists());
    node.anyone()
        .with(&token)
        .get("auth/token/lookup-self")
        .expect(403);
}

#[test]
fn a_proxy_passes_requests_on_and_does_nothing_else() {
    let node = stage();
    let listen = "api_proxy { use_auto_auth_token = true }\n\
                  listener \"tcp\" { address = \"127.0.0.1:0\" tls_disable = true }";
    let mut proxy = launch_as("proxy", &node, &configuration(&node, listen), &[]).spawn();
    let api = Api::new(&listener(&node));
    eventually(SOON, "a token", || node.path("token").exists());
    let found = api.get("secret/data/app").expect(200);
    assert_eq!(found.text_at("/data/data/password"), "s3cret");
    proxy.signal(Signal::TERM);
    assert_eq!(ends(&mut proxy), Some(0));

    let deaf = launch_as("proxy", &node, &configuration(&node, ""), &[])
        .run()
        .expect(1);
    assert!(deaf.errors.contains("listener \"tcp\""), "{deaf:?}");
    let template = format!("{listen}\ntemplate {{ contents = \"x\" destination = \"y\" }}");
    let busy = launch_as("proxy", &node, &configuration(&node, &template), &[])
        .run()
        .expect(1);
    assert!(
        busy.errors.contains("block \"template\"") && busy.errors.contains("arca agent"),
        "{busy:?}"
    );
}

#[test]
fn mistakes_in_a_configuration_are_told_before_anything_starts() {
    let node = stage();
    let shell = node.shell();
    let file = node.path("bad.hcl");
    fs::write(&file, "listener \"tcp\" { address = 5 }\nauto_auth {\n").unwrap();
    let ran = shell
        .run(&format!("arca agent validate -config={}", file.display()))
        .expect(1);
    assert!(ran.errors.contains("bad.hcl"), "{ran:?}");
    fs::write(&file, configuration(&node, "")).unwrap();
    let ran = shell
        .run(&format!("vault agent validate -config={}", file.display()))
        .expect(0);
    assert!(ran.out.contains("valid"), "{ran:?}");
    shell.run("vault agent").expect(1);
}

#[test]
fn a_program_runs_with_secrets_in_variables_and_files() {
    let node = stage();
    let shell = node.shell();
    let print = r#"sh -c 'echo "$PW/$PASSWORD/$(cat "$ARCA_RUN_FILES/pw")"; echo "$ARCA_RUN_FILES"'"#;
    let line = format!(
        "arca run -env PW=secret/app#password -env-all secret/app -file pw=secret/app#password -- {print}"
    );
    let ran = shell.run(&line).expect(0);
    let mut lines = ran.out.lines();
    assert_eq!(lines.next(), Some("s3cret/s3cret/s3cret"));
    assert!(!Path::new(lines.next().unwrap()).exists(), "the files are gone");
    shell
        .run("arca run -env A=secret/app#password -- sh -c 'exit 7'")
        .expect(7);
    shell
        .run("arca run -env A=secret/app#password -- sh -c 'kill -TERM $$'")
        .expect(143);
    shell
        .run("arca run -env A=secret/app#password -- /no/such/program")
        .expect(127);
    let ran = shell.run("arca run -env A=secret/app#nothing -- true").expect(2);
    assert!(
        ran.errors.contains("password") && !ran.errors.contains("s3cret"),
        "{ran:?}"
    );
}

#[test]
fn listeners_encrypt_and_read_new_certificates_on_request() {
    let node = stage();
    let authority = Authority::new().unwrap();
    let [certificate, key] = write_pair(node.folder(), "agent", &authority.issue("IP:127.0.0.1").unwrap());
    let more = format!(
        "api_proxy {{ use_auto_auth_token = true }}\nlistener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  \
         tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"\n}}",
        certificate.display(),
        key.display()
    );
    let agent = launch(&node, &configuration(&node, &more), &[]).spawn();
    let address = listener(&node);
    eventually(SOON, "a token", || node.path("token").exists());
    let home = node.path("home");
    fs::create_dir_all(&home).unwrap();
    let mut shell = Shell::new(&home);
    shell.export("VAULT_ADDR", &format!("https://{}", address.place()));
    shell.export("VAULT_CACERT", &authority.file().display().to_string());
    let ran = shell.run("vault kv get -field=password secret/app").expect(0);
    assert_eq!(ran.out.trim(), "s3cret");

    let other = Authority::new().unwrap();
    write_pair(node.folder(), "agent", &other.issue("IP:127.0.0.1").unwrap());
    agent.signal(Signal::HUP);
    shell.export("VAULT_CACERT", &other.file().display().to_string());
    eventually(SOON, "the new certificate", || {
        shell.run("vault kv get -field=password secret/app").code == 0
    });
}
