//! What this server is and has.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::status as api;
use arca_base::json::Object;
use arca_base::{Json, json_object};

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::router::{Class, Mount};

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadHostInfo, _, _>(host_info)
        .on::<api::ReadConfigState, _, _>(config_state)
        .on::<api::ReadPlugins, _, _>(plugins)
        .sudo()
        .on::<api::ListPlugins, _, _>(list_plugins)
        .sudo()
        .on::<api::ReadPlugin, _, _>(read_plugin)
        .sudo()
        .on::<api::UpdatePlugin, _, _>(refuse_plugin)
        .sudo()
        .on::<api::DeletePlugin, _, _>(refuse_plugin)
        .sudo()
        .on::<api::UpdateReload, _, _>(reload)
        .on::<api::ReadExperiments, _, _>(experiments)
        .on::<api::ReadVersionHistory, _, _>(version_history)
        .on::<api::ReadReplication, _, _>(replication)
}

pub(super) fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

async fn host_info(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let uname = rustix::system::uname();
    let system = rustix::system::sysinfo();
    let unit = u64::from(system.mem_unit);
    Ok(Answer::data(&json_object! {
        "timestamp" => cx.now.to_string(),
        "host" => json_object! {
            "hostname" => uname.nodename().to_string_lossy().into_owned(),
            "os" => uname.sysname().to_string_lossy().to_lowercase(),
            "kernelVersion" => uname.release().to_string_lossy().into_owned(),
            "kernelArch" => uname.machine().to_string_lossy().into_owned(),
            "uptime" => system.uptime,
            "procs" => u64::from(system.procs),
        },
        "memory" => json_object! {
            "total" => system.totalram * unit,
            "free" => system.freeram * unit,
        },
        "cpu" => Vec::<Json>::new(),
        "cpu_times" => Vec::<Json>::new(),
        "disk" => Vec::<Json>::new(),
    }))
}

async fn config_state(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::data(&cx.active()?.settings.sanitized_config))
}

/// Kinds by the type clients ask for.
fn kinds(cx: &Cx, plugin_type: &str) -> Result<Vec<String>, Fault> {
    let catalog = cx.active()?.router.catalog();
    let owned = |kinds: &mut dyn Iterator<Item = &'static str>| kinds.map(str::to_owned).collect();
    match plugin_type {
        "auth" => Ok(owned(&mut catalog.auth_kinds())),
        "secret" => Ok(owned(&mut catalog.secret_kinds())),
        "database" => Ok(owned(&mut catalog.database_kinds())),
        other => Err(Fault::invalid(format!(
            "{other:?} is not a supported plugin type"
        ))),
    }
}

fn detail(plugin_type: &str, name: &str) -> Json {
    json_object! {
        "type" => plugin_type,
        "name" => name,
        "version" => crate::version::ENGINE_VERSION,
        "builtin" => true,
        "deprecation_status" => "supported",
    }
}

async fn plugins(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let mut listed = Json::object();
    let mut detailed = Vec::new();
    for plugin_type in ["auth", "database", "secret"] {
        let names = kinds(&cx, plugin_type)?;
        detailed.extend(names.iter().map(|name| detail(plugin_type, name)));
        if let Json::Object(members) = &mut listed {
            members.insert(plugin_type.to_owned(), names.into());
        }
    }
    if let Json::Object(members) = &mut listed {
        members.insert("detailed".to_owned(), detailed.into());
    }
    Ok(Answer::data(&listed))
}

async fn list_plugins(_: Arc<System>, cx: Cx, request: api::PluginType) -> Result<Answer, Fault> {
    Ok(Answer::names(kinds(&cx, &request.plugin_type)?))
}

async fn read_plugin(_: Arc<System>, cx: Cx, request: api::Plugin) -> Result<Answer, Fault> {
    if !kinds(&cx, &request.plugin_type)?.contains(&request.name) {
        return Err(Fault::absent());
    }
    Ok(Answer::data(&json_object! {
        "name" => request.name,
        "args" => Vec::<Json>::new(),
        "command" => "",
        "sha256" => "",
        "builtin" => true,
        "version" => crate::version::ENGINE_VERSION,
        "deprecation_status" => "supported",
    }))
}

async fn refuse_plugin(_: Arc<System>, _: Cx, _: api::Plugin) -> Result<Answer, Fault> {
    Err(Fault::invalid(
        "plugins cannot be registered or removed: every engine of this server is built in",
    ))
}

async fn reload(_: Arc<System>, cx: Cx, request: api::Reload) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let paths = request.mounts.unwrap_or_default().into_vec();
    if request.plugin.is_empty() == paths.is_empty() {
        return Err(Fault::invalid("give either \"plugin\" or \"mounts\", not both"));
    }
    if !matches!(&*request.scope, "" | "global") {
        return Err(Fault::invalid("\"scope\" must be empty or \"global\""));
    }
    let wanted = |mount: &Mount| {
        let path = mount.full_path();
        let named = |given: &String| given.trim_matches('/') == path.trim_end_matches('/');
        mount.kind == request.plugin || paths.iter().any(named)
    };
    let mut found = 0_usize;
    for class in [Class::Secret, Class::Auth] {
        for (_, mount) in active.router.rows(class).all().await? {
            if wanted(&mount) {
                active.router.drop_engine(&mount);
                found += 1;
            }
        }
    }
    if found < paths.len() {
        return Err(Fault::invalid("no mount is at one of the paths in \"mounts\""));
    }
    let reload_id = arca_base::id::uuid_v4(&*active.entropy);
    Ok(Answer::data(&json_object! { "reload_id" => reload_id }))
}

async fn experiments(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::data(&json_object! {
        "available_experiments" => Vec::<Json>::new(),
        "enabled" => Vec::<Json>::new(),
    }))
}

async fn version_history(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let mut rows = cx.active()?.versions.all().await?;
    rows.sort_by_key(|(_, row)| row.installed);
    let mut info = Object::new();
    let mut previous = Json::Null;
    for (version, row) in &rows {
        let shown = json_object! {
            "previous_version" => previous,
            "timestamp_installed" => row.installed.map(|time| time.to_string()),
            "build_date" => row.build_date.as_str(),
        };
        info.insert(version.clone(), shown);
        previous = Json::from(version.as_str());
    }
    let names = rows.into_iter().map(|(version, _)| version).collect();
    Ok(Answer::names_with_info(names, Json::Object(info)))
}

async fn replication(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::data(&json_object! { "mode" => "disabled" }))
}
