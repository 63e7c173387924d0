//! The records of a versioned secret.

use std::collections::BTreeMap;

use arca_base::{GoDuration, Json, JsonText, Timestamp, json_object};
use arca_core::Fault;
use arca_core::barrier::{Rows, Stored, View, Writes};
use arca_core::engine::Site;
use arca_core::events::Told;
use serde::{Deserialize, Serialize};

const CONTENT_FORMAT: u8 = 1;

/// Versions kept where nobody says otherwise.
pub(super) const DEFAULT_MAX_VERSIONS: u64 = 10;

/// Settings of a mount, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) max_versions: u64,
    pub(super) cas_required: bool,
    /// Positive: how long versions live. Negative: for ever, whatever a secret says.
    pub(super) delete_version_after: GoDuration,
}

impl Stored for Config {
    const VERSION: u8 = 1;
    const NAME: &'static str = "kv mount configuration";
}

/// Settings and versions of a secret, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secret {
    pub(super) versions: BTreeMap<u64, VersionState>,
    /// The newest version; 0 before the first.
    pub(super) current: u64,
    /// The oldest version kept; 0 until one was removed.
    pub(super) oldest: u64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    #[serde(default)]
    pub(super) max_versions: u64,
    #[serde(default)]
    pub(super) cas_required: bool,
    #[serde(default)]
    pub(super) delete_version_after: GoDuration,
    #[serde(default)]
    pub(super) custom_metadata: Option<BTreeMap<String, String>>,
}

impl Stored for Secret {
    const VERSION: u8 = 1;
    const NAME: &'static str = "kv secret";
}

/// What is known of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VersionState {
    pub(super) created: Timestamp,
    /// When it was or will be deleted.
    #[serde(default)]
    pub(super) deletion: Option<Timestamp>,
    /// Whether its content is gone for ever.
    #[serde(default)]
    pub(super) destroyed: bool,
}

impl VersionState {
    /// Whether its content can be read at `now`.
    pub(super) fn is_readable(&self, now: Timestamp) -> bool {
        !self.destroyed && self.deletion.is_none_or(|deletion| deletion > now)
    }
}

impl Secret {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            versions: BTreeMap::new(),
            current: 0,
            oldest: 0,
            created: now,
            updated: now,
            max_versions: 0,
            cas_required: false,
            delete_version_after: GoDuration::from_nanos(0),
            custom_metadata: None,
        }
    }

    /// Versions to keep: a secret cannot lower what the mount keeps.
    pub(super) fn versions_kept(&self, config: &Config) -> u64 {
        match self.max_versions.max(config.max_versions) {
            0 => DEFAULT_MAX_VERSIONS,
            max => max,
        }
    }

    /// When a version made or brought back at `now` will be deleted by itself.
    pub(super) fn deletion_from(&self, config: &Config, now: Timestamp) -> Option<Timestamp> {
        if config.delete_version_after.nanos() < 0 {
            return None;
        }
        let shortest = [config.delete_version_after, self.delete_version_after]
            .into_iter()
            .filter(|after| after.nanos() > 0)
            .min()?;
        let nanos = u64::try_from(shortest.nanos()).unwrap_or(0);
        Some(now.plus_duration(std::time::Duration::from_nanos(nanos)))
    }

    /// Adds the next version and removes those that are too many; returns their numbers.
    pub(super) fn add_version(&mut self, config: &Config, now: Timestamp) -> Vec<u64> {
        let deletion = self.deletion_from(config, now);
        self.current += 1;
        self.updated = now;
        self.versions.insert(
            self.current,
            VersionState {
                created: now,
                deletion,
                destroyed: false,
            },
        );
        let kept = self.versions_kept(config);
        let first_kept = (self.current + 1).saturating_sub(kept);
        let kept_versions = self.versions.split_off(&first_kept);
        let removed = std::mem::replace(&mut self.versions, kept_versions);
        if !removed.is_empty() {
            self.oldest = first_kept;
        }
        removed.into_keys().collect()
    }

    /// `custom_metadata` as answers show it.
    pub(super) fn custom_metadata_json(&self) -> Json {
        self.custom_metadata
            .clone()
            .map_or(Json::Null, |map| map.into_iter().collect())
    }

    /// What answers show of a version.
    pub(super) fn version_json(&self, version: u64, state: &VersionState) -> Json {
        json_object! {
            "version" => version,
            "created_time" => state.created.to_string(),
            "deletion_time" => state.deletion.map(|time| time.to_string()).unwrap_or_default(),
            "destroyed" => state.destroyed,
            "custom_metadata" => self.custom_metadata_json(),
        }
    }
}

/// What subscribers are told of a change of a secret: `by` names the endpoint that made it (`data`, `destroy`).
pub(super) fn tell(
    site: &Site,
    writes: &mut Writes,
    kind: &'static str,
    by: &str,
    path: &str,
    secret: &Secret,
) {
    let shown = if by == "metadata" && kind != "kv-v2/metadata-delete" {
        "metadata"
    } else {
        "data"
    };
    let told = Told::of(kind, format!("{shown}/{path}"))
        .by(format!("{by}/{path}"))
        .with("current_version", secret.current.to_string())
        .with("oldest_version", secret.oldest.to_string());
    site.tell(writes, &told);
}

/// Rows of the secrets of a mount, named by their paths.
pub(super) fn secrets(view: &View) -> Rows<Secret> {
    Rows::new(view.folder("meta/"))
}

/// Settings of a mount; the defaults when none were written.
pub(super) async fn config(view: &View) -> Result<Config, Fault> {
    let row = Rows::<Config>::new(view.clone()).get("config").await?;
    Ok(row.map(|row| (*row.value).clone()).unwrap_or_default())
}

fn content_name(path: &str, version: u64) -> String {
    format!("data/{path}/{version}")
}

/// Adds the content of a version to `writes`.
pub(super) fn put_content(view: &View, writes: &mut Writes, path: &str, version: u64, text: &JsonText) {
    let mut plaintext = Vec::with_capacity(text.as_str().len() + 1);
    plaintext.push(CONTENT_FORMAT);
    plaintext.extend_from_slice(text.as_str().as_bytes());
    writes.put(view.key(&content_name(path, version)), plaintext);
}

/// Adds the removal of a version's content to `writes`.
pub(super) fn delete_content(view: &View, writes: &mut Writes, path: &str, version: u64) {
    writes.delete(view.key(&content_name(path, version)));
}

/// The content of a version.
pub(super) async fn content(view: &View, path: &str, version: u64) -> Result<Option<JsonText>, Fault> {
    let Some(opened) = view.get(&content_name(path, version)).await? else {
        return Ok(None);
    };
    match opened.plaintext.expose().split_first() {
        Some((&CONTENT_FORMAT, text)) => {
            let text =
                std::str::from_utf8(text).map_err(|_| Fault::internal("a stored version is not UTF-8"))?;
            Ok(Some(JsonText::from_canonical(text.to_owned())))
        }
        _ => Err(Fault::internal(
            "a stored version has a format this version does not read",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds, 0)
    }

    #[test]
    fn keeps_ten_versions_unless_told_otherwise() {
        let mut secret = Secret::new(at(0));
        let mut removed = Vec::new();
        for second in 1..=12 {
            removed.extend(secret.add_version(&Config::default(), at(second)));
        }
        assert_eq!(removed, [1, 2]);
        assert_eq!(
            (secret.oldest, secret.current, secret.versions.len()),
            (3, 12, 10)
        );
    }

    #[test]
    fn a_secret_cannot_keep_fewer_than_its_mount() {
        let config = Config {
            max_versions: 5,
            ..Config::default()
        };
        let secret = |max_versions| Secret {
            max_versions,
            ..Secret::new(at(0))
        };
        assert_eq!(secret(2).versions_kept(&config), 5);
        assert_eq!(secret(7).versions_kept(&config), 7);
        assert_eq!(secret(0).versions_kept(&Config::default()), 10);
    }

    #[test]
    fn lowering_the_limit_removes_several_versions_at_once() {
        let mut secret = Secret {
            max_versions: 8,
            ..Secret::new(at(0))
        };
        for second in 1..=8 {
            assert!(secret.add_version(&Config::default(), at(second)).is_empty());
        }
        secret.max_versions = 3;
        assert_eq!(secret.add_version(&Config::default(), at(9)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(secret.oldest, 7);
    }

    #[test]
    fn the_shorter_life_counts_unless_the_mount_turns_it_off() {
        let after = |mount: i64, own: i64| {
            let config = Config {
                delete_version_after: GoDuration::from_seconds(mount),
                ..Config::default()
            };
            let secret = Secret {
                delete_version_after: GoDuration::from_seconds(own),
                ..Secret::new(at(0))
            };
            secret
                .deletion_from(&config, at(100))
                .map(Timestamp::unix_seconds)
        };
        assert_eq!(after(0, 0), None);
        assert_eq!(after(60, 0), Some(160));
        assert_eq!(after(60, 30), Some(130));
        assert_eq!(after(0, 30), Some(130));
        assert_eq!(after(-1, 30), None);
    }
}
