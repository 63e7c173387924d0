//! `sys/mfa/validate`: the passcodes of a login that waits for them.

use std::sync::Arc;

use arca_api::mfa as api;
use arca_base::Json;

use super::check::Given;
use super::pending::Pending;
use crate::active::Active;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;
use crate::login;
use crate::quotas::{Destination, Place};
use crate::system::System;

/// Most methods of one request.
const MOST: usize = 32;

pub(crate) fn routes() -> Table<System> {
    Table::new().on::<api::Validate, _, _>(validate).anonymous()
}

/// The login stays while passcodes are wrong, and goes on once, whoever asks at the same time.
async fn validate(_: Arc<System>, cx: Cx, request: api::Validation) -> Result<Answer, Fault> {
    if request.mfa_request_id.is_empty() {
        return Err(Fault::invalid("missing request ID"));
    }
    let given = payload(&request.mfa_payload.0)?;
    let active = cx.active()?;
    let mfa = &active.mfa;
    let address = cx.client.address.map(|address| address.ip());
    let unknown = || Fault::invalid("invalid request ID");
    let pending = mfa
        .pending
        .find(&request.mfa_request_id, cx.now)
        .ok_or_else(unknown)?;
    if pending.address != address {
        return Err(Fault::denied_with(
            "the second factor must come from where the login came from",
        ));
    }
    let mount = active.router.by_accessor(&pending.mount.accessor).await?;
    if mount.is_none_or(|mount| mount.tainted) {
        return Err(unknown());
    }
    let who = active.identity.principal(&pending.entity).await?;
    let needed = mfa.needed(&pending.mount, who.as_ref()).await?;
    // First, so that a passcode that was refused for this is not used up. Kept until the token is there.
    let place = place(active, &pending).await?;
    mfa.satisfy(&needed, &pending.entity, &given, cx.now).await?;
    let pending = mfa.pending.take(&request.mfa_request_id).ok_or_else(unknown)?;
    let door = login::Door {
        active,
        mount: &pending.mount,
        path: &pending.path,
        now: cx.now,
    };
    let issued = login::finish(door, pending.login.clone()).await?;
    drop(place);
    Ok(Answer::token(issued))
}

/// The place of the login below a limit of leases; the one it had when it came ended with that request.
async fn place(active: &Active, pending: &Pending) -> Result<Option<Place>, Fault> {
    let namespace = &*active.namespace.path;
    let role = Some(&*pending.login.role).filter(|role| !role.is_empty());
    let login = Destination {
        namespace: namespace.into(),
        path: format!("{namespace}{}", pending.path).into(),
        role,
    };
    active.quotas.place(active, &login).await
}

/// Passcodes by method: `{"method": ["123456"]}`.
fn payload(payload: &Json) -> Result<Vec<Given>, Fault> {
    let refused = || Fault::invalid("mfa_payload must be an object of lists of passcodes by method");
    let methods = payload.as_object().ok_or_else(refused)?;
    if methods.is_empty() || methods.len() > MOST {
        return Err(Fault::invalid(format!(
            "mfa_payload must name 1 to {MOST} methods"
        )));
    }
    let mut given = Vec::with_capacity(methods.len());
    for (method, passcodes) in methods {
        let passcode = match passcodes {
            Json::String(passcode) => passcode.as_str(),
            Json::Array(passcodes) => match passcodes.as_slice() {
                [] => "",
                [passcode] => passcode.as_str().ok_or_else(refused)?,
                _ => return Err(Fault::invalid("mfa_payload: one passcode for each method")),
            },
            _ => return Err(refused()),
        };
        given.push(Given::new(method, passcode));
    }
    Ok(given)
}
