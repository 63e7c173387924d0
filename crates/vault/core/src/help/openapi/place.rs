//! Where routes stand in a document: the mount they belong to, by its path or by its kind.

use arca_base::{Json, json_object};

use crate::router::{Class, Mount};

/// Engines that are mounted once, at a fixed path.
const FIXED: [&str; 4] = ["system", "identity", "cubbyhole", "token"];

/// The mount that routes belong to.
pub(crate) struct Place {
    /// What comes before the path of each route, with its trailing slash.
    pub(super) prefix: String,
    /// The words of the mount in identifiers.
    pub(super) name: String,
    /// The group of its operations.
    pub(super) tag: &'static str,
    /// The parameter the prefix begins with.
    pub(super) parameter: Option<Json>,
}

impl Place {
    /// A mount under its own path.
    pub(crate) fn of(mount: &Mount) -> Self {
        let path = mount.full_path();
        Self {
            // Braces would be read as a parameter.
            prefix: path.replace('{', "%7B").replace('}', "%7D"),
            name: path,
            tag: tag(mount),
            parameter: None,
        }
    }

    /// All mounts of the same kind under one path with a parameter, except where there can be only one.
    pub(crate) fn generic(mount: &Mount) -> Self {
        if FIXED.contains(&mount.kind.as_str()) {
            return Self::of(mount);
        }
        let kind = kind(mount);
        let name = format!("{}_mount_path", kind.replace('-', "_"));
        let folder = match mount.class {
            Class::Secret => "",
            Class::Auth => "auth/",
        };
        Self {
            prefix: format!("{folder}{{{name}}}/"),
            name: kind.clone(),
            tag: tag(mount),
            parameter: Some(json_object! {
                "name" => name,
                "in" => "path",
                "required" => true,
                "description" => "Path that the backend was mounted at",
                "schema" => json_object! { "type" => "string", "default" => kind },
            }),
        }
    }
}

/// The kind of a mount, and its version where versions differ in their paths.
fn kind(mount: &Mount) -> String {
    let version = mount.options.as_ref().and_then(|options| options.get("version"));
    match version {
        Some(version) if version != "1" => format!("{}-v{version}", mount.kind),
        _ => mount.kind.clone(),
    }
}

fn tag(mount: &Mount) -> &'static str {
    match (mount.class, mount.kind.as_str()) {
        (Class::Auth, _) => "auth",
        (Class::Secret, "system") => "system",
        (Class::Secret, "identity") => "identity",
        (Class::Secret, _) => "secrets",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(class: Class, path: &str, kind: &str, version: Option<&str>) -> Mount {
        Mount {
            path: path.to_owned(),
            class,
            kind: kind.to_owned(),
            options: version.map(|version| [("version".to_owned(), version.to_owned())].into()),
            ..Mount::default()
        }
    }

    #[test]
    fn a_generic_place_is_named_by_the_kind() {
        for (mount, expected) in [
            (
                mount(Class::Secret, "secret/", "kv", Some("2")),
                "{kv_v2_mount_path}/",
            ),
            (mount(Class::Secret, "old/", "kv", None), "{kv_mount_path}/"),
            (
                mount(Class::Auth, "people/", "userpass", None),
                "auth/{userpass_mount_path}/",
            ),
            (mount(Class::Auth, "token/", "token", None), "auth/token/"),
            (mount(Class::Secret, "sys/", "system", None), "sys/"),
        ] {
            assert_eq!(Place::generic(&mount).prefix, expected);
        }
    }

    #[test]
    fn braces_of_a_mount_are_no_parameter() {
        let place = Place::of(&mount(Class::Secret, "a{b}/", "kv", None));
        assert_eq!(place.prefix, "a%7Bb%7D/");
    }
}
