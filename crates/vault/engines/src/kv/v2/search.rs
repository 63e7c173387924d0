//! Finding secrets by what they are called and by their custom metadata. Values are neither searched nor shown.
//!
//! Whoever asks finds what they could find otherwise: the name of a secret that they may read, or that lies in a folder
//! they may list; and custom metadata, also as a condition, of a secret they may read.
//!
//! One request looks at a bounded number of names, of which those the caller may not see count too. Where it stopped is
//! sealed before it is handed out, since that may be the name of one of those.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::kv::v2 as api;
use arca_base::path::is_printable;
use arca_base::{Json, Operation, RequestPath, glob, json_object};
use arca_core::Fault;
use arca_core::barrier::Stored;
use arca_core::engine::{Answer, Cx};
use arca_core::policies::Acl;
use serde::{Deserialize, Serialize};

use super::Versioned;
use super::record::{self, Secret};

/// Names one request looks at.
const MOST_NAMES: usize = 10_000;
/// Records one request opens.
const MOST_RECORDS: usize = 1000;
/// Names read at a time.
const PAGE: usize = 500;
/// Secrets of one answer where nobody says how many.
const DEFAULT_LIMIT: usize = 100;
const MOST_SECRETS: usize = 1000;
/// Longest pattern, folder and text of a condition, in bytes.
const LONGEST: usize = 512;
/// Most stars of a pattern.
const MOST_STARS: usize = 16;
const MOST_CONDITIONS: usize = 64;
/// Longest place to go on, in bytes.
const LONGEST_AFTER: usize = 8 << 10;
/// Places are made as long as a multiple of this, so that their length says little about a name.
const PADDING: usize = 256;
/// No condition.
static NONE: BTreeMap<String, String> = BTreeMap::new();

/// Where a search stopped.
#[derive(Serialize, Deserialize)]
struct Stop {
    after: String,
    padding: String,
}

impl Stored for Stop {
    const VERSION: u8 = 1;
    const NAME: &'static str = "place in a search";
}

impl Stop {
    fn at(name: &str) -> Self {
        Self {
            after: name.to_owned(),
            padding: " ".repeat(PADDING - name.len() % PADDING),
        }
    }
}

/// What is looked for.
struct Wanted {
    /// In lower case, with stars.
    pattern: String,
    custom_metadata: BTreeMap<String, String>,
    limit: usize,
}

/// What the caller may see of a mount.
struct Sight {
    acl: Arc<Acl>,
    mount: String,
}

/// What was found, and what it took.
#[derive(Default)]
struct Found {
    names: Vec<String>,
    info: BTreeMap<String, Json>,
    looked_at: usize,
    opened: usize,
}

impl Wanted {
    fn read(request: &api::Search) -> Result<Self, Fault> {
        let conditions = request.custom_metadata.as_ref().map_or(&NONE, |all| &all.0);
        if request.pattern.is_empty() && conditions.is_empty() {
            return Err(Fault::invalid(
                "pattern or custom_metadata must be given; the pattern * finds every name",
            ));
        }
        check("pattern", &request.pattern)?;
        check("folder", &request.folder)?;
        if conditions.len() > MOST_CONDITIONS {
            return Err(Fault::invalid(format!(
                "custom_metadata may have at most {MOST_CONDITIONS} conditions"
            )));
        }
        for text in conditions.keys().chain(conditions.values()) {
            check("custom_metadata", text)?;
        }
        let limit = match usize::try_from(request.limit) {
            Ok(0) => DEFAULT_LIMIT,
            Ok(limit) => limit.min(MOST_SECRETS),
            Err(_) => return Err(Fault::invalid("limit must be zero or positive")),
        };
        let lower = request.pattern.to_lowercase();
        let pattern = if lower.contains('*') {
            lower
        } else {
            format!("*{lower}*")
        };
        Ok(Self {
            pattern,
            custom_metadata: conditions.clone(),
            limit,
        })
    }

    fn is_called(&self, name: &str) -> bool {
        glob::matches(&self.pattern, &name.to_lowercase())
    }

    fn has(&self, secret: &Secret) -> bool {
        self.custom_metadata.iter().all(|(key, wanted)| {
            let found = secret.custom_metadata.as_ref().and_then(|all| all.get(key));
            found.is_some_and(|text| glob::matches(wanted, text))
        })
    }
}

fn check(field: &str, text: &str) -> Result<(), Fault> {
    if text.len() > LONGEST || !text.chars().all(is_printable) {
        return Err(Fault::invalid(format!(
            "{field} may have at most {LONGEST} bytes and only printable characters"
        )));
    }
    if text.matches('*').count() > MOST_STARS {
        return Err(Fault::invalid(format!(
            "{field} may have at most {MOST_STARS} stars"
        )));
    }
    Ok(())
}

impl Sight {
    fn may(&self, operation: Operation, path: &str) -> bool {
        let path = RequestPath::parse(&format!("{}{path}", self.mount));
        path.is_ok_and(|path| self.acl.may(operation, &path))
    }

    /// Whether the custom metadata of a secret is for the caller.
    fn may_read(&self, name: &str) -> bool {
        ["metadata", "data"]
            .into_iter()
            .any(|folder| self.may(Operation::Read, &format!("{folder}/{name}")))
    }

    /// Whether the caller sees the name of a secret in a listing of its folder.
    fn may_list(&self, name: &str) -> bool {
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let listing = match folder {
            "" => "metadata/".to_owned(),
            folder => format!("metadata/{folder}/"),
        };
        [Operation::List, Operation::Scan]
            .into_iter()
            .any(|operation| self.may(operation, &listing))
    }
}

pub(super) async fn search(_: Arc<Versioned>, cx: Cx, request: api::Search) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let wanted = Wanted::read(&request)?;
    let sight = Sight {
        acl: cx.acl().await?,
        mount: cx.path_at_home(&site.mount.full_path())?.into_owned(),
    };
    let folder = match request.folder.trim_matches('/') {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    let mut after = place(&cx, &request.after)?;
    let secrets = record::secrets(&site.view);
    let mut found = Found::default();
    let next = loop {
        let page = secrets.view().scan(&folder, &after, PAGE).await?;
        let mut full = false;
        for name in page.names {
            let path = format!("{folder}{name}");
            found.looked_at += 1;
            if wanted.is_called(&path) {
                look(&secrets, &wanted, &sight, path, &mut found).await?;
            }
            after = name;
            full = found.names.len() >= wanted.limit || found.opened >= MOST_RECORDS;
            if full {
                break;
            }
        }
        if full || (page.more && found.looked_at >= MOST_NAMES) {
            break site.view.seal_for_client(&Stop::at(&after))?;
        }
        if !page.more {
            break String::new();
        }
    };
    Ok(Answer::data(&json_object! {
        "keys" => found.names,
        "key_info" => Json::Object(found.info),
        "next" => next,
    }))
}

/// Where a client goes on.
fn place(cx: &Cx, after: &str) -> Result<String, Fault> {
    if after.is_empty() {
        return Ok(String::new());
    }
    let stop = (after.len() <= LONGEST_AFTER).then(|| cx.site().ok()?.view.open_from_client::<Stop>(after));
    let stop = stop.flatten();
    stop.map(|stop| stop.after)
        .ok_or_else(|| Fault::invalid("after must be what next of an earlier answer of this mount says"))
}

/// Adds a secret whose name fits, if the rest does and the caller may see it.
async fn look(
    secrets: &arca_core::barrier::Rows<Secret>,
    wanted: &Wanted,
    sight: &Sight,
    path: String,
    found: &mut Found,
) -> Result<(), Fault> {
    let may_read = sight.may_read(&path);
    if !may_read && (!wanted.custom_metadata.is_empty() || !sight.may_list(&path)) {
        return Ok(());
    }
    if may_read {
        found.opened += 1;
        let Some(row) = secrets.get(&path).await? else {
            return Ok(());
        };
        if !wanted.has(&row.value) {
            return Ok(());
        }
        found.info.insert(path.clone(), shown(&row.value));
    }
    found.names.push(path);
    Ok(())
}

fn shown(secret: &Secret) -> Json {
    json_object! {
        "current_version" => secret.current,
        "created_time" => secret.created.to_string(),
        "updated_time" => secret.updated.to_string(),
        "custom_metadata" => secret.custom_metadata_json(),
    }
}

#[cfg(test)]
mod tests {
    use arca_api::field::TextMap;

    use super::*;

    #[test]
    fn names_are_compared_in_any_case() {
        for (pattern, name, expected) in [
            ("db", "app/DB/main", true),
            ("DB", "app/db", true),
            ("db", "app/cache", false),
            ("app/*", "app/db", true),
            ("app/*", "my/app/db", false),
            ("*/db", "app/db", true),
            ("*/db", "app/db2", false),
            ("*", "anything", true),
        ] {
            let request = api::Search {
                pattern: pattern.to_owned(),
                ..api::Search::default()
            };
            let wanted = Wanted::read(&request).unwrap();
            assert_eq!(wanted.is_called(name), expected, "{pattern} and {name}");
        }
    }

    #[test]
    fn what_is_asked_is_bounded() {
        let pattern = |pattern: &str| api::Search {
            pattern: pattern.to_owned(),
            ..api::Search::default()
        };
        let conditions = |pairs: Vec<(String, String)>| api::Search {
            custom_metadata: Some(TextMap(pairs.into_iter().collect())),
            ..api::Search::default()
        };
        let many = (0..65).map(|n| (n.to_string(), "v".to_owned())).collect();
        for (request, says) in [
            (api::Search::default(), "pattern or custom_metadata must be given"),
            (pattern(&"x".repeat(513)), "pattern may have at most 512 bytes"),
            (pattern("a\nb"), "only printable characters"),
            (pattern(&"*a".repeat(17)), "pattern may have at most 16 stars"),
            (conditions(many), "at most 64 conditions"),
            (
                conditions(vec![("k".to_owned(), "v".repeat(513))]),
                "custom_metadata may have",
            ),
            (
                api::Search {
                    limit: -1,
                    ..pattern("a")
                },
                "limit must be",
            ),
            (
                api::Search {
                    folder: "x".repeat(513),
                    ..pattern("a")
                },
                "folder may have",
            ),
        ] {
            let error = Wanted::read(&request).err().unwrap();
            assert!(error.text().contains(says), "{}", error.text());
        }
    }

    #[test]
    fn places_say_little_by_their_length() {
        let length = |name: &str| serde_json::to_string(&Stop::at(name)).unwrap().len();
        assert_eq!(length("a"), length(&"a".repeat(200)));
    }
}
