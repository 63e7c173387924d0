//! Key/value secrets with versions.
//!
//! ```text
//! config               settings of the mount
//! meta/<path>          settings and versions of a secret, without its content
//! data/<path>/<n>      content of version n: format (1 byte) and the canonical JSON object
//! ```
//!
//! A write is one commit: the new version, the changed metadata (which must be as it was read) and the removal
//! of versions that are too old.

mod config;
mod data;
mod metadata;
mod record;
mod search;
mod subkeys;
mod versions;

use std::sync::Arc;

use arca_api::kv::v2 as api;
use arca_base::{Json, JsonText, Operation};
use arca_core::Fault;
use arca_core::barrier::Writes;
use arca_core::engine::{Answer, Cx, Engine, Site, Table};

use record::{Secret, VersionState};

/// The engine. Holds nothing: everything is in the records of the mount.
pub struct Versioned;

impl Engine for Versioned {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::ReadData, _, _>(data::read)
            .reads_only()
            .on::<api::UpdateData, _, _>(data::write)
            .exists(data::exists)
            .on::<api::PatchData, _, _>(data::patch)
            .on::<api::DeleteData, _, _>(versions::delete_current)
            .on::<api::DeleteVersions, _, _>(versions::delete)
            .on::<api::UndeleteVersions, _, _>(versions::undelete)
            .on::<api::DestroyVersions, _, _>(versions::destroy)
            .on::<api::ReadSubkeys, _, _>(subkeys::read)
            .reads_only()
            .on::<api::ListMetadata, _, _>(metadata::list)
            .reads_only()
            .on::<api::ScanMetadata, _, _>(metadata::scan)
            .reads_only()
            .on::<api::ListDetailedMetadata, _, _>(metadata::list_detailed)
            .reads_only()
            .on::<api::ReadMetadata, _, _>(metadata::read)
            .reads_only()
            .on::<api::UpdateMetadata, _, _>(metadata::write)
            .exists(data::exists)
            .on::<api::PatchMetadata, _, _>(metadata::patch)
            .on::<api::DeleteMetadata, _, _>(metadata::delete)
            .on::<api::ReadConfig, _, _>(config::read)
            .reads_only()
            .on::<api::UpdateConfig, _, _>(config::write)
            .on::<api::SearchSecrets, _, _>(search::search)
            .reads_only()
            .fallback(wrong_path)
    }
}

/// 404 that says what is wrong with the path; clients recognize versioned mounts by this text.
async fn wrong_path(_: Arc<Versioned>, cx: Cx) -> Result<Answer, Fault> {
    let root = matches!(
        cx.path.trim_end_matches('/'),
        "data" | "metadata" | "delete" | "undelete" | "destroy"
    );
    let warning = if root && !cx.operation.is_listing() {
        "Non-listing operations on the root of a K/V v2 mount are not supported.".to_owned()
    } else {
        let verb = match cx.operation {
            Operation::Read | Operation::Header | Operation::Help => "get",
            Operation::List | Operation::Scan => "list",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
            Operation::Create | Operation::Update => "put",
        };
        format!(
            "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv {verb}' for this operation."
        )
    };
    Ok(Answer::missing(Json::Null.to_text()).warn(warning))
}

/// Takes over a secret of an unversioned mount as version 1 and removes its former record, in one commit.
pub(super) async fn adopt(site: &Site, path: &str, text: &JsonText, former: &str) -> Result<(), Fault> {
    let secrets = record::secrets(&site.view);
    let found = secrets.get(path).await?;
    let mut writes = Writes::new();
    if found.is_none() {
        let mut secret = Secret::new(site.now);
        secret.versions.insert(
            1,
            VersionState {
                created: site.now,
                deletion: None,
                destroyed: false,
            },
        );
        secret.current = 1;
        secrets.expect_in(&mut writes, path, None);
        secrets.put_in(&mut writes, path, &secret)?;
        record::put_content(&site.view, &mut writes, path, 1, text);
    }
    writes.delete(site.view.key(former));
    site.view.commit(writes).await?;
    Ok(())
}
