//! Secret engines and auth methods: enabling, listing, disabling, moving.

use std::sync::Arc;

use arca_api::sys::{Page, mounts as api};
use arca_base::{Json, MountPath, NamespaceId, id, json_object};

use super::System;
use super::tune::{self, Settings};
use crate::active::Active;
use crate::barrier::{Change, Writes};
use crate::engine::{Answer, Cx, Table, list_limit};
use crate::events::Told;
use crate::fault::Fault;
use crate::router::{Class, MAX_MOUNT_SEGMENTS, Mount};

/// Where nothing can be mounted.
const RESERVED: [&str; 5] = ["sys/", "auth/", "audit/", "cubbyhole/", "identity/"];

/// How often a commit that lost a race is put together again before it is given up.
const MAX_ATTEMPTS: usize = 16;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ListMounts, _, _>(list_secret)
        .injects()
        .on::<api::ReadMount, _, _>(read_secret)
        .injects()
        .on::<api::EnableMount, _, _>(enable_secret)
        .on::<api::DisableMount, _, _>(disable_secret)
        .on::<api::ListAuth, _, _>(list_auth)
        .injects()
        .on::<api::ReadAuth, _, _>(read_auth)
        .sudo()
        .injects()
        .on::<api::EnableAuth, _, _>(enable_auth)
        .sudo()
        .on::<api::DisableAuth, _, _>(disable_auth)
        .sudo()
        .on::<api::UpdateRemount, _, _>(remount)
        .sudo()
        .injects()
        .on::<api::ReadRemount, _, _>(remount_status)
}

/// What listings show of a mount.
pub(super) fn describe(mount: &Mount) -> Json {
    let mut config = json_object! {
        "default_lease_ttl" => mount.config.default_lease_ttl.seconds(),
        "max_lease_ttl" => mount.config.max_lease_ttl.seconds(),
        "force_no_cache" => mount.config.force_no_cache,
    };
    if let Json::Object(members) = &mut config {
        tune::optional_settings(mount, members);
        if mount.class == Class::Auth {
            members.insert("token_type".to_owned(), tune::token_type(mount).into());
        }
    }
    let options = mount
        .options
        .as_ref()
        .map(|options| options.clone().into_iter().collect::<Json>());
    json_object! {
        "type" => mount.kind.as_str(),
        "description" => mount.description.as_str(),
        "accessor" => mount.accessor.as_str(),
        "local" => mount.local,
        "seal_wrap" => mount.seal_wrap,
        "external_entropy_access" => mount.external_entropy_access,
        "options" => options,
        "uuid" => mount.uuid.as_str(),
        "plugin_version" => "",
        "running_plugin_version" => crate::version::ENGINE_VERSION,
        "running_sha256" => "",
        "deprecation_status" => "supported",
        "config" => config,
    }
}

/// All mounts of a class, as clients expect; a page of them for those who ask for one.
async fn list(cx: &Cx, class: Class, page: &Page) -> Result<Answer, Fault> {
    let limit = list_limit(page.limit)?;
    let after = page.after.trim_end_matches('/');
    let (mounts, _) = cx.active()?.router.rows(class).page(after, limit).await?;
    let listed: Json = mounts
        .into_iter()
        .map(|(_, mount)| (mount.path.clone(), describe(&mount)))
        .collect();
    Ok(Answer::data(&listed))
}

async fn list_secret(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    list(&cx, Class::Secret, &page).await
}

async fn list_auth(_: Arc<System>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    list(&cx, Class::Auth, &page).await
}

async fn read_secret(_: Arc<System>, cx: Cx, request: api::MountPath) -> Result<Answer, Fault> {
    let path = MountPath::parse(&request.path)?;
    let mount = cx.active()?.router.at(Class::Secret, &path).await?;
    let mount = mount.ok_or_else(|| Fault::invalid(format!("No secret engine mount at {path}")))?;
    Ok(Answer::data(&describe(&mount)))
}

async fn read_auth(_: Arc<System>, cx: Cx, request: api::MountPath) -> Result<Answer, Fault> {
    let path = MountPath::parse(&request.path)?;
    let mount = cx.active()?.router.at(Class::Auth, &path).await?;
    let mount = mount.ok_or_else(|| Fault::invalid(format!("No auth engine at {path}")))?;
    Ok(Answer::data(&describe(&mount)))
}

async fn enable_secret(_: Arc<System>, cx: Cx, request: api::Enable) -> Result<Answer, Fault> {
    let path = mount_path(&request.path)?;
    if let Some(reserved) = RESERVED
        .iter()
        .find(|reserved| path.as_str().starts_with(**reserved))
    {
        let shown = if path.as_str() == *reserved {
            reserved
        } else {
            path.as_str()
        };
        return Err(Fault::invalid(format!("cannot mount \"{shown}\"")));
    }
    enable(&cx, Class::Secret, &path, request).await
}

async fn enable_auth(_: Arc<System>, cx: Cx, request: api::Enable) -> Result<Answer, Fault> {
    let path = mount_path(&request.path)?;
    enable(&cx, Class::Auth, &path, request).await
}

fn mount_path(text: &str) -> Result<MountPath, Fault> {
    let path = MountPath::parse(text)?;
    if path.trimmed().split('/').count() > MAX_MOUNT_SEGMENTS {
        return Err(Fault::invalid(format!(
            "a mount path may have at most {MAX_MOUNT_SEGMENTS} segments"
        )));
    }
    Ok(path)
}

async fn enable(cx: &Cx, class: Class, path: &MountPath, request: api::Enable) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let mount = build(active, class, path, request)?;
    check_free(active, class, path).await?;
    active
        .web
        .pass_on(&mount.config.passthrough_request_headers)
        .await?;
    let mut writes = Writes::new();
    let rows = active.router.rows(class);
    rows.expect_in(&mut writes, mount.row(), None);
    rows.put_in(&mut writes, mount.row(), &mount)?;
    tell(&mut writes, "mount/enable", &mount, cx);
    match active.barrier.commit(writes).await {
        Ok(_) => Ok(Answer::empty()),
        Err(error) if error.is_conflict() => Err(Fault::invalid(format!("path is already in use at {path}"))),
        Err(error) => Err(error.into()),
    }
}

fn build(active: &Active, class: Class, path: &MountPath, request: api::Enable) -> Result<Mount, Fault> {
    let mut kind = match (&*request.kind, &*request.plugin_name) {
        ("" | "plugin", "") => return Err(Fault::invalid("backend type must be specified as a string")),
        ("" | "plugin", plugin) => plugin.to_owned(),
        (kind, _) => kind.to_owned(),
    };
    let mut options = request.options.unwrap_or_default().0;
    if let Json::Object(config) = &request.config.0
        && let Some(Json::Object(more)) = config.get("options")
    {
        options.extend(
            more.iter()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))),
        );
    }
    if class == Class::Secret {
        kind = normalized(&kind, &mut options);
    }
    check_kind(active, class, &kind)?;
    if kind != "kv" && options.contains_key("version") {
        return Err(Fault::invalid(format!(
            "secrets engine {kind:?} does not allow setting a version"
        )));
    }
    if let Some(version) = options
        .get("version")
        .filter(|version| !matches!(&***version, "1" | "2"))
    {
        return Err(Fault::invalid(format!(
            "options.version must be \"1\" or \"2\", not {version:?}"
        )));
    }
    let mut mount = Mount::new(class, path, &kind, &*active.entropy);
    mount.description = request.description;
    mount.options = Some(options);
    mount.local = request.local;
    mount.seal_wrap = request.seal_wrap;
    mount.external_entropy_access = request.external_entropy_access;
    Settings::from_config(&request.config.0)?.apply(&mut mount, active.router.defaults())?;
    Ok(mount)
}

/// Other names of the key/value engine.
fn normalized(kind: &str, options: &mut std::collections::BTreeMap<String, String>) -> String {
    let version = match kind {
        "kv-v1" => "1",
        "kv-v2" => "2",
        "generic" => return "kv".to_owned(),
        other => return other.to_owned(),
    };
    options.insert("version".to_owned(), version.to_owned());
    "kv".to_owned()
}

fn check_kind(active: &Active, class: Class, kind: &str) -> Result<(), Fault> {
    let catalog = active.router.catalog();
    match (class, kind) {
        (Class::Secret, "system" | "identity" | "cubbyhole") => {
            Err(Fault::invalid(format!("mount type of {kind:?} is not mountable")))
        }
        (Class::Auth, "token") => Err(Fault::invalid("token credential backend cannot be instantiated")),
        (Class::Secret, kind) if catalog.secret_engine(kind).is_some() => Ok(()),
        (Class::Auth, kind) if catalog.auth_method(kind).is_some() => Ok(()),
        _ => Err(Fault::invalid(format!("plugin not found in the catalog: {kind}"))),
    }
}

/// Tells subscribers what becomes of a mount.
pub(super) fn tell(writes: &mut Writes, kind: &'static str, mount: &Mount, cx: &Cx) {
    let path = match mount.class {
        Class::Secret => format!("sys/mounts/{}", mount.row()),
        Class::Auth => format!("sys/auth/{}", mount.row()),
    };
    let told = Told::of(kind, path)
        .with("mount_path", mount.full_path())
        .with("mount_accessor", &*mount.accessor)
        .with("plugin", &*mount.kind);
    let namespace = cx
        .site
        .as_ref()
        .map_or_else(NamespaceId::root, |site| site.namespace.clone());
    writes.tell(told.key(&namespace, None, cx.now));
}

/// Neither at a mount, nor inside one, nor around one.
async fn check_free(active: &Active, class: Class, path: &MountPath) -> Result<(), Fault> {
    if active.router.at(class, path).await?.is_some() {
        return Err(Fault::invalid(format!("path is already in use at {path}")));
    }
    let name = path.trimmed().split('/').next().unwrap_or_default();
    let namespace = format!("{}{name}", active.namespace.path);
    if class == Class::Secret && active.namespaces()?.row(&namespace).await?.is_some() {
        return Err(Fault::invalid(format!(
            "path is already in use by the namespace {name:?}: choose another path"
        )));
    }
    let full = match class {
        Class::Secret => path.as_str().to_owned(),
        Class::Auth => format!("auth/{path}"),
    };
    if let Some((around, _)) = active.router.find(&full).await? {
        return Err(Fault::invalid(format!("existing mount at {}", around.path)));
    }
    let inside = active.router.rows(class).list(path.as_str(), "", 1).await?;
    match inside.names.first() {
        Some(name) => Err(Fault::invalid(format!("existing mount at {path}{name}"))),
        None => Ok(()),
    }
}

async fn disable_secret(_: Arc<System>, cx: Cx, request: api::MountPath) -> Result<Answer, Fault> {
    disable(&cx, Class::Secret, &request.path).await
}

async fn disable_auth(_: Arc<System>, cx: Cx, request: api::MountPath) -> Result<Answer, Fault> {
    disable(&cx, Class::Auth, &request.path).await
}

/// Takes a mount out of service, ends its leases, deletes its records and only then forgets it, so that an
/// interrupted removal can be repeated.
async fn disable(cx: &Cx, class: Class, path: &str) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let path = MountPath::parse(path)?;
    let Some(mount) = active.router.at(class, &path).await? else {
        return Ok(Answer::empty());
    };
    if mount.is_builtin() {
        let what = if class == Class::Secret {
            "unmount"
        } else {
            "disable"
        };
        return Err(Fault::invalid(format!("cannot {what} \"{}\"", mount.full_path())));
    }
    let rows = active.router.rows(class);
    taint(active, class, &mount).await?;
    active
        .leases
        .revoke_prefix(&mount.full_path(), false, cx.now)
        .await?;
    if class == Class::Auth {
        active
            .tokens
            .revoke_of_mount(&mount.accessor, &active.leases, cx.now)
            .await?;
    }
    active.router.site(&mount, cx.now).view.clear().await?;
    let full = format!("{}{}", active.namespace.path, mount.full_path());
    for _ in 0..MAX_ATTEMPTS {
        let mut writes = Writes::new();
        rows.delete_in(&mut writes, mount.row());
        active.quotas.drop_below_in(&mut writes, &full).await?;
        tell(&mut writes, "mount/disable", &mount, cx);
        match active.barrier.commit(writes).await {
            Ok(_) => {
                active.router.drop_engine(&mount);
                return Ok(Answer::empty());
            }
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// Other writers were faster each time.
fn busy() -> Fault {
    Fault::unavailable("the limits of the mount keep changing; try again")
}

async fn taint(active: &Active, class: Class, mount: &Mount) -> Result<(), Fault> {
    active
        .router
        .rows(class)
        .update(mount.row(), |found| match found {
            Some(found) if found.uuid == mount.uuid && !found.tainted => Ok::<_, Fault>((
                Change::Put(Mount {
                    tainted: true,
                    ..found.clone()
                }),
                (),
            )),
            _ => Ok((Change::Keep, ())),
        })
        .await
}

/// Splits `auth/x` into class and path.
fn classify(path: &str) -> Result<(Class, MountPath), Fault> {
    let path = path.trim_start_matches('/');
    match path.strip_prefix("auth/") {
        Some(rest) => Ok((Class::Auth, mount_path(rest)?)),
        None => Ok((Class::Secret, mount_path(path)?)),
    }
}

/// Moves a mount: one commit, since records are named by the mount's UUID. Its leases end, for their
/// identifiers contain the old path.
async fn remount(_: Arc<System>, cx: Cx, request: api::Remount) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let (class, from) = classify(&request.from)?;
    let (target_class, to) = classify(&request.to)?;
    if class != target_class {
        return Err(Fault::invalid(
            "a secret engine cannot become an auth method, nor the other way round",
        ));
    }
    if class == Class::Secret && RESERVED.iter().any(|reserved| to.as_str().starts_with(reserved)) {
        return Err(Fault::invalid(format!("cannot remount to \"{to}\"")));
    }
    for _ in 0..MAX_ATTEMPTS {
        if move_once(&cx, class, &from, &to).await? {
            let migration = id::uuid_v4(&*active.entropy);
            return Ok(Answer::data(&json_object! { "migration_id" => migration })
                .warn("Mount move has been queued. Progress will be reported in Vault's server log, tagged with the returned migration_id"));
        }
    }
    Err(busy())
}

/// `false` when the mount or a limit of it was changed meanwhile.
async fn move_once(cx: &Cx, class: Class, from: &MountPath, to: &MountPath) -> Result<bool, Fault> {
    let active = cx.active()?;
    let rows = active.router.rows(class);
    let found = rows.get(from.trimmed()).await?;
    let Some(row) = &found else {
        return Err(Fault::invalid(format!("no matching mount at \"{from}\"")));
    };
    if row.value.is_builtin() {
        return Err(Fault::invalid(format!("cannot remount \"{from}\"")));
    }
    check_free(active, class, to).await?;
    active
        .leases
        .revoke_prefix(&row.value.full_path(), false, cx.now)
        .await?;
    let moved = Mount {
        path: to.as_str().to_owned(),
        ..(*row.value).clone()
    };
    let mut writes = Writes::new();
    rows.expect_in(&mut writes, from.trimmed(), found.as_ref());
    rows.expect_in(&mut writes, to.trimmed(), None);
    rows.delete_in(&mut writes, from.trimmed());
    rows.put_in(&mut writes, to.trimmed(), &moved)?;
    let here = &active.namespace.path;
    let (from, to) = (
        format!("{here}{}", row.value.full_path()),
        format!("{here}{}", moved.full_path()),
    );
    active.quotas.move_in(&mut writes, &from, &to).await?;
    tell(&mut writes, "mount/move", &moved, cx);
    match active.barrier.commit(writes).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A move is done when it is answered.
async fn remount_status(_: Arc<System>, _: Cx, request: api::Migration) -> Result<Answer, Fault> {
    Ok(Answer::data(&json_object! {
        "migration_id" => request.migration_id,
        "migration_info" => json_object! {
            "source_mount" => "",
            "target_mount" => "",
            "status" => "success",
        },
    }))
}
