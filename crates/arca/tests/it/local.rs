//! Commands that ask no server.

use crate::double::Run;
use crate::transcripts;

#[test]
fn version_and_token() {
    transcripts!(
        "local",
        "errors",
        [
            "arca version",
            "arca -version",
            "arca --version",
            "vault -v",
            "arca version -format=json",
            "arca print token",
            "arca print token -format=json",
            "arca -autocomplete-install",
        ]
    );
}

#[test]
fn completion_scripts_name_the_program() {
    for (shell, mark) in [
        ("bash", "complete -F _vault"),
        ("zsh", "#compdef vault"),
        ("fish", "complete -c vault"),
    ] {
        let run = Run::of("errors", &format!("vault completion {shell}")).go();
        assert_eq!(run.exit, 0);
        assert!(
            run.output.contains(mark),
            "{shell}: {}",
            run.output.get(..200).unwrap()
        );
        assert!(run.output.contains("enable-versioning"), "{shell}");
    }
    assert_eq!(Run::of("errors", "arca completion tcsh").go().exit, 1);
}
