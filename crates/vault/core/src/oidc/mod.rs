//! Identity tokens: signed texts by which an entity proves to others who it is, without this server being asked.
//!
//! ```text
//! oidc/config          who the tokens say they are from
//! oidc/key/<name>      a key: what signs now, what will sign next, and what is published of those that signed before
//! oidc/role/<name>     what tokens are like, and which key signs them
//! ```
//!
//! Whoever is shown a token proves it with the published keys. So that none is unknown when it begins to sign, the
//! next one is published a whole rotation before; a former one stays until the last token it signed has ended.
//!
//! A role is written together with the key it uses, so a key is not deleted, and not published for a shorter time,
//! while somebody makes a role that needs it otherwise.

mod config;
mod key;
mod keys;
mod published;
mod role;
mod roles;
mod rotation;
mod template;
mod token;

use std::sync::Arc;

use arca_base::{Entropy, Timestamp};
use parking_lot::Mutex;

use self::config::Config;
use self::key::{KeySettings, NamedKey};
use self::published::Published;
use self::role::Role;
use crate::barrier::{Generation, Row, Rows, View, Writes};
use crate::engine::Table;
use crate::fault::Fault;
use crate::identity::endpoints::IdentityEngine;

pub(crate) use self::rotation::run;

/// The key there always is.
const DEFAULT_KEY: &str = "default";
/// Longest name of a key or a role, in bytes.
const LONGEST_NAME: usize = 128;
/// The folder of the keys.
const KEYS: &str = "oidc/key/";

/// How often a change that lost a race is made again.
const MAX_ATTEMPTS: usize = 16;

/// The identity tokens of one namespace.
pub(crate) struct Oidc {
    config: Rows<Config>,
    keys: Rows<NamedKey>,
    roles: Rows<Role>,
    entropy: Arc<dyn Entropy>,
    /// Moves when a key changes.
    changed: Generation,
    /// What is published, as it was when the counter stood at the number.
    known: Mutex<Option<(u64, Arc<Published>)>>,
}

impl Oidc {
    pub(crate) fn new(entropy: Arc<dyn Entropy>, view: &View) -> Self {
        let keys = view.folder(KEYS);
        Self {
            config: Rows::new(view.folder("oidc/")),
            roles: Rows::new(view.folder("oidc/role/")),
            changed: keys.generation(),
            keys: Rows::new(keys),
            entropy,
            known: Mutex::new(None),
        }
    }

    /// A key that can sign. The default one is made when it is needed first.
    async fn key(&self, name: &str, now: Timestamp) -> Result<Option<Row<NamedKey>>, Fault> {
        let found = self.keys.get(name).await?;
        if found.is_some() || name != DEFAULT_KEY {
            return Ok(found);
        }
        let made = NamedKey::generate(KeySettings::default(), &self.entropy, now).await?;
        let mut writes = Writes::new();
        self.keys.put_in(&mut writes, name, &made)?;
        self.keys.expect_in(&mut writes, name, None);
        // Otherwise somebody else was faster.
        let _ = self.commit(&self.keys, name, writes).await?;
        Ok(self.keys.get(name).await?)
    }

    /// The roles that use a key.
    async fn roles_of(&self, key: &str) -> Result<Vec<(String, Role)>, Fault> {
        let mut roles = self.roles.all().await?;
        roles.retain(|(_, role)| role.key == key);
        Ok(roles)
    }

    /// Commits; `false` when somebody else was faster, so that the row has to be read again.
    async fn commit<T: crate::barrier::Stored>(
        &self,
        rows: &Rows<T>,
        name: &str,
        writes: Writes,
    ) -> Result<bool, Fault> {
        let barrier = rows.view().barrier();
        match barrier.commit(writes).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => {
                // The news of another node may still be on its way.
                barrier.forget(&[rows.view().key(name)]);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub(crate) fn routes() -> Table<IdentityEngine> {
    config::routes()
        .and(keys::routes())
        .and(roles::routes())
        .and(token::routes())
        .and(published::routes())
}

/// What callers see when others keep changing what they change.
fn busy() -> Fault {
    Fault::unavailable("what this changes keeps being changed by others; try again")
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.len() > LONGEST_NAME {
        return Err(Fault::invalid(format!(
            "name is longer than {LONGEST_NAME} bytes"
        )));
    }
    Ok(())
}
