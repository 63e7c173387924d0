"""The ldap calls of the hvac client against a directory.

Reads VAULT_ADDR, VAULT_TOKEN, and LDAP_URL, LDAP_CA, LDAP_ACCOUNT, LDAP_ACCOUNT_PASSWORD, LDAP_PASSWORD (that of
`ann`). Prints one line for each part and ends with status 1 at the first thing that is not as it should be.
"""

import os
import sys

import hvac
from hvac.exceptions import Forbidden, InternalServerError, InvalidPath, InvalidRequest, VaultError

ADDRESS = os.environ["VAULT_ADDR"]


def client(token=None):
    return hvac.Client(url=ADDRESS, token=token)


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


def configuration(root):
    root.sys.enable_auth_method("ldap")
    ldap = root.auth.ldap
    with open(os.environ["LDAP_CA"]) as authority:
        answer = ldap.configure(
            userdn="ou=people,dc=example,dc=com",
            groupdn="ou=groups,dc=example,dc=com",
            url=os.environ["LDAP_URL"],
            certificate=authority.read(),
            binddn=os.environ["LDAP_ACCOUNT"],
            bindpass=os.environ["LDAP_ACCOUNT_PASSWORD"],
            userattr="uid",
            insecure_tls=False,
            starttls=False,
            tls_min_version="tls12",
            token_ttl="10m",
            token_type="service",
        )
    equal(answer.status_code, 204)
    read = ldap.read_configuration()["data"]
    equal((read["userdn"], read["userattr"], read["token_ttl"]), ("ou=people,dc=example,dc=com", "uid", 600))
    assert "bindpass" not in read and os.environ["LDAP_ACCOUNT_PASSWORD"] not in str(read)


def groups(root):
    ldap = root.auth.ldap
    raises(InvalidPath, ldap.list_groups)
    equal(ldap.create_or_update_group("Dev", policies=["dev-policy", "app"]).status_code, 204)
    ldap.create_or_update_group("ops", policies=["ops"])
    equal(ldap.list_groups()["data"]["keys"], ["dev", "ops"])
    equal(ldap.read_group("dev")["data"]["policies"], ["app", "dev-policy"])
    ldap.delete_group("ops")
    raises(InvalidPath, ldap.read_group, "ops")


def users(root):
    ldap = root.auth.ldap
    raises(InvalidPath, ldap.list_users)
    equal(ldap.create_or_update_user("ann", policies=["own"], groups=["local"]).status_code, 204)
    equal(ldap.list_users()["data"]["keys"], ["ann"])
    equal(ldap.read_user("ann")["data"], {"policies": ["own"], "groups": "local"})
    ldap.create_or_update_user("bob")
    ldap.delete_user("bob")
    raises(InvalidPath, ldap.read_user, "bob")


def login(root):
    password = os.environ["LDAP_PASSWORD"]
    c = client()
    answer = c.auth.ldap.login("ann", password)
    equal(answer["auth"]["metadata"], {"username": "ann"})
    equal(answer["auth"]["token_policies"], ["app", "default", "dev-policy", "own"])
    assert c.is_authenticated()
    equal(c.auth.token.lookup_self()["data"]["display_name"], "ldap-ann")
    equal(c.auth.token.renew_self()["auth"]["lease_duration"], 600)
    root.auth.ldap.create_or_update_user("ann", policies=["other"])
    raises(InternalServerError, c.auth.token.renew_self)
    for name in ["bob", "nobody"]:
        wrong = raises(InvalidRequest, client().auth.ldap.login, name, password)
        equal(wrong.errors, ["ldap operation failed: failed to bind as user"])
    raises(InvalidRequest, client().auth.ldap.login, "ann", "")
    for _ in range(5):
        raises(InvalidRequest, client().auth.ldap.login, "ann", "wrong")
    raises(Forbidden, client().auth.ldap.login, "ann", password)
    accessor = root.sys.list_auth_methods()["data"]["ldap/"]["accessor"]
    root.adapter.post(f"/v1/sys/locked-users/{accessor}/unlock/ann")
    client().auth.ldap.login("ann", password)


def main():
    root = client(os.environ["VAULT_TOKEN"])
    for part in [configuration, groups, users, login]:
        part(root)
        print(part.__name__)


if __name__ == "__main__":
    sys.exit(main())
