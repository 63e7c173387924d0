//! Reading and writing entries.

use std::sync::Arc;

use arca_api::auth::cert as api;
use arca_api::sys::Page;
use arca_core::Fault;
use arca_core::barrier::Change;
use arca_core::engine::{Answer, Cx, list_limit};

use super::Cert;
use super::entry::{Entry, entries};

pub(super) async fn list(_: Arc<Cert>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let found = entries(&cx.site()?.view)
        .list("", &page.after, list_limit(page.limit)?)
        .await?;
    Ok(Answer::names(found.names))
}

pub(super) async fn read(_: Arc<Cert>, cx: Cx, request: api::CertName) -> Result<Answer, Fault> {
    let name = request.name.to_lowercase();
    let row = entries(&cx.site()?.view)
        .get(&name)
        .await?
        .ok_or_else(Fault::absent)?;
    Ok(Answer::data(&row.value.describe(&name)))
}

pub(super) async fn write(_: Arc<Cert>, cx: Cx, request: api::WriteCert) -> Result<Answer, Fault> {
    entries(&cx.site()?.view)
        .update(&request.name.to_lowercase(), |found| {
            let mut entry: Entry = found.cloned().unwrap_or_default();
            entry.change(&request)?;
            Ok::<_, Fault>((Change::Put(entry), ()))
        })
        .await?;
    Ok(Answer::empty())
}

pub(super) async fn delete(_: Arc<Cert>, cx: Cx, request: api::CertName) -> Result<Answer, Fault> {
    entries(&cx.site()?.view)
        .delete(&request.name.to_lowercase())
        .await?;
    Ok(Answer::empty())
}
