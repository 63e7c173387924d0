//! What must stand in the certificate of a caller.

use arca_api::auth::cert::WriteCert;
use arca_api::field::CommaList;
use arca_base::json::Object;
use arca_base::{Json, glob, id};
use arca_core::Fault;
use arca_crypto::x509::{AltName, Certificate};
use serde::{Deserialize, Serialize};

/// Most globs of one list.
const MAX_GLOBS: usize = 256;

/// Lists of globs; an empty one allows everything. Of each list one must match, of extensions all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Rules {
    names: Vec<String>,
    common_names: Vec<String>,
    dns_sans: Vec<String>,
    email_sans: Vec<String>,
    uri_sans: Vec<String>,
    organizational_units: Vec<String>,
    extensions: Vec<String>,
}

impl Rules {
    /// Each list with its name on the wire and what was given for it.
    fn lists<'a>(&'a mut self, given: &'a WriteCert) -> [(&'static str, &'a mut Vec<String>, Given<'a>); 7] {
        [
            ("allowed_names", &mut self.names, given.allowed_names.as_ref()),
            (
                "allowed_common_names",
                &mut self.common_names,
                given.allowed_common_names.as_ref(),
            ),
            (
                "allowed_dns_sans",
                &mut self.dns_sans,
                given.allowed_dns_sans.as_ref(),
            ),
            (
                "allowed_email_sans",
                &mut self.email_sans,
                given.allowed_email_sans.as_ref(),
            ),
            (
                "allowed_uri_sans",
                &mut self.uri_sans,
                given.allowed_uri_sans.as_ref(),
            ),
            (
                "allowed_organizational_units",
                &mut self.organizational_units,
                given.allowed_organizational_units.as_ref(),
            ),
            (
                "required_extensions",
                &mut self.extensions,
                given.required_extensions.as_ref(),
            ),
        ]
    }

    /// Changes what was given and leaves the rest.
    pub(super) fn change(&mut self, given: &WriteCert) -> Result<(), Fault> {
        for (name, list, given) in self.lists(given) {
            let Some(given) = given else {
                continue;
            };
            if given.0.len() > MAX_GLOBS {
                return Err(Fault::invalid(format!(
                    "{name} has {} entries but may have at most {MAX_GLOBS}",
                    given.0.len()
                )));
            }
            list.clone_from(&given.0);
        }
        match self
            .extensions
            .iter()
            .find(|rule| Extension::parse(rule).is_none())
        {
            Some(rule) => Err(Fault::invalid(format!(
                "required_extensions: {rule:?} is neither oid:value nor hex:oid:value"
            ))),
            None => Ok(()),
        }
    }

    /// Adds the lists to what an entry shows.
    pub(super) fn describe_in(&self, members: &mut Object) {
        let shown: [(&str, &Vec<String>); 7] = [
            ("allowed_names", &self.names),
            ("allowed_common_names", &self.common_names),
            ("allowed_dns_sans", &self.dns_sans),
            ("allowed_email_sans", &self.email_sans),
            ("allowed_uri_sans", &self.uri_sans),
            ("allowed_organizational_units", &self.organizational_units),
            ("required_extensions", &self.extensions),
        ];
        members.extend(shown.map(|(name, list)| (name.to_owned(), Json::from(list.clone()))));
    }

    /// Whether everything that must stand in the certificate does.
    pub(super) fn admit(&self, certificate: &Certificate) -> bool {
        let common_name = [certificate.common_name()];
        let mut dns = Vec::new();
        let mut email = Vec::new();
        let mut uri = Vec::new();
        for name in certificate.alt_names() {
            match name {
                AltName::Dns(text) => dns.push(text.clone()),
                AltName::Email(text) => email.push(text.clone()),
                AltName::Uri(text) => uri.push(text.clone()),
                AltName::Ip(_) => {}
            }
        }
        let any_name: Vec<String> = common_name.iter().chain(&dns).chain(&email).cloned().collect();
        some_match(&self.names, &any_name)
            && some_match(&self.common_names, &common_name)
            && some_match(&self.dns_sans, &dns)
            && some_match(&self.email_sans, &email)
            && some_match(&self.uri_sans, &uri)
            && some_match(&self.organizational_units, &certificate.organizational_units())
            && self
                .extensions
                .iter()
                .all(|rule| has_extension(rule, certificate))
    }
}

type Given<'a> = Option<&'a CommaList>;

fn some_match(globs: &[String], texts: &[String]) -> bool {
    let matches = |glob: &String| texts.iter().any(|text| glob::matches(glob, text));
    globs.is_empty() || globs.iter().any(matches)
}

/// A rule about an extension, taken apart.
struct Extension<'a> {
    oid: &'a str,
    glob: &'a str,
    hex: bool,
}

impl<'a> Extension<'a> {
    fn parse(rule: &'a str) -> Option<Self> {
        let (rule, hex) = rule
            .strip_prefix("hex:")
            .map_or((rule, false), |rule| (rule, true));
        let (oid, glob) = rule.split_once(':')?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let sound = oid.contains('.') && oid.split('.').all(digits);
        sound.then_some(Self { oid, glob, hex })
    }
}

fn has_extension(rule: &str, certificate: &Certificate) -> bool {
    let Some(rule) = Extension::parse(rule) else {
        return false;
    };
    let Some(value) = certificate.extension(rule.oid) else {
        return false;
    };
    if rule.hex {
        return glob::matches(&rule.glob.to_ascii_lowercase(), &id::hex(value));
    }
    text(value).is_some_and(|text| glob::matches(rule.glob, text))
}

/// The text of a DER value: UTF8String, PrintableString or IA5String of less than 128 bytes, or of up to 64 KiB.
fn text(der: &[u8]) -> Option<&str> {
    const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let sound = TEXTS.contains(tag) && rest.len() == length;
    sound.then(|| std::str::from_utf8(rest).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_allows_everything_and_others_ask_for_one() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(some_match(&[], &[]));
        assert!(some_match(&texts(&["a*", "b"]), &texts(&["x", "abc"])));
        assert!(!some_match(&texts(&["a*"]), &texts(&["xa"])));
        assert!(!some_match(&texts(&["*"]), &[]), "there must be a name to match");
    }

    #[test]
    fn rules_about_extensions_are_taken_apart() {
        let parsed = |rule: &str| {
            Extension::parse(rule).map(|rule| (rule.oid.to_owned(), rule.glob.to_owned(), rule.hex))
        };
        assert_eq!(parsed("1.2.3:a:b*"), Some(("1.2.3".into(), "a:b*".into(), false)));
        assert_eq!(
            parsed("hex:1.2.3:0c*"),
            Some(("1.2.3".into(), "0c*".into(), true))
        );
        for bad in ["", "1.2.3", "1:x", "1..2:x", "a.b:x", "hex:x"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_read_from_der_and_nothing_else_is() {
        assert_eq!(text(b"\x0c\x02hi"), Some("hi"));
        assert_eq!(text(b"\x16\x81\x02hi"), Some("hi"));
        assert_eq!(text(b"\x13\x82\x00\x02hi"), Some("hi"));
        for bad in [
            &b""[..],
            b"\x0c",
            b"\x0c\x03hi",
            b"\x0c\x01hi",
            b"\x04\x02hi",
            b"\x0c\x02\xff\xff",
            b"\x0c\x83\x00\x00\x02hi",
        ] {
            assert_eq!(text(bad), None, "{bad:?}");
        }
    }
}
