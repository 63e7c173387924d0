// One session of the Go client of the API, from a server that has never been initialized to one that is sealed again.
//
// Takes the server from VAULT_ADDR and VAULT_CACERT, as the client does. Prints one line for each part and ends with
// status 1 at the first thing that is not as it should be.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	vault "github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
	"github.com/hashicorp/vault/api/auth/userpass"
)

var ctx = context.Background()

func must(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func fail(format string, a ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", a...)
	os.Exit(1)
}

func equal(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		fail("%#v is not %#v", found, expected)
	}
}

// refused checks that a call ended with this status.
func refused(err error, status int) {
	var answer *vault.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != status {
		fail("not %d, but %v", status, err)
	}
}

func client(token string) *vault.Client {
	c, err := vault.NewClient(vault.DefaultConfig())
	must(err, "client")
	c.SetToken(token)
	c.SetMaxRetries(0)
	return c
}

func unsealShares() *vault.InitResponse {
	c := client("")
	done, err := c.Sys().InitStatus()
	must(err, "init status")
	equal(done, false)
	made, err := c.Sys().Init(&vault.InitRequest{SecretShares: 3, SecretThreshold: 2})
	must(err, "init")
	equal(len(made.Keys), 3)
	_, err = c.Sys().Init(&vault.InitRequest{SecretShares: 3, SecretThreshold: 2})
	refused(err, 400)
	for _, key := range made.KeysB64[:2] {
		_, err = c.Sys().Unseal(key)
		must(err, "unseal")
	}
	status, err := c.Sys().SealStatus()
	must(err, "seal status")
	equal(status.Sealed, false)
	equal([]int{status.T, status.N}, []int{2, 3})
	health, err := c.Sys().Health()
	must(err, "health")
	equal([]bool{health.Initialized, health.Sealed, health.Standby}, []bool{true, false, false})
	leader, err := c.Sys().Leader()
	must(err, "leader")
	equal(leader.HAEnabled, false)
	return made
}

func mounts(root *vault.Client) {
	must(root.Sys().Mount("secret", &vault.MountInput{Type: "kv", Options: map[string]string{"version": "2"}}), "mount")
	must(root.Sys().Mount("plain", &vault.MountInput{Type: "kv", Description: "no versions"}), "mount")
	refused(root.Sys().Mount("secret", &vault.MountInput{Type: "kv"}), 400)
	listed, err := root.Sys().ListMounts()
	must(err, "mounts")
	equal(listed["secret/"].Options["version"], "2")
	equal(listed["plain/"].Description, "no versions")
	must(root.Sys().TuneMount("secret", vault.MountConfigInput{DefaultLeaseTTL: "1h", MaxLeaseTTL: "2h"}), "tune")
	config, err := root.Sys().MountConfig("secret")
	must(err, "tuned")
	equal([]int{config.DefaultLeaseTTL, config.MaxLeaseTTL}, []int{3600, 7200})
	must(root.Sys().Remount("plain", "elsewhere"), "remount")
	must(root.Sys().Unmount("elsewhere"), "unmount")
	must(root.Sys().Mount("plain", &vault.MountInput{Type: "kv"}), "mount")
	output, err := root.Sys().GetMount("plain")
	must(err, "one mount")
	equal(output.Type, "kv")
}

func versionedSecrets(root *vault.Client) {
	kv := root.KVv2("secret")
	written, err := kv.Put(ctx, "app/db", map[string]any{"user": "one"})
	must(err, "put")
	equal(written.VersionMetadata.Version, 1)
	_, err = kv.Put(ctx, "app/db", map[string]any{"user": "two"}, vault.WithCheckAndSet(1))
	must(err, "check and set")
	_, err = kv.Put(ctx, "app/db", map[string]any{"user": "three"}, vault.WithCheckAndSet(1))
	refused(err, 400)
	_, err = kv.Patch(ctx, "app/db", map[string]any{"password": "p"})
	must(err, "patch")
	_, err = kv.Patch(ctx, "app/db", map[string]any{"port": 1}, vault.WithMergeMethod("rw"))
	must(err, "patch by reading and writing")
	read, err := kv.Get(ctx, "app/db")
	must(err, "get")
	equal([]any{read.Data["user"], read.Data["password"]}, []any{"two", "p"})
	first, err := kv.GetVersion(ctx, "app/db", 1)
	must(err, "version")
	equal(first.Data["user"], "one")
	must(kv.DeleteVersions(ctx, "app/db", []int{1}), "delete")
	must(kv.Undelete(ctx, "app/db", []int{1}), "undelete")
	must(kv.Destroy(ctx, "app/db", []int{1}), "destroy")
	_, err = kv.Rollback(ctx, "app/db", 2)
	must(err, "rollback")
	must(kv.PutMetadata(ctx, "app/db", vault.KVMetadataPutInput{MaxVersions: 7, CustomMetadata: map[string]any{"owner": "payments"}}), "metadata")
	owner := map[string]any{"team": "a"}
	must(kv.PatchMetadata(ctx, "app/db", vault.KVMetadataPatchInput{CustomMetadata: owner}), "patch metadata")
	metadata, err := kv.GetMetadata(ctx, "app/db")
	must(err, "metadata")
	equal(metadata.MaxVersions, 7)
	equal(metadata.CustomMetadata["owner"], "payments")
	versions, err := kv.GetVersionsAsList(ctx, "app/db")
	must(err, "versions")
	equal(versions[0].Destroyed, true)
	must(kv.Delete(ctx, "app/db"), "delete the newest")
	must(kv.DeleteMetadata(ctx, "app/db"), "delete everything")
	_, err = kv.Get(ctx, "app/db")
	if !errors.Is(err, vault.ErrSecretNotFound) {
		fail("not a missing secret, but %v", err)
	}
}

func plainSecrets(root *vault.Client) {
	kv := root.KVv1("plain")
	must(kv.Put(ctx, "a", map[string]any{"b": "c"}), "put")
	read, err := kv.Get(ctx, "a")
	must(err, "get")
	equal(read.Data["b"], "c")
	listed, err := root.Logical().List("plain")
	must(err, "list")
	equal(listed.Data["keys"], []any{"a"})
	must(kv.Delete(ctx, "a"), "delete")
	raw, err := root.Logical().Read("plain/a")
	must(err, "read what is missing")
	if raw != nil {
		fail("a deleted secret is still there")
	}
}

func policies(root *vault.Client) {
	rules := "path \"secret/data/team/*\" {\n  capabilities = [\"create\", \"read\", \"update\"]\n}\n"
	must(root.Sys().PutPolicy("team", rules), "policy")
	read, err := root.Sys().GetPolicy("team")
	must(err, "policy")
	equal(read, rules)
	names, err := root.Sys().ListPolicies()
	must(err, "policies")
	slices.Sort(names)
	equal(names, []string{"default", "root", "team"})
	can, err := root.Sys().CapabilitiesSelf("secret/data/team/x")
	must(err, "capabilities")
	equal(can, []string{"root"})
}

func tokens(root *vault.Client) {
	made, err := root.Auth().Token().Create(&vault.TokenCreateRequest{Policies: []string{"team"}, TTL: "30m", DisplayName: "go"})
	must(err, "create")
	team := client(made.Auth.ClientToken)
	self, err := team.Auth().Token().LookupSelf()
	must(err, "lookup")
	equal(self.Data["display_name"], "token-go")
	ttl, err := self.TokenTTL()
	must(err, "ttl")
	if ttl < 29*time.Minute || ttl > 30*time.Minute {
		fail("lives for %v", ttl)
	}
	_, err = team.KVv2("secret").Put(ctx, "team/x", map[string]any{"a": "b"})
	must(err, "allowed")
	_, err = team.KVv2("secret").Put(ctx, "other/x", map[string]any{"a": "b"})
	refused(err, 403)
	can, err := team.Sys().CapabilitiesSelf("secret/data/team/x")
	must(err, "capabilities")
	equal(can, []string{"create", "read", "update"})
	can, err = root.Sys().CapabilitiesAccessor(made.Auth.Accessor, "secret/data/other")
	must(err, "capabilities by accessor")
	equal(can, []string{"deny"})
	renewed, err := team.Auth().Token().RenewSelf(3600)
	must(err, "renew")
	equal(renewed.Auth.LeaseDuration > 1800, true)
	watch(team, made)
	must(root.Auth().Token().RevokeAccessor(made.Auth.Accessor), "revoke")
	_, err = team.Auth().Token().LookupSelf()
	refused(err, 403)
	orphan, err := root.Auth().Token().CreateOrphan(&vault.TokenCreateRequest{Type: "batch", TTL: "10m", Policies: []string{"team"}})
	must(err, "batch")
	equal(orphan.Auth.Renewable, false)
}

// watch lets the client's own watcher renew a token once.
func watch(c *vault.Client, made *vault.Secret) {
	watcher, err := c.NewLifetimeWatcher(&vault.LifetimeWatcherInput{Secret: made})
	must(err, "watcher")
	go watcher.Start()
	defer watcher.Stop()
	select {
	case renewal := <-watcher.RenewCh():
		equal(renewal.Secret.Auth.ClientToken, made.Auth.ClientToken)
	case err := <-watcher.DoneCh():
		fail("the watcher ended: %v", err)
	case <-time.After(20 * time.Second):
		fail("nothing was renewed")
	}
}

func wrapping(root *vault.Client) {
	_, err := root.KVv2("secret").Put(ctx, "wrapped", map[string]any{"a": "b"})
	must(err, "put")
	wrapper := client(root.Token())
	wrapper.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	wrapped, err := wrapper.Logical().Read("secret/data/wrapped")
	must(err, "wrap")
	equal(wrapped.WrapInfo.CreationPath, "secret/data/wrapped")
	opened, err := root.Logical().Unwrap(wrapped.WrapInfo.Token)
	must(err, "unwrap")
	equal(opened.Data["data"], map[string]any{"a": "b"})
	_, err = root.Logical().Unwrap(wrapped.WrapInfo.Token)
	refused(err, 400)
}

func logins(root *vault.Client) {
	must(root.Sys().EnableAuthWithOptions("userpass", &vault.EnableAuthOptions{Type: "userpass"}), "userpass")
	_, err := root.Logical().Write("auth/userpass/users/ada", map[string]any{"password": "engine", "token_policies": "team"})
	must(err, "user")
	method, err := userpass.NewUserpassAuth("ada", &userpass.Password{FromString: "engine"})
	must(err, "method")
	ada := client("")
	login, err := ada.Auth().Login(ctx, method)
	must(err, "login")
	equal(login.Auth.Policies, []string{"default", "team"})

	must(root.Sys().EnableAuthWithOptions("approle", &vault.EnableAuthOptions{Type: "approle"}), "approle")
	_, err = root.Logical().Write("auth/approle/role/job", map[string]any{"token_policies": "team"})
	must(err, "role")
	id, err := root.Logical().Read("auth/approle/role/job/role-id")
	must(err, "role id")
	secret, err := root.Logical().Write("auth/approle/role/job/secret-id", nil)
	must(err, "secret id")
	role, err := approle.NewAppRoleAuth(id.Data["role_id"].(string), &approle.SecretID{FromString: secret.Data["secret_id"].(string)})
	must(err, "method")
	_, err = client("").Auth().Login(ctx, role)
	must(err, "login")
	methods, err := root.Sys().ListAuth()
	must(err, "methods")
	equal(methods["userpass/"].Type, "userpass")
}

func identity(root *vault.Client) {
	made, err := root.Logical().Write("identity/entity", map[string]any{"name": "payments", "policies": "team"})
	must(err, "entity")
	read, err := root.Logical().Read("identity/entity/id/" + made.Data["id"].(string))
	must(err, "entity")
	equal(read.Data["name"], "payments")
	_, err = root.Logical().Write("identity/group", map[string]any{"name": "all", "member_entity_ids": made.Data["id"]})
	must(err, "group")
	groups, err := root.Logical().List("identity/group/name")
	must(err, "groups")
	equal(groups.Data["keys"], []any{"all"})
}

func operations(root *vault.Client) {
	log := filepath.Join(os.Getenv("AUDIT_FOLDER"), "go-audit.log")
	must(root.Sys().EnableAuditWithOptions("file", &vault.EnableAuditOptions{Type: "file", Options: map[string]string{"file_path": log}}), "audit")
	devices, err := root.Sys().ListAudit()
	must(err, "devices")
	equal(devices["file/"].Type, "file")
	digest, err := root.Sys().AuditHash("file", "x")
	must(err, "hash")
	equal(digest[:12], "hmac-sha256:")
	must(root.Sys().DisableAudit("file"), "disable audit")
	must(root.Sys().Rotate(), "rotate")
	key, err := root.Sys().KeyStatus()
	must(err, "key status")
	equal(key.Term, 2)
	plugins, err := root.Sys().ListPlugins(&vault.ListPluginsInput{})
	must(err, "plugins")
	equal(len(plugins.Details) > 0, true)
	must(root.Sys().RevokePrefix("auth/approle/login"), "revoke by prefix")
	_, err = root.Logical().Read("sys/internal/ui/mounts/secret/x")
	must(err, "mount of a path")
	// The client checks that the file it gets is whole.
	var file bytes.Buffer
	must(root.Sys().RaftSnapshot(&file), "snapshot")
	must(root.Sys().RaftSnapshotRestore(bytes.NewReader(file.Bytes()), false), "restore of a snapshot")
	err = root.Sys().RaftSnapshotRestore(bytes.NewReader(file.Bytes()[:file.Len()/2]), false)
	refused(err, 400)
}

func sealing(root *vault.Client, made *vault.InitResponse) {
	must(root.Sys().Seal(), "seal")
	status, err := root.Sys().SealStatus()
	must(err, "status")
	equal(status.Sealed, true)
	_, err = root.KVv2("secret").Get(ctx, "wrapped")
	refused(err, 503)
	for _, key := range made.KeysB64[1:] {
		_, err = root.Sys().Unseal(key)
		must(err, "unseal")
	}
	_, err = root.KVv2("secret").Get(ctx, "wrapped")
	must(err, "after the seal")
	must(root.Sys().Seal(), "seal")
}

func main() {
	made := unsealShares()
	fmt.Println("unseal shares")
	root := client(made.RootToken)
	parts := []struct {
		name string
		run  func(*vault.Client)
	}{
		{"mounts", mounts}, {"versioned secrets", versionedSecrets}, {"plain secrets", plainSecrets},
		{"policies", policies}, {"tokens", tokens}, {"wrapping", wrapping}, {"logins", logins},
		{"identity", identity}, {"operations", operations},
	}
	for _, part := range parts {
		part.run(root)
		fmt.Println(part.name)
	}
	sealing(root, made)
	fmt.Println("sealing")
}
