//! Keys that existing servers know and this one has no use for.
//!
//! A configuration that works there is accepted here, and the log says once what it asks for in vain.

/// A key by its place, and why it has no effect.
struct Inert {
    /// The blocks around the keys, a label for each as `*`; empty for the top level.
    within: &'static str,
    reason: &'static str,
    keys: &'static [&'static str],
}

const CACHE: &str = "records are cached in memory within a fixed bound, and stay coherent without it";
const PLUGINS: &str = "engines and auth methods are built in; nothing is loaded from outside";
const CLUSTERING: &str = "nodes that share a store coordinate through it and open no port of their own";
const RAFT: &str = "this node keeps its own store; nodes that belong together share a PostgreSQL database";
const LOG_FILES: &str = "the log goes to standard error, where the supervisor of the process keeps it";
const EDITION: &str = "it belongs to an edition with a license";
const DEBUGGING: &str = "there are no profiling or tracing endpoints";
const STATSD: &str = "metrics are pulled from sys/metrics, not pushed";
const NO_USE: &str = "nothing here depends on it";
const UNSAFE: &str = "the safe behavior it turns off cannot be turned off here";
const CLIENT_CERT_HEADER: &str = "client certificates are taken from TLS only, never from a header";
const JSON_COST: &str = "JSON is bounded by max_json_depth and max_json_values";

const TABLE: &[Inert] = &[
    Inert {
        within: "",
        reason: CACHE,
        keys: &["disable_cache", "cache_size"],
    },
    Inert {
        within: "",
        reason: PLUGINS,
        keys: &[
            "plugin",
            "plugin_directory",
            "plugin_file_uid",
            "plugin_file_permissions",
            "plugin_tmpdir",
        ],
    },
    Inert {
        within: "",
        reason: CLUSTERING,
        keys: &[
            "ha_storage",
            "ha_backend",
            "cluster_cipher_suites",
            "disable_clustering",
            "disable_standby_reads",
            "allow_forwarding_via_header",
            "enable_response_header_raft_node_id",
            "service_registration",
        ],
    },
    Inert {
        within: "",
        reason: LOG_FILES,
        keys: &[
            "log_file",
            "log_rotate_bytes",
            "log_rotate_duration",
            "log_rotate_max_files",
        ],
    },
    Inert {
        within: "",
        reason: EDITION,
        keys: &[
            "license_path",
            "disable_performance_standby",
            "disable_sealwrap",
            "disable_sentinel_trace",
            "entropy",
            "kms_library",
            "sentinel",
            "replication",
            "reporting",
            "adaptive_overload_protection",
            "enable_multiseal",
            "enable_post_unseal_trace",
            "post_unseal_trace_directory",
            "experiments",
        ],
    },
    Inert {
        within: "",
        reason: DEBUGGING,
        keys: &["detect_deadlocks", "introspection_endpoint"],
    },
    Inert {
        within: "",
        reason: NO_USE,
        keys: &[
            "disable_indexing",
            "disable_printable_check",
            "disable_ssct",
            "imprecise_lease_role_tracking",
            "prune_prefix_filter",
            "remove_irrevocable_lease_after",
        ],
    },
    Inert {
        within: "",
        reason: "each request is in the audit log, with its duration",
        keys: &["log_requests_level"],
    },
    Inert {
        within: "",
        reason: "audit devices are enabled through sys/audit",
        keys: &[
            "audit",
            "allow_audit_log_prefixing",
            "unsafe_allow_api_audit_creation",
        ],
    },
    Inert {
        within: "",
        reason: "the first start is done with operator init",
        keys: &["initialize"],
    },
    Inert {
        within: "",
        reason: UNSAFE,
        keys: &["unsafe_cross_namespace_identity", "unsafe_relative_paths"],
    },
    Inert {
        within: "listener.*",
        reason: CLUSTERING,
        keys: &["cluster_address", "cluster_addr"],
    },
    Inert {
        within: "listener.*",
        reason: DEBUGGING,
        keys: &["profiling", "inflight_requests_logging"],
    },
    Inert {
        within: "listener.*",
        reason: CLIENT_CERT_HEADER,
        keys: &[
            "x_forwarded_for_client_cert_header",
            "x_forwarded_for_client_cert_header_decoders",
        ],
    },
    Inert {
        within: "listener.*",
        reason: JSON_COST,
        keys: &[
            "max_request_json_memory",
            "max_request_json_strings",
            "max_json_string_value_length",
            "max_json_object_entry_count",
            "max_json_array_element_count",
        ],
    },
    Inert {
        within: "listener.*",
        reason: "it belongs to the listener of an agent",
        keys: &["require_request_header", "agent_api", "proxy_api", "role"],
    },
    Inert {
        within: "listener.*",
        reason: NO_USE,
        keys: &[
            "purpose",
            "disable_replication_status_endpoints",
            "redact_addresses",
            "redact_cluster_name",
            "redact_version",
            "chroot_namespace",
            "tls_prefer_server_cipher_suites",
            "proxy_protocol_header_timeout",
        ],
    },
    Inert {
        within: "listener.*",
        reason: "certificates come from tls_cert_file and tls_key_file",
        keys: &[
            "tls_acme_ca_directory",
            "tls_acme_ca_root",
            "tls_acme_eab_key_id",
            "tls_acme_eab_mac_key",
            "tls_acme_key_type",
            "tls_acme_email",
            "tls_acme_domains",
            "tls_acme_disable_http_challenge",
            "tls_acme_disable_alpn_challenge",
            "tls_acme_cache_path",
        ],
    },
    Inert {
        within: "storage.*",
        reason: CLUSTERING,
        keys: &["cluster_addr", "disable_clustering"],
    },
    Inert {
        within: "storage.raft",
        reason: RAFT,
        keys: &[
            "node_id",
            "performance_multiplier",
            "retry_join",
            "retry_join_as_non_voter",
            "snapshot_threshold",
            "snapshot_interval",
            "trailing_logs",
            "max_entry_size",
            "max_transaction_size",
            "autopilot_reconcile_interval",
            "autopilot_update_interval",
            "autopilot_upgrade_version",
            "autopilot_redundancy_zone",
            "raft_log_verifier_enabled",
            "raft_log_verification_interval",
            "raft_wal",
            "max_mount_and_namespace_table_entry_size",
        ],
    },
    Inert {
        within: "storage.postgresql",
        reason: NO_USE,
        keys: &[
            "max_idle_connections",
            "max_connect_retries",
            "skip_create_table",
            "ha_lock_renewal",
        ],
    },
    Inert {
        within: "seal.transit",
        reason: NO_USE,
        keys: &["disable_renewal", "key_id_prefix", "priority", "name"],
    },
    Inert {
        within: "seal.*",
        reason: EDITION,
        keys: &["priority", "name"],
    },
    Inert {
        within: "telemetry",
        reason: STATSD,
        keys: &[
            "statsd_address",
            "statsite_address",
            "dogstatsd_addr",
            "dogstatsd_tags",
            "circonus_api_token",
            "circonus_api_app",
            "circonus_api_url",
            "circonus_submission_interval",
            "circonus_submission_url",
            "circonus_check_id",
            "circonus_check_force_metric_activation",
            "circonus_check_instance_id",
            "circonus_check_search_tag",
            "circonus_check_tags",
            "circonus_check_display_name",
            "circonus_broker_id",
            "circonus_broker_select_tag",
            "stackdriver_project_id",
            "stackdriver_location",
            "stackdriver_namespace",
            "stackdriver_debug_logs",
        ],
    },
    Inert {
        within: "telemetry",
        reason: "metrics keep their names, labels and number for as long as the process runs",
        keys: &[
            "prometheus_retention_time",
            "disable_hostname",
            "enable_hostname_label",
            "metrics_prefix",
            "usage_gauge_period",
            "maximum_gauge_cardinality",
            "lease_metrics_epsilon",
            "num_lease_metrics_buckets",
            "add_lease_metrics_namespace_labels",
            "add_mount_point_rollback_metrics",
            "rollback_metrics_include_mount_point",
            "filter_default",
            "prefix_filter",
        ],
    },
];

/// Why the key at `path` (`listener.tcp.profiling`) has no effect, if it is a known one.
pub(super) fn reason(path: &str) -> Option<&'static str> {
    let (within, key) = path.rsplit_once('.').unwrap_or(("", path));
    let known = |inert: &&Inert| inert.keys.iter().any(|known| known.eq_ignore_ascii_case(key));
    let here = |inert: &&Inert| matches(inert.within, within);
    TABLE.iter().filter(here).find(known).map(|inert| inert.reason)
}

/// The known key without effect that is nearest to a misspelt one at the same place.
pub(super) fn nearest(path: &str) -> Option<&'static str> {
    let (within, key) = path.rsplit_once('.').unwrap_or(("", path));
    let here = TABLE.iter().filter(|inert| matches(inert.within, within));
    arca_base::suggest::nearest(key, here.flat_map(|inert| inert.keys.iter().copied()))
}

/// Whether `path` is the place that `pattern` names; `*` is any one block.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('.'), path.split('.'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("*"), Some(block)) if !block.is_empty() => {}
            (Some(expected), Some(block)) if expected.eq_ignore_ascii_case(block) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_at_their_place_only() {
        assert_eq!(reason("disable_cache"), Some(CACHE));
        assert_eq!(reason("Disable_Cache"), Some(CACHE));
        assert_eq!(reason("listener.tcp.profiling"), Some(DEBUGGING));
        assert_eq!(reason("listener.unix.profiling"), Some(DEBUGGING));
        assert_eq!(reason("storage.raft.node_id"), Some(RAFT));
        for elsewhere in [
            "profiling",
            "listener.profiling",
            "storage.file.node_id",
            "telemetry.disable_cache",
        ] {
            assert_eq!(reason(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn misspelt_keys_find_their_like() {
        assert_eq!(nearest("disable_cash"), Some("disable_cache"));
        assert_eq!(nearest("listener.tcp.profilling"), Some("profiling"));
        assert_eq!(nearest("profilling"), None);
    }

    #[test]
    fn no_key_stands_twice_at_one_place() {
        for inert in TABLE {
            for (index, key) in inert.keys.iter().enumerate() {
                assert!(!inert.keys[..index].contains(key), "{} {key}", inert.within);
            }
        }
    }
}
