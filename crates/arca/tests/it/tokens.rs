//! `token`.

use crate::double::Run;
use crate::transcripts;

#[test]
fn create() {
    transcripts!(
        "token_create",
        "tokens",
        [
            "arca token create",
            "arca token create -policy=dev -policy=ops -ttl=1h -explicit-max-ttl 2h -metadata=user=ann -display-name=x",
            "arca token create -orphan -no-default-policy -use-limit=3 -period=30m -renewable=false -id=my -field=token",
            "arca token create -type=batch -format=json",
            "arca token create -role=ops -entity-alias=ann",
            "arca token create -ttl=soon",
            "arca token create -type=odd",
        ]
    );
}

#[test]
fn lookup_renew_revoke() {
    transcripts!(
        "token_others",
        "tokens",
        [
            "arca token lookup",
            "arca token lookup hvs.other",
            "arca token lookup -accessor acc",
            "arca token lookup -accessor",
            "arca token lookup -field=policies -format=json",
            "arca token renew",
            "arca token renew -increment=30m hvs.other",
            "arca token renew -accessor -i 1800 acc",
            "arca token revoke hvs.other",
            "arca token revoke -self",
            "arca token revoke -accessor acc",
            "arca token revoke -mode=orphan hvs.other",
            "arca token revoke -mode=path auth/userpass/",
            "arca token revoke",
            "arca token revoke -self hvs.other",
            "arca token revoke -accessor -mode=orphan acc",
        ]
    );
}

#[test]
fn capabilities() {
    transcripts!(
        "token_capabilities",
        "tokens",
        [
            "arca token capabilities secret/app",
            "arca token capabilities hvs.other secret/app",
            "arca token capabilities -accessor acc secret/app",
            "arca token capabilities -format=json secret/app",
            "arca token capabilities",
        ]
    );
}

#[test]
fn the_own_token_is_forgotten_with_its_end() {
    let run = Run::of("tokens", "arca token revoke -self").env("VAULT_TOKEN", "");
    let kept = run.file(".vault-token");
    std::fs::write(&kept, "hvs.kept\n").unwrap();
    let outcome = run.go();
    assert_eq!(
        outcome.asked,
        ["> PUT /v1/auth/token/revoke-self\n    x-vault-token: hvs.kept"]
    );
    assert!(!kept.exists());
    let run = Run::of("tokens", "arca token revoke -self");
    let kept = run.file(".vault-token");
    std::fs::write(&kept, "hvs.kept\n").unwrap();
    let _outcome = run.go();
    assert!(kept.exists(), "the token of the environment is not the kept one");
}
