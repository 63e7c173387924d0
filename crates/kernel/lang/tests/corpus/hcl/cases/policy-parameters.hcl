path "auth/token/create" {
  capabilities = ["update"]
  allowed_parameters = {
    "ttl" = ["1h", "2h"]
    "*" = []
  }
  denied_parameters = { "no_parent" = [true] }
  required_parameters = ["ttl"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "90s"
}
