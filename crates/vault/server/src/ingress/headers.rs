//! Token, namespace and wrapping: what headers say.

use arca_base::{Secret, Ttl};
use arca_core::Fault;
use arca_core::web::{RequestHeaders, WebConfig};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The namespace a request is for.
pub(crate) const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const WRAP_TTL: HeaderName = HeaderName::from_static("x-vault-wrap-ttl");
const FACTOR: HeaderName = HeaderName::from_static("x-vault-mfa");
const WRAP_FORMAT: HeaderName = HeaderName::from_static("x-vault-wrap-format");

/// Longest token, in bytes. Tokens of this server are far shorter; some hold a signed document.
const MAX_TOKEN: usize = 8 << 10;
/// Longest second factor, in bytes, and most of one request.
const MAX_FACTOR: usize = 512;
const MAX_FACTORS: usize = 16;
/// Longest namespace, in bytes.
const MAX_NAMESPACE: usize = 1 << 10;

/// Longest value of a header that is kept for the audit log or an engine, in bytes, and most of one request.
const MAX_KEPT: usize = 16 << 10;
const MOST_KEPT: usize = 64;

/// The headers that the audit log or an engine asks for.
///
/// # Errors
/// 400 for one that is too long to be kept, and for too many.
pub(crate) fn kept(headers: &HeaderMap, web: &WebConfig) -> Result<RequestHeaders, Fault> {
    let wanted = headers.iter().filter(|(name, _)| web.wants(name.as_str()));
    let mut found = Vec::new();
    for (name, value) in wanted {
        if value.len() > MAX_KEPT || found.len() == MOST_KEPT {
            if web.is_stale() {
                continue;
            }
            return Err(Fault::invalid(format!(
                "the {name} header is longer than {MAX_KEPT} bytes, or there are more than {MOST_KEPT} like it"
            )));
        }
        found.push((
            name.as_str(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        ));
    }
    Ok(RequestHeaders::new(found))
}

/// The token: its own header, or else a bearer token.
///
/// # Errors
/// 403 for what can be no token.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<Secret<String>>, Fault> {
    let Some(token) = headers
        .get(&TOKEN)
        .map(HeaderValue::as_bytes)
        .or_else(|| bearer(headers))
    else {
        return Ok(None);
    };
    let token = token.trim_ascii();
    if token.is_empty() {
        return Ok(None);
    }
    let sane = token.len() <= MAX_TOKEN && token.iter().all(u8::is_ascii_graphic);
    match std::str::from_utf8(token) {
        Ok(token) if sane => Ok(Some(Secret::new(token.to_owned()))),
        _ => Err(Fault::denied_unknown(
            "the token has characters that no token has, or is too long",
        )),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let values = headers.get_all(AUTHORIZATION).into_iter();
    values
        .filter_map(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .next()
}

/// The namespace, as sent.
///
/// # Errors
/// 400 for what can be no path.
pub(super) fn namespace(headers: &HeaderMap) -> Result<String, Fault> {
    let Some(value) = headers.get(&NAMESPACE) else {
        return Ok(String::new());
    };
    match value.to_str() {
        Ok(text) if text.len() <= MAX_NAMESPACE => Ok(text.to_owned()),
        _ => Err(Fault::invalid(
            "the X-Vault-Namespace header is not a path, or is too long",
        )),
    }
}

/// How long the answer is to be kept for somebody else; zero is not at all.
///
/// # Errors
/// 400 for what is no duration, and for a format that is not offered.
pub(super) fn wrap_ttl(headers: &HeaderMap) -> Result<Option<Ttl>, Fault> {
    let Some(value) = headers.get(&WRAP_TTL) else {
        return Ok(None);
    };
    let wrong = |reason: &str| Fault::invalid(format!("error parsing X-Vault-Wrap-TTL header: {reason}"));
    let text = value.to_str().map_err(|_| wrong("not text"))?;
    if text.trim_start().starts_with('-') {
        return Err(wrong("requested wrap ttl cannot be negative"));
    }
    let ttl = Ttl::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let signed = headers
        .get(&WRAP_FORMAT)
        .is_some_and(|format| format.as_bytes() == b"jwt");
    if ttl.nonzero().is_some() && signed {
        return Err(Fault::invalid(
            "wrapping tokens in the form of a JWT are not offered: leave the X-Vault-Wrap-Format header out",
        ));
    }
    Ok(ttl.nonzero())
}

/// Second factors, one for each header.
///
/// # Errors
/// 400 for what can be none, and for too many.
pub(super) fn factors(headers: &HeaderMap) -> Result<Vec<Secret<String>>, Fault> {
    let mut factors = Vec::new();
    for value in headers.get_all(&FACTOR) {
        let text = value.to_str().unwrap_or_default().trim();
        if text.is_empty() || text.len() > MAX_FACTOR || factors.len() == MAX_FACTORS {
            return Err(Fault::invalid(
                "X-Vault-MFA headers are METHOD[:PASSCODE] in ASCII, at most 512 bytes each, and at most 16",
            ));
        }
        factors.push(Secret::new(text.to_owned()));
    }
    Ok(factors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn token_of(pairs: &[(&str, &str)]) -> Result<Option<String>, u16> {
        let token = token(&headers(pairs)).map_err(|fault| fault.class().status())?;
        Ok(token.map(|token| token.expose().clone()))
    }

    #[test]
    fn tokens() {
        for (pairs, expected) in [
            (&[][..], None),
            (&[("x-vault-token", "hvs.abc")], Some("hvs.abc")),
            (&[("x-vault-token", " hvs.abc ")], Some("hvs.abc")),
            (&[("x-vault-token", "")], None),
            (&[("authorization", "Bearer hvs.abc")], Some("hvs.abc")),
            (&[("authorization", "bearer hvs.abc")], None),
            (&[("authorization", "Basic YTpi")], None),
            (
                &[("authorization", "Basic YTpi"), ("authorization", "Bearer  b ")],
                Some("b"),
            ),
            (
                &[("authorization", "Bearer b"), ("x-vault-token", "a")],
                Some("a"),
            ),
        ] {
            assert_eq!(token_of(pairs), Ok(expected.map(str::to_owned)), "{pairs:?}");
        }
    }

    #[test]
    fn tokens_that_are_none() {
        for token in ["two words", "caf\u{e9}", "a\tb", &"a".repeat(MAX_TOKEN + 1)] {
            assert_eq!(token_of(&[("x-vault-token", token)]), Err(403), "{token}");
        }
        assert!(token_of(&[("x-vault-token", &"a".repeat(MAX_TOKEN))]).is_ok());
    }

    #[test]
    fn wrapping() {
        let ttl =
            |text: &str| wrap_ttl(&headers(&[("x-vault-wrap-ttl", text)])).map(|ttl| ttl.map(Ttl::seconds));
        for (text, seconds) in [
            ("60", Some(60)),
            ("60s", Some(60)),
            ("5m", Some(300)),
            ("0", None),
            ("", None),
        ] {
            assert_eq!(ttl(text).unwrap(), seconds, "{text}");
        }
        for (text, reason) in [
            ("soon", "time: invalid duration"),
            ("-5", "cannot be negative"),
            ("-1h", "cannot be negative"),
        ] {
            let fault = ttl(text).unwrap_err();
            assert_eq!(fault.class().status(), 400);
            assert!(
                fault
                    .text()
                    .starts_with("error parsing X-Vault-Wrap-TTL header: "),
                "{fault}"
            );
            assert!(fault.text().contains(reason), "{fault}");
        }
    }

    #[test]
    fn only_the_signed_form_of_wrapping_is_refused() {
        let with = |format: &str, ttl: &str| {
            wrap_ttl(&headers(&[
                ("x-vault-wrap-format", format),
                ("x-vault-wrap-ttl", ttl),
            ]))
        };
        assert!(with("jwt", "60").is_err());
        assert!(with("jwt", "0").is_ok());
        assert!(with("xml", "60").is_ok());
    }

    #[test]
    fn second_factors_are_bounded() {
        let found = factors(&headers(&[
            ("x-vault-mfa", "totp:123456"),
            ("x-vault-mfa", " duo "),
        ]))
        .unwrap();
        let found: Vec<&str> = found.iter().map(|factor| factor.expose().as_str()).collect();
        assert_eq!(found, ["totp:123456", "duo"]);
        let many = vec![("x-vault-mfa", "a:1"); MAX_FACTORS + 1];
        let long = "a".repeat(MAX_FACTOR + 1);
        for pairs in [&many[..], &[("x-vault-mfa", "")], &[("x-vault-mfa", &long)]] {
            assert_eq!(factors(&headers(pairs)).unwrap_err().class().status(), 400);
        }
    }

    #[test]
    fn namespaces_are_kept_as_sent() {
        assert_eq!(
            namespace(&headers(&[("x-vault-namespace", "admin/")])).unwrap(),
            "admin/"
        );
        assert_eq!(namespace(&headers(&[])).unwrap(), "");
        assert!(namespace(&headers(&[("x-vault-namespace", "\u{e9}")])).is_err());
        assert!(namespace(&headers(&[("x-vault-namespace", &"a".repeat(1025))])).is_err());
    }
}
