//! From a written listener to a checked one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use arca_base::json::Limits as JsonLimits;
use arca_lang::hcl::{Labeled, Located, Position};
use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use super::address::{LocalAddresses, expand};
use super::error::ConfigError;
use super::listener::{
    ClientCertificates, ClosedCeremonies, CustomHeader, DEFAULT_BODY_BYTES, Forwarded, ListenAddress,
    Listener, MetricsAccess, ProxyBehavior, ProxyProtocol, RequestLimits, Statuses, Timeouts, Tls,
    TlsVersion, UnixSocket,
};
use super::raw::{self, HeaderValues};
use super::source::Source;
use arca_lang::hcl::lenient::{Flag, Interval, Texts};

/// Address of a listener that names none.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8200";

/// Deeper documents could exhaust the stack of the thread that reads them.
const MAX_DEPTH: usize = 512;
/// More values could exhaust memory before the size of a body is reached.
const MAX_VALUES: usize = 10_000_000;

/// A mistake and its place.
type Wrong = (Position, String);

/// Checks a listener of `source`.
pub(super) fn check(
    source: &Source,
    written: &Labeled<Located<raw::Listener>>,
    max_duration: Duration,
    local: &LocalAddresses,
) -> Result<Listener, ConfigError> {
    let of_stanza = |message: String| source.error(written.body.position, format!("listener: {message}"));
    let at = |(position, message): Wrong| source.error(position, format!("listener: {message}"));
    let body = &written.body.value;
    let (address, tls) = match written.label.as_str() {
        "tcp" => (
            tcp(body, local).map_err(at)?,
            tls(body, written.body.position).map_err(at)?,
        ),
        "unix" => (
            unix(body).map_err(|error| {
                error.map_or_else(
                    || of_stanza("a unix listener needs address: the path of its socket".to_owned()),
                    at,
                )
            })?,
            None,
        ),
        other => {
            return Err(of_stanza(format!(
                "kind {other:?} is not supported: use \"tcp\" or \"unix\""
            )));
        }
    };
    Ok(Listener {
        address,
        tls,
        proxy_protocol: proxy_protocol(body).map_err(at)?,
        forwarded: forwarded(body).map_err(at)?,
        limits: limits(body, max_duration).map_err(at)?,
        timeouts: timeouts(body),
        headers: headers(body).map_err(at)?,
        metrics: MetricsAccess {
            open: is_set(body.telemetry.unauthenticated_metrics_access),
            only: is_set(body.telemetry.metrics_only),
            disallowed: is_set(body.telemetry.disallow_metrics),
        },
    })
}

fn is_set(flag: Option<Flag>) -> bool {
    flag.is_some_and(|flag| flag.0)
}

fn tcp(body: &raw::Listener, local: &LocalAddresses) -> Result<ListenAddress, Wrong> {
    let Some(written) = &body.address else {
        return Ok(ListenAddress::Tcp(DEFAULT_ADDRESS.to_owned()));
    };
    let wrong = |message| (written.position, message);
    let address = expand(&written.value, local).map_err(wrong)?;
    let (host, port) = address.rsplit_once(':').unwrap_or((&address, ""));
    if port.parse::<u16>().is_err() {
        return Err(wrong(format!(
            "address {address:?} needs a port: \"{host}:8200\""
        )));
    }
    Ok(ListenAddress::Tcp(address))
}

/// `None` when the path is missing.
fn unix(body: &raw::Listener) -> Result<ListenAddress, Option<Wrong>> {
    let path = body
        .address
        .as_ref()
        .filter(|address| !address.value.is_empty())
        .ok_or(None)?;
    let mode = body.socket_mode.as_ref().map(|written| {
        u32::from_str_radix(&written.value.text, 8)
            .ok()
            .filter(|mode| *mode <= 0o777)
            .ok_or_else(|| Some((written.position, "socket_mode is octal: \"0660\"".to_owned())))
    });
    let name = |written: &Option<Located<String>>| written.as_ref().map(|name| name.value.clone());
    Ok(ListenAddress::Unix(UnixSocket {
        path: path.value.clone().into(),
        mode: mode.transpose()?,
        user: name(&body.socket_user),
        group: name(&body.socket_group),
    }))
}

fn tls(body: &raw::Listener, stanza: Position) -> Result<Option<Tls>, Wrong> {
    if is_set(body.tls_disable) {
        return Ok(None);
    }
    let (Some(certificate), Some(key)) = (&body.tls_cert_file, &body.tls_key_file) else {
        let message = "tls_cert_file and tls_key_file are needed, or tls_disable = true for plain HTTP";
        return Err((stanza, message.to_owned()));
    };
    let min_version = version(body.tls_min_version.as_ref(), TlsVersion::Tls12, true)?;
    let max_version = version(body.tls_max_version.as_ref(), TlsVersion::Tls13, false)?;
    if min_version > max_version {
        return Err((stanza, "tls_min_version is newer than tls_max_version".to_owned()));
    }
    Ok(Some(Tls {
        certificate: certificate.clone(),
        key: key.clone(),
        min_version,
        max_version,
        cipher_suites: body
            .tls_cipher_suites
            .as_ref()
            .map_or_else(Vec::new, |suites| suites.value.0.clone()),
        client: client_certificates(body, stanza)?,
    }))
}

/// A lower bound older than TLS 1.2 allows what is spoken here; an upper one leaves nothing.
fn version(
    written: Option<&Located<String>>,
    default: TlsVersion,
    is_lower: bool,
) -> Result<TlsVersion, Wrong> {
    let Some(written) = written else {
        return Ok(default);
    };
    match written.value.as_str() {
        "" => Ok(default),
        "tls13" => Ok(TlsVersion::Tls13),
        "tls12" => Ok(TlsVersion::Tls12),
        "tls10" | "tls11" if is_lower => Ok(TlsVersion::Tls12),
        other => Err((
            written.position,
            format!("TLS version {other:?} is not supported: use \"tls12\" or \"tls13\""),
        )),
    }
}

fn client_certificates(body: &raw::Listener, stanza: Position) -> Result<ClientCertificates, Wrong> {
    let authorities = body.tls_client_ca_file.clone();
    let required = is_set(body.tls_require_and_verify_client_cert);
    match (required, is_set(body.tls_disable_client_certs), authorities) {
        (true, true, _) => Err((
            stanza,
            "tls_require_and_verify_client_cert and tls_disable_client_certs exclude each other".to_owned(),
        )),
        (true, false, Some(authorities)) => Ok(ClientCertificates::Required { authorities }),
        (true, false, None) => Err((
            stanza,
            "tls_require_and_verify_client_cert needs tls_client_ca_file: the authorities to trust"
                .to_owned(),
        )),
        (false, true, _) => Ok(ClientCertificates::Disabled),
        (false, false, authorities) => Ok(ClientCertificates::Requested { authorities }),
    }
}

fn proxy_protocol(body: &raw::Listener) -> Result<Option<ProxyProtocol>, Wrong> {
    let Some(written) = body
        .proxy_protocol_behavior
        .as_ref()
        .filter(|written| !written.value.is_empty())
    else {
        return Ok(None);
    };
    let behavior = match written.value.as_str() {
        "use_always" => ProxyBehavior::UseAlways,
        "allow_authorized" => ProxyBehavior::AllowAuthorized,
        "deny_unauthorized" => ProxyBehavior::DenyUnauthorized,
        other => {
            let known = "use_always, allow_authorized, deny_unauthorized";
            return Err((
                written.position,
                format!("proxy_protocol_behavior {other:?} is none of {known}"),
            ));
        }
    };
    let authorized = networks(body.proxy_protocol_authorized_addrs.as_ref())?;
    if authorized.is_empty() && behavior != ProxyBehavior::UseAlways {
        return Err((
            written.position,
            "proxy_protocol_authorized_addrs is needed with this behavior".to_owned(),
        ));
    }
    Ok(Some(ProxyProtocol { behavior, authorized }))
}

fn forwarded(body: &raw::Listener) -> Result<Option<Forwarded>, Wrong> {
    let authorized = networks(body.x_forwarded_for_authorized_addrs.as_ref())?;
    if authorized.is_empty() {
        return Ok(None);
    }
    Ok(Some(Forwarded {
        authorized,
        hop_skips: body
            .x_forwarded_for_hop_skips
            .as_ref()
            .map_or(0, |skips| usize::from(skips.value)),
        reject_not_authorized: body
            .x_forwarded_for_reject_not_authorized
            .is_none_or(|flag| flag.0),
        reject_not_present: body.x_forwarded_for_reject_not_present.is_none_or(|flag| flag.0),
    }))
}

fn networks(written: Option<&Located<Texts>>) -> Result<Vec<IpNet>, Wrong> {
    let Some(written) = written else {
        return Ok(Vec::new());
    };
    let parsed = written.value.0.iter().map(|text| {
        network(text).ok_or_else(|| {
            (
                written.position,
                format!("{text:?} is not an address or a network (10.0.0.0/8)"),
            )
        })
    });
    parsed.collect()
}

fn network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>()
        .ok()
        .map(|network| network.trunc())
        .or_else(alone)
}

fn limits(body: &raw::Listener, max_duration: Duration) -> Result<RequestLimits, Wrong> {
    let bytes = match &body.max_request_size {
        Some(size) if size.value.0 > 0 => usize::try_from(size.value.0)
            .ok()
            .filter(|bytes| *bytes <= 1 << 30)
            .ok_or_else(|| (size.position, "max_request_size must be at most 1GiB".to_owned()))?,
        _ => DEFAULT_BODY_BYTES,
    };
    let default = JsonLimits::default();
    let depth = bounded(
        body.max_json_depth.as_ref(),
        default.depth,
        MAX_DEPTH,
        "max_json_depth",
    )?;
    let values = bounded(
        body.max_json_values.as_ref(),
        default.values,
        MAX_VALUES,
        "max_json_values",
    )?;
    Ok(RequestLimits {
        body_bytes: bytes,
        json: JsonLimits { depth, values },
        duration: limit(body.max_request_duration).unwrap_or(max_duration),
        closed: ClosedCeremonies {
            rekey: is_set(body.disable_unauthed_rekey_endpoints),
            generate_root: is_set(body.disable_unauthed_generate_root_endpoints),
        },
    })
}

fn bounded(written: Option<&Located<usize>>, default: usize, most: usize, key: &str) -> Result<usize, Wrong> {
    match written {
        None => Ok(default),
        Some(written) if (1..=most).contains(&written.value) => Ok(written.value),
        Some(written) => Err((written.position, format!("{key} must be from 1 to {most}"))),
    }
}

/// Zero is no limit.
fn limit(written: Option<Interval>) -> Option<Duration> {
    written
        .map(|interval| interval.0)
        .filter(|duration| !duration.is_zero())
}

fn timeouts(body: &raw::Listener) -> Timeouts {
    let default = Timeouts::default();
    let or = |written: Option<Interval>, default| written.map_or(default, |_| limit(written));
    Timeouts {
        header: or(body.http_read_header_timeout, default.header),
        body: or(body.http_read_timeout, default.body),
        write: or(body.http_write_timeout, default.write),
        idle: or(body.http_idle_timeout, default.idle),
    }
}

fn headers(body: &raw::Listener) -> Result<Vec<CustomHeader>, Wrong> {
    let Some(written) = &body.custom_response_headers else {
        return Ok(Vec::new());
    };
    let mut headers = Vec::new();
    for (statuses, named) in &written.value {
        let wrong = |message| (written.position, format!("custom_response_headers: {message}"));
        let statuses = parse_statuses(statuses).map_err(wrong)?;
        headers.append(&mut headers_of(statuses, named).map_err(wrong)?);
    }
    headers.sort_by_key(|header| header.statuses);
    Ok(headers)
}

fn parse_statuses(text: &str) -> Result<Statuses, String> {
    let digits = text.strip_suffix("xx").filter(|class| class.len() == 1);
    let class = digits
        .and_then(|class| class.parse::<u16>().ok())
        .filter(|class| (1..=5).contains(class));
    let one = text
        .parse::<u16>()
        .ok()
        .filter(|status| (100..600).contains(status));
    match (text, class, one) {
        ("default", _, _) => Ok(Statuses::All),
        (_, Some(class), _) => Ok(Statuses::Class(class)),
        (_, _, Some(one)) => Ok(Statuses::One(one)),
        _ => Err(format!(
            "{text:?} is none of \"default\", \"2xx\" or a status like \"404\""
        )),
    }
}

fn headers_of(
    statuses: Statuses,
    named: &BTreeMap<String, HeaderValues>,
) -> Result<Vec<CustomHeader>, String> {
    let one = |(name, values): (&String, &HeaderValues)| {
        let value = HeaderValue::try_from(values.0.join("; "))
            .map_err(|_| format!("the value of {name:?} cannot be sent in a header"))?;
        let parsed =
            HeaderName::try_from(name).map_err(|_| format!("{name:?} is not the name of a header"))?;
        if is_reserved(&parsed) {
            return Err(format!("{name:?} is set by the server itself"));
        }
        Ok(CustomHeader {
            statuses,
            name: parsed,
            value,
        })
    };
    named.iter().map(one).collect()
}

fn is_reserved(name: &HeaderName) -> bool {
    let framing = [
        "connection",
        "content-length",
        "content-type",
        "date",
        "transfer-encoding",
        "upgrade",
    ];
    name.as_str().starts_with("x-vault-") || framing.contains(&name.as_str())
}
