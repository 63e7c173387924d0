//! Init, unseal, seal and the data keys.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_api::sys::seal as api;
use arca_base::{GoDuration, Json, Secret, Ttl, id, json_object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::System;
use crate::barrier::RotationPolicy;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::lifecycle::InitRequest;

/// Encryptions a term may be used for, at least and at most.
const OPERATIONS: std::ops::RangeInclusive<u64> = 1_000_000..=3_865_470_566;
const SHORTEST_INTERVAL: Ttl = Ttl::from_hours(24);

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::ReadInit, _, _>(read_init)
        .anonymous()
        .while_sealed()
        .unaudited()
        .on::<api::UpdateInit, _, _>(init)
        .anonymous()
        .while_sealed()
        .unaudited()
        .on::<api::ReadSealStatus, _, _>(seal_status)
        .anonymous()
        .while_sealed()
        .unaudited()
        .on::<api::UpdateUnseal, _, _>(unseal)
        .anonymous()
        .while_sealed()
        .unaudited()
        .on::<api::UpdateSeal, _, _>(seal)
        .sudo()
        .on::<api::ReadKeyStatus, _, _>(key_status)
        .injects()
        .on::<api::Rotate, _, _>(rotate)
        .sudo()
        .on::<api::RotateKeyring, _, _>(rotate)
        .sudo()
        .on::<api::ReadRotateConfig, _, _>(read_rotate_config)
        .on::<api::UpdateRotateConfig, _, _>(write_rotate_config)
}

async fn read_init(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let initialized = cx.server.is_initialized().await?;
    Ok(Answer::raw_json(
        200,
        &json_object! { "initialized" => initialized },
    ))
}

async fn init(_: Arc<System>, cx: Cx, request: api::Initialize) -> Result<Answer, Fault> {
    for (name, given) in [
        (
            "pgp_keys",
            request.pgp_keys.is_some_and(|keys| !keys.0.is_empty()),
        ),
        (
            "recovery_pgp_keys",
            request.recovery_pgp_keys.is_some_and(|keys| !keys.0.is_empty()),
        ),
        ("root_token_pgp_key", !request.root_token_pgp_key.is_empty()),
    ] {
        if given {
            return Err(Fault::invalid(format!("{name} is not supported; leave it out")));
        }
    }
    let initialized = cx
        .server
        .initialize(InitRequest {
            secret_shares: request.secret_shares,
            secret_threshold: request.secret_threshold,
            recovery_shares: request.recovery_shares,
            recovery_threshold: request.recovery_threshold,
        })
        .await?;
    let mut body = json_object! {
        "keys" => hexadecimal(&initialized.keys),
        "keys_base64" => base64(&initialized.keys),
        "root_token" => initialized.root_token.expose().as_str(),
    };
    if let (Json::Object(members), false) = (&mut body, initialized.recovery_keys.is_empty()) {
        members.insert(
            "recovery_keys".to_owned(),
            hexadecimal(&initialized.recovery_keys),
        );
        members.insert(
            "recovery_keys_base64".to_owned(),
            base64(&initialized.recovery_keys),
        );
    }
    Ok(Answer::raw_json(200, &body))
}

/// Shares in hexadecimal.
pub(super) fn hexadecimal(keys: &[Secret<Vec<u8>>]) -> Json {
    encoded(keys, id::hex)
}

/// Shares in base64.
pub(super) fn base64(keys: &[Secret<Vec<u8>>]) -> Json {
    encoded(keys, |key| STANDARD.encode(key))
}

fn encoded(keys: &[Secret<Vec<u8>>], encode: impl Fn(&[u8]) -> String) -> Json {
    keys.iter()
        .map(|key| encode(key.expose()))
        .collect::<Vec<_>>()
        .into()
}

async fn status_body(cx: &Cx) -> Result<Answer, Fault> {
    Ok(Answer::raw_json(200, &cx.server.status().await?.to_json()))
}

async fn seal_status(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    status_body(&cx).await
}

async fn unseal(_: Arc<System>, cx: Cx, request: api::Unseal) -> Result<Answer, Fault> {
    if request.reset {
        if !cx.server.is_sealed() {
            return Err(Fault::invalid("vault is unsealed"));
        }
        cx.server.reset_unseal();
        return status_body(&cx).await;
    }
    if request.key.is_empty() {
        return Err(Fault::invalid(
            "'key' must be specified in request body as JSON, or 'reset' set to true",
        ));
    }
    let share = Secret::new(request.key);
    if request.migrate {
        cx.server.unseal_and_migrate(share.expose()).await?;
    } else {
        cx.server.unseal(share.expose()).await?;
    }
    status_body(&cx).await
}

async fn seal(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    cx.server.seal().await;
    Ok(Answer::empty())
}

async fn key_status(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let status = cx.active()?.barrier.keyring().status();
    Ok(Answer::data(&json_object! {
        "term" => u64::from(status.term),
        "install_time" => status.installed.to_string(),
        "encryptions" => status.seals,
    }))
}

async fn rotate(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let next = active.barrier.keyring().rotated(&*active.entropy, cx.now);
    active.install_keyring(next).await?;
    Ok(Answer::empty())
}

async fn read_rotate_config(_: Arc<System>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let policy = cx.active()?.barrier.keyring().policy();
    let interval = match policy.interval.nonzero() {
        None => Json::from(0_i64),
        Some(interval) => Json::from(
            GoDuration::from_seconds(i64::try_from(interval.seconds()).unwrap_or(i64::MAX)).to_string(),
        ),
    };
    Ok(Answer::data(&json_object! {
        "enabled" => policy.enabled,
        "max_operations" => policy.max_operations,
        "interval" => interval,
    }))
}

async fn write_rotate_config(_: Arc<System>, cx: Cx, request: api::RotateConfig) -> Result<Answer, Fault> {
    let active = cx.active()?;
    let keyring = active.barrier.keyring();
    let before = keyring.policy();
    let policy = RotationPolicy {
        enabled: request.enabled.unwrap_or(before.enabled),
        max_operations: match request.max_operations {
            None => before.max_operations,
            Some(given) => operations(given)?,
        },
        interval: match request.interval {
            None => before.interval,
            Some(given) if given.is_zero() || given >= SHORTEST_INTERVAL => given,
            Some(_) => return Err(Fault::invalid("interval must be zero or at least 24h")),
        },
    };
    active.install_keyring(keyring.with_policy(policy)).await?;
    Ok(Answer::empty())
}

fn operations(given: i64) -> Result<u64, Fault> {
    u64::try_from(given)
        .ok()
        .filter(|given| OPERATIONS.contains(given))
        .ok_or_else(|| {
            Fault::invalid(format!(
                "max_operations must be from {} to {}",
                OPERATIONS.start(),
                OPERATIONS.end()
            ))
        })
}
