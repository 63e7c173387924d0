//! Names of subjects: the common name and the alternative names.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, Ia5String};
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::{self, Decode, Encode, Tag};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::X509Error;

/// The most characters of a common name (RFC 5280, appendix A.1, `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;
const MAX_DNS_NAME: usize = 253;
const MAX_DNS_LABEL: usize = 63;

/// A name or address that a certificate vouches for (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AltName {
    /// A host name; its first label may be `*`.
    Dns(String),
    /// An address, to be connected to by number.
    Ip(IpAddr),
    /// A mailbox; only in certificates made elsewhere.
    Email(String),
    /// A URI such as a SPIFFE id; only in certificates made elsewhere.
    Uri(String),
}

impl FromStr for AltName {
    type Err = X509Error;

    /// Reads an IP address, or else a host name, which is turned to lower case.
    fn from_str(text: &str) -> Result<Self, X509Error> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        check_dns_name(text)?;
        Ok(Self::Dns(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => f.write_str(text),
        }
    }
}

impl AltName {
    /// The name in a certificate; `None` for the kinds that are not listed here.
    pub(super) fn decode(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::DnsName(text) => Some(Self::Dns(text.as_str().to_owned())),
            GeneralName::Rfc822Name(text) => Some(Self::Email(text.as_str().to_owned())),
            GeneralName::UniformResourceIdentifier(text) => Some(Self::Uri(text.as_str().to_owned())),
            GeneralName::IpAddress(octets) => address(octets.as_bytes()).map(Self::Ip),
            _ => None,
        }
    }

    /// The name for a server certificate.
    pub(super) fn encode(&self) -> Result<GeneralName, X509Error> {
        match self {
            Self::Ip(address) => Ok(GeneralName::from(*address)),
            Self::Dns(text) => {
                check_dns_name(text)?;
                Ia5String::new(text)
                    .map(GeneralName::DnsName)
                    .map_err(X509Error::encoding)
            }
            Self::Email(text) | Self::Uri(text) => {
                Err(refused(text, "it is neither a host nor an IP address"))
            }
        }
    }
}

/// A subject of nothing but a common name.
pub(super) fn common_name(text: &str) -> Result<Name, X509Error> {
    if text.is_empty() || text.chars().count() > MAX_COMMON_NAME {
        return Err(refused(text, "a common name has 1 to 64 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(refused(text, "it has a control character"));
    }
    encode_common_name(text).map_err(X509Error::encoding)
}

fn encode_common_name(text: &str) -> der::Result<Name> {
    let mut relative = RelativeDistinguishedName::default();
    relative.insert(AttributeTypeAndValue {
        oid: COMMON_NAME,
        value: Any::new(Tag::Utf8String, text.as_bytes())?,
    })?;
    let mut sequence = RdnSequence::default();
    sequence.push(relative);
    Name::from_der(&sequence.to_der()?)
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::from(octets));
    }
    <[u8; 16]>::try_from(octets).ok().map(IpAddr::from)
}

/// Host names as clients accept them: RFC 1123 with the underscore many private networks have.
fn check_dns_name(text: &str) -> Result<(), X509Error> {
    let host = text.strip_prefix("*.").unwrap_or(text);
    if text.is_empty() || text.len() > MAX_DNS_NAME {
        return Err(refused(text, "a host name has 1 to 253 characters"));
    }
    if !host.split('.').all(is_label) {
        return Err(refused(
            text,
            "each part of a host name has 1 to 63 letters, digits, hyphens inside, or underscores",
        ));
    }
    if host
        .rsplit('.')
        .next()
        .is_some_and(|top| top.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(refused(text, "it looks like an IP address and is none"));
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    (1..=MAX_DNS_LABEL).contains(&label.len())
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn refused(name: &str, reason: &'static str) -> X509Error {
    X509Error::Name {
        name: name.chars().take(MAX_DNS_NAME).collect(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_and_addresses() {
        for (text, name) in [
            ("localhost", AltName::Dns("localhost".into())),
            ("Arca.Example.COM", AltName::Dns("arca.example.com".into())),
            ("*.svc.cluster.local", AltName::Dns("*.svc.cluster.local".into())),
            (
                "xn--bcher-kva.example",
                AltName::Dns("xn--bcher-kva.example".into()),
            ),
            ("my_service", AltName::Dns("my_service".into())),
            ("127.0.0.1", AltName::Ip([127, 0, 0, 1].into())),
            ("::1", AltName::Ip(std::net::Ipv6Addr::LOCALHOST.into())),
        ] {
            assert_eq!(text.parse::<AltName>().as_ref(), Ok(&name));
            assert_eq!(AltName::decode(&name.encode().unwrap()), Some(name));
        }
    }

    #[test]
    fn refuses_what_is_neither() {
        let long_label = "a".repeat(64);
        let long_name = ["abcdefghi"; 26].join(".");
        for text in [
            "",
            ".",
            "*",
            "*.",
            "a.*.b",
            "**.a",
            "a..b",
            "a.",
            "-a",
            "a-",
            "a b",
            "b\u{fc}cher.example",
            "a\n",
            "1.2.3.999",
            "10",
            "[::1]",
            "host:8200",
            &long_label,
            &long_name,
        ] {
            assert!(
                matches!(text.parse::<AltName>(), Err(X509Error::Name { .. })),
                "{text:?}"
            );
            assert!(AltName::Dns(text.to_owned()).encode().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_longest_names_pass() {
        let label = "a".repeat(63);
        let name = ["abcdefghi"; 25].join(".") + ".abc";
        assert_eq!(name.len(), 253);
        assert!(label.parse::<AltName>().is_ok());
        assert!(name.parse::<AltName>().is_ok());
    }

    #[test]
    fn mailboxes_and_uris_are_not_for_servers() {
        assert!(AltName::Email("a@b.example".into()).encode().is_err());
        assert!(AltName::Uri("spiffe://a/b".into()).encode().is_err());
    }

    #[test]
    fn common_names_are_kept_literally() {
        assert_eq!(common_name("a,b=c+d").unwrap().to_string(), "CN=a\\,b=c\\+d");
        let longest = "\u{e9}".repeat(64);
        assert!(common_name(&longest).is_ok());
        for text in ["", &"x".repeat(65), "a\0b", "a\nb"] {
            assert!(
                matches!(common_name(text), Err(X509Error::Name { .. })),
                "{text:?}"
            );
        }
    }
}
