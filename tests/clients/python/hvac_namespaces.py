"""Namespaces with hvac: its own calls, and every other call in a namespace."""

import os
import time

import hvac

ADDRESS = os.environ["VAULT_ADDR"]
TOKEN = os.environ["VAULT_TOKEN"]
MOUNT = "apps"


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except hvac.exceptions.VaultError as error:
        kinds = {400: hvac.exceptions.InvalidRequest, 403: hvac.exceptions.Forbidden, 404: hvac.exceptions.InvalidPath}
        assert isinstance(error, kinds[status]), repr(error)
        return str(error)
    raise AssertionError("not refused")


def make(root):
    made = root.sys.create_namespace("team")
    assert made["data"]["path"] == "team/", made
    assert root.sys.list_namespaces()["data"]["keys"] == ["team/"]
    print("made")


def secrets(root):
    team = hvac.Client(url=ADDRESS, token=TOKEN, namespace="team")
    team.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
    team.secrets.kv.v2.create_or_update_secret("app", secret={"k": "v"}, mount_point=MOUNT)
    assert team.secrets.kv.v2.read_secret_version("app", mount_point=MOUNT, raise_on_deleted_version=True)["data"]["data"] == {"k": "v"}
    refused(404, root.secrets.kv.v1.read_secret, "app", mount_point="other")
    assert "apps/" not in root.sys.list_mounted_secrets_engines()["data"]
    print("secrets")
    return team


def logins(root, team):
    team.sys.create_or_update_policy("reader", 'path "apps/data/*" { capabilities = ["read"] }')
    team.sys.enable_auth_method("userpass")
    team.auth.userpass.create_or_update_user("ann", "p", policies=["reader"])
    ann = hvac.Client(url=ADDRESS, namespace="team")
    ann.auth.userpass.login("ann", "p")
    assert ann.secrets.kv.v2.read_secret_version("app", mount_point=MOUNT, raise_on_deleted_version=True)["data"]["data"] == {"k": "v"}
    assert ann.auth.token.lookup_self()["data"]["namespace_path"] == "team/"
    above = hvac.Client(url=ADDRESS, token=ann.token)
    assert above.is_authenticated()
    refused(403, above.sys.list_mounted_secrets_engines)
    refused(404, hvac.Client(url=ADDRESS, token=TOKEN, namespace="none").sys.list_mounted_secrets_engines)
    print("logins")
    return ann


def delete(root, ann):
    root.sys.delete_namespace("team")
    refused(404, ann.secrets.kv.v2.read_secret_version, "app", mount_point=MOUNT, raise_on_deleted_version=True)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if not root.sys.list_namespaces()["data"]["keys"]:
                break
        except hvac.exceptions.InvalidPath:
            break
        time.sleep(0.5)
    else:
        raise AssertionError("still there")
    print("deleted")


def main():
    root = hvac.Client(url=ADDRESS, token=TOKEN)
    make(root)
    team = secrets(root)
    ann = logins(root, team)
    delete(root, ann)


if __name__ == "__main__":
    main()
