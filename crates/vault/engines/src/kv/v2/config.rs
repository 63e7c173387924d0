//! Settings of the mount.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::kv::v2 as api;
use arca_base::json_object;
use arca_core::Fault;
use arca_core::barrier::{Change, Rows};
use arca_core::engine::{Answer, Cx};
use arca_core::events::Told;

use super::Versioned;
use super::record::{self, Config};

pub(super) async fn read(_: Arc<Versioned>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let config = record::config(&cx.site()?.view).await?;
    Ok(Answer::data(&json_object! {
        "max_versions" => config.max_versions,
        "cas_required" => config.cas_required,
        "delete_version_after" => config.delete_version_after.to_string(),
    }))
}

pub(super) async fn write(_: Arc<Versioned>, cx: Cx, request: api::WriteConfig) -> Result<Answer, Fault> {
    let max_versions = request.max_versions.map(versions).transpose()?;
    let site = cx.site()?;
    let rows = Rows::<Config>::new(site.view.clone());
    rows.update_with("config", |found, writes| {
        let mut config = found.cloned().unwrap_or_default();
        config.max_versions = max_versions.unwrap_or(config.max_versions);
        config.cas_required = request.cas_required.unwrap_or(config.cas_required);
        config.delete_version_after = request
            .delete_version_after
            .unwrap_or(config.delete_version_after);
        let change = if found == Some(&config) {
            Change::Keep
        } else {
            site.tell(writes, &Told::of("kv-v2/config-write", "config"));
            Change::Put(config)
        };
        Ok::<_, Fault>((change, ()))
    })
    .await?;
    Ok(Answer::empty())
}

/// A number of versions.
pub(super) fn versions(given: i64) -> Result<u64, Fault> {
    const MOST: u64 = 100_000;
    u64::try_from(given)
        .ok()
        .filter(|given| *given <= MOST)
        .ok_or_else(|| Fault::invalid(format!("max_versions must be from 0 to {MOST}")))
}
