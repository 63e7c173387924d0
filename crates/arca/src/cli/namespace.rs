//! `namespace`.

use arca_api::Envelope;
use arca_base::Json;
use arca_base::json::Object;
use arca_client::Request;
use clap::{Args, Subcommand};

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;
use super::{flags, list};
use crate::term::{display, headed};

/// Namespaces: tenants that see nothing of each other.
#[derive(Subcommand)]
pub(crate) enum Namespace {
    /// Make a namespace in this one
    Create(Create),
    /// Delete a namespace with everything in it
    Delete(Path),
    /// List the namespaces directly below this one
    List,
    /// Stop every request in a namespace and below it
    Lock(Lock),
    /// Show a namespace
    Lookup(Path),
    /// Change the custom metadata of a namespace
    Patch(Patch),
    /// List all namespaces below this one, at any depth
    Scan,
    /// Let requests into a locked namespace again
    Unlock(Unlock),
}

#[derive(Args)]
pub(crate) struct Lock {
    /// Path below this namespace, such as team/app; without it, this namespace
    path: Option<String>,
}

#[derive(Args)]
pub(crate) struct Unlock {
    /// Path below this namespace, such as team/app; without it, this namespace
    path: Option<String>,
    /// What locking it gave; not needed with a root token
    #[arg(long, value_name = "KEY")]
    unlock_key: Option<String>,
}

#[derive(Args)]
pub(crate) struct Path {
    /// Path below this namespace, such as team/app
    path: String,
}

#[derive(Args)]
pub(crate) struct Create {
    #[command(flatten)]
    place: Path,
    #[command(flatten)]
    texts: Texts,
}

#[derive(Args)]
pub(crate) struct Patch {
    #[command(flatten)]
    place: Path,
    #[command(flatten)]
    texts: Texts,
    /// Custom metadata to remove; may be repeated
    #[arg(long, value_name = "KEY")]
    remove_custom_metadata: Vec<String>,
}

#[derive(Args)]
struct Texts {
    /// Name and text of your own, as KEY=VALUE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = flags::pair)]
    custom_metadata: Vec<(String, String)>,
}

impl Namespace {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Create(command) => command.run(session).await,
            Self::Delete(place) => place.delete(session).await,
            Self::List => list_with(Request::list("sys/namespaces"), session).await,
            Self::Lock(command) => command.run(session).await,
            Self::Lookup(place) => place.lookup(session).await,
            Self::Patch(command) => command.run(session).await,
            Self::Scan => list_with(Request::scan("sys/namespaces"), session).await,
            Self::Unlock(command) => command.run(session).await,
        }
    }
}

/// The path of an endpoint that locks, or unlocks, the namespace at `path` or this one.
fn lock_path(verb: &str, path: Option<&str>) -> String {
    let path = path.unwrap_or_default().trim().trim_matches('/');
    let whole = format!("sys/namespaces/api-lock/{verb}/{path}");
    whole.trim_end_matches('/').to_owned()
}

impl Lock {
    async fn run(self, session: &mut Session) -> Outcome {
        let path = lock_path("lock", self.path.as_deref());
        let answer = session.client()?.write(&path, &Object::new()).await;
        let answer = answer.map_err(|error| Failure::remote("Error locking namespace", error))?;
        show(answer.as_ref(), session)
    }
}

impl Unlock {
    async fn run(self, session: &mut Session) -> Outcome {
        let path = lock_path("unlock", self.path.as_deref());
        let key = self
            .unlock_key
            .map(|key| ("unlock_key".to_owned(), Json::from(key)));
        let answer = session.client()?.write(&path, &key.into_iter().collect()).await;
        answer.map_err(|error| Failure::remote("Error unlocking namespace", error))?;
        let shown = self.path.as_deref().map(flags::folder).unwrap_or_default();
        session
            .screen
            .success(format!("Success! Namespace unlocked: {shown}").trim_end_matches(": "));
        Ok(DONE)
    }
}

impl Texts {
    fn members(self) -> impl Iterator<Item = (String, Json)> {
        let pair = |(key, value): (String, String)| (key, Json::from(value));
        self.custom_metadata.into_iter().map(pair)
    }
}

fn body(texts: Object) -> Object {
    Object::from([("custom_metadata".to_owned(), Json::Object(texts))])
}

impl Path {
    fn request_path(&self) -> String {
        format!("sys/namespaces/{}", self.path.trim().trim_matches('/'))
    }

    async fn lookup(self, session: &mut Session) -> Outcome {
        let answer = session.client()?.read(&self.request_path()).await;
        let answer = answer.map_err(|error| Failure::remote("Error looking up namespace", error))?;
        let answer = answer.ok_or_else(|| Failure::absent("Namespace not found"))?;
        session.screen.secret(&answer)?;
        Ok(DONE)
    }

    async fn delete(self, session: &mut Session) -> Outcome {
        let answer = session.client()?.delete(&self.request_path()).await;
        let answer = answer.map_err(|error| Failure::remote("Error deleting namespace", error))?;
        let path = flags::folder(&self.path);
        // Whatever is in it ends in the background.
        session.screen.success(&match answer {
            Some(_) => format!("Success! Namespace is being deleted: {path}"),
            None => format!("Success! Namespace deleted (if it existed): {path}"),
        });
        Ok(DONE)
    }
}

impl Create {
    async fn run(self, session: &mut Session) -> Outcome {
        let body = body(self.texts.members().collect());
        let answer = session.client()?.write(&self.place.request_path(), &body).await;
        let answer = answer.map_err(|error| Failure::remote("Error creating namespace", error))?;
        show(answer.as_ref(), session)
    }
}

impl Patch {
    async fn run(self, session: &mut Session) -> Outcome {
        let removed = self
            .remove_custom_metadata
            .into_iter()
            .map(|key| (key, Json::Null));
        let texts: Object = self.texts.members().chain(removed).collect();
        if texts.is_empty() {
            return Err(Failure::local(
                "Nothing to change: use -custom-metadata or -remove-custom-metadata",
            ));
        }
        let answer = session
            .client()?
            .patch(&self.place.request_path(), &body(texts))
            .await;
        let answer = answer.map_err(|error| Failure::remote("Error patching namespace", error))?;
        show(answer.as_ref(), session)
    }
}

fn show(answer: Option<&Envelope>, session: &mut Session) -> Outcome {
    if let Some(answer) = answer {
        session.screen.secret(answer)?;
    }
    Ok(DONE)
}

async fn list_with(request: Request, session: &mut Session) -> Outcome {
    let answer = session.client()?.ask(&request).await;
    let answer = answer.map_err(|error| Failure::remote("Error listing namespaces", error))?;
    let info = answer
        .as_ref()
        .and_then(|answer| answer.data.as_ref()?.get("key_info"));
    let detailed = session.screen.detailed && session.screen.is_table();
    if let Some(info) = info.and_then(Json::as_object).filter(|_| detailed) {
        let text = |shown: &Json, name| shown.get(name).map(display).unwrap_or_default();
        let rows: Vec<Vec<String>> = info
            .iter()
            .map(|(key, shown)| {
                vec![
                    key.clone(),
                    text(shown, "id"),
                    text(shown, "uuid"),
                    text(shown, "custom_metadata"),
                ]
            })
            .collect();
        let header = ["Path", "ID", "UUID", "Custom metadata"];
        session.screen.line(&headed(&header, &rows));
        return Ok(DONE);
    }
    list::show(answer, "No namespaces found", "No namespaces found", session)
}
