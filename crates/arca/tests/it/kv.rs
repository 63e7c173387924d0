//! `kv` reading, writing and listing.

use crate::double::Run;
use crate::transcripts;

#[test]
fn get() {
    transcripts!(
        "kv_get",
        "kv2",
        [
            "arca kv get secret/app",
            "arca kv get -mount=secret app",
            "arca kv get -version=2 /secret/app/",
            "arca kv get secret/gone",
            "arca kv get secret/none",
            "arca kv get denied/x",
        ]
    );
}

#[test]
fn get_in_other_formats() {
    transcripts!(
        "kv_get_formats",
        "kv2",
        [
            "arca kv get -format=json secret/app",
            "arca kv get -format yaml secret/app",
            "arca kv get -field=password secret/app",
            "arca kv get -field=port -format=json secret/app",
            "arca kv get -field=data secret/app",
            "arca kv get -field=nested -format=yaml secret/app",
            "arca kv get -field=missing secret/app",
            "arca kv get -field=password secret/gone",
        ]
    );
}

#[test]
fn put() {
    transcripts!(
        "kv_put",
        "kv2",
        [
            "arca kv put secret/app password=x port=-1",
            "arca kv put -mount=secret -cas=3 app k=v k=w",
            "arca kv put -cas=-1 secret/app k=v",
            "arca kv put secret/app k=v -field=version",
            "arca kv put -format=json secret/app k=v",
            "arca kv put secret/app",
            "arca kv put secret/app justatext",
        ]
    );
}

#[test]
fn data_comes_from_files_and_input() {
    let run = Run::of("kv2", "arca kv put secret/app -").input(r#"{"n":1.50,"l":[true]}"#);
    let file = run.file("token");
    std::fs::write(&file, "from a file\n").unwrap();
    let piped = run.go();
    assert!(
        piped.asked[1].ends_with(r#"{"data":{"l":[true],"n":1.50},"options":{}}"#),
        "{:?}",
        piped.asked
    );
    let line = format!("arca kv put secret/app a=@{} b=-", file.display());
    let read = Run::of("kv2", &line).at_home_of(piped).input("piped").go();
    let body = r#"{"data":{"a":"from a file\n","b":"piped"},"options":{}}"#;
    assert!(read.asked[1].ends_with(body), "{:?}", read.asked);
}

#[test]
fn list_and_scan() {
    transcripts!(
        "kv_list",
        "kv2",
        [
            "arca kv list secret",
            "arca kv list -mount=secret",
            "arca kv list -format=json secret/",
            "arca kv list secret/dir",
            "arca kv list -format=json secret/dir",
            "arca kv scan secret/dir",
            "arca kv list",
        ]
    );
}

#[test]
fn without_versions() {
    transcripts!(
        "kv_without_versions",
        "kv1",
        [
            "arca kv get kv/app",
            "arca kv get -mount=kv app",
            "arca kv get -field=password kv/app",
            "arca kv get old/app",
            "arca kv get -format=json kv/app",
            "arca kv put kv/app k=v",
            "arca kv delete kv/app",
            "arca kv list kv",
            "arca kv patch kv/app k=v",
            "arca kv undelete -versions=1 kv/app",
            "arca kv metadata get kv/app",
        ]
    );
}

#[test]
fn wrapped() {
    let run = Run::of("wrapped", "arca kv get -wrap-ttl=5m secret/app").go();
    insta::assert_snapshot!("kv_wrapped", run.transcript());
}
