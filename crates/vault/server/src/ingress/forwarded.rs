//! The address of the client behind proxies that are believed.

use std::net::{IpAddr, SocketAddr};

use arca_core::Fault;
use http::{HeaderMap, HeaderName};

use crate::config::Forwarded;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client: the peer, unless a proxy that is believed names another.
///
/// # Errors
/// 400 with the reason, as the listener's rules have it.
pub(crate) fn client(
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
    rules: Option<&Forwarded>,
) -> Result<Option<SocketAddr>, Fault> {
    let (Some(rules), Some(peer)) = (rules, peer) else {
        return Ok(peer);
    };
    if !headers.contains_key(&FORWARDED_FOR) {
        return if rules.reject_not_present {
            Err(Fault::invalid(
                "missing x-forwarded-for header and configured to reject when not present",
            ))
        } else {
            Ok(Some(peer))
        };
    }
    let address = peer.ip().to_canonical();
    if !rules.authorized.iter().any(|network| network.contains(&address)) {
        return if rules.reject_not_authorized {
            Err(Fault::invalid(
                "client address not authorized for x-forwarded-for and configured to reject connection",
            ))
        } else {
            Ok(Some(peer))
        };
    }
    named(headers, rules).map(|client| Some(SocketAddr::new(client, peer.port())))
}

/// The address the header names, once the hops that are proxies are taken off its end.
fn named(headers: &HeaderMap, rules: &Forwarded) -> Result<IpAddr, Fault> {
    let values = headers.get_all(&FORWARDED_FOR).into_iter();
    let hops: Vec<&[u8]> = values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .collect();
    let hop = hops.iter().rev().nth(rules.hop_skips).ok_or_else(|| {
        Fault::invalid(format!(
            "malformed x-forwarded-for configuration or request, hops to skip ({}) would skip before earliest chain \
             link (chain length {})",
            rules.hop_skips,
            hops.len()
        ))
    })?;
    let text = std::str::from_utf8(hop.trim_ascii()).ok();
    text.and_then(parse)
        .ok_or_else(|| Fault::invalid("the x-forwarded-for header holds something that is no address"))
}

/// An address, also with a port, as some proxies write it.
fn parse(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn rules(hop_skips: usize, reject_not_authorized: bool, reject_not_present: bool) -> Forwarded {
        Forwarded {
            authorized: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            hop_skips,
            reject_not_authorized,
            reject_not_present,
        }
    }

    fn judge(peer: &str, sent: &[&str], rules: &Forwarded) -> Result<String, String> {
        let headers: HeaderMap = sent
            .iter()
            .map(|value| (FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap()))
            .collect();
        let address = client(&headers, Some(peer.parse().unwrap()), Some(rules));
        address
            .map(|address| address.unwrap().to_string())
            .map_err(|fault| fault.text().to_owned())
    }

    #[test]
    fn believed_proxies_name_the_client() {
        let strict = |skips| rules(skips, true, true);
        for (peer, sent, skips, client) in [
            ("10.1.1.1:99", &["192.0.2.1"][..], 0, "192.0.2.1:99"),
            ("10.1.1.1:99", &["192.0.2.1, 192.0.2.2"], 0, "192.0.2.2:99"),
            ("10.1.1.1:99", &["192.0.2.1, 192.0.2.2"], 1, "192.0.2.1:99"),
            (
                "10.1.1.1:99",
                &["192.0.2.1", "192.0.2.2,192.0.2.3"],
                1,
                "192.0.2.2:99",
            ),
            ("10.1.1.1:99", &["2001:db8::5"], 0, "[2001:db8::5]:99"),
            ("10.1.1.1:99", &["[2001:db8::5]:443"], 0, "[2001:db8::5]:99"),
            ("10.1.1.1:99", &["[2001:db8::5]"], 0, "[2001:db8::5]:99"),
            ("10.1.1.1:99", &["192.0.2.1:5000"], 0, "192.0.2.1:99"),
            ("[::ffff:10.1.1.1]:99", &["192.0.2.1"], 0, "192.0.2.1:99"),
            ("[2001:db8::9]:99", &["192.0.2.1"], 0, "192.0.2.1:99"),
        ] {
            assert_eq!(
                judge(peer, sent, &strict(skips)),
                Ok(client.to_owned()),
                "{peer} {sent:?}"
            );
        }
    }

    #[test]
    fn the_rest_is_refused_or_passed_over() {
        let text =
            |outcome: Result<String, String>| outcome.unwrap_or_else(|text| text.chars().take(40).collect());
        for (peer, sent, rules, outcome) in [
            (
                "10.1.1.1:99",
                &[][..],
                rules(0, true, true),
                "missing x-forwarded-for header and confi",
            ),
            ("10.1.1.1:99", &[], rules(0, true, false), "10.1.1.1:99"),
            (
                "192.0.2.9:99",
                &["192.0.2.1"],
                rules(0, true, true),
                "client address not authorized for x-forw",
            ),
            (
                "192.0.2.9:99",
                &["192.0.2.1"],
                rules(0, false, true),
                "192.0.2.9:99",
            ),
            ("192.0.2.9:99", &[], rules(0, true, false), "192.0.2.9:99"),
            (
                "10.1.1.1:99",
                &["192.0.2.1"],
                rules(1, true, true),
                "malformed x-forwarded-for configuration ",
            ),
            (
                "10.1.1.1:99",
                &["somebody"],
                rules(0, true, true),
                "the x-forwarded-for header holds somethi",
            ),
            (
                "10.1.1.1:99",
                &[""],
                rules(0, true, true),
                "the x-forwarded-for header holds somethi",
            ),
            (
                "10.1.1.1:99",
                &["192.0.2.1,"],
                rules(0, true, true),
                "the x-forwarded-for header holds somethi",
            ),
            (
                "10.1.1.1:99",
                &["\u{e9}"],
                rules(0, true, true),
                "the x-forwarded-for header holds somethi",
            ),
        ] {
            assert_eq!(
                text(judge(peer, sent, &rules)),
                outcome,
                "{peer} {sent:?} {rules:?}"
            );
        }
    }

    #[test]
    fn without_rules_nobody_is_believed() {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, HeaderValue::from_static("192.0.2.1"));
        let peer = "10.1.1.1:99".parse().ok();
        assert_eq!(client(&headers, peer, None).unwrap(), peer);
        assert_eq!(client(&headers, None, Some(&rules(0, true, true))).unwrap(), None);
    }
}
