//! Extending and dropping users, and looking whether they are gone.

use arca_base::{Json, JsonText, Timestamp, Ttl};
use arca_core::Fault;
use arca_core::engine::Site;
use arca_core::leases::{Ended, Lease, Proof, Renewal};
use serde::{Deserialize, Serialize};

use super::Databases;
use super::connection::{Connection, failed};
use super::driver::{DriverError, Remains};
use super::role::{self, Role};

/// How much later than its lease the database lets a user end.
pub(super) const SLACK: Ttl = Ttl::from_seconds(5);

/// What a lease remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Internal {
    pub(super) username: String,
    pub(super) role: String,
    pub(super) db_name: String,
    pub(super) revocation_statements: Vec<String>,
    pub(super) entity: String,
    /// What it counts by; empty where its role has no limits, or had none.
    pub(super) ticket: String,
}

impl Internal {
    pub(super) fn of(lease: &Lease) -> Option<Self> {
        serde_json::from_str(lease.internal.as_ref()?.as_str()).ok()
    }

    pub(super) fn to_text(&self) -> Result<JsonText, Fault> {
        Ok(Json::from_serialize(self).map_err(Fault::internal)?.to_text())
    }
}

fn internal(lease: &Lease) -> Result<Internal, Fault> {
    Internal::of(lease).ok_or_else(|| Fault::failed("secret is missing username internal data"))
}

async fn current_role(site: &Site, name: &str) -> Result<Option<std::sync::Arc<Role>>, Fault> {
    Ok(role::rows(site).get(name).await?.map(|row| row.value))
}

async fn role_to_renew(site: &Site, internal: &Internal) -> Result<std::sync::Arc<Role>, Fault> {
    let name = &internal.role;
    current_role(site, name).await?.ok_or_else(|| {
        Fault::failed(format!(
            "error during renew: could not find role with name {name:?}"
        ))
    })
}

/// How far a lease may be extended: what its role says now.
pub(super) async fn terms(site: &Site, lease: &Lease) -> Result<Renewal, Fault> {
    let role = role_to_renew(site, &internal(lease)?).await?;
    Ok(Renewal {
        ttl: role.default_ttl,
        max_ttl: role.max_ttl,
        data: None,
    })
}

/// Lets the user of a lease live until `end`.
pub(super) async fn extend(
    engine: &Databases,
    site: &Site,
    lease: &Lease,
    end: Timestamp,
) -> Result<(), Fault> {
    let internal = internal(lease)?;
    let role = role_to_renew(site, &internal).await?;
    let (_, connection) = engine.connection(site, &role.db_name).await?;
    let end = end.plus(SLACK);
    connection
        .call(site, |driver| async move {
            driver.extend_user(&internal.username, end, &role.renewal).await
        })
        .await
        .map_err(failed)
}

/// Drops the user of a lease and looks whether it is gone.
pub(super) async fn revoke(engine: &Databases, site: &Site, lease: &Lease) -> Result<Ended, Fault> {
    let internal = internal(lease)?;
    let role = current_role(site, &internal.role).await?;
    let (db_name, revocation) = match &role {
        Some(role) => (&role.db_name, &role.revocation),
        None if internal.db_name.is_empty() => {
            return Err(Fault::failed(format!(
                "error during revoke: could not find role with name {:?} or embedded revocation statement data",
                internal.role
            )));
        }
        None => (&internal.db_name, &internal.revocation_statements),
    };
    let (config, connection) = engine.connection(site, db_name).await?;
    let username = &internal.username;
    let mut remarks = Vec::new();
    if config.end_sessions {
        let ended = connection
            .call(site, |driver| async move { driver.end_sessions(username).await })
            .await;
        match ended {
            Ok(0) => {}
            Ok(count) => remarks.push(format!("{count} sessions of user {username:?} were ended")),
            Err(DriverError::Unsupported(_)) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let notes = drop_user(site, &connection, username, revocation)
        .await
        .map_err(failed)?;
    remarks.extend(
        notes
            .iter()
            .map(|note| format!("role {:?}: {note}", internal.role)),
    );
    let proof = match connection
        .call(site, |driver| async move { driver.remains(username).await })
        .await
    {
        Ok(remains) => judge(username, remains, &mut remarks)?,
        Err(DriverError::Unsupported(_)) => Proof::Unasked,
        Err(error) => return Err(failed(error)),
    };
    super::quota::give_back(engine, site, &internal.role, &internal.ticket).await?;
    tracing::info!(lease = %lease.id, username, proof = proof.label(), "user dropped");
    Ok(Ended { proof, remarks })
}

pub(super) async fn drop_user(
    site: &Site,
    connection: &Connection,
    username: &str,
    revocation: &[String],
) -> Result<Vec<String>, DriverError> {
    connection
        .call(site, |driver| async move {
            driver.drop_user(username, revocation).await
        })
        .await
}

/// What is left of a user, in words; a user that can still log in is not revoked.
fn judge(username: &str, remains: Remains, remarks: &mut Vec<String>) -> Result<Proof, Fault> {
    if remains.exists && remains.may_log_in {
        return Err(Fault::failed(format!(
            "user {username:?} is still there and can log in after its revocation; correct revocation_statements"
        )));
    }
    let before = remarks.len();
    if remains.exists {
        remarks.push(format!(
            "user {username:?} cannot log in any more, but is still there"
        ));
    }
    if remains.sessions > 0 {
        remarks.push(format!(
            "{} sessions of user {username:?} are still open; set end_sessions=true on the configuration to end them with the lease",
            remains.sessions
        ));
    }
    if remains.grants > 0 {
        remarks.push(format!("{} rights of user {username:?} are left", remains.grants));
    }
    Ok(if remarks.len() == before {
        Proof::Gone
    } else {
        Proof::Left
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told() {
        let mut remarks = Vec::new();
        assert_eq!(judge("u", Remains::default(), &mut remarks).unwrap(), Proof::Gone);
        assert!(remarks.is_empty());
        let locked = Remains {
            exists: true,
            may_log_in: false,
            sessions: 2,
            grants: 3,
        };
        assert_eq!(judge("u", locked, &mut remarks).unwrap(), Proof::Left);
        assert_eq!(remarks.len(), 3);
        let alive = Remains {
            may_log_in: true,
            ..locked
        };
        assert!(judge("u", alive, &mut remarks).is_err());
    }
}
