"""One session of the hvac client, from a server that has never been initialized to one that is sealed again.

Reads VAULT_ADDR, and VAULT_CACERT for a server with TLS. Prints one line for each part and ends with status 1 at
the first thing that is not as it should be.
"""

import os
import sys
import time

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultDown, VaultError

ADDRESS = os.environ["VAULT_ADDR"]
VERIFY = os.environ.get("VAULT_CACERT", True)


def client(token=None):
    return hvac.Client(url=ADDRESS, token=token, verify=VERIFY)


def raises(kind, call, *args, **kwargs):
    """The exception of exactly this type that a call raises."""
    try:
        result = call(*args, **kwargs)
    except VaultError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        return error
    raise AssertionError(f"no {kind.__name__}, but {result!r}")


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def unseal_shares():
    """Initializes, and opens with three shares of five."""
    c = client()
    assert not c.sys.is_initialized()
    assert c.sys.is_sealed()
    assert not c.is_authenticated()
    equal(c.sys.read_health_status(method="HEAD").status_code, 501)
    equal(c.sys.read_health_status(method="GET").json()["initialized"], False)
    raises(VaultDown, c.secrets.kv.v2.list_secrets, path="")

    made = c.sys.initialize(secret_shares=5, secret_threshold=3)
    equal((len(made["keys"]), len(made["keys_base64"])), (5, 5))
    assert made["root_token"].startswith("hvs.")
    assert c.sys.is_initialized()
    raises(InvalidRequest, c.sys.initialize, secret_shares=5, secret_threshold=3)

    equal(c.sys.read_health_status(method="HEAD").status_code, 503)
    equal(c.sys.read_seal_status()["progress"], 0)
    equal(c.sys.submit_unseal_key(made["keys"][4])["progress"], 1)
    equal(c.sys.submit_unseal_key(made["keys"][4])["progress"], 1)
    equal(c.sys.submit_unseal_key(reset=True)["progress"], 0)
    raises(InvalidRequest, c.sys.submit_unseal_key, "not a key")
    status = c.sys.submit_unseal_keys([made["keys_base64"][0], made["keys"][2], made["keys_base64"][4]])
    equal(status["sealed"], False)
    assert not c.sys.is_sealed()
    equal(c.sys.read_health_status(method="HEAD").status_code, 200)
    health = c.sys.read_health_status(method="GET")
    equal((health["initialized"], health["sealed"], health["standby"]), (True, False, False))
    equal(c.sys.read_leader_status()["ha_enabled"], False)
    return made


def who_is_who(root):
    assert root.is_authenticated()
    assert not client("hvs.unknown").is_authenticated()
    assert not client().is_authenticated()
    raises(Forbidden, client("hvs.unknown").auth.token.lookup_self)
    raises(Forbidden, client().secrets.kv.v2.read_secret_version, "a", raise_on_deleted_version=True)
    me = root.auth.token.lookup_self()["data"]
    equal((me["policies"], me["ttl"], me["expire_time"], me["orphan"]), (["root"], 0, None, True))


def mounts(root):
    root.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"}, description="versions")
    root.sys.enable_secrets_engine("kv", path="plain", options={"version": 1})
    raises(InvalidRequest, root.sys.enable_secrets_engine, "kv", path="secret")
    raises(InvalidRequest, root.sys.enable_secrets_engine, "no-such-engine", path="x")
    listed = root.sys.list_mounted_secrets_engines()
    equal(listed["data"]["secret/"]["options"], {"version": "2"})
    equal(listed["secret/"]["description"], "versions")
    assert {"sys/", "cubbyhole/", "identity/", "plain/"} <= set(listed["data"])

    root.sys.tune_mount_configuration("secret", default_lease_ttl="1h", max_lease_ttl="2h", description="tuned")
    tuned = root.sys.read_mount_configuration("secret")["data"]
    equal((tuned["default_lease_ttl"], tuned["max_lease_ttl"], tuned["description"]), (3600, 7200, "tuned"))

    root.secrets.kv.v1.create_or_update_secret("moved", {"with": "its mount"}, mount_point="plain")
    root.sys.move_backend("plain", "elsewhere")
    until(lambda: "elsewhere/" in root.sys.list_mounted_secrets_engines()["data"])
    equal(root.secrets.kv.v1.read_secret("moved", mount_point="elsewhere")["data"], {"with": "its mount"})
    raises(InvalidPath, root.secrets.kv.v1.read_secret, "moved", mount_point="plain")
    root.sys.disable_secrets_engine("elsewhere")
    assert "elsewhere/" not in root.sys.list_mounted_secrets_engines()["data"]
    raises(InvalidPath, root.secrets.kv.v1.read_secret, "moved", mount_point="elsewhere")


def until(holds):
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("not within ten seconds")


def versioned_secrets(root):
    kv = root.secrets.kv.v2
    equal(kv.create_or_update_secret("app/db", {"user": "one", "n": 7})["data"]["version"], 1)
    equal(kv.create_or_update_secret("app/db", {"user": "two"}, cas=1)["data"]["version"], 2)
    mismatch = raises(InvalidRequest, kv.create_or_update_secret, "app/db", {"user": "x"}, cas=1)
    assert "check-and-set parameter did not match the current version" in str(mismatch)
    raises(InvalidRequest, kv.create_or_update_secret, "app/db", {"user": "x"}, cas=0)
    equal(kv.create_or_update_secret("app/first", {"a": "b"}, cas=0)["data"]["version"], 1)

    equal(kv.patch("app/db", {"password": "three"})["data"]["version"], 3)
    read = kv.read_secret_version("app/db", raise_on_deleted_version=True)["data"]
    equal(read["data"], {"user": "two", "password": "three"})
    equal(read["metadata"]["version"], 3)
    old = kv.read_secret_version("app/db", version=1, raise_on_deleted_version=True)["data"]["data"]
    equal(old, {"user": "one", "n": 7})
    raises(InvalidPath, kv.patch, "app/none", {"a": "b"})
    raises(InvalidPath, kv.read_secret_version, "app/db", version=9, raise_on_deleted_version=True)
    raises(InvalidPath, kv.read_secret_version, "app/none", raise_on_deleted_version=True)

    equal(kv.list_secrets("app")["data"]["keys"], ["db", "first"])
    equal(kv.list_secrets("")["data"]["keys"], ["app/"])
    raises(InvalidPath, kv.list_secrets, "nothing/here")

    nested = {"text": "ünï ☃", "number": 12345678901234567890, "list": [1, "2", None], "none": None, "yes": True}
    kv.create_or_update_secret("app/nested", nested)
    equal(kv.read_secret_version("app/nested", raise_on_deleted_version=True)["data"]["data"], nested)


def deleted_versions(root):
    kv = root.secrets.kv.v2
    kv.delete_latest_version_of_secret("app/db")
    error = raises(InvalidPath, kv.read_secret_version, "app/db", raise_on_deleted_version=True)
    gone = error.json["data"]
    equal(gone["data"], None)
    equal((gone["metadata"]["version"], gone["metadata"]["destroyed"]), (3, False))
    assert gone["metadata"]["deletion_time"], gone
    quiet = kv.read_secret_version("app/db", raise_on_deleted_version=False)["data"]
    equal((quiet["data"], quiet["metadata"]["version"]), (None, 3))

    kv.undelete_secret_versions("app/db", versions=[3])
    equal(kv.read_secret_version("app/db", raise_on_deleted_version=True)["data"]["data"]["password"], "three")
    kv.delete_secret_versions("app/db", versions=[1, 2])
    raises(InvalidPath, kv.read_secret_version, "app/db", version=2, raise_on_deleted_version=True)
    kv.destroy_secret_versions("app/db", versions=[1])
    kv.undelete_secret_versions("app/db", versions=[1, 2])
    equal(kv.read_secret_version("app/db", version=2, raise_on_deleted_version=True)["data"]["data"], {"user": "two"})
    error = raises(InvalidPath, kv.read_secret_version, "app/db", version=1, raise_on_deleted_version=True)
    equal(error.json["data"]["metadata"]["destroyed"], True)


def metadata(root):
    kv = root.secrets.kv.v2
    kv.update_metadata("app/db", max_versions=4, delete_version_after="3h25m19s", custom_metadata={"owner": "team-a"})
    meta = kv.read_secret_metadata("app/db")["data"]
    equal((meta["current_version"], meta["oldest_version"], meta["max_versions"]), (3, 0, 4))
    equal(meta["custom_metadata"], {"owner": "team-a"})
    equal(meta["delete_version_after"], "3h25m19s")
    equal([meta["versions"][v]["destroyed"] for v in ("1", "2", "3")], [True, False, False])
    for _ in range(3):
        kv.create_or_update_secret("app/db", {"user": "more"})
    meta = kv.read_secret_metadata("app/db")["data"]
    equal((meta["current_version"], meta["oldest_version"], sorted(meta["versions"])), (6, 3, ["3", "4", "5", "6"]))
    read = kv.read_secret_version("app/db", raise_on_deleted_version=True)["data"]["metadata"]
    equal(read["custom_metadata"], {"owner": "team-a"})
    assert read["deletion_time"], "it will be deleted by itself"

    kv.update_metadata("app/first", cas_required=True)
    raises(InvalidRequest, kv.create_or_update_secret, "app/first", {"a": "c"})
    kv.create_or_update_secret("app/first", {"a": "c"}, cas=1)

    kv.configure(max_versions=20, cas_required=False, mount_point="secret")
    equal(kv.read_configuration()["data"]["max_versions"], 20)

    kv.delete_metadata_and_all_versions("app/db")
    raises(InvalidPath, kv.read_secret_metadata, "app/db")
    raises(InvalidPath, kv.read_secret_version, "app/db", raise_on_deleted_version=True)
    equal(kv.list_secrets("app")["data"]["keys"], ["first", "nested"])


def plain_secrets(root):
    root.sys.enable_secrets_engine("kv", path="plain", options={"version": "1"})
    kv = root.secrets.kv.v1
    kv.create_or_update_secret("a/b", {"k": "v", "n": 1}, mount_point="plain")
    kv.create_or_update_secret("a", {"k": "w"}, mount_point="plain")
    read = kv.read_secret("a/b", mount_point="plain")
    equal((read["data"], read["lease_duration"]), ({"k": "v", "n": 1}, 2764800))
    equal(kv.list_secrets("", mount_point="plain")["data"]["keys"], ["a", "a/"])
    kv.delete_secret("a/b", mount_point="plain")
    raises(InvalidPath, kv.read_secret, "a/b", mount_point="plain")
    equal(root.read("plain/none"), None)
    equal(root.read("plain/a")["data"], {"k": "w"})


POLICY = """
# what the team of the application may do
path "secret/data/app/*" { capabilities = ["create", "read", "update"] }
path "secret/data/app/locked" { capabilities = ["deny"] }
path "auth/token/create" { capabilities = ["update"] }
"""


def policies(root):
    root.sys.create_or_update_policy("app", POLICY)
    root.sys.create_or_update_acl_policy("lists", {"path": {"secret/metadata/*": {"capabilities": ["list"]}}})
    equal(root.sys.read_policy("app")["rules"], POLICY)
    equal(root.sys.read_acl_policy("app")["data"]["policy"], POLICY)
    assert {"app", "default", "lists", "root"} <= set(root.sys.list_policies()["policies"])
    assert {"app", "default", "lists", "root"} <= set(root.sys.list_acl_policies()["data"]["keys"])
    raises(InvalidRequest, root.sys.create_or_update_policy, "broken", 'path "a" { capabilities = ["fly"] }')
    raises(InvalidRequest, root.sys.create_or_update_policy, "root", POLICY)
    raises(InvalidPath, root.sys.read_acl_policy, "none")

    app = client(root.auth.token.create(policies=["app"], ttl="1h")["auth"]["client_token"])
    app.secrets.kv.v2.create_or_update_secret("app/mine", {"a": "b"})
    equal(app.secrets.kv.v2.read_secret_version("app/mine", raise_on_deleted_version=True)["data"]["data"], {"a": "b"})
    raises(Forbidden, app.secrets.kv.v2.list_secrets, "app")
    raises(Forbidden, app.secrets.kv.v2.create_or_update_secret, "app/locked", {"a": "b"})
    raises(Forbidden, app.secrets.kv.v2.read_secret_version, "other", raise_on_deleted_version=True)
    raises(Forbidden, app.sys.list_mounted_secrets_engines)
    raises(Forbidden, app.secrets.kv.v1.read_secret, "x", mount_point="no-such-mount")

    equal(app.sys.get_capabilities(["secret/data/app/x"])["capabilities"], ["create", "read", "update"])
    both = root.sys.get_capabilities(["secret/data/app/locked", "secret/data/other"], token=app.token)["data"]
    equal((both["secret/data/app/locked"], both["secret/data/other"]), (["deny"], ["deny"]))
    equal(root.sys.get_capabilities(["anything"])["data"]["anything"], ["root"])
    raises(InvalidRequest, app.auth.token.create, policies=["lists"])

    root.sys.create_or_update_policy("app", 'path "secret/data/app/*" { capabilities = ["list"] }')
    raises(Forbidden, app.secrets.kv.v2.read_secret_version, "app/mine", raise_on_deleted_version=True)
    root.sys.create_or_update_policy("app", POLICY)
    root.sys.delete_policy("lists")
    assert "lists" not in root.sys.list_policies()["policies"]


def tokens(root):
    made = root.auth.token.create(policies=["app"], ttl="30m", meta={"for": "hvac"}, display_name="test", num_uses=0)
    auth = made["auth"]
    equal((auth["lease_duration"], auth["renewable"], auth["policies"]), (1800, True, ["app", "default"]))
    equal((auth["token_type"], auth["orphan"], auth["metadata"]), ("service", False, {"for": "hvac"}))
    looked_up = root.auth.token.lookup(auth["client_token"])["data"]
    equal((looked_up["display_name"], looked_up["meta"], looked_up["type"]), ("token-test", {"for": "hvac"}, "service"))
    equal(root.auth.token.lookup_accessor(auth["accessor"])["data"]["id"], "")
    assert auth["accessor"] in root.auth.token.list_accessors()["data"]["keys"]
    equal(root.auth.token.renew(auth["client_token"], increment="1h")["auth"]["lease_duration"], 3600)
    equal(root.auth.token.renew_accessor(auth["accessor"], increment="2h")["auth"]["lease_duration"], 7200)
    me = client(auth["client_token"])
    equal(me.auth.token.renew_self(increment="10m")["auth"]["lease_duration"], 600)

    child = me.auth.token.create(ttl="5m")["auth"]["client_token"]
    assert client(child).is_authenticated()
    root.auth.token.revoke(auth["client_token"])
    assert not me.is_authenticated()
    assert not client(child).is_authenticated(), "children go with their parent"
    raises(Forbidden, root.auth.token.lookup, auth["client_token"])
    raises(InvalidRequest, root.auth.token.renew_self)
    raises(InvalidRequest, root.auth.token.lookup_accessor, auth["accessor"])

    parent = client(root.auth.token.create(policies=["root"])["auth"]["client_token"])
    orphan = parent.auth.token.create_orphan(policies=["app"])["auth"]
    equal(orphan["orphan"], True)
    kept = parent.auth.token.create(policies=["app"])["auth"]["client_token"]
    root.auth.token.revoke_and_orphan_children(parent.token)
    assert not parent.is_authenticated()
    assert client(orphan["client_token"]).is_authenticated() and client(kept).is_authenticated()
    root.auth.token.revoke_accessor(orphan["accessor"])
    assert not client(orphan["client_token"]).is_authenticated()
    client(kept).auth.token.revoke_self()
    assert not client(kept).is_authenticated()

    batch = root.auth.token.create(policies=["app"], type="batch", ttl="1h")["auth"]
    assert batch["client_token"].startswith("hvb.")
    equal((batch["accessor"], batch["renewable"], batch["token_type"]), ("", False, "batch"))
    b = client(batch["client_token"])
    equal(b.auth.token.lookup_self()["data"]["type"], "batch")
    equal(b.secrets.kv.v2.read_secret_version("app/mine", raise_on_deleted_version=True)["data"]["data"], {"a": "b"})
    raises(InvalidRequest, b.auth.token.renew_self)
    raises(InvalidRequest, root.auth.token.revoke, batch["client_token"])

    twice = client(root.auth.token.create(policies=["app"], num_uses=2)["auth"]["client_token"])
    for _ in range(2):
        twice.secrets.kv.v2.read_secret_version("app/mine", raise_on_deleted_version=True)
    raises(Forbidden, twice.secrets.kv.v2.read_secret_version, "app/mine", raise_on_deleted_version=True)

    root.auth.token.create_or_update_role("deployer", allowed_policies="app", orphan=True, token_period="20m")
    equal(root.auth.token.read_role("deployer")["data"]["token_period"], 1200)
    equal(root.auth.token.list_roles()["data"]["keys"], ["deployer"])
    by_role = root.auth.token.create(role_name="deployer")["auth"]
    equal((by_role["lease_duration"], by_role["orphan"]), (1200, True))
    raises(InvalidRequest, root.auth.token.create, role_name="deployer", policies=["root"])
    root.auth.token.delete_role("deployer")
    raises(InvalidPath, root.auth.token.read_role, "deployer")


def wrapping(root):
    answer = root.adapter.get("/v1/secret/data/app/mine", wrap_ttl="5m")
    info = answer["wrap_info"]
    equal((info["ttl"], info["creation_path"]), (300, "secret/data/app/mine"))
    looked_up = client().write_data("sys/wrapping/lookup", data={"token": info["token"]})["data"]
    equal((looked_up["creation_ttl"], looked_up["creation_path"]), (300, "secret/data/app/mine"))
    raises(Forbidden, client().sys.unwrap, token=info["token"])
    equal(client(info["token"]).sys.unwrap()["data"]["data"], {"a": "b"})
    raises(InvalidRequest, client(info["token"]).sys.unwrap)
    raises(InvalidRequest, root.sys.unwrap, token=info["token"])
    raises(InvalidRequest, client().write_data, "sys/wrapping/lookup", data={"token": info["token"]})

    made = root.auth.token.create(policies=["app"], wrap_ttl="60s")["wrap_info"]
    assert made["wrapped_accessor"]
    inside = client(made["token"]).sys.unwrap()["auth"]["client_token"]
    assert client(inside).is_authenticated()
    own = root.sys.wrap({"anything": "at all"}, ttl=60)["wrap_info"]["token"]
    equal(root.sys.unwrap(own)["data"], {"anything": "at all"})


def audit(root):
    path = os.environ["AUDIT_LOG"]
    root.sys.enable_audit_device("file", path="file", description="for a test", options={"file_path": path})
    raises(InvalidRequest, root.sys.enable_audit_device, "file", path="file", options={"file_path": path})
    raises(InvalidRequest, root.sys.enable_audit_device, "file", path="second", options={"file_path": "/proc/none/log"})
    equal(root.sys.list_enabled_audit_devices()["data"]["file/"]["options"]["file_path"], path)
    secret = "a value to look for"
    root.secrets.kv.v2.create_or_update_secret("app/audited", {"field": secret})
    hashed = root.sys.calculate_hash("file", secret)["data"]["hash"]
    with open(path) as log:
        text = log.read()
    assert hashed in text and secret not in text
    root.sys.disable_audit_device("file")
    assert "file/" not in root.sys.list_enabled_audit_devices()["data"]
    size = os.path.getsize(path)
    root.secrets.kv.v2.read_secret_version("app/audited", raise_on_deleted_version=True)
    equal(os.path.getsize(path), size)


def leases(root):
    raises(InvalidRequest, root.sys.read_lease, "secret/data/none/abc")
    raises(InvalidRequest, root.sys.renew_lease, "secret/data/none/abc")
    raises(InvalidPath, root.sys.list_leases, "database/creds/")
    root.sys.revoke_lease("secret/data/none/abc")
    root.sys.revoke_prefix("secret/")
    root.sys.revoke_force("secret/")


def identity(root):
    made = root.secrets.identity.create_or_update_entity("ada", metadata={"team": "a"}, policies=["app"])["data"]
    read = root.secrets.identity.read_entity(made["id"])["data"]
    equal((read["name"], read["policies"], read["metadata"], read["disabled"]), ("ada", ["app"], {"team": "a"}, False))
    equal(root.secrets.identity.read_entity_by_name("ada")["data"]["id"], made["id"])
    equal(root.secrets.identity.list_entities_by_name()["data"]["keys"], ["ada"])
    equal(root.secrets.identity.list_entities()["data"]["keys"], [made["id"]])
    raises(InvalidPath, root.secrets.identity.read_entity_by_name, "nobody")

    accessor = root.sys.list_auth_methods()["data"]["token/"]["accessor"]
    root.secrets.identity.create_or_update_entity_alias(name="ada", canonical_id=made["id"], mount_accessor=accessor)
    equal(root.secrets.identity.lookup_entity(name="ada")["data"]["id"], made["id"])
    root.auth.token.create_or_update_role("known", allowed_entity_aliases="ada", orphan=True)
    token = root.auth.token.create(role_name="known", entity_alias="ada", policies=["default"])["auth"]
    equal((token["entity_id"], token["identity_policies"]), (made["id"], ["app"]))
    ada = client(token["client_token"])
    equal(ada.secrets.kv.v2.read_secret_version("app/mine", raise_on_deleted_version=True)["data"]["data"], {"a": "b"})
    root.secrets.identity.update_entity(made["id"], name="ada", disabled=True)
    raises(Forbidden, ada.auth.token.lookup_self)
    root.secrets.identity.delete_entity(made["id"])
    raises(InvalidPath, root.secrets.identity.read_entity, made["id"])


def groups(root):
    engine = root.secrets.identity
    accessor = root.sys.list_auth_methods()["data"]["token/"]["accessor"]
    root.auth.token.create_or_update_role("known", allowed_entity_aliases="*", orphan=True)
    token = root.auth.token.create(role_name="known", entity_alias="eve", policies=["default"])["auth"]
    eve = client(token["client_token"])
    secret = {"path": "app/mine", "raise_on_deleted_version": True}
    raises(Forbidden, eve.secrets.kv.v2.read_secret_version, **secret)

    inner = engine.create_or_update_group("inner", metadata={"team": "a"}, member_entity_ids=[token["entity_id"]])
    inner = inner["data"]["id"]
    outer = engine.create_or_update_group_by_name("outer", policies=["app"], member_group_ids=[inner])["data"]["id"]
    equal(eve.secrets.kv.v2.read_secret_version(**secret)["data"]["data"], {"a": "b"})
    equal(eve.auth.token.lookup_self()["data"]["identity_policies"], ["app"])
    read = engine.read_group(inner)["data"]
    equal((read["name"], read["type"], read["metadata"]), ("inner", "internal", {"team": "a"}))
    equal((read["member_entity_ids"], read["parent_group_ids"]), ([token["entity_id"]], [outer]))
    equal(engine.read_entity(token["entity_id"])["data"]["group_ids"], [inner, outer])
    equal(engine.read_group_by_name("outer")["data"]["member_group_ids"], [inner])
    equal(engine.list_groups_by_name()["data"]["keys"], ["inner", "outer"])
    equal(set(engine.list_groups(method="GET")["data"]["keys"]), {inner, outer})
    circle = raises(InvalidRequest, engine.update_group, inner, "inner", member_group_ids=[outer])
    assert "cyclic relationship detected" in str(circle)
    engine.update_group(inner, "inner", policies=["app"], member_entity_ids=[token["entity_id"]])
    engine.delete_group_by_name("outer")
    raises(InvalidPath, engine.read_group, outer)
    equal(eve.secrets.kv.v2.read_secret_version(**secret)["data"]["data"], {"a": "b"})
    engine.delete_group(inner)
    raises(Forbidden, eve.secrets.kv.v2.read_secret_version, **secret)

    outside = engine.create_or_update_group("outside", group_type="external", policies=["app"])["data"]["id"]
    alias = engine.create_or_update_group_alias("admins", mount_accessor=accessor, canonical_id=outside)["data"]["id"]
    equal(engine.read_group_alias(alias)["data"]["canonical_id"], outside)
    engine.update_group_alias(alias, "staff", mount_accessor=accessor, canonical_id=outside)
    equal(engine.list_group_aliases()["data"]["keys"], [alias])
    equal(engine.lookup_group(alias_name="staff", alias_mount_accessor=accessor)["data"]["id"], outside)
    equal(engine.lookup_group(name="outside")["data"]["alias"]["name"], "staff")
    engine.delete_group_alias(alias)
    engine.delete_group(outside)

    target = engine.create_or_update_entity("target", policies=["app"])["data"]["id"]
    engine.merge_entities(from_entity_ids=[token["entity_id"]], to_entity_id=target)
    equal(engine.lookup_entity(alias_name="eve", alias_mount_accessor=accessor)["data"]["id"], target)
    equal(engine.read_entity(target)["data"]["merged_entity_ids"], [token["entity_id"]])
    equal(eve.secrets.kv.v2.read_secret_version(**secret)["data"]["data"], {"a": "b"})
    engine.delete_entity_by_name("target")
    raises(Forbidden, eve.auth.token.lookup_self)


def misuse(root):
    missing = raises(InvalidPath, root.secrets.kv.v1.read_secret, "x", mount_point="no-such-mount")
    assert "no handler for route" in str(missing)
    raises(InvalidPath, root.adapter.get, "/v1/sys/no-such-endpoint")
    raises(InvalidRequest, root.adapter.post, "/v1/auth/token/create", json={"ttl": "soon"})
    answer = requests.get(f"{ADDRESS}/v1/secret/data/app/mine", verify=VERIFY)
    equal((answer.status_code, answer.json()), (403, {"errors": ["permission denied"]}))
    equal(answer.headers["content-type"], "application/json")
    equal(answer.headers["cache-control"], "no-store")


def seal(root, made):
    limited = client(root.auth.token.create(policies=["app"])["auth"]["client_token"])
    raises(Forbidden, limited.sys.seal)
    root.sys.seal()
    assert root.sys.is_sealed()
    raises(VaultDown, root.secrets.kv.v2.list_secrets, "app")
    equal(root.sys.read_health_status(method="GET").json()["sealed"], True)
    root.sys.submit_unseal_keys(made["keys_base64"][1:4])
    equal(root.secrets.kv.v2.read_secret_version("app/mine", raise_on_deleted_version=True)["data"]["data"], {"a": "b"})
    assert limited.is_authenticated(), "sealing ends no token"
    root.sys.seal()
    assert root.sys.is_sealed()


def main():
    made = unseal_shares()
    root = client(made["root_token"])
    parts = [who_is_who, mounts, versioned_secrets, deleted_versions, metadata, plain_secrets, policies]
    parts += [tokens, wrapping, audit, leases, identity, groups, misuse]
    print("unseal_shares")
    for part in parts:
        part(root)
        print(part.__name__)
    seal(root, made)
    print("seal")


if __name__ == "__main__":
    sys.exit(main())
