//! What user interfaces and the command line ask before they ask for anything else.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::mounts as api;
use arca_base::{Json, MountPath, json_object};

use super::{System, mounts};
use crate::engine::{Answer, Caller, Cx, Table};
use crate::fault::Fault;
use crate::policies::Acl;
use crate::router::{Class, Mount, Visibility};

/// Most namespaces in one answer.
const MAX_NAMESPACES: usize = 10_000;

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

/// What the caller may do, as seen from the namespace of the request.
pub(super) struct Rights<'a> {
    cx: &'a Cx,
    caller: &'a Caller,
    acl: Arc<Acl>,
}

impl<'a> Rights<'a> {
    /// Those of whoever asks; `None` for somebody without a token.
    pub(super) async fn of(cx: &'a Cx) -> Result<Option<Self>, Fault> {
        match &cx.caller {
            None => Ok(None),
            Some(caller) => Ok(Some(Self {
                cx,
                caller,
                acl: caller.acl(cx.now).await?,
            })),
        }
    }

    /// Whether anything at all may be done below a path of the namespace of the request.
    pub(super) fn reach(&self, path: &str) -> Result<bool, Fault> {
        let path = self.caller.path_at_home(&self.cx.active()?.namespace, path);
        Ok(self.acl.reaches(&MountPath::parse(&path)?))
    }
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
    let rights = Rights::of(&cx).await?;
    let mut listed = [Json::object(), Json::object()];
    for (class, list) in [Class::Secret, Class::Auth].into_iter().zip(&mut listed) {
        let Json::Object(list) = list else { continue };
        for (_, mount) in active.router.rows(class).all().await? {
            let shown = match &rights {
                Some(rights) if rights.reach(&mount.full_path())? => mounts::describe(&mount),
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
    let rights = Rights::of(&cx).await?.ok_or_else(Fault::denied)?;
    let refused = || {
        Fault::denied_with(format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{}/\"",
            request.path.trim_end_matches('/')
        ))
    };
    let (around, mount) = active.find_below(&request.path).await?.ok_or_else(refused)?;
    // As the namespace of the request names it, so that what follows finds the same mount.
    let below = around.namespace.path_below(&active.namespace);
    let full_path = format!("{}{}", below.unwrap_or_default(), mount.full_path());
    if !rights.reach(&full_path)? {
        return Err(refused());
    }
    around.namespaces()?.refuse_locked(&around.namespace.path).await?;
    let mut shown = mounts::describe(&mount);
    if let Json::Object(members) = &mut shown {
        members.insert("path".to_owned(), full_path.into());
    }
    Ok(Answer::data(&shown))
}

async fn resultant_acl(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::data(&cx.caller()?.acl(cx.now).await?.dump()))
}

/// The namespaces directly below that the caller may do something in; for somebody without a token none.
async fn namespaces(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let here = active.namespace.is_root().then(String::new);
    let mut keys: Vec<String> = here.into_iter().collect();
    if let Some(rights) = Rights::of(&cx).await? {
        let names = active
            .namespaces()?
            .names(&active.namespace.path, "", MAX_NAMESPACES)
            .await?;
        for name in names {
            let path = format!("{name}/");
            if rights.reach(&path)? {
                keys.push(path);
            }
        }
    }
    Ok(Answer::data(&json_object! { "keys" => keys }))
}
