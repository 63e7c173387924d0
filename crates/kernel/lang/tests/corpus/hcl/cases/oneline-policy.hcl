path "kv/*" { capabilities = ["read", "list"] min_wrapping_ttl = 1 }
