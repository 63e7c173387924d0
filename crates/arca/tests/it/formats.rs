//! Formats, fields, and requests that are written down instead of sent.

use crate::double::Run;
use crate::transcripts;

#[test]
fn requests_as_curl_and_as_policy() {
    transcripts!(
        "rehearsals",
        "kv2",
        [
            "arca read -output-curl-string secret/app",
            "arca write -output-curl-string -namespace=team -header=X-A=b secret/app k=it's",
            "arca kv put -output-curl-string secret/app k=v",
            "arca kv patch -output-curl-string -mount=secret app k=v",
            "arca kv get -output-policy secret/app",
            "arca list -output-policy secret",
            "arca secrets enable -output-policy kv",
            "arca auth enable -output-policy userpass",
            "arca status -output-curl-string",
            "arca kv get -output-curl-string denied/x",
            "arca version -output-curl-string",
        ]
    );
    let called = Run::of("kv2", "/usr/bin/vault read -output-curl-string secret/app").go();
    assert!(
        called.output.contains("$(vault print token)"),
        "{}",
        called.output
    );
}

#[test]
fn the_environment_chooses_too() {
    let json = Run::of("basics", "arca list secret")
        .env("VAULT_FORMAT", "json")
        .go();
    assert_eq!(json.output, "[\n  \"b\",\n  \"a/\"\n]\n");
    let table = Run::of("basics", "arca list -format=table secret")
        .env("VAULT_FORMAT", "json")
        .go();
    assert_eq!(table.output, "Keys\n----\na/\nb\n");
    let pretty = Run::of("basics", "arca list -format=PRETTY secret").go();
    assert_eq!(pretty.output, table.output);
    let detailed = Run::of("basics", "arca list pki/issuers")
        .env("VAULT_DETAILED", "true")
        .go();
    assert!(
        detailed.output.starts_with("Keys    issuer_name"),
        "{}",
        detailed.output
    );
}

#[test]
fn a_person_gets_a_line_break_behind_a_field_and_a_pipe_does_not() {
    let field = |run: Run| run.go().output;
    let run = || Run::of("kv2", "arca kv get -field=password secret/app");
    assert_eq!(field(run()), "s3cr3t <&>");
    assert_eq!(field(run().on_terminal()), "s3cr3t <&>\n");
}

#[test]
fn every_flag_of_the_connection_has_its_effect() {
    let line =
        "arca read -ns=team/a -mfa=totp:1 -mfa duo -header X-A=b=c -policy-override -wrap-ttl=0 kv/app";
    let run = Run::of("basics", line).env("VAULT_WRAP_TTL", "60").go();
    insta::assert_snapshot!("connection_flags", run.transcript());
    let elsewhere = Run::of(
        "basics",
        "arca read -output-curl-string -address=http://a -agent-address=http://b:1/x kv/app",
    );
    assert!(elsewhere.go().output.ends_with("'http://b:1/x/v1/kv/app'\n"));
    let hidden = Run::of("basics", "arca read -output-curl-string -address=http://a kv/app")
        .env("VAULT_ADDR", "nonsense");
    assert!(hidden.go().output.ends_with("'http://a/v1/kv/app'\n"));
    let environment = Run::of("basics", "arca read -output-curl-string kv/app").env("BAO_ADDR", "https://c");
    assert!(environment.go().output.ends_with("'https://c/v1/kv/app'\n"));
}
