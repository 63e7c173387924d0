//! `auth/token/*`: the tokens themselves, as an auth method.

mod create;
mod lookup;
mod renew;
mod revoke;
mod roles;

use std::sync::Arc;

use arca_api::token as api;

use crate::active::Active;
use crate::engine::{Cx, Engine, Table};
use crate::fault::Fault;
use crate::tokens::Token;

/// `auth/token/*`. Holds nothing: everything comes with the request.
pub(crate) struct TokenEngine;

impl Engine for TokenEngine {
    fn routes() -> Table<Self> {
        Table::new()
            .on::<api::LookupSelf, _, _>(lookup::itself)
            .reads_only()
            .on::<api::LookupSelfByWrite, _, _>(lookup::itself)
            .reads_only()
            .on::<api::Lookup, _, _>(lookup::by_token)
            .reads_only()
            .on::<api::LookupByRead, _, _>(lookup::by_token)
            .reads_only()
            .on::<api::LookupAccessor, _, _>(lookup::by_accessor)
            .reads_only()
            .on::<api::RenewSelf, _, _>(renew::itself)
            .on::<api::RenewToken, _, _>(renew::by_token)
            .on::<api::RenewByAccessor, _, _>(renew::by_accessor)
            .on::<api::RevokeSelf, _, _>(revoke::itself)
            .on::<api::Revoke, _, _>(revoke::by_token)
            .on::<api::RevokeAccessor, _, _>(revoke::by_accessor)
            .on::<api::RevokeOrphan, _, _>(revoke::orphaning)
            .on::<api::CreateToken, _, _>(create::below_caller)
            .makes_tokens()
            .on::<api::CreateOrphan, _, _>(create::orphan)
            .makes_tokens()
            .on::<api::CreateWithRole, _, _>(create::with_role)
            .makes_tokens()
            .on::<api::ListAccessors, _, _>(lookup::accessors)
            .sudo()
            .on::<api::Tidy, _, _>(revoke::tidy)
            .on::<api::ListRoles, _, _>(roles::list)
            .on::<api::ReadRole, _, _>(roles::read)
            .on::<api::UpdateRole, _, _>(roles::write)
            .exists(roles::exists)
            .on::<api::DeleteRole, _, _>(roles::delete)
    }
}

/// The good token of an accessor.
async fn by_accessor(cx: &Cx, active: &Active, accessor: &str) -> Result<Arc<Token>, Fault> {
    if accessor.is_empty() {
        return Err(Fault::invalid_bare("missing accessor"));
    }
    let found = active.tokens.find_by_accessor(accessor, cx.now).await?;
    found.ok_or_else(|| Fault::invalid_bare("invalid accessor"))
}
