//! `sys/generate-root/*` and `sys/rekey*`: what the holders of shares do together.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::ceremony as api;
use arca_base::{Json, Secret, json_object};

use super::System;
use super::seal::{base64, hexadecimal};
use crate::ceremony::{
    NewShares, Rekey, RekeyStatus, RekeyStep, RootGeneration, RootStatus, VerifyStatus, VerifyStep,
};
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::tokens::SERVICE_LENGTH;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadRoot, _, _>(root_status)
        .anonymous()
        .on::<api::UpdateRoot, _, _>(start_root)
        .anonymous()
        .on::<api::DeleteRoot, _, _>(cancel_root)
        .anonymous()
        .on::<api::UpdateRootShare, _, _>(give_root)
        .anonymous()
        .and(unseal_key_routes())
        .and(recovery_key_routes())
        .on::<api::ReadRekeyBackup, _, _>(no_backup)
        .on::<api::DeleteRekeyBackup, _, _>(drop_backup)
        .on::<api::ReadRecoveryBackup, _, _>(no_backup)
        .on::<api::DeleteRecoveryBackup, _, _>(drop_backup)
}

fn unseal_key_routes() -> Table<System> {
    Table::new()
        .on::<api::ReadRekey, _, _>(async |_, cx, _| rekey_status(&cx, Of::UnsealKey).await)
        .anonymous()
        .on::<api::UpdateRekey, _, _>(async |_, cx, request| start_rekey(&cx, Of::UnsealKey, &request).await)
        .anonymous()
        .on::<api::DeleteRekey, _, _>(async |_, cx, request| end_rekey(&cx, Of::UnsealKey, &request).await)
        .anonymous()
        .on::<api::UpdateRekeyShare, _, _>(async |_, cx, request| {
            give_rekey(&cx, Of::UnsealKey, request).await
        })
        .anonymous()
        .on::<api::ReadRekeyVerify, _, _>(async |_, cx, _| verification(&cx, Of::UnsealKey).await)
        .anonymous()
        .on::<api::UpdateRekeyVerify, _, _>(async |_, cx, request| verify(&cx, Of::UnsealKey, request).await)
        .anonymous()
        .on::<api::DeleteRekeyVerify, _, _>(async |_, cx, _| verify_again(&cx, Of::UnsealKey).await)
        .anonymous()
}

fn recovery_key_routes() -> Table<System> {
    Table::new()
        .on::<api::ReadRecoveryRekey, _, _>(async |_, cx, _| rekey_status(&cx, Of::RecoveryKey).await)
        .anonymous()
        .on::<api::UpdateRecoveryRekey, _, _>(async |_, cx, request| {
            start_rekey(&cx, Of::RecoveryKey, &request).await
        })
        .anonymous()
        .on::<api::DeleteRecoveryRekey, _, _>(async |_, cx, request| {
            end_rekey(&cx, Of::RecoveryKey, &request).await
        })
        .anonymous()
        .on::<api::UpdateRecoveryRekeyShare, _, _>(async |_, cx, request| {
            give_rekey(&cx, Of::RecoveryKey, request).await
        })
        .anonymous()
        .on::<api::ReadRecoveryRekeyVerify, _, _>(async |_, cx, _| verification(&cx, Of::RecoveryKey).await)
        .anonymous()
        .on::<api::UpdateRecoveryRekeyVerify, _, _>(async |_, cx, request| {
            verify(&cx, Of::RecoveryKey, request).await
        })
        .anonymous()
        .on::<api::DeleteRecoveryRekeyVerify, _, _>(async |_, cx, _| verify_again(&cx, Of::RecoveryKey).await)
        .anonymous()
}

/// Whose shares are changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    UnsealKey,
    RecoveryKey,
}

impl Of {
    /// Refuses the key that this kind of seal does not have.
    fn check(self, cx: &Cx) -> Result<(), Fault> {
        match (self, cx.active()?.settings.seal.is_automatic()) {
            (Self::UnsealKey, true) => Err(Fault::invalid(
                "this server unseals by itself and its shares are recovery keys; use rekey-recovery-key",
            )),
            (Self::RecoveryKey, false) => Err(Fault::invalid("recovery rekeying not supported")),
            _ => Ok(()),
        }
    }
}

fn no_pgp(name: &str, given: bool) -> Result<(), Fault> {
    if given {
        return Err(Fault::invalid(format!(
            "{name} is not supported: this server has no PGP; leave it out"
        )));
    }
    Ok(())
}

fn shown_root(status: &RootStatus) -> Answer {
    let encoded = status.encoded.as_deref().unwrap_or_default();
    Answer::raw_json(
        200,
        &json_object! {
            "nonce" => status.nonce.as_str(),
            "started" => status.started,
            "progress" => status.progress as u64,
            "required" => status.required as u64,
            "complete" => status.encoded.is_some(),
            "encoded_token" => encoded,
            "encoded_root_token" => encoded,
            "pgp_fingerprint" => "",
            "otp" => status.otp.as_ref().map_or("", |otp| otp.expose().as_str()),
            "otp_length" => SERVICE_LENGTH as u64,
        },
    )
}

async fn root_status(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(shown_root(&RootGeneration::status(cx.active()?).await?))
}

async fn start_root(_: Arc<System>, cx: Cx, request: api::StartRoot) -> Result<Answer, Fault> {
    no_pgp("pgp_key", !request.pgp_key.is_empty())?;
    Ok(shown_root(
        &RootGeneration::start(cx.active()?, request.otp).await?,
    ))
}

async fn cancel_root(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    RootGeneration::cancel(cx.active()?).await;
    Ok(Answer::empty())
}

async fn give_root(_: Arc<System>, cx: Cx, request: api::GiveShare) -> Result<Answer, Fault> {
    let key = Secret::new(request.key);
    let status = RootGeneration::give(cx.active()?, key.expose(), &request.nonce, cx.now).await?;
    Ok(shown_root(&status))
}

fn shown_rekey(status: &RekeyStatus) -> Answer {
    let mut body = json_object! {
        "nonce" => status.nonce.as_str(),
        "started" => status.started,
        "t" => u64::from(status.threshold),
        "n" => u64::from(status.shares),
        "progress" => status.progress as u64,
        "required" => status.required as u64,
        "pgp_fingerprints" => Json::Null,
        "backup" => false,
        "verification_required" => status.verify,
    };
    if let (Json::Object(members), Some(nonce)) = (&mut body, &status.verification_nonce) {
        members.insert("verification_nonce".to_owned(), nonce.as_str().into());
    }
    Answer::raw_json(200, &body)
}

fn shown_shares(made: &NewShares) -> Answer {
    let mut body = json_object! {
        "nonce" => made.nonce.as_str(),
        "complete" => true,
        "keys" => hexadecimal(&made.keys),
        "keys_base64" => base64(&made.keys),
        "pgp_fingerprints" => Json::Null,
        "backup" => false,
        "verification_required" => made.verification_nonce.is_some(),
    };
    if let (Json::Object(members), Some(nonce)) = (&mut body, &made.verification_nonce) {
        members.insert("verification_nonce".to_owned(), nonce.as_str().into());
    }
    Answer::raw_json(200, &body)
}

async fn rekey_status(cx: &Cx, of: Of) -> Result<Answer, Fault> {
    of.check(cx)?;
    Ok(shown_rekey(&Rekey::status(cx.active()?).await?))
}

async fn start_rekey(cx: &Cx, of: Of, request: &api::StartRekey) -> Result<Answer, Fault> {
    of.check(cx)?;
    let pgp = request.pgp_keys.as_ref().is_some_and(|keys| !keys.0.is_empty());
    no_pgp("pgp_keys", pgp)?;
    if request.backup {
        return Err(Fault::invalid(
            "cannot request a backup of the new keys without providing PGP keys for encryption",
        ));
    }
    let (shares, threshold) = (request.secret_shares, request.secret_threshold);
    let status = Rekey::start(cx.active()?, shares, threshold, request.require_verification).await?;
    Ok(shown_rekey(&status))
}

async fn end_rekey(cx: &Cx, of: Of, request: &api::EndRekey) -> Result<Answer, Fault> {
    of.check(cx)?;
    Rekey::cancel(cx.active()?, &request.nonce).await?;
    Ok(Answer::empty())
}

async fn give_rekey(cx: &Cx, of: Of, request: api::GiveShare) -> Result<Answer, Fault> {
    of.check(cx)?;
    let key = Secret::new(request.key);
    Ok(
        match Rekey::give(cx.active()?, key.expose(), &request.nonce).await? {
            RekeyStep::More(status) => shown_rekey(&status),
            RekeyStep::Done(made) => shown_shares(&made),
        },
    )
}

fn shown_verification(status: &VerifyStatus) -> Answer {
    Answer::raw_json(
        200,
        &json_object! {
            "nonce" => status.nonce.as_str(),
            "started" => true,
            "t" => u64::from(status.threshold),
            "n" => u64::from(status.shares),
            "progress" => status.progress as u64,
        },
    )
}

async fn verification(cx: &Cx, of: Of) -> Result<Answer, Fault> {
    of.check(cx)?;
    Ok(shown_verification(&Rekey::verification(cx.active()?).await?))
}

async fn verify(cx: &Cx, of: Of, request: api::GiveShare) -> Result<Answer, Fault> {
    of.check(cx)?;
    let key = Secret::new(request.key);
    Ok(
        match Rekey::verify(cx.active()?, key.expose(), &request.nonce).await? {
            VerifyStep::More(status) => shown_verification(&status),
            VerifyStep::Done(nonce) => Answer::raw_json(
                200,
                &json_object! { "nonce" => nonce.as_str(), "complete" => true },
            ),
        },
    )
}

async fn verify_again(cx: &Cx, of: Of) -> Result<Answer, Fault> {
    of.check(cx)?;
    Ok(shown_verification(
        &Rekey::restart_verification(cx.active()?).await?,
    ))
}

async fn no_backup(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Err(Fault::invalid("no backed-up keys found"))
}

async fn drop_backup(_: Arc<System>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    Ok(Answer::empty())
}
