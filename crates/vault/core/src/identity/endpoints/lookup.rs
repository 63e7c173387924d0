//! `identity/lookup/*`: finding an entity or a group by whatever is known of it.

use std::sync::Arc;

use arca_api::identity as api;

use super::{IdentityEngine, shown};
use crate::engine::{Answer, Cx};
use crate::fault::Fault;

/// The one way a caller chose.
enum By {
    Id(String),
    Name(String),
    AliasId(String),
    Alias { accessor: String, name: String },
}

impl By {
    fn parse(request: api::Lookup) -> Result<Self, Fault> {
        let by_alias = !request.alias_name.is_empty() || !request.alias_mount_accessor.is_empty();
        let mut given = Vec::new();
        if !request.id.is_empty() {
            given.push(Self::Id(request.id));
        }
        if !request.name.is_empty() {
            given.push(Self::Name(request.name));
        }
        if !request.alias_id.is_empty() {
            given.push(Self::AliasId(request.alias_id));
        }
        if by_alias {
            if request.alias_name.is_empty() || request.alias_mount_accessor.is_empty() {
                return Err(Fault::invalid(
                    "both 'alias_name' and 'alias_mount_accessor' needs to be set",
                ));
            }
            given.push(Self::Alias {
                accessor: request.alias_mount_accessor,
                name: request.alias_name,
            });
        }
        match (given.pop(), given.is_empty()) {
            (None, _) => Err(Fault::invalid("query parameter not supplied")),
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(Fault::invalid(
                "supply exactly one of id, name, alias_id or alias_name with alias_mount_accessor",
            )),
        }
    }
}

pub(super) async fn entity(_: Arc<IdentityEngine>, cx: Cx, request: api::Lookup) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let alias = match By::parse(request)? {
        By::Id(id) => return entity_answer(&cx, &id).await,
        By::Name(name) => {
            let found = identity.entity_by_name(&name).await?;
            return entity_answer(&cx, found.as_ref().map_or("", |entity| &entity.id)).await;
        }
        By::AliasId(id) => identity.alias(&id).await?,
        By::Alias { accessor, name } => identity.alias_of(&accessor, &name).await?,
    };
    entity_answer(&cx, alias.as_ref().map_or("", |alias| &alias.canonical_id)).await
}

async fn entity_answer(cx: &Cx, id: &str) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    match identity.entity(id).await? {
        Some(entity) => Ok(Answer::data(&shown::entity(identity, &entity).await?)),
        None => Ok(Answer::empty()),
    }
}

pub(super) async fn group(_: Arc<IdentityEngine>, cx: Cx, request: api::Lookup) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    let alias = match By::parse(request)? {
        By::Id(id) => return group_answer(&cx, &id).await,
        By::Name(name) => {
            let found = identity.group_by_name(&name).await?;
            return group_answer(&cx, found.as_ref().map_or("", |group| &group.id)).await;
        }
        By::AliasId(id) => identity.group_alias(&id).await?,
        By::Alias { accessor, name } => identity.group_alias_of(&accessor, &name).await?,
    };
    group_answer(&cx, alias.as_ref().map_or("", |alias| &alias.canonical_id)).await
}

async fn group_answer(cx: &Cx, id: &str) -> Result<Answer, Fault> {
    let identity = &cx.active()?.identity;
    match identity.group(id).await? {
        Some(group) => Ok(Answer::data(&shown::group(identity, &group).await?)),
        None => Ok(Answer::empty()),
    }
}
