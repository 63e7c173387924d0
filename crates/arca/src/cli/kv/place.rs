//! Where a secret is: its mount, the name below it, and whether the mount keeps versions.

use arca_base::Json;
use arca_client::ClientError;
use clap::Args;
use http::StatusCode;

use crate::cli::failure::Failure;
use crate::cli::flags::sanitized;
use crate::cli::session::Session;

/// How the user names a secret.
#[derive(Args)]
pub(super) struct Key {
    /// Name of the secret below -mount; without -mount, its whole path
    path: String,
    /// Where the engine is mounted
    #[arg(long, value_name = "PATH")]
    mount: Option<String>,
}

/// How the user names a folder.
#[derive(Args)]
pub(super) struct Folder {
    /// Folder below -mount; without -mount, its whole path
    #[arg(required_unless_present = "mount")]
    path: Option<String>,
    /// Where the engine is mounted
    #[arg(long, value_name = "PATH")]
    mount: Option<String>,
}

/// A secret or folder of a mount.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Place {
    mount: String,
    name: String,
    is_versioned: bool,
}

impl Key {
    pub(super) async fn find(&self, session: &mut Session) -> Result<Place, Failure> {
        find(self.mount.as_deref(), &self.path, session).await
    }

    /// The place on a mount that must keep versions; `otherwise` says why.
    pub(super) async fn find_versioned(
        &self,
        otherwise: &str,
        exit: u8,
        session: &mut Session,
    ) -> Result<Place, Failure> {
        let place = self.find(session).await?;
        if place.is_versioned {
            Ok(place)
        } else {
            Err(Failure::local(otherwise).with_exit(exit))
        }
    }
}

impl Folder {
    pub(super) async fn find(&self, session: &mut Session) -> Result<Place, Failure> {
        find(
            self.mount.as_deref(),
            self.path.as_deref().unwrap_or_default(),
            session,
        )
        .await
    }
}

impl Place {
    pub(in crate::cli) const fn is_versioned(&self) -> bool {
        self.is_versioned
    }

    /// The path of a versioned secret in one of the engine's folders: `data`, `metadata`, `delete`, ...
    pub(super) fn under(&self, folder: &str) -> String {
        join(&[&self.mount, folder, &self.name])
    }

    /// The path of the secret: in `folder` when the mount keeps versions, as it is otherwise.
    pub(in crate::cli) fn path(&self, folder: &str) -> String {
        if self.is_versioned {
            self.under(folder)
        } else {
            join(&[&self.mount, &self.name])
        }
    }

    fn new(mount: &str, path: &str, below_mount: bool, is_versioned: bool) -> Self {
        let name = if below_mount { path } else { relative(path, mount) };
        Self {
            mount: mount.trim_matches('/').to_owned(),
            name: name.trim_matches('/').to_owned(),
            is_versioned,
        }
    }
}

/// Asks the server which mount a path lies in.
pub(in crate::cli) async fn find(
    mount: Option<&str>,
    path: &str,
    session: &mut Session,
) -> Result<Place, Failure> {
    let path = sanitized(path);
    let asked = mount.map_or_else(|| path.clone(), sanitized);
    let answer = session.scout()?.raw(&preflight(&asked)).await;
    let answer = match answer {
        Ok(answer) => answer,
        // Servers that do not know the question have no versions.
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => {
            return Ok(Place::new(
                &mount.map(sanitized).unwrap_or_default(),
                &path,
                true,
                false,
            ));
        }
        Err(error) => return Err(refused(error)),
    };
    let info = Json::parse(answer.body(), &arca_base::json::Limits::default()).unwrap_or(Json::Null);
    let data = info.get("data").unwrap_or(&Json::Null);
    let found = data.get("path").and_then(Json::as_str).unwrap_or_default();
    let version = data
        .get("options")
        .and_then(|options| options.get("version")?.as_str());
    Ok(Place::new(found, &path, mount.is_some(), version == Some("2")))
}

fn preflight(path: &str) -> arca_client::Request {
    arca_client::Request::read(&format!("sys/internal/ui/mounts/{path}"))
}

fn refused(error: ClientError) -> Failure {
    Failure::bare(error)
}

/// A path relative to its mount. A mount of a namespace may begin with the namespace, which the path does not name.
fn relative<'a>(path: &'a str, mount: &str) -> &'a str {
    let mut mount = mount.trim_matches('/');
    while !mount.is_empty() {
        if let Some(rest) = path.strip_prefix(mount)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return rest;
        }
        mount = mount.split_once('/').map_or("", |(_, rest)| rest);
    }
    path
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_live_in_a_folder_of_the_mount() {
        for (mount, path, below, data) in [
            ("secret/", "secret/app/db", false, "secret/data/app/db"),
            ("secret/", "app/db", true, "secret/data/app/db"),
            ("secret/", "secret", false, "secret/data"),
            ("secret/", "secret/secret", true, "secret/data/secret/secret"),
            ("team/kv/", "team/kv/a", false, "team/kv/data/a"),
            ("ns1/kv/", "kv/a", false, "ns1/kv/data/a"),
            ("secret/", "secret/data/a", false, "secret/data/data/a"),
            ("sec/", "secret/a", false, "sec/data/secret/a"),
        ] {
            let place = Place::new(mount, path, below, true);
            assert_eq!(place.under("data"), data, "{mount} {path}");
            assert_eq!(place.path("data"), data);
        }
    }

    #[test]
    fn without_versions_the_path_is_the_path() {
        assert_eq!(
            Place::new("secret/", "secret/a", false, false).path("data"),
            "secret/a"
        );
        assert_eq!(Place::new("secret/", "a", true, false).path("data"), "secret/a");
        assert_eq!(Place::new("", "a/b", true, false).path("data"), "a/b");
    }
}
