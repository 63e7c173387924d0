//! Every command that README and the other pages print, typed as it is printed there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use arca_fixtures::{Authority, Certificate};
use arca_tests::markdown::{self, Command};
use arca_tests::node::folder;
use arca_tests::program::{arca, root};
use arca_tests::server::Launch;
use arca_tests::{Api, Server, Shell};

const PROGRAMS: &[&str] = &[
    "arca",
    "cargo",
    "vault",
    "target/release/arca",
    "target/release/vault",
];

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// A terminal in a folder that has what a build leaves behind: `target/release/arca`.
fn checkout(home: &Path) -> Shell {
    let built = home.join("target/release");
    fs::create_dir_all(&built).unwrap();
    symlink(arca(), built.join("arca")).unwrap();
    Shell::new(home)
}

/// The two `export` lines that a server of `arca up` printed, as one line.
fn exports(server: &Server) -> String {
    let lines = server.printed.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("export "))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The configuration of README with folders, a port and a name of this machine.
fn configure(home: &Path) {
    let block = markdown::block(&page("README.md"), "hcl").unwrap();
    let issued = Authority::new().unwrap().issue("IP:127.0.0.1").unwrap();
    let Certificate { certificate, key } = issued;
    let tls = home.join("tls");
    fs::create_dir_all(&tls).unwrap();
    fs::write(tls.join("server.pem"), certificate).unwrap();
    fs::write(tls.join("server-key.pem"), key).unwrap();
    fs::set_permissions(tls.join("server-key.pem"), Permissions::from_mode(0o600)).unwrap();
    let here = |path: &str| home.join(path).display().to_string();
    let text = block
        .replace("/var/lib/arca", &here("store"))
        .replace("/etc/arca/tls", &here("tls"))
        .replace("0.0.0.0:8200", "127.0.0.1:0");
    assert!(!text.contains("/etc/") && !text.contains("/var/"), "{text}");
    fs::write(home.join("arca.hcl"), text).unwrap();
}

/// The agent's configuration of README with folders of this machine.
fn configure_agent(home: &Path) {
    let readme = page("README.md");
    let (_, rest) = readme.split_once("## Deliver them").unwrap();
    let block = markdown::block(rest, "hcl").unwrap();
    let text = block
        .replace("/home/me", &home.display().to_string())
        .replace("/run/secrets", &home.join("secrets").display().to_string());
    fs::write(home.join("agent.hcl"), text).unwrap();
}

/// `operator init` and `operator unseal` against a server that nobody has initialized.
fn initialize(shell: &Shell, server: &Server) {
    let shell = shell
        .with("VAULT_ADDR", &server.address().url())
        .with("VAULT_SKIP_VERIFY", "true");
    let made = shell.run("arca operator init -format=json").expect(0).json();
    for share in made["unseal_keys_b64"].as_array().unwrap().iter().take(3) {
        shell
            .run_with("arca operator unseal", share.as_str().unwrap())
            .expect(0);
    }
    let status = shell.run("arca status -format=json").expect(0).json();
    assert_eq!(status["sealed"], false);
}

#[test]
fn what_the_readme_prints_works_as_printed() {
    let home = folder();
    let shell = checkout(home.path());
    // As `cargo run --release -- up`, on any free port.
    let up = Launch::new(home.path(), ["up", "-listen", "127.0.0.1:0"]).start();
    let server_home = folder();
    let server_shell = Shell::new(server_home.path());
    let mut running = None;
    for Command { line, text } in markdown::commands(&page("README.md"), PROGRAMS) {
        println!("README.md:{line}: {text}");
        match &*text {
            "cargo run --release -- up" => assert!(up.printed.contains("Arca is ready at")),
            "cargo xtask test" => assert!(page(".cargo/config.toml").contains("xtask = \"run")),
            "arca operator diagnose -config=arca.hcl" => {
                configure(server_home.path());
                // Exit code 2: there are warnings. The only one is that the certificate of the test is soon over.
                let found = server_shell.run(&text).expect(2);
                let warnings = found.out.lines().filter(|line| line.starts_with("[warn]"));
                assert!(
                    warnings.clone().all(|line| line.contains("renew it")),
                    "{found:?}"
                );
            }
            "arca server -config=arca.hcl" => {
                running = Some(Launch::new(server_home.path(), ["server", "-config=arca.hcl"]).start());
            }
            "arca operator init" => initialize(&server_shell, running.as_ref().unwrap()),
            "arca operator unseal" => {}
            "arca agent validate -config=agent.hcl" => {
                configure_agent(home.path());
                shell.run(&text).expect(0);
            }
            "arca agent -config=agent.hcl" => {
                let once = format!("{}; {text} -exit-after-auth", exports(&up));
                shell.run(&once).expect(0);
                let written = fs::read_to_string(home.path().join("secrets/hello")).unwrap();
                assert_eq!(written, "WHO=world");
            }
            "arca events subscribe 'kv*'" => {
                // It goes on until it is interrupted.
                let some = format!("{}; timeout --signal=INT 2 {text}", exports(&up));
                let ran = shell.run(&some);
                assert!(matches!(ran.code, 0 | 124), "{ran:?}");
            }
            "arca server -dev" => {
                let dev = folder();
                let flags = ["server", "-dev", "-dev-listen-address=127.0.0.1:0"];
                let server = Launch::new(dev.path(), flags).start();
                Api::new(server.address()).get("sys/health").expect(200);
            }
            _ => {
                shell.run(&format!("{}; {text}", exports(&up))).expect(0);
            }
        }
    }
    let read = format!(
        "{}; target/release/vault kv get -field=who secret/hello",
        exports(&up)
    );
    assert_eq!(shell.run(&read).expect(0).out.trim(), "world");
}

/// The packages of the workspace and their folders.
fn packages() -> Vec<String> {
    let text = page("Cargo.toml");
    let names = text.lines().filter_map(|line| line.split_once(" = { path = "));
    names
        .map(|(name, _)| name.to_owned())
        .chain(["arca".to_owned()])
        .collect()
}

fn check(page: &str, Command { line, text }: &Command) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let place = format!("{page}:{line}: {text}");
    for pair in words.windows(2).filter(|pair| pair[0] == "-p") {
        assert!(
            packages().contains(&pair[1].to_owned()),
            "{place}: no such package"
        );
    }
    match words[..] {
        ["cargo", "xtask", task, ..] => {
            let mut help = std::process::Command::new(env!("CARGO"));
            help.args(["xtask", task, "--help"]).current_dir(root());
            let ran = arca_tests::commands::finish(&mut help, None, std::time::Duration::from_secs(300));
            assert_eq!(ran.code, 0, "{place}: {ran:?}");
            let flags = words.iter().filter(|word| word.starts_with("--"));
            flags.for_each(|flag| assert!(ran.out.contains(flag), "{place}: no flag {flag}"));
        }
        ["cargo", "+nightly", "fuzz", "run", target, ..] => {
            assert!(
                self::page("fuzz/Cargo.toml").contains(&format!("name = \"{target}\"")),
                "{place}"
            );
        }
        // Run with the configuration of README, and by the tests of the agent.
        ["arca" | "vault", "agent" | "proxy" | "run", ..] => {}
        // Run by `operations` and `monitor`; here it is looked at whether there is such a command.
        ["arca", "status" | "operator" | "monitor", ..] => {
            let names = words.iter().copied().filter(|word| !word.starts_with('-'));
            exists(&names.collect::<Vec<_>>(), &words, &place);
        }
        // Run by `namespaces`; what follows is the path of a namespace.
        ["arca", "namespace", verb, ..] => exists(&["arca", "namespace", verb], &words, &place),
        ["cargo", "bench" | "metadata"] | ["cargo", "test" | "clippy" | "bench", "-p", ..] => {}
        _ => panic!("{place}: nothing here runs this"),
    }
}

/// Sees that there is a command with these names, and that it has the flags among `words`.
fn exists(names: &[&str], words: &[&str], place: &str) {
    let home = folder();
    let ran = Shell::new(home.path()).run(&format!("{} -h", names.join(" ")));
    assert_eq!(ran.code, 0, "{place}: {ran:?}");
    let flags = words.iter().filter(|word| word.starts_with('-'));
    let flags = flags.map(|flag| flag.split('=').next().unwrap_or_default());
    flags.for_each(|flag| assert!(ran.out.contains(flag), "{place}: no flag {flag}"));
}

#[test]
fn what_other_pages_print_exists() {
    let mut checked = 0;
    for name in [
        "CONTRIBUTING.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
        "docs/formats.md",
        "docs/agent.md",
        "docs/events.md",
        "docs/snapshots.md",
        "docs/namespaces.md",
        "docs/identity-tokens.md",
        "docs/search.md",
        "docs/audit.md",
        "docs/profiling.md",
        "fuzz/README.md",
    ] {
        for command in markdown::commands(&page(name), &["cargo", "arca", "vault"]) {
            check(name, &command);
            checked += 1;
        }
    }
    assert!(checked >= 10, "{checked}");
}
