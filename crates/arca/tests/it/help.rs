//! Help texts.

use crate::double::Run;
use crate::transcripts;

#[test]
fn of_the_groups() {
    transcripts!("help", "errors", ["arca -h"]);
    transcripts!(
        "help_groups",
        "errors",
        [
            "arca kv -help",
            "arca kv metadata --help",
            "arca secrets -h",
            "arca auth -h",
            "arca token -h",
            "arca policy -h",
            "arca operator -h",
        ]
    );
}

#[test]
fn of_commands() {
    transcripts!("help_kv_put", "errors", ["arca kv put -h"]);
    transcripts!("help_login", "errors", ["vault login -help"]);
}

#[test]
fn a_group_alone_shows_its_help_and_fails() {
    for line in ["arca", "arca kv", "arca operator"] {
        let run = Run::of("errors", line).go();
        assert_eq!((run.exit, run.output.as_str()), (1, ""), "{line}");
        assert!(run.errors.contains("Usage: arca"), "{line}: {}", run.errors);
    }
}

#[test]
fn every_command_explains_itself() {
    for line in [
        "arca read -h",
        "arca write -h",
        "arca list -h",
        "arca status -h",
        "arca agent -h",
        "arca agent generate-config -h",
        "arca agent render -h",
        "arca agent status -h",
        "arca agent validate -h",
        "arca run -h",
        "arca audit -h",
        "arca lease -h",
        "arca plugin -h",
        "arca namespace -h",
        "arca print -h",
        "arca completion -h",
        "arca help kv get",
    ] {
        let run = Run::of("errors", line).go();
        assert_eq!((run.exit, run.errors.as_str()), (0, ""), "{line}");
        assert!(run.output.contains("Usage: arca"), "{line}: {}", run.output);
    }
}
