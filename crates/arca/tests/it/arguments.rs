//! Arguments as people type them.

use crate::double::Run;

/// The requests of a command line.
fn asked(line: &str) -> Vec<String> {
    Run::of("basics", line).go().asked
}

#[test]
fn flags_in_every_spelling_and_place() {
    let expected = asked("arca list -after=a -limit=2 secret");
    for line in [
        "arca list --after=a --limit=2 secret",
        "arca list -after a -limit 2 secret",
        "arca list secret -after=a --limit 2",
        "vault list -limit=1 -limit=2 -after=a secret/",
        "/usr/local/bin/bao list -after=a -limit=2 -- secret",
    ] {
        assert_eq!(asked(line), expected, "{line}");
    }
    assert_eq!(expected, ["> GET /v1/secret?after=a&limit=2&list=true"]);
}

#[test]
fn data_that_looks_like_flags_is_data() {
    assert_eq!(
        asked("arca write secret/app a=-x b=--force -- -c=1"),
        ["> PUT /v1/secret/app\n    {\"-c\":\"1\",\"a\":\"-x\",\"b\":\"--force\"}"]
    );
}

#[test]
fn switches_are_turned_off() {
    assert_eq!(asked("arca write -force=false transit/keys/k"), [] as [String; 0]);
    assert_eq!(
        asked("arca write -force=true transit/keys/k"),
        ["> PUT /v1/transit/keys/k"]
    );
}
