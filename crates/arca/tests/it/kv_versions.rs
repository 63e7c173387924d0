//! `kv` working with versions, settings and partial changes.

use crate::double::Run;
use crate::transcripts;

#[test]
fn delete_undelete_destroy() {
    transcripts!(
        "kv_versions",
        "kv2",
        [
            "arca kv delete secret/app",
            "arca kv delete -mount=secret -versions=1,2 -versions=3 app",
            "arca kv undelete -versions=1 secret/app",
            "arca kv destroy -versions 1 secret/app",
            "arca kv destroy secret/app",
        ]
    );
}

#[test]
fn rollback() {
    transcripts!(
        "kv_rollback",
        "kv2",
        [
            "arca kv rollback -version=2 secret/app",
            "arca kv rollback -version=1 secret/app",
            "arca kv rollback -version=1 secret/gone",
            "arca kv rollback -version=0 secret/app",
            "arca kv rollback secret/app",
        ]
    );
}

#[test]
fn patch() {
    transcripts!(
        "kv_patch",
        "kv2",
        [
            "arca kv patch secret/app password=new",
            "arca kv patch -cas=3 -remove-data=port -remove-data=tags secret/app k=v",
            "arca kv patch -method=rw -remove-data=port -mount=secret app password=new",
            "arca kv patch -method=rw secret/none k=v",
            "arca kv patch -method=odd secret/app k=v",
            "arca kv patch secret/app",
        ]
    );
}

#[test]
fn patch_falls_back_unless_told_otherwise() {
    for (answers, name) in [
        ("patch_denied", "kv_patch_denied"),
        ("patch_unknown", "kv_patch_unknown"),
    ] {
        let run = Run::of(answers, "arca kv patch secret/app k=v").go();
        insta::assert_snapshot!(name, run.transcript());
        let strict = Run::of(answers, "arca kv patch -method=patch secret/app k=v").go();
        assert_eq!(
            (strict.exit, strict.asked.len()),
            (2, 2),
            "{}",
            strict.transcript()
        );
    }
}

#[test]
fn metadata() {
    transcripts!(
        "kv_metadata",
        "kv2",
        [
            "arca kv metadata get secret/app",
            "arca kv metadata get -format=json -mount=secret app",
            "arca kv metadata put -max-versions=5 -delete-version-after=3h25m19s -cas-required secret/app",
            "arca kv metadata put -cas-required=false -custom-metadata=owner=a=b -custom-metadata team=x secret/app",
            "arca kv metadata put secret/app",
            "arca kv metadata patch -max-versions=2 -custom-metadata=a=b -remove-custom-metadata=owner secret/app",
            "arca kv metadata patch -cas-required secret/app",
            "arca kv metadata delete secret/app",
        ]
    );
}

#[test]
fn enable_versioning() {
    transcripts!(
        "kv_enable_versioning",
        "kv2",
        ["arca kv enable-versioning /secret/"]
    );
}
