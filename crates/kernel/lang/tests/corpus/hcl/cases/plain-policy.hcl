# team policy
path "kv/data/team/*" {
  capabilities = ["create", "update", "read"]
}

path "kv/metadata/team/*" {
  capabilities = ["list"]
}
