//! Programs that run with secrets.

use crate::double::Run;

const CREDENTIAL: &str = "-env U=database/creds/app#username -env P=database/creds/app#password";

#[test]
fn a_credential_is_made_once_and_given_back() {
    for (program, code) in [("true", 0), ("false", 1), ("/no/such/program", 127)] {
        let run = Run::of("run", &format!("arca run {CREDENTIAL} -- {program}")).go();
        assert_eq!(run.exit, code, "{program}: {}", run.errors);
        let asked = run.asked.join("\n");
        assert_eq!(asked.matches("GET /v1/database/creds/app").count(), 1, "{asked}");
        assert_eq!(asked.matches("PUT /v1/sys/leases/revoke").count(), 1, "{asked}");
    }
}

#[test]
fn what_was_leased_is_given_back_when_something_else_is_missing() {
    let run = Run::of("run", "arca run -env U=database/creds/app#nothing -- true").go();
    assert_eq!(run.exit, 2, "{}", run.errors);
    assert!(run.asked.join("\n").contains("PUT /v1/sys/leases/revoke"));
}

#[test]
fn without_a_program_nothing_is_read() {
    let run = Run::of("run", &format!("arca run {CREDENTIAL}")).go();
    assert_eq!((run.exit, run.asked.len()), (1, 0), "{}", run.errors);
    let run = Run::of("run", "arca run -env U=database/creds/app -- true").go();
    assert_eq!(run.exit, 1);
    assert!(run.errors.contains("NAME=PATH#KEY"), "{}", run.errors);
}
