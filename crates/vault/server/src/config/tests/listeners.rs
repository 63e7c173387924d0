//! Listeners: addresses, limits, timeouts, headers, TLS.

use std::path::PathBuf;

use super::*;

fn the_listeners_of_a_whole_server() -> [Listener; 2] {
    let configuration = parse(include_str!("../../../tests/config/server.hcl")).unwrap();
    configuration.listeners.try_into().unwrap()
}

#[test]
fn a_whole_listener() {
    let [tcp, _] = the_listeners_of_a_whole_server();
    let tls = tcp.tls.as_ref().unwrap();
    assert_eq!(tls.min_version, TlsVersion::Tls13);
    assert_eq!(tls.cipher_suites, ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
    let authorities = PathBuf::from("/etc/arca/clients.pem");
    assert_eq!(tls.client, ClientCertificates::Required { authorities });
    let forwarded = tcp.forwarded.as_ref().unwrap();
    assert_eq!(forwarded.authorized.len(), 2);
    assert_eq!(
        (
            forwarded.hop_skips,
            forwarded.reject_not_authorized,
            forwarded.reject_not_present
        ),
        (1, true, false)
    );
    assert_eq!(
        tcp.proxy_protocol.as_ref().unwrap().behavior,
        ProxyBehavior::AllowAuthorized
    );
    assert_eq!(tcp.limits.body_bytes, 1 << 20);
    assert_eq!((tcp.limits.json.depth, tcp.limits.json.values), (16, 1000));
    assert_eq!(tcp.timeouts.header, Some(Duration::from_secs(5)));
    assert_eq!(tcp.timeouts.body, None);
    assert!(tcp.metrics.open && !tcp.metrics.only);
}

#[test]
fn headers_and_sockets() {
    let [tcp, unix] = the_listeners_of_a_whole_server();
    let headers: Vec<String> = tcp
        .headers
        .iter()
        .map(|h| format!("{:?} {} {:?}", h.statuses, h.name, h.value))
        .collect();
    assert_eq!(
        headers,
        [
            r#"All strict-transport-security "max-age=1; preload""#,
            r#"All x-frame-options "DENY""#,
            r#"Class(2) x-ok "a, b""#,
            r#"One(404) x-none "1""#,
        ]
    );
    let ListenAddress::Unix(socket) = &unix.address else {
        panic!("a socket");
    };
    assert_eq!(
        (socket.mode, socket.user.as_deref(), socket.group.as_deref()),
        (Some(0o660), Some("root"), Some("0"))
    );
}

#[test]
fn listeners_are_checked() {
    refuses(
        parse("storage \"inmem\" {}"),
        "no listener is configured",
        "127.0.0.1:8200",
    );
    refuses(
        parse("storage \"inmem\" {}\nlistener \"tcp\" {}"),
        "a.hcl:2:",
        "tls_cert_file and tls_key_file are needed",
    );
    refuses(
        parse("storage \"inmem\" {}\nlistener \"udp\" {}"),
        "a.hcl:2:",
        "kind \"udp\" is not supported",
    );
    refuses(
        parse("storage \"inmem\" {}\nlistener \"unix\" {}"),
        "a.hcl:2:",
        "needs address",
    );
    for (body, message) in [
        ("address = \"localhost\"", "needs a port: \"localhost:8200\""),
        (
            "x_forwarded_for_authorized_addrs = \"10.0.0.0/99\"",
            "\"10.0.0.0/99\" is not an address or a network",
        ),
        ("proxy_protocol_behavior = \"sometimes\"", "is none of use_always"),
        (
            "proxy_protocol_behavior = \"deny_unauthorized\"",
            "proxy_protocol_authorized_addrs is needed",
        ),
        ("max_request_size = \"2GiB\"", "at most 1GiB"),
        ("max_json_depth = 0", "from 1 to 512"),
        ("max_json_depth = 513", "from 1 to 512"),
        ("max_json_values = 0", "from 1 to"),
        (
            "custom_response_headers { \"6xx\" = { X = [\"1\"] } }",
            "\"6xx\" is none of",
        ),
        (
            "custom_response_headers { \"default\" = { \"X-Vault-Token\" = [\"1\"] } }",
            "set by the server itself",
        ),
        (
            "custom_response_headers { \"default\" = { \"Content-Length\" = \"1\" } }",
            "set by the server itself",
        ),
        (
            "custom_response_headers { \"default\" = { \"a b\" = \"1\" } }",
            "not the name of a header",
        ),
        (
            "custom_response_headers { \"default\" = { \"a\" = \"1\\n2\" } }",
            "cannot be sent",
        ),
    ] {
        refuses(listening(body), "a.hcl:4:", message);
    }
}

#[test]
fn listener_addresses() {
    for written in ["127.0.0.1:0", ":8200", "[::1]:8200", "localhost:8200"] {
        let listener = listening(&format!("address = \"{written}\"")).unwrap();
        assert_eq!(listener.address, ListenAddress::Tcp(written.to_owned()));
    }
}

#[test]
fn zero_timeouts_are_no_timeouts_and_zero_limits_the_default() {
    let listener = listening(
        "http_read_header_timeout = 0\nhttp_idle_timeout = \"1m\"\nhttp_write_timeout = \"5s\"\nmax_request_size = 0\nmax_request_duration = 0",
    )
    .unwrap();
    let expected = Timeouts {
        header: None,
        body: Some(Duration::from_secs(30)),
        write: Some(Duration::from_secs(5)),
        idle: Some(Duration::from_secs(60)),
    };
    assert_eq!(listener.timeouts, expected);
    assert_eq!(listener.limits.body_bytes, DEFAULT_BODY_BYTES);
    assert_eq!(listener.limits.duration, Duration::from_secs(90));
}

fn tls(body: &str) -> Result<Tls, String> {
    let text = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\ntls_cert_file = \"/c\"\ntls_key_file = \"/k\"\n{body}\n}}\n"
    );
    parse(&text).map(|mut configuration| configuration.listeners.remove(0).tls.unwrap())
}

#[test]
fn tls_settings() {
    assert_eq!(tls("").unwrap(), Tls::new("/c", "/k"));
    assert_eq!(
        tls("tls_min_version = \"tls10\"").unwrap().min_version,
        TlsVersion::Tls12
    );
    assert_eq!(
        tls("tls_disable_client_certs = \"true\"").unwrap().client,
        ClientCertificates::Disabled
    );
    let authorities = Some(PathBuf::from("/ca"));
    assert_eq!(
        tls("tls_client_ca_file = \"/ca\"").unwrap().client,
        ClientCertificates::Requested { authorities }
    );
    refuses(
        tls("tls_max_version = \"tls11\""),
        "a.hcl:5:",
        "TLS version \"tls11\" is not supported",
    );
    refuses(
        tls("tls_min_version = \"tls13\"\ntls_max_version = \"tls12\""),
        "a.hcl:2:",
        "newer than",
    );
    refuses(
        tls("tls_require_and_verify_client_cert = true"),
        "a.hcl:2:",
        "needs tls_client_ca_file",
    );
    refuses(
        tls("tls_require_and_verify_client_cert = true\ntls_disable_client_certs = true"),
        "a.hcl:2:",
        "exclude each other",
    );
}
