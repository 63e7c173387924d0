ui = true
cluster_name = "main"
api_addr = "https://arca.example:8200"

storage "raft" {
  path    = "/srv/arca"
  node_id = "n1"

  retry_join {
    leader_api_addr = "https://n2.example:8200"
  }

  retry_join {
    leader_api_addr = "https://n3.example:8200"
  }
}

listener "tcp" {
  address     = "0.0.0.0:8200"
  tls_disable = "true"

  telemetry {
    unauthenticated_metrics_access = true
  }
}

listener "unix" {
  address = "/run/arca.sock"
}

seal "transit" {
  address = "https://seal.example:8200"
}

max_lease_ttl = "10h"
default_lease_ttl = 3600
