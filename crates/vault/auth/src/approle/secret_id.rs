//! The record of a secret id, and the commits that make, use and remove one.

use std::collections::BTreeMap;

use arca_base::{Timestamp, Ttl};
use arca_core::Fault;
use arca_core::barrier::{Row, Rows, Stored, View, Writes};
use arca_core::engine::Site;
use arca_crypto::mac::MacKey;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::role::Role;

const MAX_ATTEMPTS: usize = 64;

/// A secret id, as stored: everything but itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SecretId {
    /// Names it without giving its power.
    pub(super) accessor: String,
    /// Logins left; zero for any number.
    pub(super) num_uses: u64,
    /// How long it was made to live; zero for ever.
    pub(super) ttl: Ttl,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When it was last used, if uses are counted.
    pub(super) updated: Timestamp,
    /// When it ends.
    pub(super) expires: Option<Timestamp>,
    /// Texts shown with the tokens of its logins.
    pub(super) metadata: BTreeMap<String, String>,
    /// Networks logins may come from.
    pub(super) cidr_list: Vec<IpNet>,
    /// Networks its tokens may be used from.
    pub(super) token_bound_cidrs: Vec<IpNet>,
}

impl Stored for SecretId {
    const VERSION: u8 = 1;
    const NAME: &'static str = "secret id";
}

/// From an accessor to the row of its secret id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AccessorRow {
    pub(super) secret: String,
}

impl Stored for AccessorRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "secret id accessor";
}

/// What became of a secret id that was to be made.
pub(super) enum Made {
    /// It is there now.
    Done,
    /// It was there before.
    Taken,
    /// The role changed meanwhile.
    Outdated,
}

impl SecretId {
    /// Whether it can be used at `now`.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

/// Name of the row of a secret id among those of its role.
pub(super) fn row_name(key: &MacKey, role: &Role, secret_id: &str) -> String {
    let mut name = String::with_capacity(64);
    key.sign_hex_onto(
        format!("secret-id\0{}\0{secret_id}", role.id).as_bytes(),
        &mut name,
    );
    name
}

/// Secret ids of a role by keyed hash.
pub(super) fn secrets(view: &View, role: &str) -> Rows<SecretId> {
    Rows::new(view.folder(&format!("secret/{role}/")))
}

/// Rows of secret ids of a role by accessor.
pub(super) fn accessors(view: &View, role: &str) -> Rows<AccessorRow> {
    Rows::new(view.folder(&format!("accessor/{role}/")))
}

/// Name of the entry among those in the order of expiry.
pub(super) fn due_name(expires: Timestamp, role: &str, row: &str) -> String {
    format!("{:020}-{role}-{row}", expires.unix_seconds())
}

/// Makes a secret id, if the role is still as it was read: one that is deleted meanwhile must not leave secret ids.
pub(super) async fn make(
    site: &Site,
    (role_name, role): (&str, &Row<Role>),
    row: &str,
    secret: &SecretId,
) -> Result<Made, Fault> {
    let (view, role_id) = (&site.view, &*role.value.id);
    let secrets = secrets(view, role_id);
    if secrets.get(row).await?.is_some() {
        return Ok(Made::Taken);
    }
    let mut writes = Writes::new();
    super::role::roles(view).expect_in(&mut writes, role_name, Some(role));
    secrets.expect_in(&mut writes, row, None);
    secrets.put_in(&mut writes, row, secret)?;
    accessors(view, role_id).put_in(
        &mut writes,
        &secret.accessor,
        &AccessorRow {
            secret: row.to_owned(),
        },
    )?;
    if let Some(expires) = secret.expires {
        writes.put(
            view.folder("due/").key(&due_name(expires, role_id, row)),
            Vec::new(),
        );
    }
    match view.commit(writes).await {
        Ok(_) => Ok(Made::Done),
        Err(error) if error.is_conflict() => Ok(Made::Outdated),
        Err(error) => Err(error.into()),
    }
}

/// Adds the removal of a secret id to `writes`.
pub(super) fn remove_in(view: &View, writes: &mut Writes, role: &str, row: &str, secret: &SecretId) {
    secrets(view, role).delete_in(writes, row);
    accessors(view, role).delete_in(writes, &secret.accessor);
    if let Some(expires) = secret.expires {
        writes.delete(view.folder("due/").key(&due_name(expires, role, row)));
    }
}

/// Counts a login. `false` when there is nothing left to count: another login, or somebody who destroyed the
/// secret id, was faster.
pub(super) async fn use_up(site: &Site, role: &str, row: &str) -> Result<bool, Fault> {
    let (view, rows) = (&site.view, secrets(&site.view, role));
    for _ in 0..MAX_ATTEMPTS {
        let found = rows.get(row).await?;
        let Some(secret) = found.as_ref().map(|row| &row.value) else {
            return Ok(false);
        };
        let mut writes = Writes::new();
        match secret.num_uses {
            0 => return Ok(true),
            1 => remove_in(view, &mut writes, role, row, secret),
            left => {
                let counted = SecretId {
                    num_uses: left - 1,
                    updated: site.now,
                    ..(**secret).clone()
                };
                rows.put_in(&mut writes, row, &counted)?;
            }
        }
        rows.expect_in(&mut writes, row, found.as_ref());
        match view.commit(writes).await {
            Ok(_) => return Ok(true),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::unavailable(
        "too many logins with this secret id at once; try again",
    ))
}

/// Removes a secret id, whatever happens to it meanwhile.
pub(super) async fn destroy(site: &Site, role: &str, row: &str) -> Result<(), Fault> {
    let Some(found) = secrets(&site.view, role).get(row).await? else {
        return Ok(());
    };
    let mut writes = Writes::new();
    remove_in(&site.view, &mut writes, role, row, &found.value);
    site.view.commit(writes).await?;
    Ok(())
}
