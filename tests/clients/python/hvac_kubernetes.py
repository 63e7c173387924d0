"""hvac configures the kubernetes method, logs in with the token of a service account, and reads what its role allows.

Reads VAULT_ADDR, VAULT_TOKEN, KUBERNETES_HOST, KUBERNETES_CA (a file), REVIEWER and JWT. Prints whom the token belongs to.
"""

import os

import hvac
from hvac.exceptions import Forbidden, InvalidRequest

ADDRESS = os.environ["VAULT_ADDR"]

operator = hvac.Client(url=ADDRESS, token=os.environ["VAULT_TOKEN"])
with open(os.environ["KUBERNETES_CA"], encoding="ascii") as file:
    authority = file.read()
operator.auth.kubernetes.configure(
    kubernetes_host=os.environ["KUBERNETES_HOST"],
    kubernetes_ca_cert=authority,
    token_reviewer_jwt=os.environ["REVIEWER"],
)
config = operator.auth.kubernetes.read_config()
assert config["kubernetes_host"] == os.environ["KUBERNETES_HOST"], config
assert "token_reviewer_jwt" not in config, config
operator.auth.kubernetes.create_role(
    name="payments-api",
    bound_service_account_names=["payments-api"],
    bound_service_account_namespaces=["production"],
    policies=["payments-api-policy"],
    ttl="1h",
    alias_name_source="serviceaccount_name",
)
role = operator.auth.kubernetes.read_role("payments-api")
assert role["token_policies"] == ["payments-api-policy"], role
assert operator.auth.kubernetes.list_roles()["keys"] == ["payments-api"]

workload = hvac.Client(url=ADDRESS)
answer = workload.auth.kubernetes.login(role="payments-api", jwt=os.environ["JWT"])
assert workload.is_authenticated()
assert answer["auth"]["lease_duration"] == 3600, answer
secret = workload.secrets.kv.v2.read_secret_version(path="production/payments/stripe", raise_on_deleted_version=True)
assert secret["data"]["data"] == {"api_key": "sk_live"}, secret
try:
    workload.secrets.kv.v2.read_secret_version(path="production/auth/key", raise_on_deleted_version=True)
    raise AssertionError("another team's secret was read")
except Forbidden:
    pass
try:
    hvac.Client(url=ADDRESS).auth.kubernetes.login(role="nothing", jwt=os.environ["JWT"])
    raise AssertionError("a role that is not there was taken")
except InvalidRequest:
    pass
meta = answer["auth"]["metadata"]
print(f"{meta['service_account_name']} of {meta['service_account_namespace']}")
