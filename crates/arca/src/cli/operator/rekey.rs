//! `operator rekey`.

use std::marker::PhantomData;

use arca_api::endpoint::{Endpoint, Nothing};
use arca_api::field::TextList;
use arca_api::sys::ceremony as api;
use arca_client::ceremony::{NewShares, RekeyAnswer, RekeyStatus, Verification};
use clap::{Args, ValueEnum};

use super::ceremony::{Argument, BoundTexts, Ceremony, Sharing, SharingTexts, Steps};
use super::share;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::{aligned, wrap};

const EXAMPLES: &str = "\
Examples:
  arca operator rekey -init -key-shares=5 -key-threshold=3 -verify
  arca operator rekey
  arca operator rekey -nonce=2dbd10f1-8528-6246-09e7-82b25b8aba63 SHARE
  arca operator rekey -verify

The key is a share of the key in force, and with -verify one of the new key. Without one you are asked
for it; - reads it from standard input.";

/// Changes the shares of the unseal key, or of the recovery key. One person begins; enough holders give a share; the
/// new shares are shown once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rekey {
    /// A share; you are asked for it when absent, - reads standard input
    #[arg(allow_hyphen_values = true)]
    key: Option<String>,
    /// Begin
    #[arg(long)]
    init: bool,
    /// End without new shares; with -verify begin the verification again
    #[arg(long)]
    cancel: bool,
    /// Show how far it is
    #[arg(long)]
    status: bool,
    /// With -init: put the new shares in use only once enough of them were given back. Otherwise: give one back
    #[arg(long)]
    verify: bool,
    /// Shares of the new key
    #[arg(long, alias = "n", value_name = "NUMBER", default_value_t = 5)]
    key_shares: i64,
    /// New shares needed
    #[arg(long, alias = "t", value_name = "NUMBER", default_value_t = 3)]
    key_threshold: i64,
    /// Identifies the ceremony; needed unless you are asked for the share
    #[arg(long)]
    nonce: Option<String>,
    /// Whose shares: of the unseal key, or of the recovery key of a server that unseals by itself
    #[arg(long, value_enum, default_value_t = Target::Barrier)]
    target: Target,
    /// Files with the PGP keys the new shares are encrypted with, separated by commas
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    pgp_keys: Vec<String>,
    /// Keep the encrypted new shares on the server
    #[arg(long)]
    backup: bool,
    /// Show the encrypted shares the server keeps
    #[arg(long)]
    backup_retrieve: bool,
    /// Remove the encrypted shares the server keeps
    #[arg(long)]
    backup_delete: bool,
}

/// Whose shares are changed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Target {
    Barrier,
    #[value(alias = "hsm")]
    Recovery,
}

/// What is to be done instead of giving a share.
#[derive(Clone, Copy)]
enum Action {
    Init,
    Cancel,
    Status,
    Retrieve,
    Delete,
}

impl Rekey {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let action = share::only(&[
            (self.init, "-init", Action::Init),
            (self.cancel, "-cancel", Action::Cancel),
            (self.status, "-status", Action::Status),
            (self.backup_retrieve, "-backup-retrieve", Action::Retrieve),
            (self.backup_delete, "-backup-delete", Action::Delete),
        ])?;
        share::refuse_beside(action.is_some(), self.key.as_deref())?;
        match self.target {
            Target::Barrier => self.act::<OfUnsealKey>(session, action).await,
            Target::Recovery => self.act::<OfRecoveryKey>(session, action).await,
        }
    }

    async fn act<K: Kind>(self, session: &mut Session, action: Option<Action>) -> Outcome {
        match (action, self.verify) {
            (Some(Action::Init), _) => self.begin::<K>(session).await,
            (Some(Action::Cancel), false) => {
                let request = api::EndRekey {
                    nonce: self.nonce.unwrap_or_default(),
                };
                Changing::<K>::end(session, &request).await
            }
            (Some(Action::Cancel), true) => verify_again::<K>(session).await,
            (Some(Action::Status), false) => Changing::<K>::show(session).await,
            (Some(Action::Status), true) => GivingBack::<K>::show(session).await,
            (Some(Action::Retrieve), _) => retrieve::<K>(session).await,
            (Some(Action::Delete), _) => delete::<K>(session).await,
            (None, verify) => {
                let (key, nonce) = (self.key, self.nonce);
                let argument = Argument { key, nonce };
                if verify {
                    GivingBack::<K>::give(session, argument).await
                } else {
                    Changing::<K>::give(session, argument).await
                }
            }
        }
    }

    async fn begin<K: Kind>(self, session: &mut Session) -> Outcome {
        let keys = self
            .pgp_keys
            .iter()
            .map(|file| super::init::pgp_key(file, session));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        let request = api::StartRekey {
            secret_shares: self.key_shares,
            secret_threshold: self.key_threshold,
            pgp_keys: (!keys.is_empty()).then_some(TextList(keys)),
            backup: self.backup,
            require_verification: self.verify,
            ..api::StartRekey::default()
        };
        let status = Changing::<K>::begin(session, &request).await?;
        if !self.verify {
            let text = "The new shares will be shown once and count at once. The former ones count too until the new ones \
                        are first used, but not longer: consider to begin with -verify, so that the new ones count only \
                        once they were given back.";
            session.screen.warn(&wrap(text, 0));
        }
        show_status(session, &status)
    }
}

/// The endpoints of one of the two keys.
trait Kind {
    const LABEL: &'static str;
    type Read: Endpoint<Request = Nothing>;
    type Start: Endpoint<Request = api::StartRekey>;
    type End: Endpoint<Request = api::EndRekey>;
    type Give: Endpoint<Request = api::GiveShare>;
    type ReadVerify: Endpoint<Request = Nothing>;
    type Verify: Endpoint<Request = api::GiveShare>;
    type VerifyAgain: Endpoint<Request = Nothing>;
    type ReadBackup: Endpoint<Request = Nothing>;
    type DeleteBackup: Endpoint<Request = Nothing>;
}

struct OfUnsealKey;

impl Kind for OfUnsealKey {
    const LABEL: &'static str = "Unseal Key";
    type Read = api::ReadRekey;
    type Start = api::UpdateRekey;
    type End = api::DeleteRekey;
    type Give = api::UpdateRekeyShare;
    type ReadVerify = api::ReadRekeyVerify;
    type Verify = api::UpdateRekeyVerify;
    type VerifyAgain = api::DeleteRekeyVerify;
    type ReadBackup = api::ReadRekeyBackup;
    type DeleteBackup = api::DeleteRekeyBackup;
}

struct OfRecoveryKey;

impl Kind for OfRecoveryKey {
    const LABEL: &'static str = "Recovery Key";
    type Read = api::ReadRecoveryRekey;
    type Start = api::UpdateRecoveryRekey;
    type End = api::DeleteRecoveryRekey;
    type Give = api::UpdateRecoveryRekeyShare;
    type ReadVerify = api::ReadRecoveryRekeyVerify;
    type Verify = api::UpdateRecoveryRekeyVerify;
    type VerifyAgain = api::DeleteRecoveryRekeyVerify;
    type ReadBackup = api::ReadRecoveryBackup;
    type DeleteBackup = api::DeleteRecoveryBackup;
}

/// Changing the shares of a key.
struct Shares<K>(PhantomData<K>);
type Changing<K> = Steps<Shares<K>>;

impl<K: Kind> Sharing for Shares<K> {
    type Status = RekeyStatus;
    type Answer = RekeyAnswer;
    type Read = K::Read;
    type Give = K::Give;
    const TEXTS: SharingTexts = SharingTexts {
        label: K::LABEL,
        closed: "No rekey is in progress. Begin one with \"arca operator rekey -init\".",
        unread: "Error getting rekey status",
        ungiven: "Error posting unseal key",
    };

    fn nonce(status: &RekeyStatus) -> &str {
        &status.nonce
    }

    fn is_open(status: &RekeyStatus) -> bool {
        status.started
    }

    fn show(session: &mut Session, status: &RekeyStatus) -> Outcome {
        show_status(session, status)
    }

    fn show_answer(session: &mut Session, answer: &RekeyAnswer, before: &RekeyStatus) -> Outcome {
        match answer {
            RekeyAnswer::More(status) => show_status(session, status),
            RekeyAnswer::Done(made) => show_shares(session, made, before.t, K::LABEL),
        }
    }
}

impl<K: Kind> Ceremony for Shares<K> {
    type Begin = K::Start;
    type End = K::End;
    const BOUNDS: BoundTexts = BoundTexts {
        unbegun: "Error initializing rekey",
        unended: "Error canceling rekey",
        ended: "Success! Canceled rekeying (if it was started)",
    };
}

/// Giving new shares back before they count.
struct NewOnes<K>(PhantomData<K>);
type GivingBack<K> = Steps<NewOnes<K>>;

impl<K: Kind> Sharing for NewOnes<K> {
    type Status = Verification;
    type Answer = Verification;
    type Read = K::ReadVerify;
    type Give = K::Verify;
    const TEXTS: SharingTexts = SharingTexts {
        label: "New share",
        closed: "",
        unread: "Error getting rekey verification status",
        ungiven: "Error posting verification key",
    };

    fn nonce(status: &Verification) -> &str {
        &status.nonce
    }

    /// The server says why where it is not: reading is an error then.
    fn is_open(_: &Verification) -> bool {
        true
    }

    fn show(session: &mut Session, status: &Verification) -> Outcome {
        show_verification(session, status)
    }

    fn show_answer(session: &mut Session, answer: &Verification, _: &Verification) -> Outcome {
        if !answer.complete {
            return show_verification(session, answer);
        }
        let text = "Success! Rekey verification complete: the new shares are in force.";
        session.screen.data(answer, text)?;
        Ok(DONE)
    }
}

async fn verify_again<K: Kind>(session: &mut Session) -> Outcome {
    let client = session.anonymous_client()?;
    let status: Verification = client
        .call_bare::<K::VerifyAgain, _>("sys", &Nothing)
        .await
        .map_err(|error| Failure::remote("Error canceling rekey verification", error))?;
    session.screen.success("Success! The verification begins again.");
    show_verification(session, &status)
}

async fn retrieve<K: Kind>(session: &mut Session) -> Outcome {
    let answer = session.client()?.call::<K::ReadBackup>("sys", &Nothing).await;
    let answer = answer.map_err(|error| Failure::remote("Error retrieving rekey stored keys", error))?;
    session.screen.secret(&answer.unwrap_or_default())?;
    Ok(DONE)
}

async fn delete<K: Kind>(session: &mut Session) -> Outcome {
    let answer = session.client()?.call::<K::DeleteBackup>("sys", &Nothing).await;
    answer.map_err(|error| Failure::remote("Error deleting rekey stored keys", error))?;
    session
        .screen
        .success("Success! Deleted stored keys (if they existed)");
    Ok(DONE)
}

fn row(name: &str, value: impl ToString) -> Vec<String> {
    vec![name.to_owned(), value.to_string()]
}

fn show_status(session: &mut Session, status: &RekeyStatus) -> Outcome {
    let mut rows = vec![row("Nonce", &status.nonce), row("Started", status.started)];
    if status.started {
        rows.extend([
            row(
                "Rekey Progress",
                format!("{}/{}", status.progress, status.required),
            ),
            row("New Shares", status.n),
            row("New Threshold", status.t),
            row("Verification Required", status.verification_required),
        ]);
        if !status.verification_nonce.is_empty() {
            rows.push(row("Verification Nonce", &status.verification_nonce));
        }
    }
    session.screen.data(status, &aligned(&rows))?;
    Ok(DONE)
}

fn show_verification(session: &mut Session, status: &Verification) -> Outcome {
    let rows = [
        row("Started", status.started),
        row("New Shares", status.n),
        row("New Threshold", status.t),
        row("Verification Nonce", &status.nonce),
        row(
            "Verification Progress",
            format!("{}/{}", status.progress, status.t),
        ),
    ];
    session.screen.data(status, &aligned(&rows))?;
    Ok(DONE)
}

fn show_shares(session: &mut Session, made: &NewShares, threshold: u64, label: &str) -> Outcome {
    let mut lines: Vec<String> = (1..)
        .zip(&made.keys_base64)
        .map(|(number, key)| format!("Key {number}: {key}"))
        .collect();
    lines.extend([String::new(), format!("Operation nonce: {}", made.nonce)]);
    let count = made.keys_base64.len();
    let split = format!(
        "The {} was split into {count} shares, of which {threshold} are needed. Give each to another person; they are \
         shown this once and kept nowhere.",
        label.to_lowercase()
    );
    lines.extend([String::new(), wrap(&split, 0)]);
    if made.verification_required {
        lines.extend([
            String::new(),
            format!("Verification nonce: {}", made.verification_nonce),
            String::new(),
            wrap(
                "The new shares do not count yet. Give enough of them back with \"operator rekey -verify\"; until then the \
                 former ones count.",
                0,
            ),
        ]);
    }
    session.screen.data(made, &lines.join("\n"))?;
    Ok(DONE)
}
