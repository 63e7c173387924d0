path "kv/app" { control_group { max_ttl = "1h" } }
