//! Key/value secrets without versions.
//!
//! `secret/<path>` holds the secret: format (1 byte) and the canonical JSON object.

use std::sync::Arc;

use arca_api::Field as _;
use arca_api::kv::v1 as api;
use arca_base::{Json, JsonText, Ttl};
use arca_core::Fault;
use arca_core::barrier::Writes;
use arca_core::engine::{Answer, Cx, Engine, Site, Table, list_limit};
use arca_core::events::Told;

use super::v2;

const FORMAT: u8 = 1;
/// Where secrets are kept below the mount.
pub(super) const FOLDER: &str = "secret/";
/// Names read at a time by a scan.
const PAGE: usize = 1000;

/// The engine. Holds nothing: everything is in the records of the mount.
pub struct Unversioned;

impl Engine for Unversioned {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::List, _, _>(list)
            .reads_only()
            .on::<api::Scan, _, _>(scan)
            .reads_only()
            .on::<api::Read, _, _>(read)
            .reads_only()
            .on::<api::Write, _, _>(write)
            .exists(exists)
            .on::<api::Delete, _, _>(delete)
    }

    async fn upgrade(self: Arc<Self>, site: Site) -> Result<(), Fault> {
        loop {
            let page = site.view.scan(FOLDER, "", PAGE).await?;
            if page.names.is_empty() {
                return Ok(());
            }
            for path in page.names {
                if let Some(text) = load(&site, &path).await? {
                    v2::adopt(&site, &path, &text, &key(&path)).await?;
                }
            }
        }
    }
}

fn key(path: &str) -> String {
    format!("{FOLDER}{path}")
}

async fn load(site: &Site, path: &str) -> Result<Option<JsonText>, Fault> {
    let Some(opened) = site.view.get(&key(path)).await? else {
        return Ok(None);
    };
    match opened.plaintext.expose().split_first() {
        Some((&FORMAT, text)) => {
            let text = String::from_utf8(text.to_vec())
                .map_err(|_| Fault::internal("a stored secret is not UTF-8"))?;
            Ok(Some(JsonText::from_canonical(text)))
        }
        _ => Err(Fault::internal(
            "a stored secret has a format this version does not read",
        )),
    }
}

async fn exists(_: Arc<Unversioned>, cx: Cx, request: api::SecretPath) -> Result<bool, Fault> {
    Ok(cx.site()?.view.get(&key(&request.path)).await?.is_some())
}

async fn read(_: Arc<Unversioned>, cx: Cx, request: api::SecretPath) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let text = load(site, &request.path).await?.ok_or_else(Fault::absent)?;
    let refresh_after = refresh_after(&text.to_json()).unwrap_or(site.default_ttl);
    Ok(Answer::text(text).refresh_after(refresh_after))
}

/// How long a secret says it may be kept: its own `ttl`, else its own `lease`.
fn refresh_after(secret: &Json) -> Option<Ttl> {
    let given = secret.get("ttl").or_else(|| secret.get("lease"))?;
    Ttl::decode(given).ok()
}

async fn write(_: Arc<Unversioned>, cx: Cx, request: api::WriteSecret) -> Result<Answer, Fault> {
    if request.data.is_empty() {
        return Err(Fault::invalid("missing data fields"));
    }
    let mut plaintext = vec![FORMAT];
    plaintext.extend_from_slice(Json::Object(request.data).to_text().as_str().as_bytes());
    let site = cx.site()?;
    let mut writes = Writes::new();
    writes.put(site.view.key(&key(&request.path)), plaintext);
    site.tell(&mut writes, &Told::of("kv-v1/write", request.path));
    site.view.commit(writes).await?;
    Ok(Answer::empty())
}

async fn delete(_: Arc<Unversioned>, cx: Cx, request: api::SecretPath) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let mut writes = Writes::new();
    writes.delete(site.view.key(&key(&request.path)));
    site.tell(&mut writes, &Told::of("kv-v1/delete", request.path));
    site.view.commit(writes).await?;
    Ok(Answer::empty())
}

async fn list(_: Arc<Unversioned>, cx: Cx, request: api::Folder) -> Result<Answer, Fault> {
    let limit = list_limit(request.limit)?;
    let page = cx
        .site()?
        .view
        .list(&key(&request.folder), &request.after, limit)
        .await?;
    Ok(Answer::names(page.names))
}

async fn scan(_: Arc<Unversioned>, cx: Cx, request: api::Folder) -> Result<Answer, Fault> {
    let limit = list_limit(request.limit)?;
    let page = cx
        .site()?
        .view
        .scan(&key(&request.folder), &request.after, limit)
        .await?;
    Ok(Answer::names(page.names))
}

#[cfg(test)]
mod tests {
    use arca_base::json_object;

    use super::*;

    #[test]
    fn a_secret_may_say_how_long_it_may_be_kept() {
        assert_eq!(
            refresh_after(&json_object! { "ttl" => "1h" }),
            Some(Ttl::from_hours(1))
        );
        assert_eq!(
            refresh_after(&json_object! { "lease" => 60_i64 }),
            Some(Ttl::from_seconds(60))
        );
        assert_eq!(refresh_after(&json_object! { "ttl" => "soon" }), None);
        assert_eq!(refresh_after(&json_object! { "k" => "v" }), None);
    }
}
