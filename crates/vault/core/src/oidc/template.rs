//! More claims of identity tokens: JSON with placeholders.
//!
//! ```text
//! {"name": {{identity.entity.name}}, "groups": {{identity.entity.groups.names}}, "nbf": {{time.now}}}
//! ```
//!
//! A placeholder stands for a whole value, with its own quotes. The template is read with the placeholders in it, and
//! what they stand for is put into what was read: no name and no metadata of an entity can become anything but a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::json::{Limits, Object};
use arca_base::{Json, Timestamp, Ttl};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fault::Fault;
use crate::identity::{Alias, Principal};

/// Longest template, in bytes.
const LONGEST: usize = 16 << 10;
/// What a template may cost.
const LIMITS: Limits = Limits {
    depth: 16,
    values: 1000,
};
/// Most groups of one claim.
const MOST_GROUPS: usize = 2000;
/// Claims that say what a token is, which no template may say.
const RESERVED: [&str; 14] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "c_hash",
    "exp",
    "iat",
    "iss",
    "jti",
    "namespace",
    "nonce",
    "sub",
];

/// A template that was read.
pub(super) struct Template(Object);

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder<'a> {
    EntityId,
    EntityName,
    Metadata(Option<&'a str>),
    GroupIds,
    GroupNames,
    Alias(&'a str, AliasPart<'a>),
    /// An instant, so many seconds from now.
    Time(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AliasPart<'a> {
    Id,
    Name,
    Metadata(Option<&'a str>),
    CustomMetadata(Option<&'a str>),
}

/// Whom a token is about.
pub(super) struct About<'a> {
    pub(super) principal: &'a Principal,
    pub(super) aliases: &'a [Arc<Alias>],
    pub(super) now: Timestamp,
}

impl Template {
    /// The text of a template that may have come in base64.
    ///
    /// # Errors
    /// 400 for one that is too long.
    pub(super) fn decoded(given: &str) -> Result<String, Fault> {
        // Base64 has four letters for three bytes.
        if given.len() > LONGEST / 3 * 4 + 4 {
            return Err(too_long());
        }
        let decoded = STANDARD.decode(given.trim()).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.unwrap_or_else(|| given.to_owned());
        if text.len() > LONGEST {
            return Err(too_long());
        }
        Ok(text.trim().to_owned())
    }

    /// Reads a template; an empty text is one without claims.
    ///
    /// # Errors
    /// 400 that says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Ok(Self(Object::new()));
        }
        let quoted = with_quotes(text)?;
        let read = Json::parse_unique(quoted.as_bytes(), &LIMITS).map_err(|error| {
            Fault::invalid(format!(
                "error parsing template: {error}; a placeholder stands for a whole value, without quotes around it"
            ))
        })?;
        let Json::Object(members) = read else {
            return Err(Fault::invalid("error parsing template: it must be a JSON object"));
        };
        if let Some(name) = members.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(Fault::invalid(format!(
                "top level key {name:?} not allowed. Restricted keys: {}",
                RESERVED.join(", ")
            )));
        }
        check_names(&members)?;
        Ok(Self(members))
    }

    /// The claims about somebody. What there is not is an empty text, list or object.
    pub(super) fn fill(&self, about: &About<'_>) -> Object {
        let claims = self.0.iter();
        claims
            .map(|(name, value)| (name.clone(), filled(value, about)))
            .collect()
    }
}

fn too_long() -> Fault {
    Fault::invalid(format!("template is longer than {LONGEST} bytes"))
}

/// The template with its placeholders as JSON texts, which are told from other texts by their braces.
fn with_quotes(text: &str) -> Result<String, Fault> {
    let unbalanced = || Fault::invalid("error parsing template: unbalanced templating characters");
    let mut pieces = text.split("{{");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (inside, rest) = piece.split_once("}}").ok_or_else(unbalanced)?;
        if Placeholder::parse(inside).is_none() {
            return Err(Fault::invalid(format!(
                "error parsing template: unknown placeholder {:?}",
                inside.trim()
            )));
        }
        out.push_str(&Json::from(format!("{{{{{inside}}}}}")).to_text().into_string());
        out.push_str(rest);
    }
    Ok(out)
}

/// Refuses placeholders as names of members: what is called like an entity must not be what a token says of itself.
fn check_names(members: &Object) -> Result<(), Fault> {
    for (name, value) in members {
        if placeholder(name).is_some() {
            return Err(Fault::invalid(
                "error parsing template: a placeholder cannot be the name of a member",
            ));
        }
        check_below(value)?;
    }
    Ok(())
}

fn check_below(value: &Json) -> Result<(), Fault> {
    match value {
        Json::Object(members) => check_names(members),
        Json::Array(elements) => elements.iter().try_for_each(check_below),
        _ => Ok(()),
    }
}

fn placeholder(text: &str) -> Option<Placeholder<'_>> {
    Placeholder::parse(text.strip_prefix("{{")?.strip_suffix("}}")?)
}

fn filled(value: &Json, about: &About<'_>) -> Json {
    match value {
        Json::String(text) => match placeholder(text) {
            Some(placeholder) => placeholder.value(about),
            None => value.clone(),
        },
        Json::Array(elements) => Json::Array(elements.iter().map(|one| filled(one, about)).collect()),
        Json::Object(members) => {
            let filled = members
                .iter()
                .map(|(name, value)| (name.clone(), filled(value, about)));
            Json::Object(filled.collect())
        }
        other => other.clone(),
    }
}

impl<'a> Placeholder<'a> {
    /// Reads what stands between the braces. `None` if it asks for nothing that there is.
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("time.now") {
            return time(rest).map(Self::Time);
        }
        let text = text.strip_prefix("identity.entity.")?;
        Some(match text {
            "id" => Self::EntityId,
            "name" => Self::EntityName,
            "metadata" => Self::Metadata(None),
            "groups.ids" => Self::GroupIds,
            "groups.names" => Self::GroupNames,
            _ => match text.strip_prefix("metadata.") {
                Some(key) => Self::Metadata(Some(key)),
                None => {
                    let (accessor, part) = text.strip_prefix("aliases.")?.split_once('.')?;
                    Self::Alias(accessor, AliasPart::parse(part)?)
                }
            },
        })
    }

    fn value(self, about: &About<'_>) -> Json {
        let entity = &about.principal.entity;
        let groups = || about.principal.groups().take(MOST_GROUPS);
        match self {
            Self::EntityId => entity.id.as_str().into(),
            Self::EntityName => entity.name.as_str().into(),
            Self::Metadata(key) => texts(Some(&entity.metadata), key),
            Self::GroupIds => Json::Array(groups().map(|group| group.id.as_str().into()).collect()),
            Self::GroupNames => Json::Array(groups().map(|group| group.name.as_str().into()).collect()),
            Self::Alias(accessor, part) => {
                let mut aliases = about.aliases.iter();
                part.value(
                    aliases
                        .find(|alias| alias.mount_accessor == accessor)
                        .map(|alias| &**alias),
                )
            }
            Self::Time(seconds) => about.now.unix_seconds().saturating_add(seconds).into(),
        }
    }
}

impl<'a> AliasPart<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        Some(match text {
            "id" => Self::Id,
            "name" => Self::Name,
            "metadata" => Self::Metadata(None),
            "custom_metadata" => Self::CustomMetadata(None),
            _ => match text.strip_prefix("metadata.") {
                Some(key) => Self::Metadata(Some(key)),
                None => Self::CustomMetadata(Some(text.strip_prefix("custom_metadata.")?)),
            },
        })
    }

    fn value(self, alias: Option<&Alias>) -> Json {
        match self {
            Self::Id => alias.map_or("", |alias| &alias.id).into(),
            Self::Name => alias.map_or("", |alias| &alias.name).into(),
            Self::Metadata(key) => texts(alias.map(|alias| &alias.metadata), key),
            Self::CustomMetadata(key) => texts(alias.map(|alias| &alias.custom_metadata), key),
        }
    }
}

/// One of several texts, or all of them.
fn texts(all: Option<&BTreeMap<String, String>>, key: Option<&str>) -> Json {
    match key {
        Some(key) => all.and_then(|all| all.get(key)).map_or("", String::as_str).into(),
        None => {
            let all = all.into_iter().flatten();
            all.map(|(name, text)| (name.as_str(), text.as_str())).collect()
        }
    }
}

/// What follows `time.now`: nothing, `.plus.1h` or `.minus.1h`.
fn time(rest: &str) -> Option<i64> {
    if rest.is_empty() {
        return Some(0);
    }
    let (sign, length) = match rest.strip_prefix(".plus.") {
        Some(length) => (1, length),
        None => (-1, rest.strip_prefix(".minus.")?),
    };
    let seconds = Ttl::parse(length).ok().filter(|ttl| !ttl.is_zero())?.seconds();
    Some(i64::try_from(seconds).ok()?.saturating_mul(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Template::parse(text)
            .err()
            .map(|fault| fault.text().to_owned())
            .unwrap_or_default()
    }

    #[test]
    fn placeholders_name_what_they_stand_for() {
        for (text, expected) in [
            (" identity.entity.id ", Some(Placeholder::EntityId)),
            ("identity.entity.name", Some(Placeholder::EntityName)),
            ("identity.entity.metadata", Some(Placeholder::Metadata(None))),
            (
                "identity.entity.metadata.a.b",
                Some(Placeholder::Metadata(Some("a.b"))),
            ),
            ("identity.entity.groups.ids", Some(Placeholder::GroupIds)),
            ("identity.entity.groups.names", Some(Placeholder::GroupNames)),
            (
                "identity.entity.aliases.auth_x.custom_metadata.k",
                Some(Placeholder::Alias("auth_x", AliasPart::CustomMetadata(Some("k")))),
            ),
            (
                "identity.entity.aliases.auth_x.metadata",
                Some(Placeholder::Alias("auth_x", AliasPart::Metadata(None))),
            ),
            ("time.now", Some(Placeholder::Time(0))),
            ("time.now.plus.1h30m", Some(Placeholder::Time(5400))),
            ("time.now.minus.10s", Some(Placeholder::Time(-10))),
            ("time.now.plus.", None),
            ("time.now.times.2", None),
            ("identity.entity.aliases.auth_x", None),
            ("identity.entity.aliases.auth_x.other", None),
            ("identity.groups.names.ops.id", None),
            ("identity.entity", None),
            ("", None),
        ] {
            assert_eq!(Placeholder::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_token_says_of_itself_is_not_for_templates() {
        for name in RESERVED {
            assert!(
                error(&format!("{{\"{name}\": 1}}")).contains("not allowed"),
                "{name}"
            );
        }
        assert_eq!(error("{\"deep\": {\"sub\": 1}}"), "");
    }

    #[test]
    fn a_placeholder_is_a_whole_value() {
        for (bad, says) in [
            ("[]", "must be a JSON object"),
            ("{", "a whole value"),
            ("{\"a\": \"{{identity.entity.name}}\"}", "a whole value"),
            ("{\"a\": \"x {{identity.entity.groups.names}}\"}", "a whole value"),
            ("{{{identity.entity.name}}: 1}", "unknown placeholder"),
            ("{ {{identity.entity.name}}: 1}", "the name of a member"),
            (
                "{\"a\": [{ {{identity.entity.name}}: 1}]}",
                "the name of a member",
            ),
            ("{\"a\": {{identity.entity.name}", "unbalanced"),
            (
                "{\"a\": {{identity.entity.secret}}}",
                "unknown placeholder \"identity.entity.secret\"",
            ),
            ("{\"a\": 1, \"a\": 2}", "error parsing template"),
        ] {
            assert!(error(bad).contains(says), "{bad}: {}", error(bad));
        }
        assert_eq!(error(""), "");
        assert_eq!(
            error("{\"a\": {{ identity.entity.name }}, \"b\": [{{time.now}}]}"),
            ""
        );
    }

    #[test]
    fn templates_come_as_text_or_in_base64() {
        let text = "{\"a\": {{time.now}}}";
        assert_eq!(Template::decoded(text).unwrap(), text);
        assert_eq!(Template::decoded(&STANDARD.encode(text)).unwrap(), text);
        assert_eq!(Template::decoded(" ").unwrap(), "");
        assert!(Template::decoded(&"{".repeat(LONGEST + 1)).is_err());
        assert!(Template::decoded(&"=".repeat(LONGEST * 2)).is_err());
    }
}
