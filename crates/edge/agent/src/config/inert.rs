//! Keys that existing agents know and this one has no use for: accepted, and said once in the log.

/// Keys below a block, and why they have no effect. A `*` stands for one label.
struct Inert {
    within: &'static str,
    reason: &'static str,
    keys: &'static [&'static str],
}

const CONNECTIONS: &str = "connections are few, shared, and closed when idle";
const ROTATION: &str =
    "the log file is not rotated by the agent: use logrotate, or the log of the supervisor";
const EACH_LOGIN: &str = "the file is read at each login";
const CONSISTENCY: &str = "nodes of a server share one consistent store";
const COMMANDS: &str = "a command runs once after the file has changed, and ends by itself or at its timeout";

const TABLE: &[Inert] = &[
    Inert {
        within: "",
        reason: CONNECTIONS,
        keys: &["disable_idle_connections", "disable_keep_alives"],
    },
    Inert {
        within: "",
        reason: ROTATION,
        keys: &["log_rotate_bytes", "log_rotate_duration", "log_rotate_max_files"],
    },
    Inert {
        within: "",
        reason: "metrics are read from /metrics of a listener, not pushed",
        keys: &["telemetry"],
    },
    Inert {
        within: "auto_auth",
        reason: "credentials are read again at each login, and a token that is gone leads to one at once",
        keys: &["enable_reauth_on_new_credentials"],
    },
    Inert {
        within: "auto_auth.method.*.config",
        reason: EACH_LOGIN,
        keys: &[
            "jwt_read_period",
            "password_read_period",
            "enable_reauth_on_new_credentials",
            "credential_poll_interval",
        ],
    },
    Inert {
        within: "auto_auth.method.*",
        reason: EACH_LOGIN,
        keys: &["enable_reauth_on_new_credentials"],
    },
    Inert {
        within: "api_proxy",
        reason: CONSISTENCY,
        keys: &["enforce_consistency", "when_inconsistent"],
    },
    Inert {
        within: "api_proxy",
        reason: "requests keep the namespace their sender names, and else get that of the agent",
        keys: &["prepend_configured_namespace"],
    },
    Inert {
        within: "cache",
        reason: CONSISTENCY,
        keys: &["enforce_consistency", "when_inconsistent"],
    },
    Inert {
        within: "cache",
        reason: "secrets of templates follow changes of the server; others are always asked for",
        keys: &[
            "cache_static_secrets",
            "disable_caching_dynamic_secrets",
            "static_secret_token_capability_refresh_interval",
            "static_secret_token_capability_refresh_behavior",
        ],
    },
    Inert {
        within: "listener.*",
        reason: "requests have fixed limits",
        keys: &[
            "max_request_size",
            "max_request_duration",
            "http_read_timeout",
            "http_read_header_timeout",
            "http_write_timeout",
            "http_idle_timeout",
        ],
    },
    Inert {
        within: "listener.*",
        reason: "TLS 1.2 and 1.3 are spoken, with good ciphers only",
        keys: &[
            "tls_min_version",
            "tls_max_version",
            "tls_cipher_suites",
            "tls_prefer_server_cipher_suites",
        ],
    },
    Inert {
        within: "listener.*",
        reason: "a client needs a certificate where tls_client_ca_file is set",
        keys: &["tls_require_and_verify_client_cert", "tls_disable_client_certs"],
    },
    Inert {
        within: "template.exec",
        reason: COMMANDS,
        keys: &["kill_signal", "kill_timeout", "reload_signal", "splay"],
    },
];

/// Why the key at `path` (`listener.tcp.tls_min_version`) has no effect, if it is a known one.
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

/// Whether `path` is the place that `pattern` names. A label may be missing: its `type` may stand inside.
fn matches(pattern: &str, path: &str) -> bool {
    let mut blocks = path.split('.').peekable();
    for expected in pattern.split('.') {
        match (expected, blocks.peek()) {
            ("*", Some(&block)) if block != "config" => {
                blocks.next();
            }
            ("*", _) => {}
            (expected, Some(block)) if expected.eq_ignore_ascii_case(block) => {
                blocks.next();
            }
            _ => return false,
        }
    }
    blocks.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_at_their_place_only() {
        assert_eq!(reason("telemetry"), reason("Telemetry"));
        assert_eq!(reason("log_rotate_bytes"), Some(ROTATION));
        assert_eq!(
            reason("auto_auth.method.jwt.config.jwt_read_period"),
            Some(EACH_LOGIN)
        );
        assert_eq!(
            reason("auto_auth.method.config.jwt_read_period"),
            Some(EACH_LOGIN)
        );
        assert!(
            reason("listener.tls_min_version").is_some() && reason("listener.tcp.tls_min_version").is_some()
        );
        for elsewhere in [
            "jwt_read_period",
            "auto_auth.jwt_read_period",
            "cache.telemetry",
            "a.listener.tls_min_version",
        ] {
            assert_eq!(reason(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(
            nearest("disable_idle_conections"),
            Some("disable_idle_connections")
        );
    }
}
