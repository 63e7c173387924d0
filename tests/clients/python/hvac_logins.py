"""Logins of the hvac client by approle, userpass, cert and jwt, and the settings behind them.

Reads VAULT_ADDR and VAULT_CACERT of a server with TLS, and CLIENT_CERT and CLIENT_KEY, which the same authority has
made. Prints one line for each part and ends with status 1 at the first thing that is not as it should be.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time

import hvac
import requests
from hvac.exceptions import Forbidden, InternalServerError, InvalidPath, InvalidRequest, VaultError

ADDRESS = os.environ["VAULT_ADDR"]
VERIFY = os.environ["VAULT_CACERT"]


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


def open_server():
    c = client()
    made = c.sys.initialize(secret_shares=1, secret_threshold=1)
    c.sys.submit_unseal_keys(made["keys"])
    root = client(made["root_token"])
    root.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    root.secrets.kv.v2.create_or_update_secret("app", {"a": "b"})
    root.sys.create_or_update_policy("app", 'path "secret/data/app" { capabilities = ["read"] }')
    return root


def reads_the_secret(c):
    equal(c.secrets.kv.v2.read_secret_version("app", raise_on_deleted_version=True)["data"]["data"], {"a": "b"})


def approle_roles(root):
    root.sys.enable_auth_method("approle")
    approle = root.auth.approle
    raises(InvalidPath, approle.list_roles)
    equal(
        approle.create_or_update_approle(
            "ci",
            bind_secret_id=True,
            token_policies=["app"],
            token_ttl="20m",
            token_max_ttl="1h",
            secret_id_num_uses=3,
            secret_id_ttl="10m",
        ).status_code,
        204,
    )
    equal(approle.list_roles()["data"]["keys"], ["ci"])
    role = approle.read_role("ci")["data"]
    equal((role["token_policies"], role["token_ttl"], role["secret_id_ttl"]), (["app"], 1200, 600))
    approle.update_role_id("ci", "build-server")
    equal(approle.read_role_id("ci")["data"]["role_id"], "build-server")
    raises(InvalidPath, approle.read_role, "other")


def approle_secret_ids(root):
    approle = root.auth.approle
    made = approle.generate_secret_id("ci", metadata={"team": "payments"})["data"]
    equal((made["secret_id_num_uses"], made["secret_id_ttl"]), (3, 600))
    seen = approle.read_secret_id("ci", made["secret_id"])["data"]
    equal((seen["metadata"], seen["secret_id_accessor"]), ({"team": "payments"}, made["secret_id_accessor"]))
    equal(approle.read_secret_id_accessor("ci", made["secret_id_accessor"])["data"]["secret_id_num_uses"], 3)
    equal(approle.list_secret_id_accessors("ci")["data"]["keys"], [made["secret_id_accessor"]])
    equal(approle.destroy_secret_id_accessor("ci", made["secret_id_accessor"]).status_code, 204)
    raises(InvalidPath, approle.list_secret_id_accessors, "ci")
    raises(InvalidPath, approle.read_secret_id_accessor, "ci", made["secret_id_accessor"])
    equal(approle.create_custom_secret_id("ci", "chosen")["data"]["secret_id"], "chosen")
    equal(approle.destroy_secret_id("ci", "chosen").status_code, 204)
    wrapped = approle.generate_secret_id("ci", wrap_ttl="60s")
    opened = client(wrapped["wrap_info"]["token"]).sys.unwrap()
    assert opened["data"]["secret_id"]


def approle_login(root):
    secret_id = root.auth.approle.generate_secret_id("ci", metadata={"team": "payments"})["data"]["secret_id"]
    c = client()
    answer = c.auth.approle.login(role_id="build-server", secret_id=secret_id)
    equal(answer["auth"]["metadata"], {"role_name": "ci", "team": "payments"})
    assert c.is_authenticated()
    reads_the_secret(c)
    equal(c.auth.token.lookup_self()["data"]["display_name"], "approle")
    equal(c.auth.token.renew_self()["auth"]["lease_duration"], 1200)
    for _ in range(2):
        client().auth.approle.login(role_id="build-server", secret_id=secret_id)
    used = raises(InvalidRequest, client().auth.approle.login, role_id="build-server", secret_id=secret_id)
    equal(used.errors, ["invalid role or secret ID"])
    root.auth.approle.delete_role("ci")
    raises(InternalServerError, c.auth.token.renew_self)


def userpass(root):
    root.sys.enable_auth_method("userpass")
    users = root.auth.userpass
    raises(InvalidPath, users.list_user)
    equal(users.create_or_update_user("Ann", password="right", policies=["app"]).status_code, 204)
    equal(users.list_user()["data"]["keys"], ["ann"])
    equal(users.read_user("ann")["data"]["token_policies"], ["app"])
    c = client()
    answer = c.auth.userpass.login("ann", "right")
    equal(answer["auth"]["metadata"], {"username": "ann"})
    reads_the_secret(c)
    equal(c.auth.token.lookup_self()["data"]["display_name"], "userpass-ann")
    users.update_password_on_user("ann", "new")
    for name, password in [("ann", "right"), ("nobody", "right")]:
        wrong = raises(InvalidRequest, client().auth.userpass.login, name, password)
        equal(wrong.errors, ["invalid username or password"])
    for _ in range(4):
        raises(InvalidRequest, client().auth.userpass.login, "ann", "wrong")
    raises(Forbidden, client().auth.userpass.login, "ann", "new")
    accessor = root.sys.list_auth_methods()["data"]["userpass/"]["accessor"]
    root.adapter.post(f"/v1/sys/locked-users/{accessor}/unlock/ann")
    client().auth.userpass.login("ann", "new")
    users.delete_user("ann")
    raises(InvalidPath, users.read_user, "ann")


def inline_auth(root):
    """A login in the headers of each request, as controllers send it; hvac passes headers of its session on."""
    root.auth.userpass.create_or_update_user("robot", password="right", policies=["app"])
    tokens = len(root.list("auth/token/accessors")["data"]["keys"])
    session = requests.Session()
    session.headers["X-Vault-Inline-Auth-Path"] = "auth/userpass/login/robot"
    session.verify = VERIFY
    c = hvac.Client(url=ADDRESS, session=session)

    def password(text):
        parameter = json.dumps({"key": "password", "value": text}).encode()
        session.headers["X-Vault-Inline-Auth-Parameter-1"] = base64.urlsafe_b64encode(parameter).decode().rstrip("=")

    password("right")
    reads_the_secret(c)
    equal(len(root.list("auth/token/accessors")["data"]["keys"]), tokens)
    raises(Forbidden, c.secrets.kv.v2.read_secret_version, "other", raise_on_deleted_version=True)
    password("wrong")
    refused = session.get(f"{ADDRESS}/v1/secret/data/app", verify=VERIFY)
    equal(refused.headers["X-Vault-Inline-Auth-Failed"], "true")
    equal(refused.json(), {"errors": ["invalid username or password"]})


def cert(root):
    root.sys.enable_auth_method("cert")
    certs = root.auth.cert
    with open(VERIFY) as authority:
        certs.create_ca_certificate_role("apps", certificate=authority.read(), allowed_dns_sans="app.*", token_policies="app")
    equal(certs.list_certificate_roles()["data"]["keys"], ["apps"])
    equal(certs.read_ca_certificate_role("apps")["data"]["allowed_dns_sans"], ["app.*"])
    c = client()
    raises(InvalidRequest, c.adapter.post, "/v1/auth/cert/login", json={"name": "apps"})
    pair = {"cert_pem": os.environ["CLIENT_CERT"], "key_pem": os.environ["CLIENT_KEY"]}
    answer = c.auth.cert.login(name="apps", **pair)
    equal(answer["auth"]["metadata"]["common_name"], "arca-test")
    reads_the_secret(c)
    certs.create_ca_certificate_role("apps", certificate=certs.read_ca_certificate_role("apps")["data"]["certificate"],
                                     allowed_dns_sans="web.*")
    raises(InvalidRequest, client().auth.cert.login, name="apps", **pair)
    certs.delete_certificate_role("apps")
    raises(InvalidPath, certs.list_certificate_roles)


def signed(key, claims):
    """A token, signed with the RSA key in a file."""
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    message = f"{part(json.dumps({'alg': 'RS256'}).encode())}.{part(json.dumps(claims).encode())}"
    command = ["openssl", "dgst", "-sha256", "-sign", key]
    signature = subprocess.run(command, input=message.encode(), stdout=subprocess.PIPE, check=True).stdout
    return f"{message}.{part(signature)}"


def jwt(root):
    root.sys.enable_auth_method("jwt")
    method = root.auth.jwt
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        public = subprocess.run(["openssl", "rsa", "-in", key, "-pubout"], check=True, capture_output=True).stdout.decode()
        refused = raises(InvalidRequest, method.configure, bound_issuer="ci")
        assert "exactly one of" in str(refused)
        method.configure(jwt_validation_pubkeys=[public], bound_issuer="ci", default_role="app")
        config = method.read_config()["data"]
        equal((config["bound_issuer"], config["jwt_validation_pubkeys"]), ("ci", [public]))
        raises(InvalidPath, method.list_roles)
        method.create_role(
            "app",
            user_claim="sub",
            allowed_redirect_uris=[],
            role_type="jwt",
            bound_audiences=["vault"],
            bound_claims={"ref": ["main", "release"]},
            claim_mappings={"ref": "ref"},
            token_policies=["app"],
            token_ttl=600,
        )
        equal(method.list_roles()["data"]["keys"], ["app"])
        role = method.read_role("app")["data"]
        equal((role["bound_claims"], role["token_policies"]), ({"ref": ["main", "release"]}, ["app"]))
        now = int(time.time())
        claims = {"iss": "ci", "aud": "vault", "sub": "build-7", "ref": "main", "iat": now, "exp": now + 60}
        c = client()
        answer = c.auth.jwt.jwt_login(role="app", jwt=signed(key, claims))
        equal(answer["auth"]["metadata"], {"role": "app", "ref": "main"})
        reads_the_secret(c)
        equal(c.auth.token.lookup_self()["data"]["display_name"], "jwt-build-7")
        for change, expected in [
            ({"exp": now - 120, "iat": now - 180}, "token is expired"),
            ({"aud": "other"}, "invalid audience"),
            ({"iss": "other"}, "invalid issuer"),
            ({"ref": "feature"}, "does not match any associated bound claim values"),
        ]:
            refused = raises(InvalidRequest, client().auth.jwt.jwt_login, role="app", jwt=signed(key, claims | change))
            assert expected in str(refused), refused
        method.delete_role("app")
        raises(InvalidPath, method.read_role, "app")
        raises(InternalServerError, c.auth.token.renew_self)


def main():
    root = open_server()
    for part in [approle_roles, approle_secret_ids, approle_login, userpass, inline_auth, cert, jwt]:
        part(root)
        print(part.__name__)


if __name__ == "__main__":
    sys.exit(main())
