//! `kv search`.

use arca_api::kv::v2;
use arca_base::json::Object;
use arca_base::{Json, json_object};
use clap::Args;

use super::place;
use crate::cli::failure::{DONE, Failure, Outcome, REMOTE};
use crate::cli::flags;
use crate::cli::session::Session;
use crate::term::headed;

const EXAMPLES: &str = "\
A pattern without * is looked for in names, in any case; with *, all of the name must be like it. Found is what you
may read or list. Values are neither searched nor shown.

Examples:
  arca kv search -mount=secret db
  arca kv search 'app/*/password'
  arca kv search -custom-metadata owner=team-a -custom-metadata 'stage=prod*'";

const NO_VERSIONS: &str = "Search not supported on KV Version 1";

/// Secrets asked for at a time.
const PAGE: usize = 1000;

/// Finds secrets by name and custom metadata.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Search {
    /// What names have in them, or with *, what they are like
    #[arg(required_unless_present = "custom_metadata")]
    pattern: Option<String>,
    /// Where the engine is mounted
    #[arg(long, value_name = "PATH", default_value = "secret")]
    mount: String,
    /// Only secrets with this custom metadata; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = flags::pair)]
    custom_metadata: Vec<(String, String)>,
    /// Only secrets below this folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// Where to go on: what an earlier search ended with
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// At most this many secrets
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    limit: usize,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    keys: Vec<Json>,
    info: Object,
    next: String,
}

impl Search {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let found = place::find(Some(&self.mount), "", session).await?;
        if !found.is_versioned() {
            return Err(Failure::local(NO_VERSIONS));
        }
        let found = self.ask(session).await?;
        self.show(found, session)
    }

    /// Asks until there is nothing more, or enough.
    async fn ask(&self, session: &mut Session) -> Result<Found, Failure> {
        let mount = flags::sanitized(&self.mount);
        let mut found = Found {
            next: self.after.clone().unwrap_or_default(),
            ..Found::default()
        };
        let limit = self.limit.max(1);
        loop {
            let request = v2::Search {
                pattern: self.pattern.clone().unwrap_or_default(),
                custom_metadata: Some(flags::map(&self.custom_metadata)).filter(|all| !all.0.is_empty()),
                folder: self.folder.clone().unwrap_or_default(),
                after: found.next.clone(),
                limit: i64::try_from(PAGE.min(limit - found.keys.len())).unwrap_or(0),
            };
            let answer = session
                .client()?
                .call::<v2::SearchSecrets>(&mount, &request)
                .await;
            let doing = format!("Error searching {mount}");
            let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
            let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
            found.take(&data);
            if found.next.is_empty() || found.keys.len() >= limit {
                return Ok(found);
            }
        }
    }

    fn show(&self, found: Found, session: &mut Session) -> Outcome {
        let (more, nothing) = (found.next.clone(), found.keys.is_empty());
        if session.screen.is_table() {
            if nothing {
                return Err(Failure::absent(format!("No secrets found in {}", self.mount)));
            }
            session.screen.line(&found.table());
        } else {
            session.screen.data(&found.whole(), "")?;
        }
        if !more.is_empty() {
            session
                .screen
                .hint(&format!("There may be more: go on with -after={more}"));
        }
        Ok(if nothing { REMOTE } else { DONE })
    }
}

impl Found {
    fn take(&mut self, data: &Json) {
        let keys = data.get("keys").and_then(Json::as_array).unwrap_or_default();
        self.keys.extend_from_slice(keys);
        let info = data.get("key_info").and_then(Json::as_object);
        self.info.extend(info.cloned().unwrap_or_default());
        let next = data.get("next").and_then(Json::as_str);
        next.unwrap_or_default().clone_into(&mut self.next);
    }

    fn whole(self) -> Json {
        json_object! {
            "keys" => Json::Array(self.keys),
            "key_info" => Json::Object(self.info),
            "next" => self.next,
        }
    }

    fn table(&self) -> String {
        let row = |key: &Json| {
            let name = key.as_str().unwrap_or_default();
            let info = self.info.get(name).unwrap_or(&Json::Null);
            let version = info.get("current_version").and_then(Json::as_i64);
            let custom = info.get("custom_metadata").and_then(Json::as_object);
            let pairs = custom.into_iter().flatten();
            let pairs: Vec<String> = pairs
                .map(|(name, text)| format!("{name}={}", text.as_str().unwrap_or_default()))
                .collect();
            vec![
                name.to_owned(),
                version.map(|version| version.to_string()).unwrap_or_default(),
                pairs.join(" "),
            ]
        };
        let rows: Vec<Vec<String>> = self.keys.iter().map(row).collect();
        headed(&["Key", "Version", "Custom Metadata"], &rows)
    }
}
