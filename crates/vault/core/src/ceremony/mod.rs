//! What the holders of shares do together while the server is unsealed: a new root token, new shares.
//!
//! A ceremony lives in the memory of one node and ends when that node is sealed; what it changes is one commit.
//! The shares are the permission, so these endpoints need no token; they are audited, and each client may ask
//! only so often ([`is_open`]).

mod rekey;
mod root;
mod shares;

use std::sync::Arc;

use arca_base::Secret;

pub(crate) use rekey::{NewShares, Rekey, RekeyStatus, RekeyStep, VerifyStatus, VerifyStep};
pub(crate) use root::{RootGeneration, RootStatus};
pub(crate) use shares::Given;

use crate::active::Active;
use crate::fault::Fault;
use crate::seal::{Guard, Guards, Proof, decode_share};

/// Longest text of a share, a nonce or an OTP that is looked at.
const LONGEST_TEXT: usize = 128;

/// The ceremonies of an unsealed server, each at most once at a time.
#[derive(Default)]
pub(crate) struct Ceremonies {
    pub(crate) root: tokio::sync::Mutex<Option<RootGeneration>>,
    pub(crate) rekey: tokio::sync::Mutex<Option<Rekey>>,
}

/// Whether a path belongs to a ceremony and is open to anybody.
pub(crate) fn is_open(path: &str) -> bool {
    ["sys/generate-root/", "sys/rekey/", "sys/rekey-recovery-key/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

/// Refuses texts that nothing valid is as long as, before anything is done with them.
pub(crate) fn check_length(name: &str, text: &str) -> Result<(), Fault> {
    if text.len() > LONGEST_TEXT {
        return Err(Fault::invalid(format!(
            "{name} is longer than {LONGEST_TEXT} characters"
        )));
    }
    Ok(())
}

/// A share as given: what it is, once its text and its nonce are in order.
pub(crate) fn read_share(key: &str) -> Result<Secret<Vec<u8>>, Fault> {
    check_length("key", key)?;
    if key.is_empty() {
        return Err(Fault::invalid("'key' must be specified in request body as JSON"));
    }
    decode_share(key).map_err(|error| Fault::invalid(error.to_string()))
}

/// Whether the shares given to a ceremony suffice.
pub(crate) enum Authority {
    More,
    /// They open nothing; the ceremony has forgotten them.
    Wrong,
    Proven(Guard),
}

/// How many shares are needed at the moment.
pub(crate) async fn required(active: &Active) -> Result<usize, Fault> {
    Ok(usize::from(guards(active).await?.current.config.threshold))
}

async fn guards(active: &Active) -> Result<Guards, Fault> {
    Guards::read(active.barrier.storage(), &active.settings.seal)
        .await?
        .ok_or_else(|| Fault::internal("the seal configuration is missing from storage"))
}

/// Adds a share to those given, and says what they amount to.
pub(crate) async fn authorize(
    active: &Arc<Active>,
    given: &mut Given,
    share: Secret<Vec<u8>>,
) -> Result<Authority, Fault> {
    given.add(share)?;
    let guards = guards(active).await?;
    match guards.prove(&active.settings.seal, given.shares()).await {
        Ok(Proof::More) => Ok(Authority::More),
        Ok(Proof::Wrong) => {
            given.forget();
            Ok(Authority::Wrong)
        }
        Ok(Proof::Proven { guard, by_former, .. }) => {
            given.forget();
            if !by_former {
                guards.retire_former(active.barrier.storage()).await;
            }
            Ok(Authority::Proven(guard))
        }
        Err(fault) => {
            given.forget();
            Err(fault)
        }
    }
}
