//! Subscribing to the change stream.

use std::sync::Arc;

use arca_api::sys::events as api;
use arca_base::RequestPath;

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::events::Subscription;
use crate::fault::Fault;

/// Longest pattern of types, in bytes.
const MAX_PATTERN: usize = 128;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::SubscribeEvents, _, _>(subscribe)
        .reads_only()
}

async fn subscribe(_: Arc<System>, cx: Cx, request: api::Subscribe) -> Result<Answer, Fault> {
    check_pattern(&request.kind)?;
    if !request.filter.is_empty() {
        return Err(Fault::invalid(
            "filter expressions are not supported: choose events by their type, and leave filter out",
        ));
    }
    let after = revision(&request.after)?;
    let caller = cx.caller()?;
    if caller.inline {
        return Err(Fault::invalid(
            "a subscription needs a token: a login inside the request ends with the request",
        ));
    }
    let path = RequestPath::parse(&format!("sys/events/subscribe/{}", request.kind))?;
    let subscription = Subscription::begin(cx.active()?, caller, &request.kind, path, after).await?;
    Ok(Answer::stream(subscription))
}

fn check_pattern(pattern: &str) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./*".contains(&byte);
    if pattern.len() > MAX_PATTERN || !pattern.bytes().all(fits) {
        return Err(Fault::invalid(format!(
            "the type of event must be at most {MAX_PATTERN} letters, digits, '-', '_', '.', '/' and '*', such as kv-v2/data-write or kv*"
        )));
    }
    Ok(())
}

fn revision(text: &str) -> Result<Option<u64>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let revision = text.parse().ok().filter(|revision| *revision <= u64::MAX >> 1);
    revision.map(Some).ok_or_else(|| {
        Fault::invalid("after (or Last-Event-ID) must be a revision, the whole number an event has as its id")
    })
}
