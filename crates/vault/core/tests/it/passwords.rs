//! Password policies through the pipeline.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::passwords::PasswordPolicyName;
use arca_base::json_object;
use arca_core::Fault;
use arca_core::engine::{Answer, Catalog, Cx, Engine, Factory, Table};
use arca_core::seal::Seal;
use arca_storage::MemoryStorage;
use arca_testkit::{TestServer, Unsealed};
use serde_json::json;

const POLICY: &str = "length = 20\nrule \"charset\" {\n  charset = \"abcde\"\n  min-chars = 1\n}\nrule \"charset\" {\n  charset = \"01234\"\n  min-chars = 3\n}\n";

async fn write(vault: &Unsealed, name: &str, policy: &str) -> arca_testkit::Response {
    let path = format!("sys/policies/password/{name}");
    vault.write(&path, json!({"policy": policy})).await
}

#[tokio::test]
async fn policies_are_written_read_listed_and_deleted() {
    let vault = Unsealed::start().await;
    let _ = vault.list("sys/policies/password").await.expect(404);
    let _ = write(&vault, "app", POLICY).await.expect(204);
    let _ = write(&vault, "Team/DB", POLICY).await.expect(204);
    let read = vault.read("sys/policies/password/app").await.expect(200);
    assert_eq!(read.data("policy"), POLICY);
    let names = vault.list("sys/policies/password").await.expect(200);
    assert_eq!(names.data("keys"), &json!(["Team/DB", "app"]));
    let _ = vault.read("sys/policies/password/Team/DB").await.expect(200);
    let _ = vault.delete("sys/policies/password/app").await.expect(204);
    let _ = vault.delete("sys/policies/password/app").await.expect(204);
    for path in ["sys/policies/password/app", "sys/policies/password/app/generate"] {
        let missing = vault.read(path).await.expect(404);
        assert_eq!(
            missing.error(),
            "1 error occurred:\n\t* policy does not exist\n\n"
        );
    }
}

#[tokio::test]
async fn passwords_follow_the_policy() {
    let vault = Unsealed::start().await;
    let _ = write(&vault, "app", POLICY).await.expect(204);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let made = vault.read("sys/policies/password/app/generate").await.expect(200);
        let password = made.data("password").as_str().unwrap().to_owned();
        assert_eq!(password.len(), 20);
        assert!(password.chars().all(|c| "abcde01234".contains(c)), "{password}");
        assert!(
            password.chars().filter(char::is_ascii_digit).count() >= 3,
            "{password}"
        );
        seen.insert(password);
    }
    assert_eq!(seen.len(), 50, "no password comes twice");
}

#[tokio::test]
async fn policies_come_as_hcl_json_and_base64() {
    let vault = Unsealed::start().await;
    let json_text = r#"{"length":8,"rule":[{"charset":{"charset":"xy","min-chars":8}}]}"#;
    let base64 = "bGVuZ3RoID0gOApydWxlICJjaGFyc2V0IiB7IGNoYXJzZXQgPSAieHkiIH0=";
    let _ = write(&vault, "json", json_text).await.expect(204);
    let _ = write(&vault, "base64", base64).await.expect(204);
    let read = vault.read("sys/policies/password/base64").await.expect(200);
    assert_eq!(
        read.data("policy"),
        "length = 8\nrule \"charset\" { charset = \"xy\" }"
    );
    for name in ["json", "base64"] {
        let path = format!("sys/policies/password/{name}/generate");
        let made = vault.read(&path).await.expect(200);
        let password = made.data("password").as_str().unwrap().to_owned();
        assert!(
            password.len() == 8 && password.chars().all(|c| "xy".contains(c)),
            "{password}"
        );
    }
}

#[tokio::test]
async fn bad_policies_are_refused_and_not_stored() {
    let vault = Unsealed::start().await;
    let rule = |charset: &str, least: usize| {
        format!("rule \"charset\" {{ charset = \"{charset}\" min-chars = {least} }}\n")
    };
    for (policy, expected) in [
        (String::new(), "missing policy"),
        ("x".repeat((64 << 10) + 1), "policy is longer than 65536 bytes"),
        ("length = ".to_owned(), "invalid password policy: "),
        (rule("abc", 1), "invalid password policy: length must be > 0"),
        (
            "length = 20".to_owned(),
            "invalid password policy: no charset specified",
        ),
        (
            format!("length = 3\n{}", rule("abc", 1)),
            "passwords must be between 4 and 100 characters",
        ),
        (
            format!("length = 101\n{}", rule("abc", 1)),
            "passwords must be between 4 and 100 characters",
        ),
        (
            format!("length = 20\n{}{}", rule("abc", 19), rule("d", 2)),
            "invalid password policy: specified rules require at least 21 characters but 20 is specified",
        ),
        (
            "length = 20\nrule \"dictionary\" {}".to_owned(),
            "invalid password policy: unable to parse rules: unable to parse rule dictionary: unrecognized rule type dictionary",
        ),
        (
            format!(
                "length = 100\n{}{}",
                rule("a", 100),
                rule("bcdefghijklmnopqrstuvwxyz", 0)
            ),
            "unable to construct test password from provided policy: are the rules impossible?",
        ),
    ] {
        let refused = write(&vault, "bad", &policy).await.expect(400);
        let error = refused.error().to_owned();
        let text = error.strip_prefix("1 error occurred:\n\t* ");
        assert!(
            text.is_some_and(|text| text.starts_with(expected)),
            "{expected}: {error}"
        );
    }
    let _ = vault.list("sys/policies/password").await.expect(404);
    let long = write(&vault, &"n".repeat(257), POLICY).await.expect(400);
    assert!(long.error().contains("longer than 256 bytes"), "{}", long.error());
}

#[tokio::test]
async fn tokens_need_a_policy_for_password_policies() {
    let vault = Unsealed::start().await;
    let _ = write(&vault, "app", POLICY).await.expect(204);
    let token = vault.token(&["default"]).await;
    let _ = vault
        .read_as(&token, "sys/policies/password/app/generate")
        .await
        .expect(403);
    vault
        .policy(
            "maker",
            r#"path "sys/policies/password/+/generate" { capabilities = ["read"] }"#,
        )
        .await;
    let token = vault.token(&["maker"]).await;
    let _ = vault
        .read_as(&token, "sys/policies/password/app/generate")
        .await
        .expect(200);
    let _ = vault
        .read_as(&token, "sys/policies/password/app")
        .await
        .expect(403);
    let _ = vault
        .write_as(&token, "sys/policies/password/app", json!({"policy": POLICY}))
        .await
        .expect(403);
}

/// An engine that makes passwords.
struct Maker;

arca_api::endpoints! {
    /// Make a password by a policy.
    MakePassword = Read "make/{name*}" => PasswordPolicyName;
    /// Make a password by the built-in policy.
    MakeBuiltIn = Read "make" => Nothing;
}

impl Engine for Maker {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<MakePassword, _, _>(by_policy)
            .on::<MakeBuiltIn, _, _>(built_in)
    }
}

async fn by_policy(_: Arc<Maker>, cx: Cx, policy: PasswordPolicyName) -> Result<Answer, Fault> {
    let password = cx.site()?.passwords.generate(&policy.name).await?;
    Ok(Answer::data(
        &json_object! { "password" => password.expose().as_str() },
    ))
}

async fn built_in(_: Arc<Maker>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let password = cx.site()?.passwords.generate("").await?;
    Ok(Answer::data(
        &json_object! { "password" => password.expose().as_str() },
    ))
}

#[tokio::test]
async fn engines_make_passwords_by_name_of_a_policy() {
    let catalog = Catalog::new().secret("maker", Factory::new(|_| Maker));
    let server = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 1);
    let vault = server.unsealed().await;
    vault.mount("maker", "maker").await;
    let made = vault.read("maker/make").await.expect(200);
    let password = made.data("password").as_str().unwrap().to_owned();
    assert_eq!(password.len(), 20);
    assert!(
        password.contains('-') && password.contains(|c: char| c.is_ascii_digit()),
        "{password}"
    );
    let _ = write(&vault, "app", POLICY).await.expect(204);
    let made = vault.read("maker/make/app").await.expect(200);
    let password = made.data("password").as_str().unwrap().to_owned();
    assert!(password.chars().all(|c| "abcde01234".contains(c)), "{password}");
    let failed = vault.read("maker/make/other").await.expect(500);
    assert!(
        failed
            .error()
            .contains("there is no password policy named \"other\""),
        "{}",
        failed.error()
    );
}
