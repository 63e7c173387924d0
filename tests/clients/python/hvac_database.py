"""The database calls of the hvac client, against a server with a real PostgreSQL behind it.

Reads VAULT_ADDR, VAULT_TOKEN, DATABASE_URL (with places for name and password), DATABASE_USER and DATABASE_PASSWORD.
Prints one line for each part and ends with status 1 at the first thing that is not as it should be.
"""

import os
import sys

import hvac
from hvac.exceptions import InvalidPath, InvalidRequest, VaultError

ADDRESS = os.environ["VAULT_ADDR"]
CREATE = (
    "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; "
    "GRANT SELECT ON payments TO \"{{name}}\";"
)

client = hvac.Client(url=ADDRESS, token=os.environ["VAULT_TOKEN"])
database = client.secrets.database


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


def walk(prefix):
    """Every lease below a prefix: lists folders, as the listing of leases does."""
    found = []
    for key in client.sys.list_leases(prefix=prefix)["data"]["keys"]:
        found += walk(prefix + key) if key.endswith("/") else [prefix + key]
    return found


def connections():
    client.sys.enable_secrets_engine("database")
    password = os.environ["DATABASE_PASSWORD"]
    settings = {
        "plugin_name": "postgresql-database-plugin",
        "allowed_roles": ["app", "fixed"],
        "connection_url": os.environ["DATABASE_URL"],
        "username": os.environ["DATABASE_USER"],
    }
    refused = raises(InvalidRequest, database.configure, "pg", password="wrong-canary", **settings)
    assert "wrong-canary" not in str(refused), refused
    database.configure("pg", password=password, **settings)
    equal(database.list_connections()["data"]["keys"], ["pg"])
    shown = database.read_connection("pg")["data"]
    equal(shown["plugin_name"], "postgresql-database-plugin")
    equal(shown["allowed_roles"], ["app", "fixed"])
    assert password not in str(shown), "the password is shown"
    database.reset_connection("pg")


def roles():
    database.create_role("app", "pg", [CREATE], default_ttl="1h", max_ttl="24h")
    role = database.read_role("app")["data"]
    equal((role["db_name"], role["default_ttl"], role["max_ttl"]), ("pg", 3600, 86400))
    equal(role["creation_statements"], [CREATE])
    equal(database.list_roles()["data"]["keys"], ["app"])
    raises(InvalidPath, database.read_role, "none")


def credentials():
    made = [database.generate_credentials("app") for _ in range(3)]
    leases = sorted(lease["lease_id"] for lease in made)
    assert len({lease["data"]["username"] for lease in made}) == 3
    equal(made[0]["lease_duration"], 3600)
    equal(sorted(walk("database/creds/")), leases)
    renewed = client.sys.renew_lease(leases[0], increment=1800)
    equal(renewed["lease_duration"], 1800)
    assert client.sys.read_lease(leases[0])["data"]["expire_time"]
    client.sys.revoke_lease(leases[0])
    equal(sorted(walk("database/creds/")), leases[1:])
    raises(InvalidRequest, client.sys.read_lease, leases[0])
    raises(InvalidRequest, database.generate_credentials, "none")


def static_roles():
    database.create_static_role("fixed", "pg", "reporting", [], rotation_period="1h")
    equal(database.list_static_roles()["data"]["keys"], ["fixed"])
    equal(database.read_static_role("fixed")["data"]["username"], "reporting")
    first = database.get_static_credentials("fixed")["data"]
    equal((first["username"], first["rotation_period"]), ("reporting", 3600))
    assert 0 < first["ttl"] <= 3600, first
    database.rotate_static_role_credentials("fixed")
    second = database.get_static_credentials("fixed")["data"]
    assert second["password"] != first["password"], "not rotated"
    database.delete_static_role("fixed")
    raises(InvalidRequest, database.get_static_credentials, "fixed")


def roots():
    database.rotate_root_credentials("pg")
    database.generate_credentials("app")


def ends():
    client.sys.revoke_prefix("database/creds/app")
    raises(InvalidPath, client.sys.list_leases, "database/creds/")
    database.delete_role("app")
    database.delete_connection("pg")
    raises(InvalidPath, database.list_connections)
    client.sys.disable_secrets_engine("database")


PARTS = [connections, roles, credentials, static_roles, roots, ends]

for part in PARTS:
    part()
    print(part.__name__)
sys.exit(0)
