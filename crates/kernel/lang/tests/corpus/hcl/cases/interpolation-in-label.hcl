path "kv/${team}/app" {
  capabilities = ["read"]
}
