//! Groups: members, nesting, policies, aliases, merging.

use arca_testkit::Unsealed;
use serde_json::{Value, json};

async fn token_accessor(vault: &Unsealed) -> String {
    vault.read("sys/auth").await.expect(200).body["data"]["token/"]["accessor"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn made(vault: &Unsealed, path: &str, data: Value) -> String {
    let made = vault.write(path, data).await.expect(200);
    made.data("id").as_str().unwrap().to_owned()
}

async fn group(vault: &Unsealed, data: Value) -> String {
    made(vault, "identity/group", data).await
}

/// A token and the identifier of its entity.
async fn somebody(vault: &Unsealed, alias: &str) -> (String, String) {
    let role = json!({"allowed_entity_aliases": "*", "orphan": true});
    let _ = vault.write("auth/token/roles/known", role).await.expect(204);
    let made = json!({"entity_alias": alias, "policies": ["default"]});
    let made = vault.write("auth/token/create/known", made).await.expect(200);
    let entity = made.body["auth"]["entity_id"].as_str().unwrap();
    (made.token(), entity.to_owned())
}

async fn readable(vault: &Unsealed) {
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    vault
        .policy("reader", r#"path "kv/*" { capabilities = ["read"] }"#)
        .await;
}

#[tokio::test]
async fn groups_are_made_changed_listed_and_found() {
    let vault = Unsealed::start().await;
    let made = json!({"name": "Ops", "metadata": {"team": "a"}, "policies": "dev"});
    let id = group(&vault, made).await;
    let by_id = format!("identity/group/id/{id}");
    let shown = vault.read(&by_id).await.expect(200);
    for (field, value) in [
        ("name", json!("Ops")),
        ("type", json!("internal")),
        ("policies", json!(["dev"])),
        ("metadata", json!({"team": "a"})),
        ("member_entity_ids", json!([])),
        ("parent_group_ids", Value::Null),
        ("alias", json!({})),
        ("modify_index", json!(1)),
        ("namespace_id", json!("root")),
    ] {
        assert_eq!(shown.data(field), &value, "{field}");
    }
    let _ = vault
        .write(&by_id, json!({"name": "Operators"}))
        .await
        .expect(204);
    let _ = vault.read("identity/group/name/ops").await.expect(404);
    let shown = vault.read("identity/group/name/OPERATORS").await.expect(200);
    assert_eq!(
        (shown.data("id"), shown.data("modify_index")),
        (&json!(id), &json!(2))
    );
    let _ = vault
        .write("identity/group/name/admins", json!({}))
        .await
        .expect(200);
    let names = vault.list("identity/group/name").await.expect(200);
    assert_eq!(names.data("keys"), &json!(["admins", "Operators"]));
    let ids = vault.list("identity/group/id").await.expect(200);
    let info = &ids.body["data"]["key_info"][&id];
    assert_eq!(
        info,
        &json!({"name": "Operators", "num_member_entities": 0, "num_parent_groups": 0})
    );
    let found = vault
        .write("identity/lookup/group", json!({"name": "operators"}))
        .await;
    assert_eq!(found.expect(200).data("id"), &json!(id));
    let _ = vault
        .write("identity/lookup/group", json!({"id": "none"}))
        .await
        .expect(204);
    let none = vault.write("identity/lookup/group", json!({})).await.expect(400);
    assert_eq!(none.error(), "query parameter not supplied");
    let _ = vault.delete("identity/group/name/operators").await.expect(204);
    let _ = vault.read(&by_id).await.expect(404);
}

#[tokio::test]
async fn what_a_group_cannot_be_is_refused() {
    let vault = Unsealed::start().await;
    let inner = group(&vault, json!({"name": "inner"})).await;
    let outside = group(&vault, json!({"name": "outside", "type": "external"})).await;
    let too_many: Vec<String> = (0..10_001).map(|n| format!("e{n}")).collect();
    let long = "n".repeat(513);
    let keys: Value = (0..65)
        .map(|n| (format!("k{n}"), json!("v")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for (path, data, text) in [
        (
            "group",
            json!({"id": inner, "type": "external"}),
            "group type cannot be changed",
        ),
        ("group", json!({"type": "other"}), "invalid group type \"other\""),
        ("group", json!({"id": "none"}), "invalid group id"),
        (
            "group",
            json!({"id": inner, "name": "OUTSIDE"}),
            "group name is already in use",
        ),
        (
            "group",
            json!({"policies": "Root,dev"}),
            "policies cannot contain root",
        ),
        (
            "group",
            json!({"id": outside, "member_entity_ids": []}),
            "member entities can't be set manually for external groups",
        ),
        (
            "group",
            json!({"id": outside, "member_group_ids": inner}),
            "member groups can't be set for external groups",
        ),
        (
            "group",
            json!({"member_entity_ids": "none"}),
            "invalid entity ID \"none\"",
        ),
        (
            "group",
            json!({"member_group_ids": "none"}),
            "invalid group ID \"none\"",
        ),
        (
            "group",
            json!({"member_entity_ids": too_many}),
            "member_entity_ids names 10001 members, at most 10000 is allowed",
        ),
        (
            "group",
            json!({"name": long}),
            "name has 513 bytes but must have at most 512",
        ),
        (
            "group",
            json!({"metadata": keys}),
            "metadata must contain at most 64 keys, provided 65",
        ),
        ("group-alias", json!({"name": "x"}), "missing mount_accessor"),
        (
            "group-alias",
            json!({"mount_accessor": "x"}),
            "missing alias name",
        ),
        (
            "group-alias",
            json!({"name": "x", "mount_accessor": "none"}),
            "invalid mount accessor \"none\"",
        ),
    ] {
        let refused = vault.write(&format!("identity/{path}"), data).await.expect(400);
        assert_eq!(refused.error(), text);
    }
    let accessor = token_accessor(&vault).await;
    let alias = json!({"name": "x", "mount_accessor": accessor, "canonical_id": inner});
    let refused = vault.write("identity/group-alias", alias).await.expect(400);
    assert_eq!(refused.error(), "alias can't be set on an internal group");
}

#[tokio::test]
async fn groups_nest_but_not_in_circles_and_not_without_end() {
    let vault = Unsealed::start().await;
    let a = group(&vault, json!({"name": "a"})).await;
    let b = group(&vault, json!({"name": "b", "member_group_ids": a})).await;
    let c = group(&vault, json!({"name": "c", "member_group_ids": [b]})).await;
    let itself = json!({"id": a, "member_group_ids": [a]});
    let refused = vault.write("identity/group", itself).await.expect(400);
    assert_eq!(
        refused.error(),
        format!("member group ID {a:?} is same as the ID of the group")
    );
    for outer in [&b, &c] {
        let circle = json!({"id": a, "member_group_ids": [outer]});
        let refused = vault.write("identity/group", circle).await.expect(400);
        assert_eq!(
            refused.error(),
            format!("cyclic relationship detected for member group ID {outer:?}")
        );
    }
    let shown = vault.read("identity/group/name/b").await.expect(200);
    assert_eq!(
        (shown.data("member_group_ids"), shown.data("parent_group_ids")),
        (&json!([a]), &json!([c]))
    );
    let _ = vault.delete(&format!("identity/group/id/{c}")).await.expect(204);
    let shown = vault.read("identity/group/name/b").await.expect(200);
    assert_eq!(shown.data("parent_group_ids"), &Value::Null);
    let mut top = a;
    for depth in 2..=32 {
        top = group(
            &vault,
            json!({"name": format!("depth-{depth}"), "member_group_ids": [top]}),
        )
        .await;
    }
    let deeper = json!({"name": "depth-33", "member_group_ids": [top]});
    let refused = vault.write("identity/group", deeper).await.expect(400);
    assert!(
        refused.error().contains("nested 33 deep, at most 32"),
        "{}",
        refused.error()
    );
}

#[tokio::test]
async fn policies_of_direct_and_inherited_groups_count_at_once() {
    let vault = Unsealed::start().await;
    readable(&vault).await;
    let (token, entity) = somebody(&vault, "ada").await;
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    let inner = group(
        &vault,
        json!({"name": "inner", "member_entity_ids": entity, "policies": "x"}),
    )
    .await;
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    let outer = json!({"name": "outer", "member_group_ids": inner, "policies": "reader"});
    let outer = group(&vault, outer).await;
    let _ = vault.read_as(&token, "kv/a").await.expect(200);

    let shown = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
    assert_eq!(
        (
            shown.data("policies"),
            shown.data("identity_policies"),
            shown.data("external_namespace_policies")
        ),
        (&json!(["default"]), &json!(["reader", "x"]), &json!({}))
    );
    let shown = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(shown.data("direct_group_ids"), &json!([inner]));
    assert_eq!(shown.data("inherited_group_ids"), &json!([outer]));
    assert_eq!(shown.data("group_ids"), &json!([inner, outer]));
    let child = vault
        .write_as(
            &vault.root,
            "auth/token/create/known",
            json!({"entity_alias": "ada"}),
        )
        .await;
    let auth = &child.expect(200).body["auth"];
    assert_eq!(auth["identity_policies"], json!(["reader", "x"]));
    assert!(auth["policies"].as_array().unwrap().contains(&json!("reader")));

    let inner_path = format!("identity/group/id/{inner}");
    let _ = vault
        .write(&inner_path, json!({"member_entity_ids": []}))
        .await
        .expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    let _ = vault
        .write(&inner_path, json!({"member_entity_ids": [entity]}))
        .await
        .expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    let _ = vault
        .delete(&format!("identity/group/id/{outer}"))
        .await
        .expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    let _ = vault.delete(&inner_path).await.expect(204);
    let shown = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(shown.data("group_ids"), &json!([]));
    // The name is free again, and a new group of that name has nobody in it.
    let _ = group(&vault, json!({"name": "inner", "policies": "reader"})).await;
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
}

#[tokio::test]
async fn a_deleted_entity_is_in_no_group() {
    let vault = Unsealed::start().await;
    let (token, entity) = somebody(&vault, "ada").await;
    let (_, other) = somebody(&vault, "bob").await;
    let id = group(&vault, json!({"name": "g", "member_entity_ids": [entity, other]})).await;
    let both = json!({"entity_ids": [entity, "none"]});
    let _ = vault
        .write("identity/entity/batch-delete", both)
        .await
        .expect(204);
    let shown = vault.read(&format!("identity/group/id/{id}")).await.expect(200);
    assert_eq!(shown.data("member_entity_ids"), &json!([other]));
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(403);
    let none = vault
        .write("identity/entity/batch-delete", json!({}))
        .await
        .expect(400);
    assert_eq!(none.error(), "missing entity ids to delete");
}

#[tokio::test]
async fn nothing_written_in_identity_gives_root() {
    let vault = Unsealed::start().await;
    let (token, entity) = somebody(&vault, "ada").await;
    for policies in [json!("root"), json!([" ROOT "]), json!("default,Root")] {
        for path in [
            "group".to_owned(),
            "group/name/g".to_owned(),
            format!("entity/id/{entity}"),
        ] {
            let data = json!({"policies": policies, "member_entity_ids": [entity]});
            let refused = vault.write(&format!("identity/{path}"), data).await.expect(400);
            assert_eq!(refused.error(), "policies cannot contain root", "{path}");
        }
    }
    let _ = vault.read_as(&token, "sys/mounts").await.expect(403);
    let shown = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
    assert_eq!(shown.body["data"].get("identity_policies"), None);
}

#[tokio::test]
async fn templated_policies_name_groups_the_entity_is_in() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let (token, entity) = somebody(&vault, "ada").await;
    let inner =
        json!({"name": "ops", "member_entity_ids": entity, "policies": "own", "metadata": {"team": "red"}});
    let inner = group(&vault, inner).await;
    let outer = group(&vault, json!({"name": "outer", "member_group_ids": inner})).await;
    let foreign = group(&vault, json!({"name": "foreign"})).await;
    let rule = |path: String| format!("path \"kv/{path}\" {{ capabilities = [\"create\"] }}\n");
    let text = [
        rule(format!("name/{{{{identity.groups.ids.{inner}.name}}}}")),
        rule("id/{{identity.groups.names.ops.id}}".to_owned()),
        rule("outer/{{identity.groups.names.outer.id}}".to_owned()),
        rule("team/{{identity.groups.names.ops.metadata.team}}".to_owned()),
        rule(format!("foreign/{{{{identity.groups.ids.{foreign}.name}}}}")),
    ];
    vault.policy("own", &text.concat()).await;
    for (path, status) in [
        ("name/ops".to_owned(), 204),
        (format!("id/{inner}"), 204),
        (format!("outer/{outer}"), 204),
        ("team/red".to_owned(), 204),
        ("team/blue".to_owned(), 403),
        ("foreign/foreign".to_owned(), 403),
    ] {
        let path = format!("kv/{path}");
        let _ = vault
            .write_as(&token, &path, json!({"k": 1}))
            .await
            .expect(status);
    }
    let blue = json!({"metadata": {"team": "blue"}});
    let _ = vault.write("identity/group/name/ops", blue).await.expect(204);
    let _ = vault
        .write_as(&token, "kv/team/blue", json!({"k": 1}))
        .await
        .expect(204);
}

#[tokio::test]
async fn external_groups_have_one_alias() {
    let vault = Unsealed::start().await;
    let accessor = token_accessor(&vault).await;
    let outside = group(&vault, json!({"name": "outside", "type": "external"})).await;
    let alias = json!({"name": "Admins", "mount_accessor": accessor, "canonical_id": outside});
    let made = vault
        .write("identity/group-alias", alias.clone())
        .await
        .expect(200);
    assert_eq!(made.data("canonical_id"), &json!(outside));
    let id = made.data("id").as_str().unwrap().to_owned();
    let again = vault.write("identity/group-alias", alias).await.expect(400);
    assert_eq!(
        again.error(),
        "combination of mount and group alias name is already in use"
    );
    let shown = vault
        .read(&format!("identity/group/id/{outside}"))
        .await
        .expect(200);
    assert_eq!(
        (
            shown.data("alias/name"),
            shown.data("alias/mount_path"),
            shown.data("alias/mount_type")
        ),
        (&json!("Admins"), &json!("auth/token/"), &json!("token"))
    );
    let lookup = json!({"alias_name": "admins", "alias_mount_accessor": accessor});
    let found = vault.write("identity/lookup/group", lookup).await.expect(200);
    assert_eq!(found.data("id"), &json!(outside));
    let listed = vault.list("identity/group-alias/id").await.expect(200);
    assert_eq!(listed.data("keys"), &json!([id]));
    let by_id = format!("identity/group-alias/id/{id}");
    let renamed = json!({"name": "staff", "mount_accessor": accessor});
    let _ = vault.write(&by_id, renamed).await.expect(200);
    assert_eq!(vault.read(&by_id).await.expect(200).data("name"), "staff");
    let alone = json!({"name": "alone", "mount_accessor": accessor});
    let alone = vault.write("identity/group-alias", alone).await.expect(200);
    let new = alone.data("canonical_id").as_str().unwrap();
    let shown = vault.read(&format!("identity/group/id/{new}")).await.expect(200);
    assert_eq!(shown.data("type"), "external");
    let _ = vault.delete(&by_id).await.expect(204);
    let shown = vault
        .read(&format!("identity/group/id/{outside}"))
        .await
        .expect(200);
    assert_eq!(shown.data("alias"), &json!({}));
}

#[tokio::test]
async fn a_merged_entity_lives_on_in_another() {
    let vault = Unsealed::start().await;
    readable(&vault).await;
    let (token, from) = somebody(&vault, "ada").await;
    let to = made(&vault, "identity/entity", json!({"name": "to", "policies": "p"})).await;
    let id = group(
        &vault,
        json!({"name": "g", "member_entity_ids": from, "policies": "reader"}),
    )
    .await;
    for (data, text) in [
        (json!({"to_entity_id": to}), "missing entity ids to merge from"),
        (json!({"from_entity_ids": from}), "missing entity id to merge to"),
        (
            json!({"from_entity_ids": from, "to_entity_id": from}),
            "to_entity_id should not be present in from_entity_ids",
        ),
        (
            json!({"from_entity_ids": "none", "to_entity_id": to}),
            "entity id to merge from is invalid",
        ),
        (
            json!({"from_entity_ids": from, "to_entity_id": "none"}),
            "entity id to merge to is invalid",
        ),
    ] {
        let refused = vault.write("identity/entity/merge", data).await.expect(400);
        assert_eq!(refused.error(), text);
    }
    let merge = json!({"from_entity_ids": [from], "to_entity_id": to});
    let _ = vault.write("identity/entity/merge", merge).await.expect(204);
    let _ = vault
        .read(&format!("identity/entity/id/{from}"))
        .await
        .expect(404);
    let shown = vault.read("identity/entity/name/to").await.expect(200);
    assert_eq!(shown.data("merged_entity_ids"), &json!([from]));
    assert_eq!(shown.data("aliases/0/name"), "ada");
    assert_eq!(shown.data("aliases/0/merged_from_canonical_ids"), &json!([from]));
    assert_eq!(shown.data("direct_group_ids"), &json!([id]));
    let members = vault.read(&format!("identity/group/id/{id}")).await.expect(200);
    assert_eq!(members.data("member_entity_ids"), &json!([to]));
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    assert_eq!(somebody(&vault, "ada").await.1, to, "a login finds the target");
    // Merged once more, the first identifier still leads to who is left.
    let last = made(&vault, "identity/entity", json!({"name": "last"})).await;
    let merge = json!({"from_entity_ids": [to], "to_entity_id": last});
    let _ = vault.write("identity/entity/merge", merge).await.expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    let disabled = json!({"disabled": true});
    let _ = vault
        .write("identity/entity/name/last", disabled)
        .await
        .expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    let _ = vault.delete("identity/entity/name/last").await.expect(204);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
}

#[tokio::test]
async fn aliases_at_one_mount_are_chosen_between() {
    let vault = Unsealed::start().await;
    let (_, from) = somebody(&vault, "from").await;
    let (_, to) = somebody(&vault, "to").await;
    let merge = json!({"from_entity_ids": [from], "to_entity_id": to});
    let refused = vault.write("identity/entity/merge", merge).await.expect(400);
    assert!(
        refused
            .error()
            .contains("toEntity and at least one fromEntity have aliases with the same mount accessor")
    );
    assert_eq!(refused.body["data"][1]["alias"], "from");
    let shown = vault
        .read(&format!("identity/entity/id/{from}"))
        .await
        .expect(200);
    let keep = shown.data("aliases/0/id").clone();
    let neither =
        json!({"from_entity_ids": [from], "to_entity_id": to, "conflicting_alias_ids_to_keep": "x"});
    let refused = vault.write("identity/entity/merge", neither).await.expect(400);
    assert!(
        refused
            .error()
            .starts_with("conflicting mount accessors in following alias IDs")
    );
    let merge =
        json!({"from_entity_ids": [from], "to_entity_id": to, "conflicting_alias_ids_to_keep": [keep]});
    let _ = vault.write("identity/entity/merge", merge).await.expect(204);
    let shown = vault.read(&format!("identity/entity/id/{to}")).await.expect(200);
    assert_eq!(shown.data("aliases").as_array().unwrap().len(), 1);
    assert_eq!(shown.data("aliases/0/id"), &keep);
    let lookup = json!({"alias_name": "to", "alias_mount_accessor": token_accessor(&vault).await});
    let _ = vault.write("identity/lookup/entity", lookup).await.expect(204);
}

#[tokio::test]
async fn concurrent_changes_of_members_lose_nothing() {
    let vault = Unsealed::start().await;
    let (_, entity) = somebody(&vault, "ada").await;
    let groups = (0..8).map(|n| {
        let data = json!({"name": format!("g{n}"), "member_entity_ids": entity});
        vault.write("identity/group", data)
    });
    for made in futures_util::future::join_all(groups).await {
        let _ = made.expect(200);
    }
    let shown = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(shown.data("group_ids").as_array().unwrap().len(), 8);
}
