//! An event: what was told of a change, with everything a subscriber is shown.

use std::collections::HashMap;
use std::sync::Arc;

use arca_base::{Json, RequestPath, id, json_object};
use arca_storage::{Change, Revision};
use bytes::Bytes;

use super::told::Heard;
use crate::namespaces::Namespace;
use crate::router::{Class, Mount};

/// The events of one commit.
#[derive(Debug)]
pub(super) struct Commit {
    pub(super) revision: u64,
    pub(super) events: Vec<Event>,
    /// Whether something happened that cannot be told.
    pub(super) incomplete: bool,
}

/// An event, ready to be sent.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) kind: String,
    /// Where reading shows the change, and where it was made.
    pub(super) paths: [Option<RequestPath>; 2],
    /// Hash of the token that it concerns.
    pub(super) owner: Option<String>,
    /// Where it happened.
    pub(super) namespace: Arc<Namespace>,
    pub(super) body: Bytes,
}

/// What events say about where they come from.
pub(super) struct Origin<'a> {
    pub(super) cluster_name: &'a str,
    pub(super) cluster_id: &'a str,
    pub(super) namespace: &'a Arc<Namespace>,
    pub(super) mounts: &'a HashMap<String, Arc<Mount>>,
    /// Folder of the keys.
    pub(super) folder: &'a str,
}

impl Commit {
    /// A commit that tells something, nothing of which was read yet.
    pub(super) const fn new(Revision(revision): Revision) -> Self {
        Self {
            revision,
            events: Vec::new(),
            incomplete: false,
        }
    }

    /// Reads what the change at `index` of the commit tells.
    pub(super) fn add(&mut self, index: usize, change: &Change, origin: &Origin<'_>) {
        let key = change.key.strip_prefix(origin.folder);
        match key.and_then(Heard::parse) {
            None => self.incomplete = true,
            Some(heard) => self
                .events
                .extend(Event::of(&heard, self.revision, index, origin)),
        }
    }
}

impl Event {
    /// Nothing for a mount that is gone: nobody may read there.
    fn of(heard: &Heard<'_>, revision: u64, index: usize, origin: &Origin<'_>) -> Option<Self> {
        let mount = match heard.mount {
            Some(uuid) => Some(origin.mounts.get(uuid)?),
            None => None,
        };
        let prefix = mount.map(|mount| mount.full_path()).unwrap_or_default();
        let data_path = format!("{prefix}{}", heard.path);
        let id = identifier(origin.cluster_id, revision, index);
        let mut metadata = json_object! {
            "data_path" => data_path.as_str(),
            "modified" => "true",
            "operation" => heard.kind.rsplit('/').next().unwrap_or_default(),
            "path" => data_path.as_str(),
        };
        let mut made_at = None;
        if let Json::Object(members) = &mut metadata {
            for (name, value) in &heard.members {
                let value = match *name {
                    "path" => made_at.insert(format!("{prefix}{value}")).clone(),
                    _ => value.clone(),
                };
                members.insert((*name).to_owned(), value.into());
            }
        }
        let event = json_object! {
            "id" => id.as_str(),
            "source" => format!("vault://{}", origin.cluster_name),
            "specversion" => "1.0",
            "type" => heard.kind.as_str(),
            "data" => json_object! {
                "event" => json_object! { "id" => id.as_str(), "metadata" => metadata },
                "event_type" => heard.kind.as_str(),
                "plugin_info" => plugin_info(mount.map(|mount| &**mount)),
                "namespace" => &*origin.namespace.path,
            },
            "datacontentype" => "application/cloudevents",
            "time" => heard.time.to_string(),
            "revision" => revision,
        };
        Some(Self {
            kind: heard.kind.clone(),
            paths: [
                RequestPath::parse(&data_path).ok(),
                made_at.and_then(|path| RequestPath::parse(&path).ok()),
            ],
            owner: heard.owner.clone(),
            namespace: origin.namespace.clone(),
            body: Bytes::from(event.to_text().into_string()),
        })
    }
}

fn plugin_info(mount: Option<&Mount>) -> Json {
    let Some(mount) = mount else {
        return json_object! { "mount_class" => "secret", "mount_path" => "sys/", "plugin" => "system" };
    };
    let mut info = json_object! {
        "mount_class" => mount.class.as_str(),
        "mount_accessor" => mount.accessor.as_str(),
        "mount_path" => mount.full_path(),
        "plugin" => mount.kind.as_str(),
    };
    if let (Json::Object(members), Some(version)) = (&mut info, mount.option("version")) {
        members.insert("version".to_owned(), version.into());
    }
    if let (Json::Object(members), Class::Secret, "kv", None) =
        (&mut info, mount.class, &*mount.kind, mount.option("version"))
    {
        members.insert("version".to_owned(), "1".into());
    }
    info
}

/// The same on every node and after every resumption: the cluster, the commit and the place in it, in the form of a
/// UUID of version 8.
fn identifier(cluster: &str, revision: u64, index: usize) -> String {
    let mut bytes = [0; 16];
    let digits: String = cluster.chars().filter(char::is_ascii_hexdigit).collect();
    let cluster = id::unhex(&digits).unwrap_or_default();
    let index = u16::try_from(index).unwrap_or(u16::MAX).to_be_bytes();
    let own = cluster.into_iter().take(4).chain(index);
    let own = own.chain([0x80, 0]).chain(revision.to_be_bytes());
    for (byte, own) in bytes.iter_mut().zip(own) {
        *byte = own;
    }
    // The two bits of the variant; a revision never needs them.
    if let Some(byte) = bytes.get_mut(8) {
        *byte = (*byte & 0x3f) | 0x80;
    }
    let hex = id::hex(&bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_stable_and_different_for_each_event() {
        let cluster = "01234567-89ab-4def-8123-456789abcdef";
        let id = identifier(cluster, 258, 1);
        assert_eq!(id, "01234567-0001-8000-8000-000000000102");
        assert_ne!(id, identifier(cluster, 258, 2));
        assert_ne!(id, identifier(cluster, 259, 1));
    }
}
