//! `identity/*`: entities, groups and their aliases.

mod aliases;
mod check;
mod entities;
mod group_aliases;
mod groups;
mod lookup;
mod shown;

use arca_api::identity as api;
pub(crate) use check::check_metadata;

use crate::engine::{Engine, Table};
use crate::fault::Fault;
use crate::router::{Mount, Router};

/// `identity/*`. Holds nothing: everything comes with the request.
pub(crate) struct IdentityEngine;

impl Engine for IdentityEngine {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::UpdateEntity, _, _>(entities::write)
            .on::<api::MergeIntoEntity, _, _>(entities::merge)
            .on::<api::BatchDeleteEntities, _, _>(entities::delete_several)
            .on::<api::ListEntityIds, _, _>(entities::list_ids)
            .on::<api::ReadEntityById, _, _>(entities::read_by_id)
            .on::<api::UpdateEntityById, _, _>(entities::write)
            .on::<api::DeleteEntityById, _, _>(entities::delete_by_id)
            .on::<api::ListEntityNames, _, _>(entities::list_names)
            .on::<api::ReadEntityByName, _, _>(entities::read_by_name)
            .on::<api::UpdateEntityByName, _, _>(entities::write)
            .on::<api::DeleteEntityByName, _, _>(entities::delete_by_name)
            .on::<api::UpdateAlias, _, _>(aliases::write)
            .on::<api::ListAliases, _, _>(aliases::list)
            .on::<api::ReadAlias, _, _>(aliases::read)
            .on::<api::UpdateAliasById, _, _>(aliases::write)
            .on::<api::DeleteAlias, _, _>(aliases::delete)
            .on::<api::UpdatePersona, _, _>(aliases::write)
            .on::<api::ListPersonas, _, _>(aliases::list)
            .on::<api::ReadPersona, _, _>(aliases::read)
            .on::<api::UpdatePersonaById, _, _>(aliases::write)
            .on::<api::DeletePersona, _, _>(aliases::delete)
            .on::<api::UpdateGroup, _, _>(groups::write)
            .on::<api::ListGroupIds, _, _>(groups::list_ids)
            .on::<api::ReadGroupById, _, _>(groups::read_by_id)
            .on::<api::UpdateGroupById, _, _>(groups::write)
            .on::<api::DeleteGroupById, _, _>(groups::delete_by_id)
            .on::<api::ListGroupNames, _, _>(groups::list_names)
            .on::<api::ReadGroupByName, _, _>(groups::read_by_name)
            .on::<api::UpdateGroupByName, _, _>(groups::write)
            .on::<api::DeleteGroupByName, _, _>(groups::delete_by_name)
            .on::<api::UpdateGroupAlias, _, _>(group_aliases::write)
            .on::<api::ListGroupAliases, _, _>(group_aliases::list)
            .on::<api::ReadGroupAlias, _, _>(group_aliases::read)
            .on::<api::UpdateGroupAliasById, _, _>(group_aliases::write)
            .on::<api::DeleteGroupAlias, _, _>(group_aliases::delete)
            .on::<api::LookupEntity, _, _>(lookup::entity)
            .on::<api::LookupGroup, _, _>(lookup::group)
            .and(crate::mfa::routes())
            .and(crate::oidc::routes())
    }
}

/// The auth mount that an alias is for.
async fn mount(router: &Router, accessor: &str) -> Result<Mount, Fault> {
    let mount = router.by_accessor(accessor).await?;
    mount.ok_or_else(|| Fault::invalid(format!("invalid mount accessor {accessor:?}")))
}
