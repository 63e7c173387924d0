//! Users and groups of this machine, by name or number.

use std::io;

use nix::unistd::{Group, User};

use crate::config::Account;

impl Account {
    /// The number of this user.
    ///
    /// # Errors
    /// The machine knows no such user.
    pub fn user_id(&self) -> io::Result<u32> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Name(name) => User::from_name(name)?
                .map(|user| user.uid.as_raw())
                .ok_or_else(|| unknown("user", name)),
        }
    }

    /// The number of this group.
    ///
    /// # Errors
    /// The machine knows no such group.
    pub fn group_id(&self) -> io::Result<u32> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Name(name) => Group::from_name(name)?
                .map(|group| group.gid.as_raw())
                .ok_or_else(|| unknown("group", name)),
        }
    }
}

fn unknown(what: &str, name: &str) -> io::Error {
    io::Error::other(format!("this machine has no {what} {name:?}: use its number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(Account::Name("root".into()).user_id().unwrap(), 0);
        assert_eq!(Account::Id(7).group_id().unwrap(), 7);
        let error = Account::Name("nobody-has-this-name".into())
            .user_id()
            .unwrap_err();
        assert!(error.to_string().contains("has no user \"nobody-has-this-name\""));
    }
}
