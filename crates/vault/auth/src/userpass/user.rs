//! The record of a user.

use arca_core::Fault;
use arca_core::barrier::{Rows, Stored, View};
use arca_core::login::TokenSettings;
use arca_crypto::password::PasswordHash;
use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 1024;

/// A user, as stored.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct User {
    /// The hash of the password, with its salt and cost.
    pub(super) hash: String,
    /// What tokens are like.
    pub(super) token: TokenSettings,
}

impl Stored for User {
    const VERSION: u8 = 1;
    const NAME: &'static str = "userpass user";
}

impl User {
    /// The hash of the password.
    pub(super) fn password(&self) -> Result<PasswordHash, Fault> {
        PasswordHash::parse(&self.hash)
            .ok_or_else(|| Fault::internal("the stored hash of a password does not decode"))
    }
}

/// Users by name.
pub(super) fn users(view: &View) -> Rows<User> {
    Rows::new(view.folder("user/"))
}

/// The form in which a name is kept.
pub(super) fn folded(name: &str) -> Result<String, Fault> {
    if name.len() > MAX_NAME_BYTES {
        return Err(Fault::invalid(format!(
            "username has {} bytes but may have at most {MAX_NAME_BYTES}",
            name.len()
        )));
    }
    Ok(name.to_lowercase())
}

/// Refuses passwords that cost more to carry around than to hash.
pub(super) fn check_password(password: &str) -> Result<(), Fault> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(Fault::invalid(format!(
            "password has {} bytes but may have at most {MAX_PASSWORD_BYTES}",
            password.len()
        )));
    }
    Ok(())
}
