//! Giving token and leases to the next run, such as from an init container to a sidecar: nothing is fetched twice.
//!
//! | part | holds |
//! |---|---|
//! | [`Handover`] | the file: taken up, left, removed |
//! | `state` | what is in it |
//! | `seal` | how it is sealed: the key, and whose pod it is |
//! | `keeper` | leaving it whenever something has changed |
//!
//! Whatever is wrong with what is there, it is said, and the run fetches for itself.

mod keeper;
mod seal;
mod state;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arca_base::{Clock, Entropy, Secret};
use rustix::fs::OFlags;

use crate::config::{Method, MethodKind, Persist};
use crate::replace::Replacement;

pub(crate) use keeper::Keeper;
pub use state::GivenToken;
pub(crate) use state::State;

/// Most bytes of the file. What does not fit is fetched again by the next run.
const LARGEST: usize = 8 << 20;
const STATE_FILE: &str = "arca-agent-state";

/// Why what another run left is not taken up. Never quotes any of it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Others than the agent's user can read the key.
    #[error("{path} can be read by others (mode {mode:04o}): what is sealed with it is not trusted")]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no key.
    #[error("{0} holds no key of 64 hexadecimal digits")]
    NoKey(PathBuf),
    /// It is too long.
    #[error("{path} is longer than {LARGEST} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Another version of the format.
    #[error("{path} has the format {version}, and this agent reads 1: it was left by another version")]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it has.
        version: u8,
    },
    /// It was not sealed with this key, or is damaged.
    #[error("{0} is damaged, or was sealed with another key")]
    Damaged(PathBuf),
    /// It belongs to somebody else.
    #[error("{path} was left by an agent {whose}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        whose: &'static str,
    },
    /// It was left later than now.
    #[error("{0} was left in the future: was the clock set back?")]
    Future(PathBuf),
    /// The token of the service account cannot be read.
    #[error("service_account_token_file: {0}")]
    Account(String),
}

/// Whose state it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Address and namespace of the server.
    pub(crate) server: String,
    /// Method, mount and role.
    pub(crate) login: String,
}

/// The file through which runs give to each other.
pub(crate) struct Handover {
    place: Persist,
    identity: Identity,
    pub(crate) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Handover {
    pub(crate) fn new(
        place: Persist,
        identity: Identity,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            place,
            identity,
            clock,
            entropy,
        }
    }

    pub(crate) const fn place(&self) -> &Persist {
        &self.place
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.place.path.join(STATE_FILE)
    }

    /// What another run left, if there is anything.
    ///
    /// # Errors
    /// [`Refused`] when it must not be trusted.
    pub(crate) fn take(&self) -> Result<Option<State>, Refused> {
        let path = self.path();
        let Some(sealed) = read(&path, LARGEST)? else {
            return Ok(None);
        };
        let account = seal::account(&self.place)?;
        let key = seal::key(&self.key_path())?.ok_or_else(|| Refused::Damaged(path.clone()))?;
        let opened = seal::open(&key, sealed.expose(), &path)?;
        let state = State::read(&opened, &path)?;
        state.check(&self.identity, account.as_deref(), self.clock.now(), &path)?;
        Ok(Some(state))
    }

    /// Leaves a state for the next run, in the place of what is there.
    ///
    /// # Errors
    /// What the operating system says, or why it cannot be sealed.
    pub(crate) fn leave(&self, state: &State) -> io::Result<()> {
        let other = |refused: Refused| io::Error::other(refused.to_string());
        let account = seal::account(&self.place).map_err(other)?;
        let text = state.written(&self.identity, account, self.clock.now(), LARGEST / 2)?;
        fs::create_dir_all(&self.place.path)?;
        let key_path = self.key_path();
        let key = match seal::key(&key_path) {
            Ok(Some(key)) => key,
            // A key that others may have read is replaced, as is one that is none.
            Ok(None) | Err(Refused::OpenKey { .. } | Refused::NoKey(_)) => {
                let key = seal::new_key(&*self.entropy);
                self.put(&key_path, seal::key_text(&key).expose().as_bytes())?;
                key
            }
            Err(refused) => return Err(other(refused)),
        };
        let sealed = seal::seal(&key, &*self.entropy, &text)?;
        self.put(&self.path(), &sealed)
    }

    /// Nothing is left for the next run.
    pub(crate) fn remove(&self) {
        let path = self.path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove {}: {error}; remove it", path.display());
            }
            _ => {}
        }
    }

    fn key_path(&self) -> PathBuf {
        self.place
            .key_file
            .clone()
            .unwrap_or_else(|| self.place.path.join(format!("{STATE_FILE}.key")))
    }

    fn put(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let replacement = Replacement {
            path: path.to_owned(),
            mode: 0o600,
            owner: None,
            group: None,
            former: None,
            backup: false,
        };
        replacement.write(&replacement.temporary(&*self.entropy), content)
    }
}

/// The whole of a file that is one, without following a link; nothing if there is none.
fn read(path: &Path, limit: usize) -> Result<Option<Secret<Vec<u8>>>, Refused> {
    let unreadable = |source| Refused::Unreadable {
        path: path.to_owned(),
        source,
    };
    let opened = File::options()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is no file")));
    }
    let mut content = Secret::new(Vec::new());
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most)
        .read_to_end(content.expose_mut())
        .map_err(unreadable)?;
    if content.expose().len() > limit {
        let path = path.to_owned();
        return Err(Refused::TooLong { path });
    }
    Ok(Some(content))
}

/// What makes two logins the same: whoever logs in otherwise gets another token.
pub(crate) fn login_identity(method: &Method) -> String {
    let name = crate::auth::method_name(&method.kind);
    let who = match &method.kind {
        MethodKind::Kubernetes { role, .. } | MethodKind::Jwt { role, .. } => role.as_str(),
        MethodKind::UserPass { username, .. } | MethodKind::Ldap { username, .. } => username.as_str(),
        MethodKind::Cert { name, .. } => name.as_deref().unwrap_or_default(),
        MethodKind::AppRole { .. } | MethodKind::TokenFile { .. } => "",
    };
    let namespace = method.namespace.as_deref().unwrap_or_default();
    format!("{name} {} {namespace} {who}", method.mount_path)
}
