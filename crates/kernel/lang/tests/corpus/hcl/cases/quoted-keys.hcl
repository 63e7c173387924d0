"path" "kv/team" { "capabilities" = ["read"] }
