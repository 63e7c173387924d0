//! What a role says about its users: one JSON object with a database and roles.

use arca_base::json::{Json, Limits, Object};
use mongodb::bson::{Bson, doc};

use super::super::driver::DriverError;

const MOST_ROLES: usize = 256;
const LONGEST_NAME: usize = 256;

/// What users are made of.
#[derive(Debug, PartialEq)]
pub(super) struct Creation {
    pub(super) database: String,
    pub(super) roles: Vec<Role>,
    /// Members that mean nothing.
    pub(super) ignored: Vec<String>,
}

/// A role, and the database it is of; without one it is of the database of the user.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) database: Option<String>,
}

impl Role {
    /// As commands take it.
    pub(super) fn to_bson(&self) -> Bson {
        match &self.database {
            Some(database) => Bson::Document(doc! { "role": &self.name, "db": database }),
            None => Bson::String(self.name.clone()),
        }
    }
}

impl Creation {
    /// # Errors
    /// [`DriverError::Statements`] names the member and the remedy.
    pub(super) fn parse(statements: &[String]) -> Result<Self, DriverError> {
        let statement = match statements {
            [] => return Err(DriverError::Statements("empty creation statements".to_owned())),
            [statement] => statement,
            more => {
                return Err(wrong(&format!(
                    "expected 1 creation statement, got {}",
                    more.len()
                )));
            }
        };
        let members = object(statement)?;
        let roles = match members.get("roles") {
            Some(Json::Array(roles)) if !roles.is_empty() => roles,
            Some(Json::Array(_)) | None => {
                return Err(wrong("roles array is required in creation statement"));
            }
            Some(other) => return Err(wrong(&format!("roles must be an array, not {}", other.kind()))),
        };
        if roles.len() > MOST_ROLES {
            return Err(wrong(&format!("there are more than {MOST_ROLES} roles")));
        }
        Ok(Self {
            database: database(&members)?.unwrap_or_else(|| "admin".to_owned()),
            roles: roles.iter().map(role).collect::<Result<_, _>>()?,
            ignored: members
                .keys()
                .map(|name| name.to_string())
                .filter(|name| name != "db" && name != "roles")
                .collect(),
        })
    }
}

/// The database that statements other than those of creation name, if there is one.
///
/// # Errors
/// [`DriverError::Statements`].
pub(super) fn named_database(kind: &str, statements: &[String]) -> Result<Option<String>, DriverError> {
    match statements {
        [] => Ok(None),
        [statement] => database(&object(statement)?),
        more => Err(DriverError::Statements(format!(
            "expected 0 or 1 {kind} statements, got {}",
            more.len()
        ))),
    }
}

fn object(statement: &str) -> Result<Object, DriverError> {
    match Json::parse(statement.as_bytes(), &Limits::default()) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(other) => Err(wrong(&format!(
            "the statement is not an object but {}",
            other.kind()
        ))),
        Err(error) => Err(wrong(&format!("the statement is no JSON: {error}"))),
    }
}

fn database(members: &Object) -> Result<Option<String>, DriverError> {
    match members.get("db") {
        None | Some(Json::Null) => Ok(None),
        Some(value) => name("db", value).map(Some),
    }
}

fn role(value: &Json) -> Result<Role, DriverError> {
    match value {
        Json::String(_) => Ok(Role {
            name: name("role", value)?,
            database: None,
        }),
        Json::Object(members) => Ok(Role {
            name: name(
                "role",
                members
                    .get("role")
                    .ok_or_else(|| wrong("a role has no member role"))?,
            )?,
            database: database(members)?,
        }),
        other => Err(wrong(&format!(
            "a role is neither a text nor an object but {}",
            other.kind()
        ))),
    }
}

fn name(member: &str, value: &Json) -> Result<String, DriverError> {
    match value.as_str() {
        Some(text) if !text.is_empty() && text.len() <= LONGEST_NAME && !text.contains('\0') => {
            Ok(text.to_owned())
        }
        Some(_) => Err(wrong(&format!(
            "{member} is empty, longer than {LONGEST_NAME} bytes, or holds a null character"
        ))),
        None => Err(wrong(&format!("{member} must be a text, not {}", value.kind()))),
    }
}

fn wrong(what: &str) -> DriverError {
    DriverError::Statements(format!(
        "{what}; write one JSON object like {{\"db\":\"admin\",\"roles\":[{{\"role\":\"readWrite\",\"db\":\"app\"}}]}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(statements: &[&str]) -> Result<Creation, DriverError> {
        let statements: Vec<String> = statements.iter().map(|text| (*text).to_owned()).collect();
        Creation::parse(&statements)
    }

    fn role(name: &str, database: Option<&str>) -> Role {
        Role {
            name: name.to_owned(),
            database: database.map(str::to_owned),
        }
    }

    #[test]
    fn roles_come_as_texts_and_objects() {
        let creation = parse(&[
            r#"{"db":"app","roles":[{"role":"readWrite","db":"app"},{"role":"read"},"dbAdmin"],"extra":1}"#,
        ])
        .unwrap();
        assert_eq!(creation.database, "app");
        assert_eq!(
            creation.roles,
            [
                role("readWrite", Some("app")),
                role("read", None),
                role("dbAdmin", None)
            ]
        );
        assert_eq!(creation.ignored, ["extra"]);
        assert_eq!(
            creation.roles[0].to_bson(),
            Bson::Document(doc! { "role": "readWrite", "db": "app" })
        );
        assert_eq!(creation.roles[1].to_bson(), Bson::String("read".to_owned()));
        assert_eq!(parse(&[r#"{"roles":["read"]}"#]).unwrap().database, "admin");
    }

    #[test]
    fn mistakes_are_named() {
        for (statements, said) in [
            (&[][..], "empty creation statements"),
            (&["{}", "{}"], "got 2"),
            (&["{"], "no JSON"),
            (&["[]"], "not an object"),
            (&["{}"], "roles array is required in creation statement"),
            (&[r#"{"roles":[]}"#], "roles array is required"),
            (&[r#"{"roles":"read"}"#], "roles must be an array"),
            (&[r#"{"roles":[1]}"#], "neither a text nor an object"),
            (&[r#"{"roles":[{"db":"a"}]}"#], "no member role"),
            (&[r#"{"roles":[{"role":1}]}"#], "role must be a text"),
            (&[r#"{"roles":[""]}"#], "role is empty"),
            (&[r#"{"db":"","roles":["read"]}"#], "db is empty"),
            (&[r#"{"db":"a\u0000b","roles":["read"]}"#], "null character"),
        ] {
            let error = parse(statements).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let many = format!(r#"{{"roles":[{}"read"]}}"#, r#""read","#.repeat(MOST_ROLES));
        assert!(parse(&[&many]).is_err());
    }

    #[test]
    fn other_statements_name_a_database_at_most() {
        let named = |statements: &[&str]| {
            let statements: Vec<String> = statements.iter().map(|text| (*text).to_owned()).collect();
            named_database("revocation", &statements)
        };
        assert_eq!(named(&[]).unwrap(), None);
        assert_eq!(named(&["{}"]).unwrap(), None);
        assert_eq!(named(&[r#"{"db":"app"}"#]).unwrap().as_deref(), Some("app"));
        let error = named(&["{}", "{}"]).unwrap_err().to_string();
        assert_eq!(error, "expected 0 or 1 revocation statements, got 2");
    }
}
