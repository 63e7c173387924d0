// One session of node-vault, from a server that has never been initialized to one that is sealed again.
//
// Reads VAULT_ADDR. Prints one line for each part and ends with status 1 at the first thing that is not as it should be.
import assert from "node:assert/strict";
import path from "node:path";
import vault from "node-vault";

const endpoint = process.env.VAULT_ADDR;
const client = (token) => vault({ apiVersion: "v1", endpoint, token });

/** The error of a call that is refused with this status. */
async function refused(status, call) {
  const error = await call.then(
    (answer) => assert.fail(`no refusal, but ${JSON.stringify(answer)}`),
    (reason) => reason,
  );
  assert.equal(error.response?.statusCode, status, String(error));
  return error;
}

async function unsealShares() {
  const c = client();
  assert.equal((await c.initialized()).initialized, false);
  const made = await c.init({ secret_shares: 2, secret_threshold: 2 });
  assert.equal(made.keys.length, 2);
  await refused(400, c.init({ secret_shares: 2, secret_threshold: 2 }));
  assert.equal((await c.unseal({ key: made.keys[0] })).progress, 1);
  assert.equal((await c.unseal({ key: made.keys[1] })).sealed, false);
  assert.equal((await c.status()).sealed, false);
  assert.equal((await c.health()).initialized, true);
  assert.equal((await c.leader()).ha_enabled, false);
  return made;
}

async function mounts(root) {
  await root.mount({ mount_point: "secret", type: "kv", options: { version: "2" } });
  await root.mount({ mount_point: "plain", type: "kv", description: "no versions" });
  await refused(400, root.mount({ mount_point: "secret", type: "kv" }));
  const listed = await root.mounts();
  assert.equal(listed.data["plain/"].description, "no versions");
  await root.remount({ from: "plain", to: "elsewhere" });
  await root.unmount({ mount_point: "elsewhere" });
  await root.mount({ mount_point: "plain", type: "kv" });
}

async function versionedSecrets(root) {
  const first = await root.write("secret/data/app/db", { data: { user: "one" } });
  assert.equal(first.data.version, 1);
  const cas = { options: { cas: 1 }, data: { user: "two" } };
  assert.equal((await root.write("secret/data/app/db", cas)).data.version, 2);
  await refused(400, root.write("secret/data/app/db", cas));
  await root.update("secret/data/app/db", { data: { password: "p" } });
  assert.deepEqual((await root.read("secret/data/app/db")).data.data, { user: "two", password: "p" });
  assert.equal((await root.read("secret/data/app/db?version=1")).data.data.user, "one");
  await root.destroySecretVersions({ mount_point: "secret", name: "app/db", versions: [1] }).catch(async () =>
    root.write("secret/destroy/app/db", { versions: [1] }));
  assert.deepEqual((await root.list("secret/metadata/app")).data.keys, ["db"]);
  await root.delete("secret/metadata/app/db");
  await refused(404, root.read("secret/data/app/db"));
}

async function plainSecrets(root) {
  await root.write("plain/a", { b: "c" });
  assert.equal((await root.read("plain/a")).data.b, "c");
  assert.deepEqual((await root.list("plain")).data.keys, ["a"]);
  await root.delete("plain/a");
  await refused(404, root.read("plain/a"));
}

async function policies(root) {
  const rules = 'path "secret/data/team/*" { capabilities = ["create", "read", "update"] }';
  await root.addPolicy({ name: "team", rules });
  assert.equal((await root.getPolicy({ name: "team" })).rules, rules);
  assert.ok((await root.policies()).policies.includes("team"));
}

async function tokens(root) {
  // A client takes over the token it creates.
  const maker = client(root.token);
  const made = await maker.tokenCreate({ policies: ["team"], ttl: "30m", display_name: "node" });
  const team = client(made.auth.client_token);
  assert.equal((await team.tokenLookupSelf()).data.display_name, "token-node");
  await team.write("secret/data/team/x", { data: { a: "b" } });
  await refused(403, team.write("secret/data/other", { data: { a: "b" } }));
  assert.ok((await team.tokenRenewSelf({ increment: 3600 })).auth.lease_duration > 1800);
  assert.equal((await root.tokenLookupAccessor({ accessor: made.auth.accessor })).data.display_name, "token-node");
  assert.ok((await root.tokenAccessors()).data.keys.includes(made.auth.accessor));
  await root.addTokenRole({ role_name: "jobs", allowed_policies: "team", orphan: true });
  assert.equal((await client(root.token).tokenCreateRole({ role_name: "jobs", policies: ["team"] })).auth.orphan, true);
  await root.tokenRevokeAccessor({ accessor: made.auth.accessor });
  await refused(403, team.tokenLookupSelf());
}

async function wrapping(root) {
  const wrapped = await root.request({
    path: "/sys/wrapping/wrap", method: "POST", json: { a: "b" }, headers: { "X-Vault-Wrap-TTL": "60s" },
  });
  assert.equal(wrapped.wrap_info.creation_path, "sys/wrapping/wrap");
  assert.deepEqual((await root.unwrap({ token: wrapped.wrap_info.token })).data, { a: "b" });
  await refused(400, root.unwrap({ token: wrapped.wrap_info.token }));
}

async function logins(root) {
  await root.enableAuth({ mount_point: "userpass", type: "userpass" });
  await root.write("auth/userpass/users/ada", { password: "engine", token_policies: "team" });
  const ada = client();
  const login = await ada.userpassLogin({ username: "ada", password: "engine" });
  assert.deepEqual(login.auth.policies, ["default", "team"]);
  await refused(400, client().userpassLogin({ username: "ada", password: "wrong" }));
  await root.enableAuth({ mount_point: "approle", type: "approle" });
  await root.addApproleRole({ role_name: "job", policies: "team" });
  const { data: { role_id } } = await root.getApproleRoleId({ role_name: "job" });
  const { data: { secret_id } } = await root.getApproleRoleSecret({ role_name: "job" });
  assert.ok((await client().approleLogin({ role_id, secret_id })).auth.client_token);
  assert.ok((await root.auths()).data["approle/"]);
}

async function identity(root) {
  const { data } = await root.write("identity/entity", { name: "payments" });
  assert.equal((await root.read(`identity/entity/id/${data.id}`)).data.name, "payments");
}

async function operations(root) {
  const file = path.join(process.env.AUDIT_FOLDER, "node-audit.log");
  await root.enableAudit({ name: "file", type: "file", options: { file_path: file } });
  assert.equal((await root.audits()).data["file/"].type, "file");
  await root.disableAudit({ name: "file" });
  await root.rotate();
  await root.revokePrefix({ path_prefix: "auth/approle/login" });
}

async function sealing(root) {
  await root.seal();
  assert.equal((await root.status()).sealed, true);
  await refused(503, root.read("secret/data/team/x"));
}

const made = await unsealShares();
console.log("unsealShares");
const root = client(made.root_token);
const parts = [
  mounts, versionedSecrets, plainSecrets, policies, tokens, wrapping, logins, identity, operations, sealing,
];
for (const part of parts) {
  await part(root);
  console.log(part.name);
}
