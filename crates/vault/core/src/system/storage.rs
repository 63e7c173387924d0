//! Snapshots of the store, and the way back.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::storage as api;

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::snapshot::Download;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadSnapshot, _, _>(take)
        .sudo()
        .on::<api::UpdateSnapshot, _, _>(async |_, cx, _| restore(&cx, false).await)
        .sudo()
        .on::<api::UpdateSnapshotForce, _, _>(async |_, cx, _| restore(&cx, true).await)
        .sudo()
        .on::<api::ReadRaftSnapshot, _, _>(take)
        .sudo()
        .on::<api::UpdateRaftSnapshot, _, _>(async |_, cx, _| restore(&cx, false).await)
        .sudo()
        .on::<api::UpdateRaftSnapshotForce, _, _>(async |_, cx, _| restore(&cx, true).await)
        .sudo()
}

async fn take(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::download(Download::of_store(cx.active()?, cx.now).await?))
}

async fn restore(cx: &Cx, force: bool) -> Result<Answer, Fault> {
    let upload = cx.upload.as_ref().ok_or_else(|| {
        Fault::invalid("a snapshot is restored from the body of the request, which must be the file itself")
    })?;
    cx.server.restore(cx.active()?, upload, force).await?;
    Ok(Answer::empty())
}
