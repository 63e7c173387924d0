//! Addresses in parts.

use std::collections::BTreeMap;

use super::call::{Call, made};
use super::{Answer, Entry, entry};
use crate::template::{FunctionError, Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("urlParse", &[Kind::String], parse),
    entry("urlJoin", &[Kind::Map], join),
];

/// Which characters stand for themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host,
    Path,
    User,
    Fragment,
}

impl Part {
    const fn keeps(self, byte: u8) -> bool {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => true,
            b'!' | b'(' | b')' | b'*' => matches!(self, Self::Host | Self::Fragment),
            b'\'' | b'[' | b']' | b'<' | b'>' | b'"' => matches!(self, Self::Host),
            b'$' | b'&' | b'+' | b',' | b';' | b'=' => true,
            b':' => !matches!(self, Self::User),
            b'@' | b'/' => matches!(self, Self::Path | Self::Fragment),
            b'?' => matches!(self, Self::Fragment),
            _ => false,
        }
    }
}

fn escaped(text: &[u8], part: Part) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if part.keeps(*byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// Text without escapes. In hosts, only what is not ASCII may be escaped.
fn plain(text: &[u8], part: Part) -> Result<Vec<u8>, FunctionError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Ok(out),
            [b'%', high, low, behind @ ..] => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or("invalid URL escape");
                let byte = (digit(high)? * 16 + digit(low)?) as u8;
                if part == Part::Host && byte < 0x80 {
                    return Err("invalid URL escape in the host".into());
                }
                out.push(byte);
                behind
            }
            [b'%', ..] => return Err("invalid URL escape".into()),
            [byte, ..] if part == Part::Host && *byte < 0x80 && !part.keeps(*byte) => {
                return Err("invalid character in the host of the URL".into());
            }
            [byte, behind @ ..] => {
                out.push(*byte);
                behind
            }
        }
    }
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(at, text) {
        Some(index) => (text.get(..index).unwrap_or_default(), text.get(index + 1..)),
        None => (text, None),
    }
}

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    /// Name and password.
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

impl Url {
    fn parse(text: &[u8]) -> Result<Self, FunctionError> {
        if text.iter().any(u8::is_ascii_control) {
            return Err("invalid control character in the URL".into());
        }
        let (text, fragment) = cut(text, b'#');
        let mut url = Self {
            fragment: plain(fragment.unwrap_or_default(), Part::Fragment)?,
            ..Self::default()
        };
        if text == b"*" {
            url.path = text.to_vec();
            return Ok(url);
        }
        let (scheme, rest) = scheme_of(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (rest, query) = cut(rest, b'?');
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("the first path segment of the URL cannot contain a colon".into());
            }
        }
        let mut path = rest;
        let hosted = !scheme.is_empty() || !rest.starts_with(b"///");
        if let Some(behind) = rest.strip_prefix(b"//").filter(|_| hosted) {
            let slash = memchr::memchr(b'/', behind).unwrap_or(behind.len());
            let (authority, behind) = behind.split_at_checked(slash).unwrap_or((behind, &[]));
            url.authority(authority)?;
            path = behind;
        }
        url.path = plain(path, Part::Path)?;
        Ok(url)
    }

    fn authority(&mut self, authority: &[u8]) -> Result<(), FunctionError> {
        let (user, host) = match memchr::memrchr(b'@', authority) {
            Some(at) => (authority.get(..at), authority.get(at + 1..).unwrap_or_default()),
            None => (None, authority),
        };
        check_port(host)?;
        self.host = plain(host, Part::Host)?;
        if let Some(user) = user {
            let valid = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
            if !user.iter().all(valid) {
                return Err("invalid user in the URL".into());
            }
            let (name, password) = cut(user, b':');
            let password = password.map(|password| plain(password, Part::User)).transpose()?;
            self.user = Some((plain(name, Part::User)?, password));
        }
        Ok(())
    }

    fn userinfo(&self) -> Vec<u8> {
        let Some((name, password)) = &self.user else {
            return Vec::new();
        };
        let mut out = escaped(name, Part::User);
        if let Some(password) = password {
            out.push(b':');
            out.extend(escaped(password, Part::User));
        }
        out
    }

    /// The host without a port and without brackets.
    fn host_name(&self) -> &[u8] {
        let host = &self.host;
        if let Some(inner) = host.strip_prefix(b"[") {
            return memchr::memchr(b']', inner)
                .and_then(|end| inner.get(..end))
                .unwrap_or(host);
        }
        match memchr::memrchr(b':', host) {
            Some(colon) => host.get(..colon).unwrap_or(host),
            None => host,
        }
    }

    fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.write_hierarchy(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escaped(&self.fragment, Part::Fragment));
        }
        out
    }

    fn write_hierarchy(&self, out: &mut Vec<u8>) {
        if !self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some() {
            if !self.host.is_empty() || !self.path.is_empty() || self.user.is_some() {
                out.extend_from_slice(b"//");
            }
            if self.user.is_some() {
                out.extend(self.userinfo());
                out.push(b'@');
            }
            out.extend(escaped(&self.host, Part::Host));
        }
        if !self.path.is_empty() && !self.path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && cut(&self.path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        if self.path == b"*" {
            out.push(b'*');
        } else {
            out.extend(escaped(&self.path, Part::Path));
        }
    }
}

/// The scheme, and what is behind its colon.
fn scheme_of(text: &[u8]) -> Result<(&[u8], &[u8]), FunctionError> {
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if index > 0 => {}
            b':' if index == 0 => return Err("the URL has no scheme in front of its colon".into()),
            b':' => {
                let (scheme, rest) = cut(text, b':');
                return Ok((scheme, rest.unwrap_or_default()));
            }
            _ => break,
        }
    }
    Ok((b"", text))
}

fn check_port(host: &[u8]) -> Result<(), FunctionError> {
    let port = if host.starts_with(b"[") {
        let end = memchr::memrchr(b']', host).ok_or("a bracket of the host of the URL is not closed")?;
        host.get(end + 1..).unwrap_or_default()
    } else {
        match memchr::memchr(b':', host) {
            Some(colon) => host.get(colon..).unwrap_or_default(),
            None => &[],
        }
    };
    match port {
        [] => Ok(()),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err("invalid port in the URL".into()),
    }
}

fn parse(call: &Call<'_>) -> Answer {
    let url = Url::parse(call.bytes(0))?;
    Ok(Value::map([
        ("scheme", Value::string(&url.scheme)),
        ("host", Value::string(&url.host)),
        ("hostname", Value::string(url.host_name())),
        ("path", Value::string(&url.path)),
        ("query", Value::string(&url.query)),
        ("opaque", Value::string(&url.opaque)),
        ("fragment", Value::string(&url.fragment)),
        ("userinfo", Value::string(url.userinfo())),
    ]))
}

fn join(call: &Call<'_>) -> Answer {
    let parts = call.map(0);
    let user = match part(&parts, "userinfo")?.as_slice() {
        [] => None,
        user => Url::parse(&[b"proto://", user, b"@host"].concat())?.user,
    };
    let url = Url {
        scheme: part(&parts, "scheme")?,
        opaque: part(&parts, "opaque")?,
        user,
        host: part(&parts, "host")?,
        path: part(&parts, "path")?,
        query: part(&parts, "query")?,
        fragment: part(&parts, "fragment")?,
    };
    made(url.text())
}

fn part(parts: &BTreeMap<String, Value>, name: &str) -> Result<Vec<u8>, FunctionError> {
    match parts.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.to_vec()),
        Some(Value::JsonNumber(digits)) => Ok(digits.as_bytes().to_vec()),
        Some(other) => Err(format!("{name} must be a string; got {}", other.type_name()).into()),
    }
}
