//! The API as an OpenAPI document.

use std::sync::Arc;

use super::System;
use super::ui::Rights;
use crate::engine::{Answer, Cx, RouteInfo, Table};
use crate::fault::Fault;
use crate::help::openapi::{Document, Place};
use crate::router::{Class, Visibility};
use arca_api::sys::mounts as api;

/// Most mounts that stand in a document under their own paths.
const MAX_MOUNTS: usize = 256;

/// Longest `context`, in bytes.
const MAX_CONTEXT: usize = 64;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadApiDocument, _, _>(read)
        .optional_token()
        .on::<api::WriteApiDocument, _, _>(read)
        .optional_token()
}

/// Made anew for each request: it depends on the caller, and is seldom asked for.
async fn read(_: Arc<System>, cx: Cx, request: api::ApiDocument) -> Result<Answer, Fault> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if request.context.len() > MAX_CONTEXT || !request.context.bytes().all(is_word) {
        return Err(Fault::invalid(format!(
            "context: at most {MAX_CONTEXT} letters, digits, \"-\" and \"_\" can be part of an operation id"
        )));
    }
    let active = cx.active()?;
    let rights = Rights::of(&cx).await?;
    let mut document = Document::new(request.context);
    let mut shown = 0;
    for class in [Class::Secret, Class::Auth] {
        for (_, mount) in active.router.rows(class).all().await? {
            let sees = match &rights {
                Some(rights) if rights.reach(&mount.full_path())? => true,
                _ => mount.config.listing_visibility == Visibility::Unauth,
            };
            // Of a type this server does not have, nothing can be said.
            let Some(engine) = sees.then(|| active.router.engine(&mount).ok()).flatten() else {
                continue;
            };
            shown += 1;
            if shown > MAX_MOUNTS && !request.generic_mount_paths {
                return Err(Fault::invalid(format!(
                    "there are more than {MAX_MOUNTS} mounts: set generic_mount_paths=true, so that mounts of one type share their paths"
                )));
            }
            let place = if request.generic_mount_paths {
                Place::generic(&mount)
            } else {
                Place::of(&mount)
            };
            let routes: Vec<&RouteInfo> = engine.routes();
            document.add(&place, &routes);
        }
    }
    Ok(Answer::raw_json(200, &document.finish()))
}
