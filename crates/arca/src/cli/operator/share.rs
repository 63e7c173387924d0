//! Shares of a key, as their holders give them.

use arca_base::Secret;

use crate::cli::data;
use crate::cli::failure::Failure;
use crate::cli::session::Session;

/// A share and the ceremony it is for.
pub(super) struct Given {
    pub(super) key: Secret<String>,
    pub(super) nonce: String,
}

/// Reads a share: the argument, standard input for `-`, or what its holder types. Whoever is asked sees the nonce of
/// the server, `current`; elsewhere the nonce must be given, so that no share goes to a ceremony its holder has not
/// agreed to.
pub(super) fn read(
    session: &mut Session,
    argument: Option<String>,
    nonce: Option<String>,
    current: &str,
    label: &str,
) -> Result<Given, Failure> {
    let typed = argument.is_none() && session.is_interactive();
    let nonce = match nonce.filter(|nonce| !nonce.is_empty()) {
        Some(nonce) => nonce,
        None if typed => current.to_owned(),
        None => {
            let message = "Missing nonce value: specify it with -nonce; -status shows it.";
            return Err(Failure::local(message));
        }
    };
    let key = match argument.as_deref() {
        None => {
            if typed {
                session.screen.hint(&format!("Operation nonce: {nonce}"));
            }
            session.ask_secret(label, "give the share as an argument, or - and pipe it in")?
        }
        Some("-") => {
            let text = data::file_or_input("-", &mut session.input)
                .map_err(|error| Failure::local(format!("Error reading the share: {error}")))?;
            Secret::new(text.trim().to_owned())
        }
        Some(key) => Secret::new(key.trim().to_owned()),
    };
    if key.expose().is_empty() {
        return Err(Failure::local("Nothing was given: the share is empty."));
    }
    Ok(Given { key, nonce })
}

/// Refuses more than one of several actions; `None` when there is none.
pub(super) fn only<T: Copy>(actions: &[(bool, &str, T)]) -> Result<Option<T>, Failure> {
    let given: Vec<_> = actions.iter().filter(|(given, ..)| *given).collect();
    match given.as_slice() {
        [] => Ok(None),
        [(_, _, action)] => Ok(Some(*action)),
        several => {
            let names: Vec<&str> = several.iter().map(|(_, name, _)| *name).collect();
            Err(Failure::local(format!(
                "{} exclude each other: give one of them",
                names.join(" and ")
            )))
        }
    }
}

/// Refuses a share beside a flag for something else.
pub(super) fn refuse_beside(acts: bool, share: Option<&str>) -> Result<(), Failure> {
    match share {
        Some(_) if acts => Err(Failure::local(
            "Too many arguments: a share is given without a flag for anything else.",
        )),
        _ => Ok(()),
    }
}
