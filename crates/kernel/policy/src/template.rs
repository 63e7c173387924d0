//! Paths with `{{identity...}}` in them.

use std::borrow::Cow;

/// A value of an identity that a path can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter<'a> {
    /// `identity.entity.id`
    EntityId,
    /// `identity.entity.name`
    EntityName,
    /// `identity.entity.metadata.<key>`
    EntityMetadata(&'a str),
    /// `identity.entity.aliases.<mount accessor>.<field>`
    Alias {
        /// Accessor of the auth mount.
        accessor: &'a str,
        /// Field of the alias.
        field: AliasField<'a>,
    },
    /// `identity.groups.ids.<id>.<field>`, of a group the entity is in
    GroupById {
        /// Id of the group.
        id: &'a str,
        /// Field of the group.
        field: GroupField<'a>,
    },
    /// `identity.groups.names.<name>.<field>`, of a group the entity is in
    GroupByName {
        /// Name of the group.
        name: &'a str,
        /// Field of the group.
        field: GroupField<'a>,
    },
}

/// A field of an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasField<'a> {
    /// `id`
    Id,
    /// `name`
    Name,
    /// `metadata.<key>`
    Metadata(&'a str),
    /// `custom_metadata.<key>`
    CustomMetadata(&'a str),
}

/// A field of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupField<'a> {
    /// `id`
    Id,
    /// `name`
    Name,
    /// `metadata.<key>`
    Metadata(&'a str),
}

/// Who a policy is rendered for.
pub trait IdentityView {
    /// The value, or `None` when there is no such entity, alias, group or key.
    ///
    /// Must answer for a group only when the entity is a member of it.
    fn value(&self, parameter: Parameter<'_>) -> Option<Cow<'_, str>>;
}

/// Nobody: a token without an entity.
#[derive(Clone, Copy, Debug)]
pub struct Anonymous;

impl IdentityView for Anonymous {
    fn value(&self, _: Parameter<'_>) -> Option<Cow<'_, str>> {
        None
    }
}

/// Braces of a template that do not pair up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unbalanced templating characters")]
pub struct Unbalanced;

impl<'a> Parameter<'a> {
    /// Reads what stands between the braces. `None` if it asks for nothing that exists.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("identity.entity.") {
            return Self::of_entity(rest);
        }
        let (by, rest) = text.strip_prefix("identity.groups.")?.split_once('.')?;
        let (key, field) = rest.split_once('.')?;
        let field = match field {
            "id" => GroupField::Id,
            "name" => GroupField::Name,
            other => GroupField::Metadata(other.strip_prefix("metadata.")?),
        };
        match by {
            "ids" => Some(Self::GroupById { id: key, field }),
            "names" => Some(Self::GroupByName { name: key, field }),
            _ => None,
        }
    }

    fn of_entity(text: &'a str) -> Option<Self> {
        match text {
            "id" => return Some(Self::EntityId),
            "name" => return Some(Self::EntityName),
            _ => {}
        }
        if let Some(key) = text.strip_prefix("metadata.") {
            return Some(Self::EntityMetadata(key));
        }
        let (accessor, field) = text.strip_prefix("aliases.")?.split_once('.')?;
        let field = match field {
            "id" => AliasField::Id,
            "name" => AliasField::Name,
            other => match other.strip_prefix("metadata.") {
                Some(key) => AliasField::Metadata(key),
                None => AliasField::CustomMetadata(other.strip_prefix("custom_metadata.")?),
            },
        };
        Some(Self::Alias { accessor, field })
    }
}

/// Whether `path` has a template in it.
///
/// Only the braces are checked; what stands between them is looked up when the path is rendered.
pub(crate) fn is_template(path: &str) -> Result<bool, Unbalanced> {
    let mut pieces = path.split("{{");
    if pieces.next().is_some_and(|head| head.contains("}}")) {
        return Err(Unbalanced);
    }
    let mut found = false;
    for piece in pieces {
        found = true;
        if piece.matches("}}").count() != 1 {
            return Err(Unbalanced);
        }
    }
    Ok(found)
}

/// The path with its templates filled in, or `None` if one has no value that may stand in a path.
pub(crate) fn render(path: &str, identity: &dyn IdentityView) -> Option<String> {
    let mut pieces = path.split("{{");
    let mut out = pieces.next()?.to_owned();
    for piece in pieces {
        let (parameter, literal) = piece.split_once("}}")?;
        let value = identity.value(Parameter::parse(parameter)?)?;
        if !is_inert(&value) {
            return None;
        }
        out.push_str(&value);
        out.push_str(literal);
    }
    Some(out)
}

/// Whether a value can stand in a path and mean nothing but itself there: an identity must not be able to widen
/// a rule by its name.
fn is_inert(value: &str) -> bool {
    !value.is_empty() && !value.contains(['/', '*', '+', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_name_what_they_ask_for() {
        for (text, parameter) in [
            (" identity.entity.id ", Some(Parameter::EntityId)),
            ("identity.entity.name", Some(Parameter::EntityName)),
            (
                "identity.entity.metadata.a.b",
                Some(Parameter::EntityMetadata("a.b")),
            ),
            (
                "identity.entity.aliases.auth_x.name",
                Some(Parameter::Alias {
                    accessor: "auth_x",
                    field: AliasField::Name,
                }),
            ),
            (
                "identity.entity.aliases.auth_x.metadata.k",
                Some(Parameter::Alias {
                    accessor: "auth_x",
                    field: AliasField::Metadata("k"),
                }),
            ),
            (
                "identity.entity.aliases.auth_x.custom_metadata.k",
                Some(Parameter::Alias {
                    accessor: "auth_x",
                    field: AliasField::CustomMetadata("k"),
                }),
            ),
            (
                "identity.groups.ids.g1.name",
                Some(Parameter::GroupById {
                    id: "g1",
                    field: GroupField::Name,
                }),
            ),
            (
                "identity.groups.names.ops.metadata.team",
                Some(Parameter::GroupByName {
                    name: "ops",
                    field: GroupField::Metadata("team"),
                }),
            ),
            ("identity.entity", None),
            ("identity.entity.metadata", None),
            ("identity.entity.aliases.auth_x", None),
            ("identity.entity.aliases.auth_x.other", None),
            ("identity.groups.all.g1.name", None),
            ("identity.groups.ids.g1", None),
            ("time.now", None),
            ("", None),
        ] {
            assert_eq!(Parameter::parse(text), parameter, "{text}");
        }
    }

    #[test]
    fn braces_must_pair_up() {
        for (path, template) in [
            ("a/b", Ok(false)),
            ("a/{b}", Ok(false)),
            ("a/{{b}}", Ok(true)),
            ("a/{{b}}/{{ c }}d", Ok(true)),
            ("{{}}", Ok(true)),
            ("a/{{b", Err(Unbalanced)),
            ("a/b}}", Err(Unbalanced)),
            ("a/}}b{{", Err(Unbalanced)),
            ("a/{{b}}}}", Err(Unbalanced)),
            ("a/{{b{{c}}", Err(Unbalanced)),
        ] {
            assert_eq!(is_template(path), template, "{path}");
        }
    }
}
