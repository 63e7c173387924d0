//! What user interfaces and the command line ask before they ask for anything else.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::mounts as api;
use arca_base::{Json, MountPath, Timestamp, json_object};

use super::{System, mounts};
use crate::active::Active;
use crate::engine::{Answer, Caller, Cx, Table};
use crate::fault::Fault;
use crate::policies::Acl;
use crate::router::{Class, Mount, Visibility};

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadUiMounts, _, _>(read_mounts)
        .optional_token()
        .on::<api::ReadUiMount, _, _>(read_mount)
        .optional_token()
        .on::<api::ReadUiMountFolder, _, _>(read_mount)
        .optional_token()
        .on::<api::ReadResultantAcl, _, _>(resultant_acl)
        .on::<api::ReadUiNamespaces, _, _>(namespaces)
        .optional_token()
}

/// What a caller may do.
pub(crate) async fn acl_of(active: &Active, caller: &Caller, now: Timestamp) -> Result<Arc<Acl>, Fault> {
    let principal = match &*caller.token.entity_id {
        "" => None,
        id => active.identity.principal(id).await?,
    };
    active
        .policies
        .acl(&caller.token, principal.as_ref(), &active.identity, now)
        .await
}

/// What everybody may see of a mount.
fn outline(mount: &Mount) -> Json {
    let options = mount
        .options
        .as_ref()
        .map(|options| options.clone().into_iter().collect::<Json>());
    json_object! {
        "type" => mount.kind.as_str(),
        "description" => mount.description.as_str(),
        "options" => options,
    }
}

async fn read_mounts(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let acl = match &cx.caller {
        Some(caller) => Some(acl_of(active, caller, cx.now).await?),
        None => None,
    };
    let mut listed = [Json::object(), Json::object()];
    for (class, list) in [Class::Secret, Class::Auth].into_iter().zip(&mut listed) {
        let Json::Object(list) = list else { continue };
        for (_, mount) in active.router.rows(class).all().await? {
            let shown = match &acl {
                Some(acl) if acl.reaches(&MountPath::parse(&mount.full_path())?) => mounts::describe(&mount),
                _ if mount.config.listing_visibility == Visibility::Unauth => outline(&mount),
                _ => continue,
            };
            list.insert(mount.path, shown);
        }
    }
    let [secret, auth] = listed;
    Ok(Answer::data(&json_object! { "secret" => secret, "auth" => auth }))
}

async fn read_mount(_: Arc<System>, cx: Cx, request: api::MountPath) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let caller = cx.caller.as_ref().ok_or_else(Fault::denied)?;
    let refused = || {
        Fault::denied_with(format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{}/\"",
            request.path.trim_end_matches('/')
        ))
    };
    let (mount, _) = active.router.find(&request.path).await?.ok_or_else(refused)?;
    let full_path = mount.full_path();
    if !acl_of(active, caller, cx.now)
        .await?
        .reaches(&MountPath::parse(&full_path)?)
    {
        return Err(refused());
    }
    let mut shown = mounts::describe(&mount);
    if let Json::Object(members) = &mut shown {
        members.insert("path".to_owned(), full_path.into());
    }
    Ok(Answer::data(&shown))
}

async fn resultant_acl(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let active = cx.active()?;
    Ok(Answer::data(&acl_of(active, cx.caller()?, cx.now).await?.dump()))
}

/// Only the root namespace exists so far.
async fn namespaces(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::data(&json_object! { "keys" => vec![Json::from("")] }))
}
