//! Settings of secrets, and listings.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::Field;
use arca_api::field::{Any, TextMap};
use arca_api::kv::v1::Folder;
use arca_api::kv::v2 as api;
use arca_base::path::is_printable;
use arca_base::{GoDuration, Json, json_object};
use arca_core::Fault;
use arca_core::barrier::{Change, Writes};
use arca_core::engine::{Answer, Cx, list_limit};

use super::Versioned;
use super::config::versions;
use super::record::{self, Secret};

const MAX_KEYS: usize = 64;
const MAX_KEY_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 512;
const MAX_ATTEMPTS: usize = 256;

fn describe(secret: &Secret) -> Json {
    let versions: Json = secret
        .versions
        .iter()
        .map(|(number, state)| {
            let shown = json_object! {
                "created_time" => state.created.to_string(),
                "deletion_time" => state.deletion.map(|time| time.to_string()).unwrap_or_default(),
                "destroyed" => state.destroyed,
            };
            (number.to_string(), shown)
        })
        .collect();
    json_object! {
        "versions" => versions,
        "current_version" => secret.current,
        "oldest_version" => secret.oldest,
        "created_time" => secret.created.to_string(),
        "updated_time" => secret.updated.to_string(),
        "max_versions" => secret.max_versions,
        "cas_required" => secret.cas_required,
        "delete_version_after" => secret.delete_version_after.to_string(),
        "custom_metadata" => secret.custom_metadata_json(),
    }
}

pub(super) async fn read(_: Arc<Versioned>, cx: Cx, request: api::Key) -> Result<Answer, Fault> {
    let row = record::secrets(&cx.site()?.view)
        .get(&request.path)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&describe(&row.value)))
}

/// Settings that were given, read once before anything is changed.
struct Given {
    max_versions: Option<u64>,
    cas_required: Option<bool>,
    delete_version_after: Option<GoDuration>,
    custom_metadata: Option<CustomMetadata>,
}

enum CustomMetadata {
    /// Takes the place of what is there.
    Replace(BTreeMap<String, String>),
    /// Changes some keys; `None` removes one.
    Merge(BTreeMap<String, Option<String>>),
    /// Removes everything.
    Clear,
}

/// A setting; in a patch, `null` puts the default back.
fn setting<F: Field>(given: Option<&Any>, name: &str, patch: bool) -> Result<Option<F>, Fault> {
    match given {
        None => Ok(None),
        Some(Any(Json::Null)) => Ok(patch.then(F::default)),
        Some(Any(value)) => F::decode(value).map(Some).map_err(|reason| {
            Fault::invalid(format!(
                "Field validation failed: error converting input for field {name:?}: {reason}"
            ))
        }),
    }
}

impl Given {
    fn read(request: &api::WriteMetadata, patch: bool) -> Result<Self, Fault> {
        let delete_version_after: Option<GoDuration> = setting(
            request.delete_version_after.as_ref(),
            "delete_version_after",
            patch,
        )?;
        if delete_version_after.is_some_and(|after| after.nanos() < 0) {
            return Err(Fault::invalid(
                "Field validation failed: error converting input for field \"delete_version_after\": cannot provide negative value",
            ));
        }
        let max_versions: Option<i64> = setting(request.max_versions.as_ref(), "max_versions", patch)?;
        Ok(Self {
            max_versions: max_versions.map(versions).transpose()?,
            cas_required: setting(request.cas_required.as_ref(), "cas_required", patch)?,
            delete_version_after,
            custom_metadata: custom_metadata(request.custom_metadata.as_ref(), patch)?,
        })
    }

    const fn is_empty(&self) -> bool {
        self.max_versions.is_none()
            && self.cas_required.is_none()
            && self.delete_version_after.is_none()
            && self.custom_metadata.is_none()
    }

    fn apply(&self, secret: &mut Secret) -> Result<(), Fault> {
        secret.max_versions = self.max_versions.unwrap_or(secret.max_versions);
        secret.cas_required = self.cas_required.unwrap_or(secret.cas_required);
        secret.delete_version_after = self.delete_version_after.unwrap_or(secret.delete_version_after);
        match &self.custom_metadata {
            None => return Ok(()),
            Some(CustomMetadata::Clear) => secret.custom_metadata = None,
            Some(CustomMetadata::Replace(map)) => secret.custom_metadata = Some(map.clone()),
            Some(CustomMetadata::Merge(changes)) => {
                let map = secret.custom_metadata.get_or_insert_default();
                for (key, value) in changes {
                    match value {
                        Some(value) => map.insert(key.clone(), value.clone()),
                        None => map.remove(key),
                    };
                }
            }
        }
        check_custom_metadata(secret.custom_metadata.as_ref())
    }
}

fn custom_metadata(given: Option<&Any>, patch: bool) -> Result<Option<CustomMetadata>, Fault> {
    match given {
        None => Ok(None),
        Some(Any(Json::Null)) => Ok(patch.then_some(CustomMetadata::Clear)),
        Some(Any(Json::Object(members))) if patch => {
            let text = |value: &Json| {
                if value.is_null() {
                    Ok(None)
                } else {
                    String::decode(value).map(Some)
                }
            };
            let changes: Result<_, String> = members
                .iter()
                .map(|(key, value)| text(value).map(|text| (key.clone(), text)))
                .collect();
            changes
                .map(|changes| Some(CustomMetadata::Merge(changes)))
                .map_err(invalid_custom_metadata)
        }
        Some(Any(value)) => TextMap::decode(value)
            .map(|map| Some(CustomMetadata::Replace(map.0)))
            .map_err(invalid_custom_metadata),
    }
}

fn invalid_custom_metadata(reason: impl AsRef<str>) -> Fault {
    let text = format!("custom_metadata validation failed: {}", reason.as_ref());
    Fault::invalid(arca_api::multierror(&[&text]))
}

/// Everything that is wrong with custom metadata, at once.
fn check_custom_metadata(map: Option<&BTreeMap<String, String>>) -> Result<(), Fault> {
    let Some(map) = map else {
        return Ok(());
    };
    if map.len() > MAX_KEYS {
        let reason = format!(
            "payload must contain at most {MAX_KEYS} keys, provided {}",
            map.len()
        );
        return Err(invalid_custom_metadata(reason));
    }
    let mut wrong = Vec::new();
    for (key, value) in map {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            wrong.push(format!(
                "length of key {key:?} is {} but must be 0 < len(key) <= {MAX_KEY_BYTES}",
                key.len()
            ));
        }
        if value.is_empty() || value.len() > MAX_VALUE_BYTES {
            wrong.push(format!(
                "length of value for key {key:?} is {} but must be 0 < len(value) <= {MAX_VALUE_BYTES}",
                value.len()
            ));
        }
        if !key.chars().all(is_printable) {
            wrong.push(format!("key {key:?} contains unprintable characters"));
        }
        if !value.chars().all(is_printable) {
            wrong.push(format!("value for key {key:?} contains unprintable characters"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let wrong: Vec<String> = wrong
        .into_iter()
        .map(|reason| format!("custom_metadata validation failed: {reason}"))
        .collect();
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    Err(Fault::invalid(arca_api::multierror(&wrong)))
}

pub(super) async fn write(_: Arc<Versioned>, cx: Cx, request: api::WriteMetadata) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let given = Given::read(&request, false)?;
    if given.is_empty() {
        return Ok(Answer::empty());
    }
    let config = record::config(&site.view).await?;
    record::secrets(&site.view)
        .update_with(&request.path, |found, writes| {
            let mut secret = found.cloned().unwrap_or_else(|| Secret::new(site.now));
            given.apply(&mut secret)?;
            secret.updated = site.now;
            record::tell(
                site,
                writes,
                "kv-v2/metadata-write",
                "metadata",
                &request.path,
                &secret,
            );
            Ok::<_, Fault>((Change::Put(secret), ()))
        })
        .await?;
    if config.cas_required && given.cas_required == Some(false) {
        return Ok(Answer::empty().warn(
            "\"cas_required\" set to false, but is mandated by backend config. This value will be ignored.",
        ));
    }
    Ok(Answer::empty())
}

pub(super) async fn patch(_: Arc<Versioned>, cx: Cx, request: api::WriteMetadata) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let given = Given::read(&request, true)?;
    record::secrets(&site.view)
        .update_with(&request.path, |found, writes| {
            let mut secret = found.cloned().ok_or_else(Fault::absent)?;
            given.apply(&mut secret)?;
            secret.updated = site.now;
            record::tell(
                site,
                writes,
                "kv-v2/metadata-patch",
                "metadata",
                &request.path,
                &secret,
            );
            Ok::<_, Fault>((Change::Put(secret), ()))
        })
        .await?;
    Ok(Answer::empty())
}

pub(super) async fn delete(_: Arc<Versioned>, cx: Cx, request: api::Key) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let secrets = record::secrets(&site.view);
    for _ in 0..MAX_ATTEMPTS {
        let found = secrets.get(&request.path).await?;
        let Some(row) = &found else {
            return Ok(Answer::empty());
        };
        let mut writes = Writes::new();
        secrets.expect_in(&mut writes, &request.path, found.as_ref());
        secrets.delete_in(&mut writes, &request.path);
        for number in row.value.versions.keys() {
            record::delete_content(&site.view, &mut writes, &request.path, *number);
        }
        record::tell(
            site,
            &mut writes,
            "kv-v2/metadata-delete",
            "metadata",
            &request.path,
            &row.value,
        );
        match site.view.commit(writes).await {
            Ok(_) => return Ok(Answer::empty()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::unavailable(
        "too many concurrent writes to this secret; try again",
    ))
}

pub(super) async fn list(_: Arc<Versioned>, cx: Cx, request: Folder) -> Result<Answer, Fault> {
    let page = record::secrets(&cx.site()?.view)
        .list(&request.folder, &request.after, list_limit(request.limit)?)
        .await?;
    Ok(Answer::names(page.names))
}

pub(super) async fn scan(_: Arc<Versioned>, cx: Cx, request: Folder) -> Result<Answer, Fault> {
    let secrets = record::secrets(&cx.site()?.view);
    let page = secrets
        .view()
        .scan(&request.folder, &request.after, list_limit(request.limit)?)
        .await?;
    Ok(Answer::names(page.names))
}

pub(super) async fn list_detailed(_: Arc<Versioned>, cx: Cx, request: Folder) -> Result<Answer, Fault> {
    let secrets = record::secrets(&cx.site()?.view);
    let page = secrets
        .list(&request.folder, &request.after, list_limit(request.limit)?)
        .await?;
    let mut info = BTreeMap::new();
    for name in page.names.iter().filter(|name| !name.ends_with('/')) {
        if let Some(row) = secrets.get(&format!("{}{name}", request.folder)).await? {
            info.insert(name.clone(), describe(&row.value));
        }
    }
    Ok(Answer::names_with_info(page.names, Json::Object(info)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_metadata_is_bounded() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        assert!(check_custom_metadata(Some(&map(&[("k", "v")]))).is_ok());
        let long_key = "k".repeat(129);
        let error = check_custom_metadata(Some(&map(&[(&long_key, "v"), ("k", "")]))).unwrap_err();
        assert_eq!(
            error.text(),
            format!(
                "2 errors occurred:\n\t* custom_metadata validation failed: length of value for key \"k\" is 0 but must be 0 < len(value) <= 512\n\t* custom_metadata validation failed: length of key {long_key:?} is 129 but must be 0 < len(key) <= 128\n\n"
            )
        );
        let many: BTreeMap<String, String> = (0..65).map(|n| (n.to_string(), "v".to_owned())).collect();
        let error = check_custom_metadata(Some(&many)).unwrap_err();
        assert_eq!(
            error.text(),
            "1 error occurred:\n\t* custom_metadata validation failed: payload must contain at most 64 keys, provided 65\n\n"
        );
        assert!(check_custom_metadata(Some(&map(&[("k", "a\nb")]))).is_err());
    }
}
