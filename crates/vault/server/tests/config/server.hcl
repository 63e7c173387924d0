# What this server has a use for, all of it.
ui            = true
api_addr      = "https://arca.example:8200"
cluster_addr  = "https://arca.example:8201"
cluster_name  = "main"
disable_mlock = "true"
pid_file      = "/run/arca.pid"
log_level     = "debug"
log_format    = "json"

default_lease_ttl            = "768h"
max_lease_ttl                = 3600000
default_max_request_duration = "60s"

max_connections                 = 100
enable_response_header_hostname = 1

storage "embedded" {
  path = "/var/lib/arca"
}

listener "tcp" {
  address                            = "0.0.0.0:8200"
  tls_cert_file                      = "/etc/arca/tls.crt"
  tls_key_file                       = "/etc/arca/tls.key"
  tls_min_version                    = "tls13"
  tls_max_version                    = "tls13"
  tls_cipher_suites                  = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
  tls_client_ca_file                 = "/etc/arca/clients.pem"
  tls_require_and_verify_client_cert = "true"
  tls_disable_client_certs           = false

  proxy_protocol_behavior         = "allow_authorized"
  proxy_protocol_authorized_addrs = "10.0.0.1"

  x_forwarded_for_authorized_addrs      = ["10.0.0.0/8", "2001:db8::/32"]
  x_forwarded_for_hop_skips             = "1"
  x_forwarded_for_reject_not_authorized = true
  x_forwarded_for_reject_not_present    = "false"

  max_request_size     = "1MiB"
  max_request_duration = "30s"
  max_json_depth       = 16
  max_json_values      = 1000

  http_read_header_timeout = "5s"
  http_read_timeout        = 0
  http_write_timeout       = "1m"
  http_idle_timeout        = "2m"

  custom_response_headers {
    "default" = {
      "Strict-Transport-Security" = ["max-age=1", "preload"]
      "X-Frame-Options"           = "DENY"
    }
    "2xx" = {
      "X-Ok" = ["a, b"]
    }
    "404" = {
      "X-None" = ["1"]
    }
  }

  telemetry {
    unauthenticated_metrics_access = true
    metrics_only                   = false
    disallow_metrics               = "0"
  }
}

listener "unix" {
  address      = "/run/arca.sock"
  socket_mode  = "660"
  socket_user  = "root"
  socket_group = 0
}

seal "static" {
  current_key_id = "2026"
  current_key    = "file:///etc/arca/seal.key"
}
