//! The request that writes a configuration: fields of its own, and everything else for the database.

use arca_base::Ttl;
use arca_base::json::Object;

use crate::endpoint::encode_field;
use crate::field::{Any, CommaList};
use crate::{Field, FieldDoc, FieldError, Fields, Input, Kind};

/// A configuration: how to reach a database and log in. Members that are not fields here are connection details,
/// read by the plugin.
#[derive(Clone, Debug, Default)]
pub struct WriteConfig {
    /// Name of the configuration.
    pub name: String,
    /// Which kind of database.
    pub plugin_name: Option<String>,
    /// Accepted for compatibility: plugins are built in.
    pub plugin_version: Option<String>,
    /// Whether to log in before anything is stored; true when absent.
    pub verify_connection: Option<bool>,
    /// Roles that may use it, as globs.
    pub allowed_roles: Option<CommaList>,
    /// Statements that change the password it logs in with.
    pub root_rotation_statements: Option<Any>,
    /// Policy of generated passwords.
    pub password_policy: Option<String>,
    /// Whether the sessions of a user are ended when its lease ends.
    pub end_sessions: Option<bool>,
    /// How often the password it logs in with is changed.
    pub rotation_period: Option<Ttl>,
    /// When it is changed: five fields as of cron, in UTC.
    pub rotation_schedule: Option<String>,
    /// How long after each scheduled time it may still be changed.
    pub rotation_window: Option<Ttl>,
    /// Switches those changes off.
    pub disable_automated_rotation: Option<bool>,
    /// Connection details.
    pub details: Object,
}

const fn doc(name: &'static str, kind: Kind, doc: &'static str) -> FieldDoc {
    FieldDoc { name, kind, doc }
}

impl Fields for WriteConfig {
    const FIELDS: &'static [FieldDoc] = &[
        doc("name", Kind::Text, "Name of the configuration."),
        doc(
            "plugin_name",
            Kind::Text,
            "Which kind of database, such as postgresql-database-plugin.",
        ),
        doc(
            "plugin_version",
            Kind::Text,
            "Accepted for compatibility: plugins are built in.",
        ),
        doc(
            "verify_connection",
            Kind::Flag,
            "Whether to log in before anything is stored; true when absent.",
        ),
        doc(
            "allowed_roles",
            Kind::CommaList,
            "Roles that may use it, as globs; none when empty.",
        ),
        doc(
            "root_rotation_statements",
            Kind::Any,
            "Statements that change the password it logs in with.",
        ),
        doc("password_policy", Kind::Text, "Policy of generated passwords."),
        doc(
            "end_sessions",
            Kind::Flag,
            "Whether the sessions of a user are ended when its lease ends.",
        ),
        doc(
            "rotation_period",
            Kind::Duration,
            "How often the password it logs in with is changed.",
        ),
        doc(
            "rotation_schedule",
            Kind::Text,
            "When it is changed: five fields as of cron, in UTC.",
        ),
        doc(
            "rotation_window",
            Kind::Duration,
            "How long after each scheduled time it may still be changed.",
        ),
        doc(
            "disable_automated_rotation",
            Kind::Flag,
            "Switches those changes off.",
        ),
        doc(
            "connection_url",
            Kind::Text,
            "Where the database is; {{username}} and {{password}} are filled in.",
        ),
        doc("username", Kind::Text, "Whom to log in as."),
        doc("password", Kind::Text, "The password to log in with."),
    ];
    const TAKES_ANYTHING: bool = true;

    fn decode(input: &Input<'_>) -> Result<Self, FieldError> {
        let mut details = input.data().clone();
        for known in Self::FIELDS {
            if !matches!(known.name, "connection_url" | "username" | "password") {
                details.remove(known.name);
            }
        }
        Ok(Self {
            name: input.field("name")?,
            plugin_name: input.field("plugin_name")?,
            plugin_version: input.field("plugin_version")?,
            verify_connection: input.field("verify_connection")?,
            allowed_roles: input.field("allowed_roles")?,
            root_rotation_statements: input.field("root_rotation_statements")?,
            password_policy: input.field("password_policy")?,
            end_sessions: input.field("end_sessions")?,
            rotation_period: input.field("rotation_period")?,
            rotation_schedule: input.field("rotation_schedule")?,
            rotation_window: input.field("rotation_window")?,
            disable_automated_rotation: input.field("disable_automated_rotation")?,
            details,
        })
    }

    fn encode(&self) -> Object {
        fn put<F: Field>(members: &mut Object, name: &str, value: &F) {
            encode_field(name, value, members);
        }
        let mut members = self.details.clone();
        put(&mut members, "name", &self.name);
        put(&mut members, "plugin_name", &self.plugin_name);
        put(&mut members, "plugin_version", &self.plugin_version);
        put(&mut members, "verify_connection", &self.verify_connection);
        put(&mut members, "allowed_roles", &self.allowed_roles);
        put(
            &mut members,
            "root_rotation_statements",
            &self.root_rotation_statements,
        );
        put(&mut members, "password_policy", &self.password_policy);
        put(&mut members, "end_sessions", &self.end_sessions);
        put(&mut members, "rotation_period", &self.rotation_period);
        put(&mut members, "rotation_schedule", &self.rotation_schedule);
        put(&mut members, "rotation_window", &self.rotation_window);
        put(
            &mut members,
            "disable_automated_rotation",
            &self.disable_automated_rotation,
        );
        members
    }
}

#[cfg(test)]
mod tests {
    use arca_base::Json;
    use arca_base::json::Limits;

    use super::*;
    use crate::Captures;

    #[test]
    fn what_is_no_field_is_a_connection_detail() {
        let body = br#"{"plugin_name":"p","allowed_roles":"a,b","verify_connection":"false","connection_url":"u","x":1}"#;
        let body = Json::parse(body, &Limits::default()).unwrap();
        let captures = Captures::none();
        let read = WriteConfig::decode(&Input::new(&captures, body.as_object().unwrap())).unwrap();
        assert_eq!(read.details.keys().collect::<Vec<_>>(), ["connection_url", "x"]);
        assert_eq!(read.verify_connection, Some(false));
        let again = read.encode();
        assert_eq!(again["plugin_name"].as_str(), Some("p"));
        assert_eq!(again["x"].as_i64(), Some(1));
    }
}
