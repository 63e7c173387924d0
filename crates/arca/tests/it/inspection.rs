//! `kv search`, `plugin` and `debug`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::double::Run;
use crate::transcripts;

#[test]
fn kv_search() {
    transcripts!(
        "kv_search",
        "kv_search",
        [
            "arca kv search db",
            "arca kv search -mount=secret/ -limit=1 db",
            "arca kv search -format=json db",
            "arca kv search -custom-metadata=owner=nobody",
            "arca kv search -custom-metadata=owner=nobody -format=json",
            "arca kv search -mount=plain db",
            "arca kv search denied",
            "arca kv search",
            "arca kv search -output-policy db",
        ]
    );
}

#[test]
fn plugins_are_registered_removed_and_reloaded() {
    transcripts!(
        "plugin_changes",
        "debug",
        [
            "arca plugin register -sha256=abc -command=other-2 -args=--x -env=A=b -version=v1 secret other",
            "arca plugin register -sha256=abc secret other",
            "arca plugin register secret other",
            "arca plugin deregister secret other",
            "arca plugin deregister -version=v1.0.0 auth other",
            "arca plugin reload -plugin=other -scope=global",
            "arca plugin reload -mounts=a/,b/",
            "arca plugin reload",
        ]
    );
}

#[test]
fn help_for_a_method_goes_by_its_path_too() {
    let run = Run::of("debug", "arca auth help corp").go();
    assert_eq!(run.exit, 0, "{}", run.transcript());
    assert!(
        run.output
            .contains("login -method=userpass -path=corp/ username="),
        "{}",
        run.output
    );
    let none = Run::of("debug", "arca auth help userpas").go();
    assert!(
        none.exit == 1 && none.errors.contains("Did you mean \"userpass\"?"),
        "{}",
        none.transcript()
    );
}

/// The file of a bundle.
fn content(folder: &std::path::Path, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap()
}

#[test]
fn debug_collects_what_the_server_says_over_time() {
    let run = Run::of("debug", "");
    let folder = run.file("bundle");
    let line = format!(
        "arca debug -duration=60s -interval=30s -metrics-interval=20s -output={}",
        folder.display()
    );
    let done = Run::of("debug", &line).at_home_of(run.go()).go();
    assert_eq!(done.exit, 0, "{}", done.transcript());
    let count = |file: &str| content(&folder, file).as_array().unwrap().len();
    assert_eq!(
        [
            count("config.json"),
            count("metrics.json"),
            count("server_status.json"),
            count("requests.json")
        ],
        [1, 4, 3, 3]
    );
    let status = content(&folder, "server_status.json");
    assert_eq!(status[0]["health"]["initialized"], true);
    assert_eq!(status[0]["seal_status"]["t"], 1);
    assert_eq!(
        content(&folder, "config.json")[0]["sanitized"]["api_addr"],
        "https://arca.example:8200"
    );
    let index = content(&folder, "index.json");
    assert_eq!(index["captures"]["metrics.json"], 4);
    // What fails is told and ends nothing.
    assert_eq!(index["errors"].as_array().unwrap().len(), 3);
    assert!(done.errors.contains("sys/host-info: "), "{}", done.errors);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains("hvs.own"), "no token: {text}");
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let again = Run::of("debug", &line).at_home_of(done).go();
    assert_eq!(again.exit, 1);
    assert!(again.errors.contains("exists already"), "{}", again.errors);
}

#[test]
fn debug_takes_what_is_asked_for_and_no_more() {
    let run = Run::of("debug", "");
    let folder = run.file("some");
    let line = format!(
        "arca debug -duration=1s -target=server-status,config -output={}",
        folder.display()
    );
    let done = Run::of("debug", &line).at_home_of(run.go()).go();
    assert_eq!((done.exit, done.asked.len()), (0, 3), "{}", done.transcript());
    for (flags, says) in [
        ("-duration=0", "-duration must be at least one second"),
        ("-interval=0s", "-interval must be at least one second"),
        ("-duration=2000h -metrics-interval=1s", "may be at most 10000"),
        ("-compress", "-compress is not supported"),
        ("-target=all", "invalid value 'all'"),
    ] {
        let refused = Run::of("debug", &format!("arca debug {flags}")).go();
        assert_eq!(
            (refused.exit, refused.asked.len()),
            (1, 0),
            "{}",
            refused.transcript()
        );
        assert!(refused.errors.contains(says), "{}", refused.errors);
    }
    let nothing = Run::of(
        "silent",
        &format!("arca debug -duration=1s -output={}", run_folder(&done.home)),
    )
    .go();
    assert_eq!(nothing.exit, 2, "{}", nothing.transcript());
}

fn run_folder(home: &tempfile::TempDir) -> String {
    home.path().join("none").display().to_string()
}
