//! The record of a role, what it may say, and how it is found.

use std::sync::Arc;

use arca_api::auth::approle::WriteRole;
use arca_base::json::Object;
use arca_base::{Entropy, Json, Secret, Ttl, entropy, id};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored, View};
use arca_core::engine::Site;
use arca_core::login::{TokenSettings, parse_networks, shown_network};
use arca_crypto::mac::MacKey;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Longest role id that somebody may choose, in bytes.
pub(super) const MAX_ROLE_ID_BYTES: usize = 512;
/// Most networks of one list.
pub(super) const MAX_NETWORKS: usize = 256;

/// A role, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    /// Names the folders of its secret ids; never shown, never used again.
    pub(super) id: String,
    /// Which role a login is for.
    pub(super) role_id: String,
    /// Whether a login needs a secret id.
    pub(super) bind_secret_id: bool,
    /// Networks logins may come from; none for any.
    pub(super) secret_id_bound_cidrs: Vec<IpNet>,
    /// Logins a secret id is good for; zero for any number.
    pub(super) secret_id_num_uses: u64,
    /// How long secret ids live; zero for ever.
    pub(super) secret_id_ttl: Ttl,
    /// Kept for clients that set it; every node sees every secret id.
    pub(super) local_secret_ids: bool,
    /// What tokens are like.
    pub(super) token: TokenSettings,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            id: String::new(),
            role_id: String::new(),
            bind_secret_id: true,
            secret_id_bound_cidrs: Vec::new(),
            secret_id_num_uses: 0,
            secret_id_ttl: Ttl::ZERO,
            local_secret_ids: false,
            token: TokenSettings::default(),
        }
    }
}

impl Stored for Role {
    const VERSION: u8 = 1;
    const NAME: &'static str = "approle role";
}

/// From a role id to its role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RoleIdRow {
    pub(super) role: String,
}

impl Stored for RoleIdRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "role id";
}

/// What keys the names of role ids and secret ids.
#[derive(Clone, Serialize, Deserialize)]
struct NameKey {
    /// 32 bytes in hexadecimal.
    hex: String,
}

impl Stored for NameKey {
    const VERSION: u8 = 1;
    const NAME: &'static str = "approle key";
}

/// Roles by name.
pub(super) fn roles(view: &View) -> Rows<Role> {
    Rows::new(view.folder("role/"))
}

/// Names of roles by keyed hash of their role id.
pub(super) fn role_ids(view: &View) -> Rows<RoleIdRow> {
    Rows::new(view.folder("role-id/"))
}

/// The key of the names; made when it is first needed.
pub(super) async fn name_key(site: &Site) -> Result<MacKey, Fault> {
    let rows = Rows::<NameKey>::new(site.view.clone());
    let hex = match rows.get("key").await? {
        Some(row) => row.value.hex.clone(),
        None => {
            rows.update("key", |found| {
                let kept = found.map(|key| (Change::Keep, key.hex.clone()));
                Ok::<_, Fault>(kept.unwrap_or_else(|| {
                    let hex = id::hex(&entropy::bytes::<32>(&*site.entropy));
                    (Change::Put(NameKey { hex: hex.clone() }), hex)
                }))
            })
            .await?
        }
    };
    let bytes = Secret::new(id::unhex(&hex).unwrap_or_default());
    Ok(MacKey::new(bytes.expose()))
}

/// The row name of a role id.
pub(super) fn role_id_row(key: &MacKey, role_id: &str) -> String {
    let mut name = String::with_capacity(64);
    key.sign_hex_onto(format!("role-id\0{role_id}").as_bytes(), &mut name);
    name
}

/// The form in which names of roles are kept: they do not differ by case.
pub(super) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// The role called `name`, for endpoints that are about something in it.
pub(super) async fn existing(site: &Site, name: &str) -> Result<Arc<Role>, Fault> {
    let row = roles(&site.view).get(&folded(name)).await?;
    row.map(|row| row.value)
        .ok_or_else(|| Fault::failed(format!("role {name:?} does not exist")))
}

impl Role {
    /// A role nobody has said anything about.
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        Self {
            id: id::hex(&entropy::bytes::<16>(entropy)),
            role_id: id::uuid_v4(entropy),
            ..Self::default()
        }
    }

    /// A role that has no secret ids: what a login with an unknown role id is tried against.
    pub(super) fn nobody() -> Self {
        Self {
            id: "nobody".to_owned(),
            ..Self::default()
        }
    }

    /// Changes what was given and leaves the rest.
    pub(super) fn change(&mut self, given: &WriteRole) -> Result<(), Fault> {
        if let Some(role_id) = &given.role_id {
            check_role_id(role_id)?;
            self.role_id.clone_from(role_id);
        }
        let networks = given
            .secret_id_bound_cidrs
            .as_ref()
            .or(given.bound_cidr_list.as_ref());
        if let Some(networks) = networks {
            self.secret_id_bound_cidrs = bounded_networks("secret_id_bound_cidrs", &networks.0)?;
        }
        if let Some(uses) = given.secret_id_num_uses {
            self.secret_id_num_uses =
                u64::try_from(uses).map_err(|_| Fault::invalid("secret_id_num_uses cannot be negative"))?;
        }
        self.bind_secret_id = given.bind_secret_id.unwrap_or(self.bind_secret_id);
        self.secret_id_ttl = given.secret_id_ttl.unwrap_or(self.secret_id_ttl);
        self.token.change(&given.token_parameters())?;
        self.check()
    }

    /// A role must ask for something besides its role id, which is not a secret.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let bound = !self.secret_id_bound_cidrs.is_empty() || !self.token.bound_cidrs.is_empty();
        if self.bind_secret_id || bound {
            return Ok(());
        }
        Err(Fault::failed(
            "at least one constraint should be enabled on the role",
        ))
    }

    /// What a role shows: no role id, which is half of its credentials.
    pub(super) fn describe(&self) -> Object {
        let networks: Vec<String> = self.secret_id_bound_cidrs.iter().map(shown_network).collect();
        let mut members = Object::new();
        let shown: [(&str, Json); 5] = [
            ("bind_secret_id", self.bind_secret_id.into()),
            ("local_secret_ids", self.local_secret_ids.into()),
            ("secret_id_bound_cidrs", networks.into()),
            ("secret_id_num_uses", self.secret_id_num_uses.into()),
            ("secret_id_ttl", self.secret_id_ttl.seconds().into()),
        ];
        members.extend(shown.map(|(name, value)| (name.to_owned(), value)));
        self.token.describe_in(&mut members);
        members
    }
}

/// Role ids are what people choose, within reason.
pub(super) fn check_role_id(role_id: &str) -> Result<(), Fault> {
    if role_id.is_empty() {
        return Err(Fault::invalid("missing role_id"));
    }
    if role_id.len() > MAX_ROLE_ID_BYTES {
        return Err(Fault::invalid(format!(
            "role_id has {} bytes but may have at most {MAX_ROLE_ID_BYTES}",
            role_id.len()
        )));
    }
    Ok(())
}

/// Networks of a field.
pub(super) fn bounded_networks(field: &str, texts: &[String]) -> Result<Vec<IpNet>, Fault> {
    if texts.len() > MAX_NETWORKS {
        return Err(Fault::invalid(format!(
            "{field} has {} entries but may have at most {MAX_NETWORKS}",
            texts.len()
        )));
    }
    parse_networks(texts)
}
