//! Logins of people in a directory, which is an OpenLDAP server.

use arca_fixtures::{OpenLdap, OpenLdapSetup};
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

use crate::caller::{call, call_from, start};

/// Settings with an account that searches, over TLS.
fn settings(directory: &OpenLdap) -> Value {
    json!({
        "url": directory.tls_url(),
        "certificate": std::fs::read_to_string(directory.authority().file()).unwrap(),
        "binddn": OpenLdap::ACCOUNT,
        "bindpass": OpenLdap::ACCOUNT_PASSWORD,
        "userdn": "ou=people,dc=example,dc=com",
        "userattr": "uid",
        "groupdn": "ou=groups,dc=example,dc=com",
    })
}

async fn configure(vault: &Unsealed, changes: Value) -> Response {
    vault.write("auth/ldap/config", changes).await
}

async fn with(directory: &OpenLdap) -> Unsealed {
    let vault = start("ldap").await;
    let _ = configure(&vault, settings(directory)).await.expect(204);
    vault
}

/// A name in a path, as a client writes it: requests of these tests carry decoded paths.
async fn log_in(vault: &Unsealed, name: &str, password: &str) -> Response {
    call(
        vault,
        &format!("auth/ldap/login/{name}"),
        json!({ "password": password }),
    )
    .await
}

async fn right(vault: &Unsealed, name: &str) -> Response {
    log_in(vault, name, &OpenLdap::password(name)).await
}

async fn unlocked(vault: &Unsealed) {
    let off = json!({"user_lockout_config": {"lockout_disable": true}});
    let _ = vault.write("sys/auth/ldap/tune", off).await.expect(204);
}

async fn group(vault: &Unsealed, name: &str, policies: &str) {
    let path = format!("auth/ldap/groups/{name}");
    let _ = vault
        .write(&path, json!({"policies": policies}))
        .await
        .expect(204);
}

#[tokio::test]
async fn groups_of_the_directory_give_policies() {
    let directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    for (name, policies) in [
        ("dev", "p-dev"),
        ("R&D, EU", "p-rd"),
        ("large", "p-large"),
        ("outer", "p-outer"),
        ("ops", "p-ops"),
    ] {
        group(&vault, name, policies).await;
    }
    let _ = configure(&vault, json!({"token_policies": "all", "token_ttl": 60}))
        .await
        .expect(204);
    let user = json!({"policies": "own", "groups": "local,other"});
    let _ = vault.write("auth/ldap/users/Ann", user).await.expect(204);
    group(&vault, "local", "p-local").await;
    let login = log_in(&vault, " aNN ", &OpenLdap::password("ann"))
        .await
        .expect(200);
    let auth = &login.body["auth"];
    assert_eq!(
        auth["policies"],
        json!(["all", "default", "own", "p-dev", "p-large", "p-local", "p-rd"]),
        "not those of the group around a group"
    );
    assert_eq!(
        (&auth["metadata"], &auth["lease_duration"]),
        (&json!({"username": "aNN"}), &json!(60))
    );
    let me = vault
        .read_as(&login.token(), "auth/token/lookup-self")
        .await
        .expect(200);
    assert_eq!(me.data("display_name"), "ldap-aNN");
    let entity = me.data("entity_id").as_str().unwrap().to_owned();
    let entity = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(entity.data("aliases/0/name"), "ann", "as the directory writes it");
    let bob = right(&vault, "bob").await.expect(200);
    assert_eq!(bob.body["auth"]["policies"], json!(["all", "default", "p-ops"]));
}

#[tokio::test]
async fn everything_is_encrypted_and_trusted_or_refused() {
    let directory = OpenLdap::start_with(&OpenLdapSetup {
        configuration: "security simple_bind=128".to_owned(),
        ..OpenLdapSetup::default()
    })
    .unwrap();
    let vault = with(&directory).await;
    let _ = right(&vault, "ann").await.expect(200);
    // StartTLS on the other address.
    let plain = json!({"url": directory.plain_url(), "starttls": true});
    let _ = configure(&vault, plain).await.expect(204);
    let _ = right(&vault, "ann").await.expect(200);
    // Without, this directory refuses the passwords.
    let _ = configure(&vault, json!({"starttls": false})).await.expect(204);
    let _ = right(&vault, "ann").await.expect(400);
    // An authority that is not the directory's.
    let stranger = arca_fixtures::Authority::new().unwrap();
    let stranger = std::fs::read_to_string(stranger.file()).unwrap();
    for (url, starttls) in [(directory.tls_url(), false), (directory.plain_url(), true)] {
        let settings =
            json!({"url": url, "starttls": starttls, "certificate": stranger, "insecure_tls": false});
        let _ = configure(&vault, settings).await.expect(204);
        let refused = right(&vault, "ann").await.expect(400);
        assert_eq!(
            refused.error(),
            "ldap operation failed: failed to connect to LDAP server"
        );
        let warned = configure(&vault, json!({"insecure_tls": true})).await.expect(200);
        assert!(
            warned.body["warnings"][0]
                .as_str()
                .unwrap()
                .starts_with("insecure_tls accepts any certificate")
        );
        let _ = right(&vault, "ann").await.expect(200);
    }
    for version in ["tls12", "tls13"] {
        let one = json!({"tls_min_version": version, "tls_max_version": version});
        let _ = configure(&vault, one).await;
        let _ = right(&vault, "ann").await.expect(200);
    }
}

#[tokio::test]
async fn a_certificate_is_shown_to_directories_that_ask_for_one() {
    let directory = OpenLdap::start_with(&OpenLdapSetup {
        client_certificates: true,
        ..OpenLdapSetup::default()
    })
    .unwrap();
    let vault = with(&directory).await;
    let _ = right(&vault, "ann").await.expect(400);
    let own = directory.authority().issue("vault.example.com").unwrap();
    let pair = json!({"client_tls_cert": own.certificate, "client_tls_key": own.key});
    let _ = configure(&vault, pair).await.expect(204);
    let _ = right(&vault, "ann").await.expect(200);
    let shown = vault.read("auth/ldap/config").await.expect(200);
    assert_eq!(shown.data("client_tls_cert"), own.certificate.trim());
    assert!(!shown.body.to_string().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn servers_are_tried_in_order() {
    let mut directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    let several = format!("ldaps://127.0.0.1:1, {}", directory.tls_url());
    let _ = configure(&vault, json!({ "url": several })).await.expect(204);
    let _ = right(&vault, "ann").await.expect(200);
    directory.stop();
    for _ in 0..6 {
        let down = right(&vault, "ann").await.expect(400);
        assert_eq!(
            down.error(),
            "ldap operation failed: failed to connect to LDAP server"
        );
    }
    directory.restart().unwrap();
    let _ = right(&vault, "ann").await.expect(200);
}

#[tokio::test]
async fn names_have_no_meaning_in_filters_and_distinguished_names() {
    let directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    unlocked(&vault).await;
    group(&vault, "dev", "p-dev").await;
    let names = ["Zoë", OpenLdap::ODD_NAME];
    // With a search for the user, and with a name made of the pattern.
    for account in [OpenLdap::ACCOUNT, ""] {
        let _ = configure(&vault, json!({ "binddn": account })).await.expect(204);
        for name in names {
            let _ = right(&vault, name).await.expect(200);
        }
        let odd = right(&vault, OpenLdap::ODD_NAME).await.expect(200);
        assert_eq!(
            odd.body["auth"]["policies"],
            json!(["default", "p-dev"]),
            "escaped in the search for groups too"
        );
        for name in [
            "*",
            "a*",
            "ann)(uid=*",
            "ann))(|(uid=*",
            "ann,ou=people",
            "bob)(|(uid=ann",
            "\\61nn",
        ] {
            let refused = log_in(&vault, name, &OpenLdap::password("ann")).await.expect(400);
            assert_eq!(
                refused.error(),
                "ldap operation failed: failed to bind as user",
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_learns_who_exists_and_guesses_lock() {
    let directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    let whole = json!({"userdn": OpenLdap::SUFFIX});
    let _ = configure(&vault, whole).await.expect(204);
    for name in ["ann", "nobody", "twin", "elsewhere"] {
        for _ in 0..5 {
            let wrong = log_in(&vault, name, "wrong").await.expect(400);
            assert_eq!(
                wrong.error(),
                "ldap operation failed: failed to bind as user",
                "{name}"
            );
        }
        let locked = log_in(&vault, name, "wrong").await.expect(403);
        assert_eq!(locked.error(), "permission denied");
    }
    vault.advance(900).await;
    let _ = right(&vault, "ann").await.expect(200);
    let twin = right(&vault, "twin").await.expect(400);
    assert_eq!(
        twin.error(),
        "ldap operation failed: failed to bind as user",
        "two have this name"
    );
    // The same person under other spellings, and other names, is the same person.
    let _ = configure(
        &vault,
        json!({"userfilter": "(|(uid={{.Username}})(cn={{.Username}}))"}),
    )
    .await
    .expect(204);
    for name in ["ann", " Ann", "ann  smith", "ANN SMITH", "ａnn"] {
        let _ = log_in(&vault, name, "wrong").await.expect(400);
    }
    let _ = right(&vault, "ann").await.expect(403);
    let _ = log_in(&vault, "Ann Smith", &OpenLdap::password("ann"))
        .await
        .expect(403);
}

#[tokio::test]
async fn empty_passwords_prove_nothing() {
    let directory = OpenLdap::start_with(&OpenLdapSetup {
        configuration: "allow bind_anon_cred bind_anon_dn".to_owned(),
        ..OpenLdapSetup::default()
    })
    .unwrap();
    let vault = with(&directory).await;
    let warned = configure(&vault, json!({"deny_null_bind": false}))
        .await
        .expect(200);
    assert!(
        warned.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("always refused")
    );
    for account in [OpenLdap::ACCOUNT, ""] {
        let _ = configure(&vault, json!({ "binddn": account })).await;
        for data in [json!({"password": ""}), json!({})] {
            let refused = call(&vault, "auth/ldap/login/ann", data).await.expect(400);
            assert_eq!(
                refused.error(),
                "password cannot be of zero length when passwordless binds are being denied"
            );
        }
    }
}

#[tokio::test]
async fn users_are_found_in_several_ways() {
    let directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    group(&vault, "dev", "p-dev").await;
    for changes in [
        // Nobody searches: the name is made of the pattern, groups are searched as the user.
        json!({"binddn": "", "bindpass": ""}),
        // Found without an account.
        json!({"discoverdn": true, "userattr": "uid"}),
        // Groups without an account.
        json!({"discoverdn": false, "anonymous_group_search": true}),
        // By the user principal name.
        json!({"anonymous_group_search": false, "upndomain": "corp.example.com", "discoverdn": true}),
        // With pages of the answers.
        json!({"upndomain": "", "max_page_size": 2, "binddn": OpenLdap::ACCOUNT, "bindpass": OpenLdap::ACCOUNT_PASSWORD}),
    ] {
        let _ = configure(&vault, changes.clone()).await.expect(204);
        let login = right(&vault, "ann").await.expect(200);
        assert_eq!(
            login.body["auth"]["policies"],
            json!(["default", "p-dev"]),
            "{changes}"
        );
    }
    let _ = configure(&vault, json!({"username_as_alias": true}))
        .await
        .expect(204);
    let login = log_in(&vault, "BOB", &OpenLdap::password("bob"))
        .await
        .expect(200);
    let entity = login.body["auth"]["entity_id"].as_str().unwrap();
    let entity = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(entity.data("aliases/0/name"), "BOB");
}

#[tokio::test]
async fn groups_are_found_in_several_ways() {
    let directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    for name in ["nested", "listed"] {
        group(&vault, name, &format!("p-{name}")).await;
    }
    let policies = async |changes: Value| {
        let _ = configure(&vault, changes).await.expect(204);
        right(&vault, "ann").await.expect(200).body["auth"]["policies"].clone()
    };
    // Listed in an attribute of the user, as memberOf is.
    let listed = json!({
        "groupfilter": "(&(objectClass=inetOrgPerson)(uid={{.Username}}))", "groupattr": "seeAlso",
        "groupdn": "ou=people,dc=example,dc=com",
    });
    assert_eq!(policies(listed).await, json!(["default", "p-listed"]));
    // As Active Directory lists them, searched in the whole domain.
    let tokens = json!({"use_token_groups": true, "groupdn": "", "groupattr": "ou"});
    assert_eq!(policies(tokens).await, json!(["default", "p-nested"]));
    // Case counts when it is to.
    let _ = configure(&vault, settings(&directory)).await.expect(204);
    let exact = json!({
        "use_token_groups": false, "case_sensitive_names": true, "groupattr": "cn",
        "groupfilter": "(member={{.UserDN}})",
    });
    let _ = configure(&vault, exact).await.expect(204);
    group(&vault, "dev", "lower").await;
    group(&vault, "Dev", "upper").await;
    let auth = right(&vault, "ann").await.expect(200).body["auth"].clone();
    assert_eq!(auth["policies"], json!(["default", "upper"]));
    // None at all is said.
    let login = right(&vault, "mover").await.expect(200);
    assert!(
        login.body["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("no LDAP groups found in groupDN")
    );
}

#[tokio::test]
async fn too_many_groups_are_refused_not_cut() {
    let many: String = (0..5001)
        .map(|n| {
            format!(
                "dn: cn=g{n},ou=groups,dc=example,dc=com\nobjectClass: groupOfNames\ncn: g{n}\n\
                 member: uid=bob,ou=people,dc=example,dc=com\n\n"
            )
        })
        .collect();
    let directory = OpenLdap::start_with(&OpenLdapSetup {
        entries: many,
        configuration: "sizelimit unlimited".to_owned(),
        ..OpenLdapSetup::default()
    })
    .unwrap();
    let vault = with(&directory).await;
    for pages in [0, 500] {
        let _ = configure(&vault, json!({ "max_page_size": pages }))
            .await
            .expect(204);
        let refused = right(&vault, "bob").await.expect(400);
        assert_eq!(
            refused.error(),
            "ldap operation failed: failed to search the groups"
        );
    }
    let _ = right(&vault, "ann").await.expect(200);
}

#[tokio::test]
async fn renewals_ask_the_directory_again() {
    let directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    group(&vault, "dev", "p-dev").await;
    let token = right(&vault, "ann").await.expect(200).token();
    let renew = async || vault.write_as(&token, "auth/token/renew-self", json!({})).await;
    let _ = configure(&vault, json!({"token_ttl": 300})).await.expect(204);
    assert_eq!(renew().await.expect(200).body["auth"]["lease_duration"], 300);
    group(&vault, "dev", "p-dev,more").await;
    let changed = renew().await.expect(500);
    assert!(changed.error().contains("policies have changed, not renewing"));
    group(&vault, "dev", "p-dev").await;
    let _ = renew().await.expect(200);
    let change = "dn: uid=ann,ou=people,dc=example,dc=com\nchangetype: modify\nreplace: userPassword\nuserPassword: new\n";
    directory.modify(change).unwrap();
    let refused = renew().await.expect(400);
    assert_eq!(refused.error(), "ldap operation failed: failed to bind as user");
    // What is kept for renewals is shown to nobody.
    for shown in [
        vault.read_as(&token, "auth/token/lookup-self").await,
        vault.read("auth/ldap/config").await,
    ] {
        let text = shown.body.to_string();
        for secret in [OpenLdap::PASSWORD, OpenLdap::ACCOUNT_PASSWORD] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn the_configuration_is_merged_and_shown_without_secrets() {
    let vault = start("ldap").await;
    let unconfigured = log_in(&vault, "ann", "x").await.expect(400);
    assert_eq!(unconfigured.error(), "auth method not configured");
    let shown = vault.read("auth/ldap/config").await.expect(200);
    assert_eq!(
        shown.body["data"],
        json!({
            "anonymous_group_search": false, "binddn": "", "case_sensitive_names": false, "certificate": "",
            "client_tls_cert": "", "connection_timeout": 30, "deny_null_bind": true, "dereference_aliases": "never",
            "discoverdn": false, "groupattr": "cn", "groupdn": "",
            "groupfilter": "(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))",
            "insecure_tls": false, "max_page_size": 0, "request_timeout": 90, "starttls": false,
            "tls_max_version": "tls13", "tls_min_version": "tls12", "token_bound_cidrs": [],
            "token_explicit_max_ttl": 0, "token_max_ttl": 0, "token_no_default_policy": false, "token_num_uses": 0,
            "token_period": 0, "token_policies": [], "token_ttl": 0, "token_type": "default", "upndomain": "",
            "url": "ldap://127.0.0.1", "use_token_groups": false, "userattr": "cn", "userdn": "",
            "userfilter": "({{.UserAttr}}={{.Username}})", "username_as_alias": false,
        })
    );
    let warned = configure(
        &vault,
        json!({"url": "ldap://directory.example.com", "bindpass": "CANARY"}),
    )
    .await
    .expect(200);
    assert!(
        warned.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("without encryption")
    );
    let _ = configure(
        &vault,
        json!({"userdn": "ou=x", "starttls": true, "request_timeout": "5s"}),
    )
    .await
    .expect(204);
    let shown = vault.read("auth/ldap/config").await.expect(200);
    assert_eq!(
        (
            shown.data("url"),
            shown.data("userdn"),
            shown.data("request_timeout")
        ),
        (&json!("ldap://directory.example.com"), &json!("ou=x"), &json!(5))
    );
    assert!(!shown.body.to_string().contains("CANARY"));
    for (changes, says) in [
        (
            json!({"url": "https://x"}),
            "url: addresses begin with ldaps:// or ldap://",
        ),
        (
            json!({"url": "ldap://u:CANARY@x"}),
            "url: an address holds a name or a password",
        ),
        (json!({"url": " , "}), "url: give one to 16 addresses"),
        (
            json!({"userattr": "a=b"}),
            "userattr must be the name of an attribute",
        ),
        (json!({"userfilter": "(cn={{.Name}})"}), "userfilter: "),
        (json!({"groupfilter": "member={{.UserDN"}), "groupfilter: "),
        (json!({"certificate": "CANARY"}), "cannot prepare TLS"),
        (
            json!({"client_tls_cert": "x"}),
            "client_tls_cert and client_tls_key go together",
        ),
        (
            json!({"client_tls_cert": "x", "client_tls_key": "CANARY"}),
            "cannot prepare TLS",
        ),
        (json!({"tls_min_version": "ssl3"}), "invalid 'tls_min_version'"),
        (
            json!({"tls_min_version": "tls13", "tls_max_version": "tls12"}),
            "'tls_max_version' must be greater",
        ),
        (
            json!({"tls_max_version": "tls11", "tls_min_version": "tls10"}),
            "'tls_max_version' must be tls12 or tls13",
        ),
        (json!({"dereference_aliases": "x"}), "dereference_aliases must be"),
        (json!({"max_page_size": 70000}), "max_page_size may be at most"),
        (json!({"request_timeout": 0}), "request_timeout must be longer"),
        (
            json!({"binddn": "x".repeat(5000)}),
            "binddn is longer than 4096 bytes",
        ),
        (json!({"token_type": "x"}), "invalid 'token_type'"),
    ] {
        let refused = configure(&vault, changes.clone()).await.expect(400);
        assert!(
            refused.error().starts_with(says),
            "{changes}: {}",
            refused.error()
        );
        assert!(!refused.error().contains("CANARY"), "{}", refused.error());
    }
}

#[tokio::test]
async fn users_and_groups_are_written_read_listed_and_deleted() {
    let vault = start("ldap").await;
    for (path, data, shown) in [
        (
            "groups/Dev",
            json!({"policies": "B,a"}),
            json!({"policies": ["a", "b"]}),
        ),
        (
            "users/Ann",
            json!({"policies": ["x"], "groups": "Dev, ops"}),
            json!({"policies": ["x"], "groups": "Dev,ops"}),
        ),
    ] {
        let path = format!("auth/ldap/{path}");
        let folder = path.rsplit_once('/').unwrap().0;
        let _ = vault.list(folder).await.expect(404);
        let _ = vault.write(&path, data).await.expect(204);
        assert_eq!(
            vault.read(&path.to_lowercase()).await.expect(200).body["data"],
            shown
        );
        let names = vault.list(folder).await.expect(200);
        assert_eq!(names.data("keys").as_array().unwrap().len(), 1);
        let _ = vault.delete(&path).await.expect(204);
        let _ = vault.read(&path).await.expect(404);
    }
    let long = format!("auth/ldap/groups/{}", "n".repeat(300));
    let refused = vault.write(&long, json!({"policies": "a"})).await.expect(400);
    assert!(refused.error().starts_with("name must have 1 to 256 bytes"));
    let many: Vec<String> = (0..600).map(|n| format!("p{n}")).collect();
    let refused = vault
        .write("auth/ldap/groups/g", json!({ "policies": many }))
        .await
        .expect(400);
    assert_eq!(refused.error(), "policies may name at most 512");
}

#[tokio::test]
async fn input_is_bounded_and_networks_hold() {
    let directory = OpenLdap::start().unwrap();
    let vault = with(&directory).await;
    let long = log_in(&vault, "ann", &"x".repeat(1025)).await.expect(400);
    assert!(long.error().starts_with("password has 1025 bytes"));
    for name in ["n".repeat(257), " ".to_owned()] {
        let refused = log_in(&vault, &name, "x").await.expect(400);
        assert!(
            refused.error().starts_with("username must have 1 to 256 bytes"),
            "{}",
            refused.error()
        );
    }
    let bound = json!({"token_bound_cidrs": "127.0.0.0/8", "token_type": "batch"});
    let _ = configure(&vault, bound).await.expect(204);
    let login = right(&vault, "ann").await.expect(200);
    assert_eq!(login.body["auth"]["token_type"], "batch");
    let password = json!({"password": OpenLdap::password("ann")});
    let _ = call_from(&vault, "10.0.0.1", vec![], "auth/ldap/login/ann", &password)
        .await
        .expect(403);
}

#[tokio::test]
async fn the_method_tests_itself() {
    let mut directory = OpenLdap::start().unwrap();
    let vault = start("ldap").await;
    let check = async || vault.read("auth/ldap/check").await.expect(200);
    let outcomes = |shown: &Response| -> Vec<(String, String)> {
        let checks = shown.data("checks").as_array().unwrap().clone();
        let text = |check: &Value, member: &str| check[member].as_str().unwrap().to_owned();
        checks
            .iter()
            .map(|one| (text(one, "check"), text(one, "outcome")))
            .collect()
    };
    let expected = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter()
            .map(|(check, outcome)| ((*check).to_owned(), (*outcome).to_owned()))
            .collect()
    };
    assert_eq!(outcomes(&check().await), expected(&[("configuration", "failed")]));
    let _ = configure(&vault, settings(&directory)).await.expect(204);
    group(&vault, "dev", "p").await;
    let good = check().await;
    let names = ["server", "account", "users", "groups", "policies"];
    assert_eq!(
        outcomes(&good),
        expected(&names.map(|name| (name, "ok"))),
        "{}",
        good.body
    );
    assert_eq!(good.data("ok"), true);
    for (changes, bad) in [
        (json!({"bindpass": "wrong"}), "account"),
        (json!({"userdn": "ou=nothing,dc=example,dc=com"}), "users"),
        (json!({"groupdn": "ou=hidden,dc=example,dc=com"}), "groups"),
        (json!({"url": "ldaps://127.0.0.1:1"}), "server"),
    ] {
        let _ = configure(&vault, settings(&directory)).await.expect(204);
        let _ = configure(&vault, changes).await.expect(204);
        let shown = check().await;
        let failed = (bad.to_owned(), "failed".to_owned());
        assert!(outcomes(&shown).contains(&failed), "{bad}: {}", shown.body);
        assert_eq!(shown.data("ok"), false);
        assert!(!shown.body.to_string().contains("wrong"), "{}", shown.body);
    }
    let _ = configure(&vault, json!({"url": directory.plain_url(), "groupdn": ""}))
        .await
        .expect(204);
    let shown = check().await;
    for name in ["server", "groups"] {
        let warned = (name.to_owned(), "warning".to_owned());
        assert!(outcomes(&shown).contains(&warned), "{name}: {}", shown.body);
    }
    directory.stop();
    assert_eq!(check().await.data("ok"), false);
}

/// Not LDAP at all, or LDAP that never ends: an error in time, and the server lives on.
#[tokio::test]
async fn a_server_that_is_no_directory_is_an_error() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let vault = start("ldap").await;
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        // A message that is empty, one without an identifier, a bind response without a code, one of gigabytes.
        b"\x30\x00",
        b"\x30\x02\x05\x00",
        b"\x30\x05\x02\x01\x01\x61\x00",
        b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01",
        b"",
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = [0; 512];
                let _ = stream.read(&mut question).await;
                let _ = stream.write_all(answer).await;
                let _ = stream.read(&mut question).await;
            }
        });
        let changes = json!({
            "url": format!("ldap://127.0.0.1:{port}"), "request_timeout": 1, "connection_timeout": 1,
            "userdn": "dc=example", "binddn": "cn=x", "bindpass": "y",
        });
        let _ = configure(&vault, changes).await.expect(204);
        let refused = right(&vault, "ann").await.expect(400);
        assert!(
            refused.error().starts_with("ldap operation failed: "),
            "{}",
            refused.error()
        );
        serving.abort();
    }
}
