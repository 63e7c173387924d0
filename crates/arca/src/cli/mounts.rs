//! What `secrets` and `auth` have in common: flags and tables of mounts, and moving them.

use std::time::Duration;

use arca_api::field::{Any, CommaList, TextMap};
use arca_api::sys::mounts::{self, Migration, ReadRemount, Remount, UpdateRemount};
use arca_base::json::Object;
use arca_base::{GoDuration, Json};
use clap::Args;

use super::failure::{DONE, Failure, Outcome, REMOTE};
use super::flags::{self, folder};
use super::session::Session;
use crate::term::{display, headed};

/// How often a move is looked at.
const POLL: Duration = Duration::from_secs(1);

/// Settings of a mount that can be given when it is made and changed later.
#[derive(Args)]
pub(super) struct Settings {
    /// What it is for
    #[arg(long)]
    pub(super) description: Option<String>,
    /// How long leases live when nobody says otherwise; negative for the server's default
    #[arg(long, value_name = "DURATION", value_parser = flags::duration, allow_hyphen_values = true)]
    default_lease_ttl: Option<GoDuration>,
    /// How long leases live at most; negative for the server's maximum
    #[arg(long, value_name = "DURATION", value_parser = flags::duration, allow_hyphen_values = true)]
    max_lease_ttl: Option<GoDuration>,
    /// Request field the audit log shows as it is; may be repeated
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    audit_non_hmac_request_keys: Option<Vec<String>>,
    /// Response field the audit log shows as it is; may be repeated
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    audit_non_hmac_response_keys: Option<Vec<String>>,
    /// Who sees that it is there: hidden or unauth
    #[arg(long, value_name = "WHO")]
    listing_visibility: Option<String>,
    /// Request header handed to the engine; may be repeated
    #[arg(long, value_name = "HEADER", value_delimiter = ',')]
    passthrough_request_headers: Option<Vec<String>>,
    /// Response header the engine may set; may be repeated
    #[arg(long, value_name = "HEADER", value_delimiter = ',')]
    allowed_response_headers: Option<Vec<String>>,
    /// Kind of the tokens an auth method issues
    #[arg(long, value_name = "TYPE")]
    token_type: Option<String>,
    /// Setting of the engine, as KEY=VALUE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = flags::pair)]
    options: Vec<(String, String)>,
    /// Version of the engine
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// Accepted for compatibility: engines are built in
    #[arg(long, hide = true, value_name = "VERSION")]
    plugin_version: Option<String>,
}

/// A mount to make.
#[derive(Args)]
pub(super) struct NewMount {
    /// Type, such as kv, database, userpass or kubernetes
    kind: String,
    /// Where to mount it; its type when absent
    #[arg(long)]
    path: Option<String>,
    /// Name of the plugin when the type is "plugin"
    #[arg(long, hide = true)]
    plugin_name: Option<String>,
    /// Accepted for compatibility
    #[arg(long, hide = true)]
    force_no_cache: bool,
    /// Accepted for compatibility
    #[arg(long, hide = true)]
    local: bool,
    /// Accepted for compatibility
    #[arg(long, hide = true)]
    seal_wrap: bool,
    /// Accepted for compatibility
    #[arg(long, hide = true)]
    external_entropy_access: bool,
    #[command(flatten)]
    settings: Settings,
}

/// A mount to change.
#[derive(Args)]
pub(super) struct ChangedMount {
    /// Where it is mounted
    pub(super) path: String,
    #[command(flatten)]
    pub(super) settings: Settings,
}

/// A mount to move.
#[derive(Args)]
pub(super) struct MovedMount {
    /// Where it is mounted
    source: String,
    /// Where it shall be
    destination: String,
}

impl Settings {
    fn options(&self) -> Option<TextMap> {
        let mut options = flags::map(&self.options);
        if let Some(version) = self.version.filter(|version| *version > 0) {
            options.0.insert("version".to_owned(), version.to_string());
        }
        (!options.0.is_empty()).then_some(options)
    }

    /// The settings that were given, as the `config` of a new mount.
    fn config(&self) -> Object {
        let mut config = Object::new();
        let mut add = |name: &str, value: Option<Json>| {
            if let Some(value) = value {
                config.insert(name.to_owned(), value);
            }
        };
        let ttl = |ttl: Option<GoDuration>| ttl_text(ttl).map(Json::from);
        add("default_lease_ttl", ttl(self.default_lease_ttl));
        add("max_lease_ttl", ttl(self.max_lease_ttl));
        add(
            "audit_non_hmac_request_keys",
            self.audit_non_hmac_request_keys.clone().map(Json::from),
        );
        add(
            "audit_non_hmac_response_keys",
            self.audit_non_hmac_response_keys.clone().map(Json::from),
        );
        add(
            "listing_visibility",
            self.listing_visibility.clone().map(Json::from),
        );
        add(
            "passthrough_request_headers",
            self.passthrough_request_headers.clone().map(Json::from),
        );
        add(
            "allowed_response_headers",
            self.allowed_response_headers.clone().map(Json::from),
        );
        add("token_type", self.token_type.clone().map(Json::from));
        config
    }
}

/// `system` for negative lengths, nothing for none.
fn ttl_text(ttl: Option<GoDuration>) -> Option<String> {
    let ttl = ttl?;
    match ttl.nanos() {
        0 => None,
        ..0 => Some("system".to_owned()),
        _ => Some(ttl.to_string()),
    }
}

impl NewMount {
    /// What it is called, and where it will be, with a slash at the end.
    pub(super) fn names(&self) -> (String, String) {
        let kind = match (self.kind.trim(), &self.plugin_name) {
            ("plugin", Some(name)) => name.clone(),
            (kind, _) => kind.to_owned(),
        };
        let path = folder(self.path.as_ref().unwrap_or(&kind))
            .trim_start_matches('/')
            .to_owned();
        (kind, path)
    }

    /// The request that makes it.
    pub(super) fn request(&self) -> mounts::Enable {
        let (kind, path) = self.names();
        let mut config = self.settings.config();
        if self.force_no_cache {
            config.insert("force_no_cache".to_owned(), true.into());
        }
        mounts::Enable {
            path: path.trim_end_matches('/').to_owned(),
            kind,
            description: self.settings.description.clone().unwrap_or_default(),
            config: Any(Json::Object(config)),
            options: self.settings.options(),
            local: self.local,
            seal_wrap: self.seal_wrap,
            external_entropy_access: self.external_entropy_access,
            plugin_name: String::new(),
            plugin_version: self.settings.plugin_version.clone().unwrap_or_default(),
        }
    }
}

impl ChangedMount {
    /// The request that changes it.
    pub(super) fn request(&self) -> mounts::Tune {
        let settings = &self.settings;
        let text = |ttl| ttl_text(ttl).map(|text| Any(Json::from(text)));
        let list = |list: &Option<Vec<String>>| list.clone().map(CommaList);
        mounts::Tune {
            path: flags::sanitized(&self.path),
            description: settings.description.clone(),
            default_lease_ttl: text(settings.default_lease_ttl),
            max_lease_ttl: text(settings.max_lease_ttl),
            audit_non_hmac_request_keys: list(&settings.audit_non_hmac_request_keys),
            audit_non_hmac_response_keys: list(&settings.audit_non_hmac_response_keys),
            listing_visibility: settings.listing_visibility.clone(),
            passthrough_request_headers: list(&settings.passthrough_request_headers),
            allowed_response_headers: list(&settings.allowed_response_headers),
            token_type: settings.token_type.clone(),
            options: settings.options(),
            plugin_version: settings.plugin_version.clone(),
            ..mounts::Tune::default()
        }
    }
}

/// The columns of a detailed list, and where their values are; the sixth differs between engines and methods.
const DETAILS: [(&str, &str); 16] = [
    ("Path", ""),
    ("Plugin", "type"),
    ("Accessor", "accessor"),
    ("Default TTL", "default_lease_ttl"),
    ("Max TTL", "max_lease_ttl"),
    ("Force No Cache", "force_no_cache"),
    ("Replication", "local"),
    ("Seal Wrap", "seal_wrap"),
    ("External Entropy Access", "external_entropy_access"),
    ("Options", "options"),
    ("Description", "description"),
    ("UUID", "uuid"),
    ("Version", "plugin_version"),
    ("Running Version", "running_plugin_version"),
    ("Running SHA256", "running_sha256"),
    ("Deprecation Status", "deprecation_status"),
];

/// Prints a list of mounts.
pub(super) fn show_list(data: &Json, is_auth: bool, session: &mut Session) -> Outcome {
    let empty = Object::new();
    let mounts = data.as_object().unwrap_or(&empty);
    let table = match (session.screen.detailed, is_auth) {
        (true, _) => detailed(mounts, is_auth),
        (false, true) => simple(mounts, &["type", "accessor", "description", "plugin_version"]),
        (false, false) => simple(mounts, &["type", "accessor", "description"]),
    };
    session.screen.data(data, &table)?;
    Ok(DONE)
}

fn simple(mounts: &Object, columns: &[&str]) -> String {
    let titles = ["Path", "Type", "Accessor", "Description", "Version"];
    let row = |(path, mount): (&String, &Json)| {
        let cell = |name: &&str| mount.get(name).map(display).unwrap_or_default();
        std::iter::once(path.clone())
            .chain(columns.iter().map(cell))
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = mounts.iter().map(row).collect();
    let titles: Vec<&str> = titles.into_iter().take(columns.len() + 1).collect();
    headed(&titles, &rows)
}

fn detailed(mounts: &Object, is_auth: bool) -> String {
    let mut columns = DETAILS;
    if is_auth && let Some(column) = columns.get_mut(5) {
        *column = ("Token Type", "token_type");
    }
    let row = |(path, mount): (&String, &Json)| -> Vec<String> {
        columns
            .iter()
            .map(|(_, name)| detail(path, mount, name))
            .collect()
    };
    let rows: Vec<_> = mounts.iter().map(row).collect();
    let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    headed(&titles, &rows)
}

fn detail(path: &str, mount: &Json, name: &str) -> String {
    let of_config = || mount.get("config").and_then(|config| config.get(name));
    let has_leases = !matches!(
        mount.get("type").and_then(Json::as_str),
        Some("system" | "cubbyhole")
    );
    match name {
        "" => path.to_owned(),
        "default_lease_ttl" | "max_lease_ttl" => match of_config().and_then(Json::as_i64) {
            _ if !has_leases => String::new(),
            None | Some(0) => "system".to_owned(),
            Some(seconds) => seconds.to_string(),
        },
        "force_no_cache" => of_config().map_or_else(|| "false".to_owned(), display),
        "token_type" => of_config().map(display).unwrap_or_default(),
        "local" if mount.get(name).and_then(Json::as_bool) == Some(true) => "local".to_owned(),
        "local" => "replicated".to_owned(),
        "options" => mount
            .get(name)
            .filter(|options| !options.is_null())
            .map_or_else(|| "map[]".to_owned(), display),
        name => mount.get(name).map(display).unwrap_or_default(),
    }
}

impl MovedMount {
    /// Moves a mount and waits until it is done. `thing` is what is moved; `prefix` what its paths begin with.
    pub(super) async fn run(self, thing: &str, prefix: &str, session: &mut Session) -> Outcome {
        let (source, destination) = (folder(&self.source), folder(&self.destination));
        let request = Remount {
            from: format!("{prefix}{source}"),
            to: format!("{prefix}{destination}"),
        };
        let client = session.client()?;
        let doing = format!("Error moving {thing} {source} to {destination}");
        let started = client.call::<UpdateRemount>("sys", &request).await;
        let data = started
            .map_err(|error| Failure::remote(&doing, error))?
            .and_then(|answer| answer.data);
        let id = data
            .as_ref()
            .and_then(|data| data.get("migration_id")?.as_str().map(str::to_owned));
        let Some(migration_id) = id else {
            // Old servers move at once.
            session
                .screen
                .success(&format!("Success! Moved {thing} {source} to: {destination}"));
            return Ok(DONE);
        };
        session.screen.success(&format!(
            "Started moving {thing} {source} to {destination}, with migration ID {migration_id}"
        ));
        let doing = format!("Error checking migration status of {thing} {source} to {destination}");
        let request = Migration {
            migration_id: migration_id.clone(),
        };
        loop {
            let answer = client.call::<ReadRemount>("sys", &request).await;
            let data = answer
                .map_err(|error| Failure::remote(&doing, error))?
                .and_then(|answer| answer.data);
            let status = data
                .as_ref()
                .and_then(|data| data.get("migration_info")?.get("status")?.as_str());
            match status {
                Some("success") => {
                    session.screen.success(&format!(
                        "Success! Finished moving {thing} {source} to {destination}, with migration ID {migration_id}"
                    ));
                    return Ok(DONE);
                }
                Some("in-progress") => session.clock.sleep(POLL).await,
                _ => {
                    let message = format!(
                        "Failure! Error encountered moving {thing} {source} to {destination}, with migration ID {migration_id}"
                    );
                    return Err(Failure::local(message).with_exit(REMOTE));
                }
            }
        }
    }
}
