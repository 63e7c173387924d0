# Every key that existing servers document, so that none of them is taken for a mistake.
api_addr                              = "https://a"
cluster_addr                          = "https://a"
cluster_name                          = "a"
cluster_cipher_suites                 = "a"
disable_clustering                    = true
ui                                    = true
log_level                             = "info"
log_format                            = "standard"
log_file                              = "/var/log/a"
log_rotate_bytes                      = 1
log_rotate_duration                   = "24h"
log_rotate_max_files                  = 3
log_requests_level                    = "debug"
pid_file                              = ""
default_lease_ttl                     = "768h"
max_lease_ttl                         = "768h"
default_max_request_duration          = "90s"
disable_mlock                         = true
disable_cache                         = true
cache_size                            = 1
disable_indexing                      = true
disable_sealwrap                      = true
disable_performance_standby           = true
disable_printable_check               = true
disable_sentinel_trace                = true
plugin_directory                      = "/p"
plugin_file_uid                       = 0
plugin_file_permissions               = "0755"
raw_storage_endpoint                  = true
introspection_endpoint                = true
enable_response_header_hostname       = true
enable_response_header_raft_node_id   = true
imprecise_lease_role_tracking         = true
detect_deadlocks                      = "statelock"
license_path                          = "/l"
disable_ssct                          = true
unsafe_allow_api_audit_creation       = true
allow_audit_log_prefixing             = true
disable_standby_reads                 = true
unsafe_cross_namespace_identity       = true
unsafe_relative_paths                 = true

storage "raft" {
  path                         = "/a"
  node_id                      = "n"
  performance_multiplier       = 1
  trailing_logs                = 1
  snapshot_threshold           = 1
  snapshot_interval            = 1
  max_entry_size               = 1
  autopilot_reconcile_interval = "1s"
  retry_join_as_non_voter      = false
  redirect_addr                = "https://b"
  cluster_addr                 = "https://b"
  disable_clustering           = true

  retry_join {
    leader_api_addr         = "https://b"
    leader_ca_cert_file     = "/c"
    leader_client_cert_file = "/c"
    leader_client_key_file  = "/c"
    auto_join               = "provider=k8s"
  }
}

ha_storage "raft" {
  path = "/a"
}

seal "transit" {
  address            = "https://s"
  token              = "t"
  disable_renewal    = "false"
  key_name           = "k"
  key_id_prefix      = "p"
  mount_path         = "transit/"
  namespace          = "ns/"
  tls_ca_cert        = "/c"
  tls_client_cert    = "/c"
  tls_client_key     = "/c"
  tls_server_name    = "s"
  tls_skip_verify    = "false"
  disabled           = "false"
}

seal "static" {
  disabled        = true
  priority        = 2
  name            = "old"
  current_key_id  = "1"
  current_key     = "x"
  previous_key_id = "0"
  previous_key    = "y"
}

service_registration "kubernetes" {
  namespace = "a"
}

user_lockout "all" {
  lockout_threshold     = "5"
  lockout_duration      = "15m"
  lockout_counter_reset = "15m"
  disable_lockout       = "false"
}

plugin "secret" "x" {
  command = "x"
}

audit "file" "x" {
  options {
    file_path = "/a"
  }
}

initialize "x" {
}

telemetry {
  prometheus_retention_time              = "24h"
  disable_hostname                       = true
  enable_hostname_label                  = true
  metrics_prefix                         = "vault"
  usage_gauge_period                     = "10m"
  maximum_gauge_cardinality              = 500
  lease_metrics_epsilon                  = "1h"
  num_lease_metrics_buckets              = 168
  add_lease_metrics_namespace_labels     = false
  add_mount_point_rollback_metrics       = false
  rollback_metrics_include_mount_point   = false
  filter_default                         = true
  prefix_filter                          = ["+vault"]
  statsd_address                         = "s"
  statsite_address                       = "s"
  dogstatsd_addr                         = "s"
  dogstatsd_tags                         = ["s"]
  circonus_api_token                     = "s"
  circonus_api_app                       = "s"
  circonus_api_url                       = "s"
  circonus_submission_interval           = "10s"
  circonus_submission_url                = "s"
  circonus_check_id                      = "s"
  circonus_check_force_metric_activation = false
  circonus_check_instance_id             = "s"
  circonus_check_search_tag              = "s"
  circonus_check_display_name            = "s"
  circonus_check_tags                    = "s"
  circonus_broker_id                     = "s"
  circonus_broker_select_tag             = "s"
  stackdriver_project_id                 = "s"
  stackdriver_location                   = "s"
  stackdriver_namespace                  = "s"
  stackdriver_debug_logs                 = false
}

listener "tcp" {
  address                                      = "127.0.0.1:8200"
  cluster_address                              = "127.0.0.1:8201"
  tls_disable                                  = 1
  tls_cert_file                                = "/c"
  tls_key_file                                 = "/k"
  tls_min_version                              = "tls12"
  tls_max_version                              = "tls13"
  tls_cipher_suites                            = "a,b"
  tls_client_ca_file                           = "/c"
  tls_require_and_verify_client_cert           = false
  tls_disable_client_certs                     = false
  tls_prefer_server_cipher_suites              = false
  tls_acme_ca_directory                        = "https://a"
  tls_acme_email                               = "a"
  tls_acme_domains                             = ["a"]
  tls_acme_cache_path                          = "/a"
  tls_acme_ca_root                             = "/a"
  tls_acme_eab_key_id                          = "a"
  tls_acme_eab_mac_key                         = "a"
  tls_acme_key_type                            = "p256"
  tls_acme_disable_http_challenge              = false
  tls_acme_disable_alpn_challenge              = false
  proxy_protocol_behavior                      = "use_always"
  proxy_protocol_authorized_addrs              = "127.0.0.1"
  x_forwarded_for_authorized_addrs             = "127.0.0.1"
  x_forwarded_for_hop_skips                    = "0"
  x_forwarded_for_reject_not_authorized        = "true"
  x_forwarded_for_reject_not_present           = "true"
  x_forwarded_for_client_cert_header           = "X"
  x_forwarded_for_client_cert_header_decoders  = "BASE64"
  max_request_size                             = 33554432
  max_request_duration                         = "90s"
  max_request_json_memory                      = "33MiB"
  max_request_json_strings                     = 1000
  max_json_depth                               = 64
  max_json_string_value_length                 = 1048576
  max_json_object_entry_count                  = 10000
  max_json_array_element_count                 = 10000
  require_request_header                       = false
  http_read_header_timeout                     = "10s"
  http_read_timeout                            = "30s"
  http_write_timeout                           = "0"
  http_idle_timeout                            = "5m"
  disable_unauthed_rekey_endpoints             = true
  disable_unauthed_generate_root_endpoints     = true
  disable_replication_status_endpoints         = true
  redact_addresses                             = false
  redact_cluster_name                          = false
  redact_version                               = false
  chroot_namespace                             = ""

  telemetry {
    unauthenticated_metrics_access = false
    metrics_only                   = false
    disallow_metrics               = false
  }

  profiling {
    unauthenticated_pprof_access = false
  }

  inflight_requests_logging {
    unauthenticated_in_flight_requests_access = false
  }

  custom_response_headers {
    "default" = {
      "X" = ["y"]
    }
  }
}

listener "unix" {
  address      = "/run/a.sock"
  socket_mode  = "0660"
  socket_user  = "a"
  socket_group = "a"
}
