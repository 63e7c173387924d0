path "a" {
  capabilities = ["read"]
}
path "a" {
  capabilities = ["list"]
}
