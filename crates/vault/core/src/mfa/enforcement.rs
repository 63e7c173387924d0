//! Which logins need which second factors.

use arca_base::{Json, json_object};
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;
use crate::namespaces::Namespace;
use crate::router::Mount;

/// An enforcement, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Enforcement {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) methods: Vec<String>,
    pub(super) accessors: Vec<String>,
    pub(super) types: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) entities: Vec<String>,
}

impl Stored for Enforcement {
    const VERSION: u8 = 1;
    const NAME: &'static str = "enforcement of second factors";
}

impl Enforcement {
    /// Whether a login at `mount` needs it. Somebody without an entity is in no group, and still logs in somewhere.
    pub(super) fn applies(&self, mount: &Mount, entity: Option<&str>, groups: &[&str]) -> bool {
        self.accessors.contains(&mount.accessor)
            || self.types.contains(&mount.kind)
            || entity.is_some_and(|entity| self.entities.iter().any(|id| id == entity))
            || self.groups.iter().any(|id| groups.contains(&&**id))
    }

    pub(super) fn describe(&self, namespace: &Namespace) -> Json {
        json_object! {
            "id" => self.id.as_str(),
            "name" => self.name.as_str(),
            "namespace_id" => namespace.id.as_str(),
            "namespace_path" => &*namespace.path,
            "mfa_method_ids" => self.methods.clone(),
            "auth_method_accessors" => self.accessors.clone(),
            "auth_method_types" => self.types.clone(),
            "identity_group_ids" => self.groups.clone(),
            "identity_entity_ids" => self.entities.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_enough() {
        let mount = Mount {
            accessor: "auth_userpass_1".to_owned(),
            kind: "userpass".to_owned(),
            ..Mount::default()
        };
        let list = |text: &str| vec![text.to_owned()];
        let applies = |enforcement: Enforcement| enforcement.applies(&mount, Some("e"), &["g"]);
        for yes in [
            Enforcement {
                accessors: list("auth_userpass_1"),
                ..Enforcement::default()
            },
            Enforcement {
                types: list("userpass"),
                ..Enforcement::default()
            },
            Enforcement {
                groups: list("g"),
                ..Enforcement::default()
            },
            Enforcement {
                entities: list("e"),
                ..Enforcement::default()
            },
        ] {
            assert!(applies(yes.clone()), "{yes:?}");
        }
        assert!(!applies(Enforcement::default()));
        assert!(!applies(Enforcement {
            types: list("ldap"),
            ..Enforcement::default()
        }));
        let of_entity = Enforcement {
            entities: list("e"),
            ..Enforcement::default()
        };
        assert!(!of_entity.applies(&mount, None, &[]));
    }
}
