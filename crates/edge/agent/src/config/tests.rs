//! Every form of the grammar, and every rule.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn variables(name: &str) -> Option<String> {
    (name == "AAD").then(|| "additional".to_owned())
}

fn read(text: &str) -> Result<AgentConfig, String> {
    AgentConfig::parse(text.as_bytes(), "agent.hcl", &variables, Strictness::Lenient)
        .map_err(|error| error.to_string())
}

fn good(text: &str) -> AgentConfig {
    read(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Everything else that makes a configuration whole.
const LOGIN: &str =
    r#"auto_auth { method "kubernetes" { config { role = "app" } } sink "file" { config { path = "/t" } } }"#;

/// As the Kubernetes injector writes it.
const INJECTED: &str = r#"{"auto_auth":{"method":{"type":"kubernetes","mount_path":"auth/kubernetes",
    "config":{"role":"app","token_path":"/var/run/secrets/x/token"},"exit_on_err":false},
    "sink":[{"type":"file","config":{"path":"/home/vault/.vault-token"}},
            {"type":"file","config":{"path":"/vault/secrets/token","mode":416}}]},
    "exit_after_auth":true,"pid_file":"/home/vault/.pid",
    "vault":{"address":"https://vault:8200","tls_skip_verify":"false"},
    "template":[{"destination":"/vault/secrets/db","contents":"{{ with secret \"db\" }}{{ end }}",
                 "left_delimiter":"{{","right_delimiter":"}}","perms":"0640","command":"kill -HUP 1","error_on_missing_key":true},
                {"destination":"/vault/secrets/b","source":"/vault/custom/b.tpl"}],
    "listener":[{"type":"tcp","address":"127.0.0.1:8200","tls_disable":true}],
    "cache":{"persist":{"type":"kubernetes","path":"/vault/agent-cache","exit_on_err":false}},
    "template_config":{"exit_on_retry_failure":true,"static_secret_render_interval":"30s"},
    "disable_idle_connections":["auto-auth"],
    "telemetry":{"prometheus_retention_time":"5m"}}"#;

#[test]
fn what_the_injector_writes() {
    let config = good(INJECTED);
    let auto_auth = config.auto_auth.as_ref().unwrap();
    assert!(
        matches!(&auto_auth.method.kind, MethodKind::Kubernetes { role, token_path }
        if role == "app" && token_path == &PathBuf::from("/var/run/secrets/x/token"))
    );
    assert_eq!(auto_auth.sinks.len(), 2);
    assert_eq!((auto_auth.sinks[0].mode, auto_auth.sinks[1].mode), (0o640, 0o640));
    assert!(config.exit_after_auth && config.template_settings.exit_on_retry_failure);
    assert_eq!(config.server.tls_skip_verify, Some(false));
    assert_eq!(config.templates.len(), 2);
    assert_eq!(config.templates[0].perms, Some(0o640));
    assert!(config.templates[0].text.error_on_missing_key && config.templates[0].create_dest_dirs);
    assert_eq!(
        config.templates[0].command.as_ref().unwrap().argv,
        ["kill -HUP 1"]
    );
    assert!(
        matches!(&config.templates[1].text.source, TemplateSource::File(path) if path == &PathBuf::from("/vault/custom/b.tpl"))
    );
    assert!(config.listeners[0].tls.is_none());
    assert_eq!(
        config.cache.unwrap().persist.unwrap().path,
        PathBuf::from("/vault/agent-cache")
    );
    assert_eq!(
        config.template_settings.static_secret_render_interval,
        Duration::from_secs(30)
    );
    let notes = config.notes.join("\n");
    assert_eq!(config.notes.len(), 2, "{notes}");
}

/// The golden text of notes: what a person reads in the log.
#[test]
fn notes_say_place_key_and_remedy() {
    let config = good(&format!(
        "{LOGIN}\nvault {{\n  adress = \"x\"\n}}\ntelemetry {{ a = 1 }}\nlog_rotate_bytes = 7\ntemplate_config {{ zzz = 1 }}\nlisteners {{}}"
    ));
    assert_eq!(
        config.notes,
        [
            "agent.hcl:5:1: \"telemetry\" is accepted without effect: metrics are read from /metrics of a listener, not pushed",
            "agent.hcl:6:1: \"log_rotate_bytes\" is accepted without effect: the log file is not rotated by the agent: use logrotate, or the log of the supervisor",
            "agent.hcl:8:1: unknown key \"listeners\"; did you mean \"listener\"?",
            "agent.hcl:3:3: unknown key \"vault.adress\"; did you mean \"address\"?",
            "agent.hcl:7:19: unknown key \"template_config.zzz\"",
        ]
    );
    let strict = AgentConfig::parse(
        format!("{LOGIN} x = 1").as_bytes(),
        "a",
        &variables,
        Strictness::Strict,
    );
    let error = strict.unwrap_err().to_string();
    assert!(
        error.starts_with("the configuration has keys without effect:\n  a:1:") && error.contains("\"x\""),
        "{error}"
    );
}

#[test]
fn a_method_in_every_form() {
    for method in [
        r#"method "kubernetes" { config { role = "app" } }"#,
        r#"method "kubernetes" { config = { role = "app" } }"#,
        r#"method { type = "kubernetes" config { role = "app" } }"#,
        r#"method = [{ type = "kubernetes", config = [{ role = "app" }] }]"#,
        r#"method { kubernetes { config { role = "app" } } }"#,
        r#"method "kubernetes" { mount_path = "auth/kubernetes/" config { role = "app" } }"#,
        "method \"kubernetes\" { # a\n // b\n /* c */ config { role = <<EOT\napp\nEOT\n } }",
    ] {
        let config = good(&format!(
            "auto_auth {{ {method} sink \"file\" {{ config {{ path = \"/t\" }} }} }}"
        ));
        let method = config.auto_auth.unwrap().method;
        assert!(matches!(&method.kind, MethodKind::Kubernetes { role, .. } if role.trim() == "app"));
        assert_eq!(method.mount_path, "auth/kubernetes");
        assert_eq!(
            (method.min_backoff.as_secs(), method.max_backoff.as_secs()),
            (1, 300)
        );
        assert!(config.notes.is_empty(), "{:?}", config.notes);
    }
}

fn with_method(method: &str) -> String {
    format!("auto_auth {{ method {method} sink \"file\" {{ config {{ path = \"/t\" }} }} }}")
}

#[test]
fn the_settings_of_each_method() {
    let kind = |method: &str| good(&with_method(method)).auto_auth.unwrap().method.kind;
    assert!(matches!(
        kind(r#""approle" { config { role_id_file_path = "/r" secret_id_file_path = "/s" remove_secret_id_file_after_reading = "false" secret_id_response_wrapping_path = "auth/approle/role/a/secret-id" } }"#),
        MethodKind::AppRole { remove_secret_id_file: false, secret_id_wrapping_path: Some(path), .. } if path == "auth/approle/role/a/secret-id"
    ));
    assert!(matches!(
        kind(r#""jwt" { config { path = "/j" role = "r" } }"#),
        MethodKind::Jwt {
            remove: true,
            remove_follows_symlinks: false,
            ..
        }
    ));
    assert!(matches!(
        kind(r#""token_file" { config { token_file_path = "/t" } }"#),
        MethodKind::TokenFile { .. }
    ));
    assert!(matches!(
        kind(r#""cert" { config { name = "n" client_cert = "/c" client_key = "/k" reload = true } }"#),
        MethodKind::Cert {
            reload: true,
            ca_cert: None,
            ..
        }
    ));
    assert!(matches!(
        kind(r#""cert" {}"#),
        MethodKind::Cert { name: None, .. }
    ));
    for name in ["ldap", "userpass"] {
        let kind = kind(&format!(
            r#""{name}" {{ config {{ username = "u" password_file_path = "/p" }} }}"#
        ));
        assert!(matches!(
            kind,
            MethodKind::Ldap { remove: true, .. } | MethodKind::UserPass { remove: true, .. }
        ));
    }
}

/// What is written, the field the error names, and what it says.
const METHOD_MISTAKES: &[(&str, &str, &str)] = &[
    (
        r#""kubernetes" {}"#,
        "auto_auth.method.kubernetes.config.role",
        "is required",
    ),
    (
        r#""kubernetes" { config { role = "" } }"#,
        ".config.role",
        "is required",
    ),
    (
        r#""kubernetes" { mount_path = "kubernetes" config { role = "a" } }"#,
        ".mount_path",
        "write \"auth/kubernetes\"",
    ),
    (
        r#""kubernetes" { min_backoff = "10m" config { role = "a" } }"#,
        ".min_backoff",
        "more than max_backoff",
    ),
    (
        r#""kubernetes" { min_backoff = "soon" config { role = "a" } }"#,
        ".min_backoff",
        "invalid duration",
    ),
    (
        r#""kubernetes" { config { role = "a" } config { role = "b" } }"#,
        ".config",
        "only one",
    ),
    (r#""approle" { config {} }"#, ".role_id_file_path", "is required"),
    (
        r#""approle" { config { role_id_file_path = "/r" secret_id_response_wrapping_path = "x" } }"#,
        ".secret_id_response_wrapping_path",
        "needs secret_id_file_path",
    ),
    (r#""jwt" { config { role = "r" } }"#, ".path", "is required"),
    (r#""token_file" { config {} }"#, ".token_file_path", "is required"),
    (
        r#""cert" { config { client_cert = "/c" } }"#,
        ".client_key",
        "go together",
    ),
    (
        r#""ldap" { config { username = "u" } }"#,
        ".password_file_path",
        "is required",
    ),
    (
        r#""userpass" { config { password_file_path = "/p" } }"#,
        ".username",
        "is required",
    ),
    (r#""aws" {}"#, ".type", "is not supported: use \"kubernetes\""),
    (r#""kubernetis" {}"#, ".type", "is no method"),
    ("{}", ".type", "no type is given"),
    (r#""a" "b" {}"#, "method", "several labels"),
    (r#"= "kubernetes""#, "method", "expected a block"),
];

#[test]
fn mistakes_of_methods_name_field_and_remedy() {
    for (method, field, reason) in METHOD_MISTAKES {
        let error = read(&with_method(method)).unwrap_err();
        assert!(
            error.starts_with("agent.hcl:1:") && error.contains(field) && error.contains(reason),
            "{method}: {error}"
        );
    }
    let two = r#"auto_auth { method "jwt" {} method "cert" {} }"#;
    assert!(read(two).unwrap_err().contains("only one method"));
    assert!(read("auto_auth {}").unwrap_err().contains("no method is given"));
}

fn with_sink(sink: &str) -> String {
    format!("auto_auth {{ method \"kubernetes\" {{ config {{ role = \"a\" }} }} sink {sink} }}")
}

#[test]
fn sinks_in_every_form() {
    for (sink, mode) in [
        (r#""file" { config { path = "/t" } }"#, 0o640),
        (r#"{ type = "file" config { path = "/t" mode = 0600 } }"#, 0o600),
        (
            r#"= [{ type = "file", config = { path = "/t", mode = "0644" } }]"#,
            0o644,
        ),
        (r#"{ file { config { path = "/t" mode = 420 } } }"#, 0o644),
    ] {
        let config = good(&with_sink(sink));
        let sink = &config.auto_auth.as_ref().unwrap().sinks[0];
        assert_eq!((sink.path.to_str(), sink.mode), (Some("/t"), mode));
        assert!(config.notes.is_empty(), "{:?}", config.notes);
    }
    let config = good(&with_sink(
        r#""file" { wrap_ttl = "5m" dh_type = "curve25519" dh_path = "/k" derive_key = true aad_env_var = "AAD" config { path = "/t" owner = "app" gid = 7 } }"#,
    ));
    let sink = &config.auto_auth.as_ref().unwrap().sinks[0];
    assert_eq!(sink.wrap_ttl, Some(Duration::from_mins(5)));
    assert_eq!(
        (sink.owner.clone(), sink.group.clone()),
        (Some(Account::Name("app".into())), Some(Account::Id(7)))
    );
    let encryption = sink.encryption.as_ref().unwrap();
    assert!(encryption.derive_key && encryption.aad.expose() == "additional");
    assert!(!format!("{config:?}").contains("additional"));
}

#[test]
fn mistakes_of_sinks_name_field_and_remedy() {
    for (sink, field, reason) in [
        (r#""file" {}"#, "auto_auth.sink.file.config.path", "is required"),
        (r#""token" {}"#, ".type", "is no sink"),
        (
            r#""file" { config { path = "/t" mode = 644 } }"#,
            ".mode",
            "in octal",
        ),
        (
            r#""file" { dh_type = "curve25519" config { path = "/t" } }"#,
            ".dh_path",
            "name the file",
        ),
        (
            r#""file" { dh_path = "/k" config { path = "/t" } }"#,
            ".dh_type",
            "curve25519",
        ),
        (
            r#""file" { dh_path = "/k" dh_type = "p256" config { path = "/t" } }"#,
            ".dh_type",
            "not supported",
        ),
        (
            r#""file" { aad = "x" config { path = "/t" } }"#,
            ".aad",
            "needs dh_type",
        ),
        (
            r#""file" { derive_key = true config { path = "/t" } }"#,
            ".derive_key",
            "needs dh_type",
        ),
        (
            r#""file" { dh_path = "/k" dh_type = "curve25519" aad_env_var = "NONE" config { path = "/t" } }"#,
            ".aad_env_var",
            "\"NONE\" is not set",
        ),
    ] {
        let error = read(&with_sink(sink)).unwrap_err();
        assert!(
            error.starts_with("agent.hcl:1:") && error.contains(field) && error.contains(reason),
            "{sink}: {error}"
        );
    }
}

#[test]
fn templates_in_every_form() {
    let config = good(&format!(
        r#"{LOGIN}
        template {{
          contents = <<-EOT
            a: {{{{ b }}}}
            EOT
          destination = "/d"
          perms = 0600
          exec {{ command = ["reload", "now"] timeout = "5s" env {{ pristine = true custom = ["A=b"] allowlist = ["X*"] }} splay = "1s" }}
          wait {{ min = "2s" max = "10s" }}
          function_denylist = ["sprig_*"]
          left_delimiter = "<<"
        }}
        template = {{ source = "/s" destination = "/e" perms = "0600" command = ["a", "b"] command_timeout = 7 wait = "1s" }}"#
    ));
    let [first, second] = config.templates.as_slice() else {
        panic!()
    };
    assert!(matches!(&first.text.source, TemplateSource::Text(text) if text == "a: {{ b }}\n"));
    let command = first.command.as_ref().unwrap();
    assert_eq!((command.argv.len(), command.timeout.as_secs()), (2, 5));
    assert!(
        command.environment.pristine
            && command.environment.custom == ["A=b"]
            && command.environment.allow == ["X*"]
    );
    assert_eq!(first.wait.unwrap().max, Duration::from_secs(10));
    assert_eq!((first.perms, second.perms), (Some(0o600), Some(0o600)));
    assert_eq!(first.text.denied_functions, ["sprig_*"]);
    assert_eq!(
        (
            first.text.left_delimiter.as_str(),
            first.text.right_delimiter.as_str()
        ),
        ("<<", "}}")
    );
    let command = second.command.as_ref().unwrap();
    assert_eq!((command.argv.len(), command.timeout.as_secs()), (2, 7));
    assert_eq!(second.wait.unwrap().max, Duration::from_secs(4));
    assert_eq!(config.notes.len(), 1, "{:?}", config.notes);
}

/// What is written, the field the error names, and what it says.
const TEMPLATE_MISTAKES: &[(&str, &str, &str)] = &[
    (
        r#"{ destination = "/d" }"#,
        "template.contents",
        "one of source and contents",
    ),
    (
        r#"{ destination = "/d" source = "/s" contents = "c" }"#,
        "template.contents",
        "exclude each other",
    ),
    (r#"{ contents = "c" }"#, "template.destination", "is required"),
    (
        r#"{ contents = "c" destination = "/d" perm = "0600" }"#,
        "template.perm",
        "did you mean \"perms\"",
    ),
    (
        r#"{ contents = "c" destination = "/d" exec { comand = "x" } }"#,
        "template.exec.comand",
        "did you mean \"command\"",
    ),
    (
        r#"{ contents = "c" destination = "/d" exec { env { none = 1 } } }"#,
        "template.exec.env.none",
        "unknown key",
    ),
    (
        r#"{ contents = "c" destination = "/d" command = "x" exec { command = "y" } }"#,
        "template.exec.command",
        "twice",
    ),
    (
        r#"{ contents = "c" destination = "/d" wait = "5s:1s" }"#,
        "template.wait",
        "shorter than min",
    ),
    (
        r#"{ contents = "c" destination = "/d" perms = 644 }"#,
        "template.perms",
        "in octal",
    ),
    (
        r#"{ contents = "c" destination = "/d" backup = "maybe" }"#,
        "template.backup",
        "true or false",
    ),
];

#[test]
fn mistakes_of_templates_name_field_and_remedy() {
    for (template, field, reason) in TEMPLATE_MISTAKES {
        let error = read(&format!("{LOGIN} template {template}")).unwrap_err();
        assert!(
            error.starts_with("agent.hcl:1:") && error.contains(field) && error.contains(reason),
            "{template}: {error}"
        );
    }
    for (settings, field) in [
        ("lease_renewal_threshold = 1.5", "lease_renewal_threshold"),
        ("max_connections_per_host = -1", "max_connections_per_host"),
    ] {
        let error = read(&format!("{LOGIN} template_config {{ {settings} }}")).unwrap_err();
        assert!(error.contains(&format!("template_config.{field}: ")), "{error}");
    }
}

#[test]
fn the_supervised_process() {
    let method = r#"auto_auth { method "kubernetes" { config { role = "a" } } }"#;
    let config = good(&format!(
        r#"{method} env_template "A" {{ contents = "x" }} env_template "B_2" {{ source = "/s" error_on_missing_key = true }}
           exec {{ command = ["./app", "a b"] restart_on_secret_changes = "never" restart_stop_signal = "hup" child_process_stdout = "/o" }}"#
    ));
    let exec = config.exec.as_ref().unwrap();
    assert_eq!(
        (
            exec.command.len(),
            exec.restart_on_change,
            exec.stop_signal.as_str()
        ),
        (2, false, "SIGHUP")
    );
    let names: Vec<_> = config
        .env_templates
        .iter()
        .map(|template| template.name.as_str())
        .collect();
    assert_eq!(names, ["A", "B_2"]);
}

/// The texts of blocks that rules are about, in the place of their names.
fn filled(text: &str) -> String {
    [
        ("$login", LOGIN),
        ("$method", r#"method "kubernetes" { config { role = "a" } }"#),
        (
            "$wrapped",
            r#"method "kubernetes" { wrap_ttl = "5m" config { role = "a" } }"#,
        ),
        ("$sink", r#"sink "file" { config { path = "/t" } }"#),
        ("$listener", r#"listener "tcp" { tls_disable = true }"#),
        ("$template", r#"template { contents = "c" destination = "/d" }"#),
        ("$env", r#"env_template "A" { contents = "x" }"#),
        ("$exec", r#"exec { command = "x" }"#),
    ]
    .iter()
    .fold(text.to_owned(), |text, (name, block)| text.replace(name, block))
}

const PROCESS_MISTAKES: &[(&str, &str, &str)] = &[
    ("auto_auth { $method } $env", "env_template: ", "add exec"),
    (
        "auto_auth { $method } $exec $template",
        "exec: ",
        "add env_template",
    ),
    (
        "auto_auth { $method } $env $exec $template",
        "template: ",
        "two agents",
    ),
    (
        "auto_auth { $method } $env $exec api_proxy {} $listener",
        "api_proxy: ",
        "two agents",
    ),
    (
        "auto_auth { $method } $env $env $exec",
        "env_template: ",
        "\"A\" stands there twice",
    ),
    (
        r#"auto_auth { $method } env_template "1A" { contents = "x" } $exec"#,
        "env_template.1A: ",
        "is no name",
    ),
    (
        r#"auto_auth { $method } env_template { contents = "x" } $exec"#,
        "env_template: ",
        "no variable is named",
    ),
    (
        r#"auto_auth { $method } env_template "A" { contents = "x" destination = "/d" } $exec"#,
        "env_template.A.destination",
        "unknown key",
    ),
    (
        "auto_auth { $method } $env exec {}",
        "exec.command: ",
        "is required",
    ),
    (
        r#"auto_auth { $method } $env exec { command = "x" restart_stop_signal = "SIGNOPE" }"#,
        "exec.restart_stop_signal: ",
        "is no signal",
    ),
    (
        r#"auto_auth { $method } $env exec { command = "x" restart_on_secret_changes = "maybe" }"#,
        "exec.restart_on_secret_changes: ",
        "always",
    ),
    (
        r#"auto_auth { $method } $env exec { command = "x" signal = "x" }"#,
        "exec.signal",
        "unknown key",
    ),
    ("$env $exec $listener", "env_template: ", "add auto_auth"),
];

#[test]
fn mistakes_of_the_supervised_process_name_field_and_remedy() {
    for (text, field, reason) in PROCESS_MISTAKES {
        let error = read(&filled(text)).unwrap_err();
        assert!(
            error.starts_with("agent.hcl:1:") && error.contains(field) && error.contains(reason),
            "{text}: {error}"
        );
    }
}

#[test]
fn listeners_in_every_form() {
    let config = good(
        r#"listener "tcp" { address = "127.0.0.1:8100" tls_disable = "true" role = "metrics_only" agent_api { enable_quit = true } }
           listener { type = "unix" address = "/s" socket_mode = "0600" socket_user = 5 require_request_header = true }
           listener "tcp" { tls_cert_file = "/c" tls_key_file = "/k" tls_client_ca_file = "/a" tls_min_version = "tls12" }"#,
    );
    let [first, second, third] = config.listeners.as_slice() else {
        panic!()
    };
    assert!(first.metrics_only && first.enable_quit && first.tls.is_none());
    assert!(matches!(
        &second.address,
        ListenAddress::Unix {
            mode: Some(0o600),
            user: Some(Account::Id(5)),
            ..
        }
    ));
    assert!(second.require_request_header && !second.enable_quit);
    assert!(third.tls.as_ref().unwrap().client_ca.is_some());
    assert!(matches!(&third.address, ListenAddress::Tcp(address) if address == "127.0.0.1:8200"));
    assert_eq!(config.notes.len(), 1, "{:?}", config.notes);
    let json = good(r#"{"listener": [{"tcp": {"tls_disable": true}}, {"unix": {"address": "/s"}}]}"#);
    assert_eq!(json.listeners.len(), 2);
    for (listener, field) in [
        (r#""tcp" {}"#, "listener.tcp.tls_cert_file: "),
        (r#""tcp" { tls_cert_file = "/c" }"#, "listener.tcp.tls_key_file: "),
        (
            r#""tcp" { address = "8200" tls_disable = true }"#,
            "listener.tcp.address: ",
        ),
        (r#""unix" {}"#, "listener.unix.address: "),
        (r#""udp" {}"#, "listener.udp.type: "),
        (
            r#""tcp" { role = "x" tls_disable = true }"#,
            "listener.tcp.role: ",
        ),
    ] {
        let error = read(&format!("listener {listener}")).unwrap_err();
        assert!(
            error.starts_with("agent.hcl:1:") && error.contains(field),
            "{listener}: {error}"
        );
    }
}

/// What is written, and what the error says.
const RULES: &[(&str, &str)] = &[
    ("", "asks for nothing"),
    ("auto_auth { $method }", "nobody gets the token"),
    ("$login api_proxy {}", "api_proxy: needs a listener"),
    ("$login cache {}", "cache: nobody reads it"),
    (
        "$login $listener cache { use_auto_auth_token = true } api_proxy { use_auto_auth_token = true }",
        "also stands in api_proxy",
    ),
    (
        "$login $listener api_proxy { use_auto_auth_token = \"sometimes\" }",
        "true, false or \"force\"",
    ),
    (
        "$listener api_proxy { use_auto_auth_token = true }",
        "use_auto_auth_token: needs a token",
    ),
    ("$listener $template", "template: needs a token"),
    ("auto_auth { $wrapped $sink $sink }", "exactly one sink"),
    (
        "auto_auth { $wrapped sink \"file\" { wrap_ttl = 60 config { path = \"/t\" } } }",
        "wraps the token already",
    ),
    (
        "auto_auth { $wrapped $sink } $listener api_proxy { use_auto_auth_token = true }",
        "needs the token itself",
    ),
    (
        "auto_auth { $wrapped $sink } $template",
        "templates need the token itself",
    ),
    ("$login $login", "auto_auth: only one such block"),
    ("$login vault {} vault {}", "vault: only one such block"),
    (
        "$login vault { retry { num_retries = -2 } }",
        "vault.retry.num_retries: use a number",
    ),
    (
        "$login cache { persist \"disk\" {} } $listener",
        "cache.persist.disk.type: ",
    ),
    (
        "$login cache { persist \"kubernetes\" {} } $listener",
        "cache.persist.kubernetes.path: is required",
    ),
    (
        "$login log_level = \"loud\"",
        "log_level: \"loud\" is none of trace",
    ),
];

#[test]
fn what_must_hold_between_blocks() {
    for (text, reason) in RULES {
        let error = read(&filled(text)).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(
            text.is_empty() || error.starts_with("agent.hcl:1:"),
            "{text}: {error}"
        );
    }
    let forced = good(&filled(
        "$login $listener cache { use_auto_auth_token = \"force\" }",
    ));
    assert_eq!(forced.api_proxy.unwrap().own_token, OwnToken::Force);
    good(&filled("$login cache {} $template"));
    good(&filled(
        "auto_auth { $method } $listener api_proxy { use_auto_auth_token = true }",
    ));
    good(&filled("auto_auth { $wrapped $sink }"));
}

#[test]
fn attempts_are_those_of_existing_agents() {
    for (given, attempts) in [("0", None), ("-1", Some(0)), ("5", Some(5)), ("\"7\"", Some(7))] {
        let config = good(&format!("{LOGIN} vault {{ retry {{ num_retries = {given} }} }}"));
        assert_eq!(config.server.retries, attempts, "{given}");
    }
    assert_eq!(good(LOGIN).server.retries, None);
}

#[test]
fn several_files_are_one_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "b.hcl",
        &format!(
            "{LOGIN} pid_file = \"/b\" log_level = \"debug\" template {{ contents = \"b\" destination = \"/b\" }}"
        ),
    );
    write(
        "a.json",
        r#"{"pid_file": "/a", "exit_after_auth": true, "template": [{"contents": "a", "destination": "/a"}]}"#,
    );
    write("c.hcl", "vault { address = \"https://c\" }");
    for draft in ["d.hcl~", ".#e.hcl", "#f.hcl#", ".g.hcl", "notes.txt"] {
        write(draft, "this is { no configuration");
    }
    let load = |paths: &[PathBuf]| AgentConfig::load(paths, &variables, Strictness::Strict);
    let config = load(&[folder.path().to_owned()]).unwrap();
    assert_eq!(config.pid_file, Some("/b".into()));
    assert!(config.exit_after_auth);
    assert_eq!(config.log.level.as_deref(), Some("debug"));
    assert_eq!(config.server.address.as_deref(), Some("https://c"));
    let destinations: Vec<_> = config
        .templates
        .iter()
        .map(|template| template.destination.to_str())
        .collect();
    assert_eq!(destinations, [Some("/a"), Some("/b")]);
    let empty = tempfile::tempdir().unwrap();
    for (paths, reason) in [
        (vec![], "use -config"),
        (vec![empty.path().to_owned()], "holds no file"),
        (vec![empty.path().join("none.hcl")], "cannot read"),
    ] {
        assert!(load(&paths).unwrap_err().to_string().contains(reason));
    }
    std::fs::write(empty.path().join("big.hcl"), vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(
        load(&[empty.path().to_owned()])
            .unwrap_err()
            .to_string()
            .contains("longer than 1048576 bytes")
    );
}

#[test]
fn variables_come_before_files() {
    let environment = |name: &str| match name {
        "VAULT_LOG_LEVEL" => Some("WARNING".to_owned()),
        "BAO_LOG_FORMAT" => Some("json".to_owned()),
        _ => None,
    };
    let text = format!("{LOGIN} log_level = \"info\"");
    let config = AgentConfig::parse(text.as_bytes(), "a", &environment, Strictness::Lenient).unwrap();
    assert_eq!(
        (config.log.level.as_deref(), config.log.format.as_deref()),
        (Some("warn"), Some("json"))
    );
    let wrong = |name: &str| (name == "VAULT_LOG_LEVEL").then(|| "loud".to_owned());
    let error = AgentConfig::parse(LOGIN.as_bytes(), "a", &wrong, Strictness::Lenient).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("VAULT_LOG_LEVEL in the environment: ")
    );
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn no_change_of_a_good_text_breaks_the_reader(
        start in 0_usize..2000, length in 0_usize..80, inserted in "[a-z{}\\[\\]\",:= 0-9\n]{0,12}"
    ) {
        for good in [INJECTED, &format!("{LOGIN} template {{ contents = \"c\" destination = \"/d\" wait = \"1s\" }} listener \"tcp\" {{}} cache {{ persist \"kubernetes\" {{ path = \"/p\" }} }}")] {
            let start = start % good.len();
            let end = (start + length).min(good.len());
            let _ = read(&format!("{}{inserted}{}", &good[..start], &good[end..]));
        }
    }
}
