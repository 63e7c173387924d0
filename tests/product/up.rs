//! `arca up`: one command, and there is a server that keeps what it is told.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arca_tests::clock::pause;
use arca_tests::node::folder;
use arca_tests::server::Launch;
use arca_tests::{Server, Shell};

/// The promise is a second, for a release build on a machine with nothing else to do.
const READY: Duration = Duration::from_secs(5);

fn up(home: &Path, more: &[&str]) -> Launch {
    Launch::new(home, [&["up", "-listen", "127.0.0.1:0"], more].concat())
}

/// The lines of `printed` that begin with `start`, without what precedes them.
fn lines<'a>(printed: &'a str, start: &str) -> Vec<&'a str> {
    printed
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(start))
        .collect()
}

/// The two exports of a server as one line to put before a command.
fn exports(server: &Server) -> String {
    let exports = lines(&server.printed, "export ");
    assert_eq!(exports.len(), 2, "{}", server.printed);
    exports.join("; ")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let inside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    inside
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_it_prints_works_as_printed() {
    let home = folder();
    let server = up(home.path(), &[]).start();
    println!("up: ready after {:?}", server.started_in);
    assert!(server.started_in < READY, "ready after {:?}", server.started_in);

    let program = arca_tests::program::arca();
    let commands = lines(&server.printed, &program.display().to_string());
    assert_eq!(commands.len(), 3, "{}", server.printed);
    let shell = Shell::new(home.path());
    let mut printed = String::new();
    for command in commands {
        printed = shell
            .run(&format!("{}; {command}", exports(&server)))
            .expect(0)
            .out;
    }
    assert!(
        printed
            .lines()
            .any(|line| line.split_whitespace().eq(["who", "world"])),
        "the last one reads what the one before wrote: {printed}"
    );
    let audit = fs::read_to_string(home.path().join(".local/share/arca/audit.log")).unwrap();
    assert!(
        audit.contains("\"secret/data/hello\""),
        "what was done is on record"
    );
}

#[test]
fn what_it_hands_out_is_for_its_owner_only_and_never_printed() {
    let home = folder();
    let server = up(home.path(), &[]).start();
    let keys = home.path().join(".config/arca");
    let data = home.path().join(".local/share/arca");
    for folder in [&keys, &data] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    let handed_out = files_below(&keys);
    assert!(handed_out.len() >= 6, "{handed_out:?}");
    for file in handed_out.iter().chain([&data.join("audit.log")]) {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let mut secrets = 0;
    for name in [
        "root-token",
        "recovery-keys",
        "unseal-key",
        "tls/ca-key.pem",
        "tls/server-key.pem",
    ] {
        let text = fs::read_to_string(keys.join(name)).unwrap();
        for secret in text.lines().filter(|line| !line.starts_with("-----")) {
            assert!(!server.all().contains(secret), "{name} was printed");
            secrets += 1;
        }
    }
    assert!(secrets >= 1 + 5 + 1 + 2, "{secrets}");
}

#[test]
fn later_starts_find_everything_in_place() {
    let home = folder();
    let launch = up(home.path(), &[]);
    let mut server = launch.start();
    let shell = Shell::new(home.path());
    let run = |server: &Server, line: &str| shell.run(&format!("{}; {line}", exports(server))).expect(0).out;
    run(&server, "arca login - < .config/arca/root-token");
    run(&server, "arca kv put secret/kept round=1");
    let keys = home.path().join(".config/arca");
    let content = || {
        let files = files_below(&keys);
        files
            .into_iter()
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect::<Vec<_>>()
    };
    let mut before = content();
    before.sort_by(|a, b| a.1.cmp(&b.1));

    for (round, killed) in [(2, false), (3, true), (4, true)] {
        if killed {
            server.kill();
        } else {
            let (code, _) = server.terminate(Duration::from_secs(20));
            assert_eq!(code, Some(0));
        }
        server = launch.start();
        assert!(
            server.printed.contains(", with the data it had"),
            "{}",
            server.printed
        );
        let kept = run(&server, "arca kv get -field=round secret/kept");
        assert_eq!(kept.trim(), (round - 1).to_string());
        run(&server, &format!("arca kv put secret/kept round={round}"));
    }
    let mut after = content();
    after.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(before, after, "no key and no certificate was made anew");
}

#[test]
fn a_first_start_that_was_cut_short_is_finished_by_the_next() {
    for milliseconds in [1, 5, 10, 20, 30, 40, 50, 60, 80, 100, 130, 160] {
        let home = folder();
        let launch = up(home.path(), &[]);
        let mut cut = launch.spawn();
        pause(Duration::from_millis(milliseconds));
        cut.kill();
        let server = launch.start();
        let login = format!("{}; arca login - < .config/arca/root-token", exports(&server));
        let ran = Shell::new(home.path()).run(&login);
        assert_eq!(ran.code, 0, "cut after {milliseconds} ms: {ran:?}");
    }
}

#[test]
fn a_token_and_keys_put_elsewhere_are_not_needed_again() {
    let home = folder();
    let launch = up(home.path(), &[]);
    let mut server = launch.start();
    let shell = Shell::new(home.path());
    shell
        .run(&format!(
            "{}; arca login - < .config/arca/root-token",
            exports(&server)
        ))
        .expect(0);
    for name in ["root-token", "recovery-keys"] {
        fs::remove_file(home.path().join(".config/arca").join(name)).unwrap();
    }
    server.kill();
    let server = launch.start();
    shell
        .run(&format!("{}; arca kv put secret/a b=c", exports(&server)))
        .expect(0);
    assert!(!home.path().join(".config/arca/root-token").exists());
}

#[test]
fn a_port_in_use_is_an_error_that_names_it_and_spoils_nothing() {
    let home = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let launch = Launch::new(home.path(), ["up", "-listen", &address]);
    let refused = launch.run().expect(1);
    assert!(refused.errors.contains(&address), "{refused:?}");
    assert!(refused.errors.to_lowercase().contains("in use"), "{refused:?}");
    assert_eq!(refused.out, "", "nothing is announced that is not there");

    drop(taken);
    let server = launch.start();
    assert!(
        !server.printed.contains("with the data it had"),
        "it is the first start"
    );
    Shell::new(home.path())
        .run(&format!(
            "{}; arca login - < .config/arca/root-token",
            exports(&server)
        ))
        .expect(0);
}

#[test]
fn two_servers_never_share_their_data() {
    let home = folder();
    let launch = up(home.path(), &[]);
    let mut first = launch.start();
    let refused = launch.run().expect(1);
    let store = home.path().join(".local/share/arca/store");
    assert!(
        refused.errors.contains(&store.display().to_string()),
        "{refused:?}"
    );
    assert!(refused.errors.contains("another process"), "{refused:?}");
    assert!(first.ended().is_none(), "the first one is not disturbed");
    Shell::new(home.path())
        .run(&format!(
            "{}; arca login - < .config/arca/root-token",
            exports(&first)
        ))
        .expect(0);
}

#[test]
fn keys_do_not_lie_in_what_they_open() {
    let home = folder();
    let data = home.path().join("data");
    let inside = data.join("keys");
    let text = |path: &Path| path.display().to_string();
    let refused = up(home.path(), &["-data", &text(&data), "-keys", &text(&inside)])
        .run()
        .expect(1);
    assert!(refused.errors.contains("inside the data folder"), "{refused:?}");
    assert!(
        refused.errors.contains("-keys"),
        "it says what to do: {refused:?}"
    );
    assert!(!data.exists(), "nothing was made");

    let server = up(home.path(), &["-data", &text(&data)]).start();
    assert!(
        home.path().join("data.keys/unseal-key").is_file(),
        "{}",
        server.printed
    );
    assert!(
        !home.path().join(".config").exists(),
        "one folder named, both chosen"
    );
}

#[test]
fn a_lost_unseal_key_is_not_replaced() {
    let home = folder();
    let launch = up(home.path(), &[]);
    launch.start().kill();
    let key = home.path().join(".config/arca/unseal-key");
    let elsewhere = home.path().join("unseal-key");
    fs::rename(&key, &elsewhere).unwrap();
    let refused = launch.run().expect(1);
    for part in [
        key.display().to_string().as_str(),
        "gone",
        "Put it back",
        "move the data away",
    ] {
        assert!(refused.errors.contains(part), "{part}: {refused:?}");
    }
    assert!(!key.exists(), "a new key would hide that the old one is lost");
    fs::rename(&elsewhere, &key).unwrap();
    let server = launch.start();
    assert!(
        server.printed.contains("with the data it had"),
        "{}",
        server.printed
    );
}
