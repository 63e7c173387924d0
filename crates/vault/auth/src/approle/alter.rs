//! Changing a role together with the way from its role id to it, in one commit.

use arca_core::Fault;
use arca_core::barrier::{Row, Writes};
use arca_core::engine::Site;
use arca_crypto::mac::MacKey;

use super::role::{Role, RoleIdRow, name_key, role_id_row, role_ids, roles};

const MAX_ATTEMPTS: usize = 64;

/// Lets `change` make a new role out of what is there, again from the start when another writer was faster.
/// `None` leaves everything as it is.
pub(super) async fn role(
    site: &Site,
    name: &str,
    change: impl Fn(Option<&Role>) -> Result<Option<Role>, Fault>,
) -> Result<(), Fault> {
    let key = name_key(site).await?;
    for _ in 0..MAX_ATTEMPTS {
        let found = roles(&site.view).get(name).await?;
        let Some(role) = change(found.as_ref().map(|row| &*row.value))? else {
            return Ok(());
        };
        let writes = writes(site, &key, name, found.as_ref(), &role).await?;
        match site.view.commit(writes).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::unavailable("the role keeps changing; try again"))
}

async fn writes(
    site: &Site,
    key: &MacKey,
    name: &str,
    found: Option<&Row<Role>>,
    role: &Role,
) -> Result<Writes, Fault> {
    let (roles, role_ids) = (roles(&site.view), role_ids(&site.view));
    let mut writes = Writes::new();
    roles.expect_in(&mut writes, name, found);
    roles.put_in(&mut writes, name, role)?;
    let before = found.map(|row| row.value.role_id.as_str());
    if before == Some(role.role_id.as_str()) {
        return Ok(writes);
    }
    let row = role_id_row(key, &role.role_id);
    if role_ids.get(&row).await?.is_some() {
        return Err(Fault::failed("role_id already in use"));
    }
    role_ids.expect_in(&mut writes, &row, None);
    role_ids.put_in(
        &mut writes,
        &row,
        &RoleIdRow {
            role: name.to_owned(),
        },
    )?;
    if let Some(before) = before {
        role_ids.delete_in(&mut writes, &role_id_row(key, before));
    }
    Ok(writes)
}
