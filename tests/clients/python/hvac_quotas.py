"""The quota calls of the hvac client, and a client that asks too often.

Reads VAULT_ADDR and VAULT_TOKEN. Prints one line for each part and ends with status 1 at the first thing that is not as
it should be.
"""

import os
import sys

import hvac
from hvac.exceptions import InvalidPath, InvalidRequest, RateLimitExceeded


def raises(kind, call, *args, **kwargs):
    """The exception that a call raises."""
    try:
        result = call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}, but {result!r}")


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


def calls(c):
    raises(InvalidPath, c.sys.list_quotas)
    # The client sends the name twice, which is worth a warning.
    made = c.sys.create_or_update_quota(name="kv", rate=2.0, path="secret/", interval="1h")
    assert "captured from the endpoint's path: [name]" in made["warnings"][0], made
    raises(InvalidRequest, c.sys.create_or_update_quota, name="other", rate=5.0, path="secret/")
    equal(c.sys.list_quotas()["data"]["keys"], ["kv"])
    read = c.sys.read_quota("kv")["data"]
    equal((read["rate"], read["interval"], read["path"], read["type"]), (2.0, 3600, "secret/", "rate-limit"))


def too_often(c):
    for _ in range(2):
        raises(InvalidPath, c.secrets.kv.v1.read_secret, "x", mount_point="secret")
    raises(RateLimitExceeded, c.secrets.kv.v1.read_secret, "x", mount_point="secret")
    answer = c.session.get(c.url + "/v1/secret/x", headers={"X-Vault-Token": c.token})
    equal((answer.status_code, answer.headers["Retry-After"].isdigit()), (429, True))
    c.sys.delete_quota("kv")
    raises(InvalidPath, c.secrets.kv.v1.read_secret, "x", mount_point="secret")


def main():
    c = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
    c.sys.enable_secrets_engine("kv", path="secret")
    for part in [calls, too_often]:
        part(c)
        print(part.__name__)


if __name__ == "__main__":
    sys.exit(main())
