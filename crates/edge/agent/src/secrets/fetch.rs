//! Asking the server, and reading files.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use arca_api::Envelope;
use arca_base::json::Object;
use arca_base::{Json, Timestamp, json_object};
use arca_client::{Client, ClientError, Request};
use http::StatusCode;
use parking_lot::Mutex;

use super::answer::{Held, timing};
use super::dependency::Dependency;
use super::life::{Failure, Timing};

/// Most bytes of an answer or of a file.
const LARGEST: usize = 1 << 20;
/// Most mounts remembered.
const MOUNTS: usize = 1000;

/// Why there is no answer, and what a person reads about it.
pub(crate) type Refused = (Failure, String);

pub(crate) struct Fetched {
    pub(crate) held: Held,
    pub(crate) timing: Timing,
}

/// Asks the server; remembers which mounts keep versions.
pub(crate) struct Fetcher {
    mounts: Mutex<BTreeMap<String, bool>>,
}

/// Where a path is.
enum Mount {
    Versioned(String),
    Plain,
    /// The server does not say: either shape may be right.
    Unknown,
}

impl Fetcher {
    pub(crate) const fn new() -> Self {
        Self {
            mounts: Mutex::new(BTreeMap::new()),
        }
    }

    pub(crate) async fn fetch(
        &self,
        client: &Client,
        dependency: &Dependency,
        now: Timestamp,
    ) -> Result<Fetched, Refused> {
        let path = dependency.path();
        let mount = self.mount(client, path).await?;
        let given = Mount::Plain;
        let first = match &mount {
            Mount::Unknown => &given,
            known => known,
        };
        let outcome = ask(client, dependency, first, now).await;
        match (&outcome, &mount) {
            (Err((Failure::Forbidden | Failure::Lasting, _)), Mount::Unknown) => {
                let Some((mount, _)) = path.split_once('/') else {
                    return outcome;
                };
                let guess = Mount::Versioned(format!("{mount}/"));
                ask(client, dependency, &guess, now).await.or(outcome)
            }
            (Err((Failure::Lasting, _)), _) => {
                // The mount may be another one by now.
                self.mounts.lock().retain(|mount, _| !is_below(path, mount));
                outcome
            }
            _ => outcome,
        }
    }

    async fn mount(&self, client: &Client, path: &str) -> Result<Mount, Refused> {
        let known = |mounts: &BTreeMap<String, bool>| {
            let found = mounts.iter().filter(|(mount, _)| is_below(path, mount));
            found
                .max_by_key(|(mount, _)| mount.len())
                .map(|(mount, versioned)| {
                    if *versioned {
                        Mount::Versioned(mount.clone())
                    } else {
                        Mount::Plain
                    }
                })
        };
        if let Some(mount) = known(&self.mounts.lock()) {
            return Ok(mount);
        }
        let answer = match client.read(&format!("sys/internal/ui/mounts/{path}")).await {
            Ok(answer) => answer.unwrap_or_default(),
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => return Ok(Mount::Unknown),
            Err(error) => match refusal("its mount", &error) {
                (Failure::Lasting, _) => return Ok(Mount::Plain),
                passing => return Err(passing),
            },
        };
        let data = answer.data.unwrap_or(Json::Null);
        let Some(mount) = data.get("path").and_then(Json::as_str) else {
            return Ok(Mount::Plain);
        };
        let version = data.get("options").and_then(|options| options.get("version"));
        let versioned = version.and_then(Json::as_str) == Some("2");
        let mut mounts = self.mounts.lock();
        if mounts.len() >= MOUNTS {
            mounts.clear();
        }
        mounts.insert(mount.to_owned(), versioned);
        Ok(if versioned {
            Mount::Versioned(mount.to_owned())
        } else {
            Mount::Plain
        })
    }
}

/// Extends a lease. How long it lives now, and whether it can be extended again.
pub(crate) async fn renew(
    client: &Client,
    lease: &str,
    increment: Duration,
) -> Result<(Duration, bool), Refused> {
    let data = members(json_object! { "lease_id" => lease, "increment" => increment.as_secs() });
    let answer = client.write("sys/leases/renew", &data).await;
    let answer = answer.map_err(|error| lease_refusal(&error))?.unwrap_or_default();
    Ok((Duration::from_secs(answer.lease_duration), answer.renewable))
}

/// Asks how long a lease still lives.
pub(crate) async fn check(client: &Client, lease: &str) -> Result<Duration, Refused> {
    let data = members(json_object! { "lease_id" => lease });
    let answer = client.write("sys/leases/lookup", &data).await;
    let answer = answer.map_err(|error| lease_refusal(&error))?.unwrap_or_default();
    let left = answer
        .data
        .as_ref()
        .and_then(|data| data.get("ttl"))
        .and_then(Json::as_i64);
    Ok(Duration::from_secs(
        left.and_then(|left| u64::try_from(left).ok()).unwrap_or(0),
    ))
}

/// Reads a file.
pub(crate) fn file(path: &str) -> Result<Fetched, Refused> {
    let fault = |reason: &dyn std::fmt::Display| (Failure::Lasting, format!("file {path}: {reason}"));
    let file = std::fs::File::open(path).map_err(|error| fault(&error))?;
    let mut body = Vec::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX) + 1;
    file.take(limit)
        .read_to_end(&mut body)
        .map_err(|error| fault(&error))?;
    if body.len() > LARGEST {
        return Err(fault(&"it is larger than 1 MiB"));
    }
    Ok(Fetched {
        held: Held::file(body),
        timing: Timing::File,
    })
}

async fn ask(
    client: &Client,
    dependency: &Dependency,
    mount: &Mount,
    now: Timestamp,
) -> Result<Fetched, Refused> {
    let name = dependency.to_string();
    let response = client
        .raw(&request(dependency, mount))
        .await
        .map_err(|error| match error.status() {
            Some(StatusCode::NOT_FOUND) => nothing(&name),
            _ => refusal(&name, &error),
        })?;
    let body = response.into_body();
    if body.len() > LARGEST {
        return Err((
            Failure::Lasting,
            format!("{name}: the answer is larger than 1 MiB"),
        ));
    }
    let written = matches!(dependency, Dependency::Write { .. });
    if body.is_empty() && !written {
        return Err(nothing(&name));
    }
    let envelope: Envelope = if body.is_empty() {
        Envelope::default()
    } else {
        serde_json::from_slice(&body).map_err(|_| {
            (
                Failure::Lasting,
                format!("{name}: the answer is not JSON of a secret"),
            )
        })?
    };
    if !written && is_nothing(&envelope, matches!(mount, Mount::Versioned(_))) {
        return Err(nothing(&name));
    }
    for warning in envelope.warnings.iter().flatten() {
        tracing::warn!(secret = %name, "the server warns: {warning}");
    }
    let timing = timing(&envelope, now);
    Ok(Fetched {
        held: Held::answer(body.to_vec(), &envelope),
        timing,
    })
}

fn is_nothing(envelope: &Envelope, versioned: bool) -> bool {
    let data = envelope.data.as_ref().filter(|data| !data.is_null());
    match data {
        None => envelope.auth.is_none() && envelope.wrap_info.is_none(),
        Some(data) => {
            versioned && data.get("metadata").is_some() && data.get("data").is_some_and(Json::is_null)
        }
    }
}

fn request(dependency: &Dependency, mount: &Mount) -> Request {
    match dependency {
        Dependency::Read { path, query } => {
            let read = Request::read(&placed(path, mount, "data"));
            query
                .iter()
                .fold(read, |read, (name, value)| read.with_query(name, value))
        }
        Dependency::List { path } => Request::list(&placed(path, mount, "metadata")),
        Dependency::Write { path, arguments } => {
            let data: Json = arguments
                .iter()
                .map(|(name, value)| (name, value.as_str()))
                .collect();
            match mount {
                Mount::Versioned(_) => {
                    let wrapped = members(json_object! { "data" => data });
                    Request::write(&placed(path, mount, "data"), &wrapped)
                }
                _ => Request::write(path, &members(data)),
            }
        }
        Dependency::Certificate { path, arguments } => {
            let data: Json = arguments
                .iter()
                .map(|(name, value)| (name, value.as_str()))
                .collect();
            Request::write(path, &members(data))
        }
        Dependency::File { path } => Request::read(path),
    }
}

/// The path of the API for a path as people write it.
fn placed(path: &str, mount: &Mount, folder: &str) -> String {
    let Mount::Versioned(mount) = mount else {
        return path.to_owned();
    };
    let Some(rest) = format!("{path}/").strip_prefix(mount.as_str()).map(str::to_owned) else {
        return path.to_owned();
    };
    let rest = rest.trim_end_matches('/');
    let is_placed = ["data", "metadata", "subkeys"]
        .iter()
        .any(|known| rest.strip_prefix(known).is_some_and(|rest| rest.starts_with('/')));
    if is_placed && !(folder == "metadata" && rest.starts_with("data/")) {
        return path.to_owned();
    }
    let rest = if is_placed {
        rest.strip_prefix("data/").unwrap_or(rest)
    } else {
        rest
    };
    format!("{mount}{folder}/{rest}").trim_end_matches('/').to_owned()
}

fn is_below(path: &str, mount: &str) -> bool {
    format!("{path}/").starts_with(mount)
}

fn members(json: Json) -> Object {
    match json {
        Json::Object(members) => members,
        _ => Object::new(),
    }
}

fn nothing(name: &str) -> Refused {
    (
        Failure::Lasting,
        format!("no secret exists at {name}; waiting for it to be written"),
    )
}

fn lease_refusal(error: &ClientError) -> Refused {
    let gone = match error {
        ClientError::Status(status) => {
            status.status == StatusCode::NOT_FOUND
                || status
                    .errors
                    .iter()
                    .any(|error| error.contains("lease not found"))
        }
        _ => false,
    };
    let (failure, message) = refusal("lease", error);
    (if gone { Failure::Gone } else { failure }, message)
}

fn refusal(name: &str, error: &ClientError) -> Refused {
    let ClientError::Status(status) = error else {
        let failure = match error {
            ClientError::Transport { .. } | ClientError::TimedOut { .. } | ClientError::Redirect { .. } => {
                Failure::Passing(None)
            }
            _ => Failure::Lasting,
        };
        return (failure, format!("{name}: {error}"));
    };
    let code = status.status;
    let failure = if code == StatusCode::FORBIDDEN {
        Failure::Forbidden
    } else if code.is_server_error() || matches!(code.as_u16(), 408 | 412 | 429) {
        Failure::Passing(status.retry_after)
    } else {
        Failure::Lasting
    };
    let said: String = status.errors.join("; ").chars().take(300).collect();
    (failure, format!("{name}: the server answers {code}: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_people_write_them_become_those_of_the_api() {
        let mount = Mount::Versioned("secret/".to_owned());
        for (path, folder, expected) in [
            ("secret/app", "data", "secret/data/app"),
            ("secret/data/app", "data", "secret/data/app"),
            ("secret/metadata/app", "data", "secret/metadata/app"),
            ("secret", "data", "secret/data"),
            ("secret/app", "metadata", "secret/metadata/app"),
            ("secret", "metadata", "secret/metadata"),
            ("secret/datax", "data", "secret/data/datax"),
        ] {
            assert_eq!(placed(path, &mount, folder), expected, "{path}");
        }
        assert_eq!(placed("kv/app", &Mount::Plain, "data"), "kv/app");
    }
}
