//! Making, looking at and destroying secret ids.

use std::sync::Arc;

use arca_api::auth::approle as api;
use arca_api::field::{Any, CommaList};
use arca_base::{Json, Secret, Timestamp, Ttl, id, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Site, list_limit};
use arca_core::login::shown_network;
use ipnet::IpNet;

use super::AppRole;
use super::metadata;
use super::role::{Role, bounded_networks, existing, folded, name_key, roles};
use super::secret_id::{self, Made, SecretId, accessors, row_name, secrets};

const MAX_ATTEMPTS: usize = 64;
/// Longest secret id that somebody may choose, in bytes.
pub(super) const MAX_SECRET_ID_BYTES: usize = 4096;

/// What was asked of a new secret id.
struct Wanted {
    metadata: Any,
    cidr_list: Option<CommaList>,
    token_bound_cidrs: Option<CommaList>,
    num_uses: Option<i64>,
    ttl: Option<Ttl>,
}

pub(super) async fn list(_: Arc<AppRole>, cx: Cx, request: api::SecretIds) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let row = roles(&site.view).get(&folded(&request.role_name)).await?;
    let role = row.ok_or_else(|| Fault::invalid(no_role(&request.role_name)))?;
    let found = accessors(&site.view, &role.value.id)
        .list("", &request.after, list_limit(request.limit)?)
        .await?;
    Ok(Answer::names(found.names))
}

pub(super) async fn create(_: Arc<AppRole>, cx: Cx, request: api::CreateSecretId) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let wanted = Wanted {
        metadata: request.metadata,
        cidr_list: request.cidr_list,
        token_bound_cidrs: request.token_bound_cidrs,
        num_uses: request.num_uses,
        ttl: request.ttl,
    };
    let secret_id = Secret::new(id::uuid_v4(&*site.entropy));
    register(site, &request.role_name, &secret_id, &wanted).await
}

pub(super) async fn create_custom(
    _: Arc<AppRole>,
    cx: Cx,
    request: api::CustomSecretId,
) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let wanted = Wanted {
        metadata: request.metadata,
        cidr_list: request.cidr_list,
        token_bound_cidrs: request.token_bound_cidrs,
        num_uses: request.num_uses,
        ttl: request.ttl,
    };
    let length = request.secret_id.len();
    if length == 0 {
        return Err(Fault::invalid("missing secret_id"));
    }
    if length > MAX_SECRET_ID_BYTES {
        return Err(Fault::invalid(format!(
            "secret_id has {length} bytes but may have at most {MAX_SECRET_ID_BYTES}"
        )));
    }
    register(site, &request.role_name, &Secret::new(request.secret_id), &wanted).await
}

async fn register(
    site: &Site,
    role_name: &str,
    secret_id: &Secret<String>,
    wanted: &Wanted,
) -> Result<Answer, Fault> {
    let (name, key) = (folded(role_name), name_key(site).await?);
    for _ in 0..MAX_ATTEMPTS {
        let role = roles(&site.view).get(&name).await?;
        let role = role.ok_or_else(|| Fault::not_found_plain(no_role(role_name)))?;
        let secret = record(site, &role.value, wanted)?;
        let row = row_name(&key, &role.value, secret_id.expose());
        match secret_id::make(site, (&name, &role), &row, &secret).await? {
            Made::Done => {
                return Ok(Answer::data(&json_object! {
                    "secret_id" => secret_id.expose().as_str(),
                    "secret_id_accessor" => secret.accessor.as_str(),
                    "secret_id_num_uses" => secret.num_uses,
                    "secret_id_ttl" => secret.ttl.seconds(),
                }));
            }
            Made::Taken => return Err(Fault::failed("SecretID is already registered")),
            Made::Outdated => {}
        }
    }
    Err(Fault::unavailable("the role keeps changing; try again"))
}

fn no_role(name: &str) -> String {
    format!("role {name:?} does not exist")
}

/// What is kept of a new secret id: as asked, within what the role says.
fn record(site: &Site, role: &Role, wanted: &Wanted) -> Result<SecretId, Fault> {
    if !role.bind_secret_id {
        return Err(Fault::invalid("bind_secret_id is not set on the role"));
    }
    let num_uses = num_uses(role, wanted.num_uses)?;
    let ttl = match wanted.ttl {
        None => role.secret_id_ttl,
        Some(ttl) if !role.secret_id_ttl.is_zero() && (ttl.is_zero() || ttl > role.secret_id_ttl) => {
            return Err(Fault::invalid(
                "ttl cannot be longer than the role's secret_id_ttl",
            ));
        }
        Some(ttl) => ttl,
    };
    let ttl = ttl.min(site.max_ttl);
    let within = |field, given: &Option<CommaList>, limit: &[IpNet]| {
        let given = given.as_ref().map_or(&[][..], |list| &list.0);
        let networks = bounded_networks(field, given)?;
        check_within(field, &networks, limit)?;
        Ok::<_, Fault>(networks)
    };
    Ok(SecretId {
        accessor: id::uuid_v4(&*site.entropy),
        num_uses,
        ttl,
        created: site.now,
        updated: site.now,
        expires: ttl.nonzero().map(|ttl| site.now.plus(ttl)),
        metadata: metadata::parse(&wanted.metadata.0)?,
        cidr_list: within("cidr_list", &wanted.cidr_list, &role.secret_id_bound_cidrs)?,
        token_bound_cidrs: within(
            "token_bound_cidrs",
            &wanted.token_bound_cidrs,
            &role.token.bound_cidrs,
        )?,
    })
}

/// Zero is any number, and so more than a role that counts allows.
fn num_uses(role: &Role, wanted: Option<i64>) -> Result<u64, Fault> {
    let most = role.secret_id_num_uses;
    let Some(wanted) = wanted else {
        return Ok(most);
    };
    let wanted = u64::try_from(wanted).map_err(|_| Fault::invalid("num_uses cannot be negative"))?;
    if most > 0 && (wanted == 0 || wanted > most) {
        return Err(Fault::invalid(
            "num_uses cannot be higher than the role's secret_id_num_uses",
        ));
    }
    Ok(wanted)
}

fn check_within(field: &str, networks: &[IpNet], limit: &[IpNet]) -> Result<(), Fault> {
    let outside = |network: &&IpNet| !limit.iter().any(|limit| limit.contains(*network));
    match networks.iter().find(outside) {
        Some(network) if !limit.is_empty() => Err(Fault::invalid(format!(
            "{field}: {} is not within the networks of the role",
            shown_network(network)
        ))),
        _ => Ok(()),
    }
}

pub(super) async fn look_up(_: Arc<AppRole>, cx: Cx, request: api::SecretId) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let (role, row) = named(site, &request).await?;
    let found = secrets(&site.view, &role.id).get(&row).await?;
    Ok(match found.filter(|found| found.value.is_good(site.now)) {
        Some(found) => Answer::data(&describe(&found.value)),
        None => Answer::empty(),
    })
}

pub(super) async fn destroy(_: Arc<AppRole>, cx: Cx, request: api::SecretId) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let (role, row) = named(site, &request).await?;
    secret_id::destroy(site, &role.id, &row).await?;
    Ok(Answer::empty())
}

/// The role and the row a secret id of a request means.
async fn named(site: &Site, request: &api::SecretId) -> Result<(Arc<Role>, String), Fault> {
    if request.secret_id.is_empty() {
        return Err(Fault::invalid("missing secret_id"));
    }
    let role = existing(site, &request.role_name).await?;
    let row = row_name(&name_key(site).await?, &role, &request.secret_id);
    Ok((role, row))
}

pub(super) async fn look_up_accessor(
    _: Arc<AppRole>,
    cx: Cx,
    request: api::Accessor,
) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let role = existing(site, &request.role_name).await?;
    let row = by_accessor(site, &role, &request.secret_id_accessor)
        .await?
        .ok_or_else(|| Fault::not_found_bare(no_accessor(&request.secret_id_accessor)))?;
    let found = secrets(&site.view, &role.id).get(&row).await?;
    let found = found.filter(|found| found.value.is_good(site.now));
    let found = found.ok_or_else(|| Fault::not_found_bare(no_accessor(&request.secret_id_accessor)))?;
    Ok(Answer::data(&describe(&found.value)))
}

pub(super) async fn destroy_accessor(
    _: Arc<AppRole>,
    cx: Cx,
    request: api::Accessor,
) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let role = existing(site, &request.role_name).await?;
    let row = by_accessor(site, &role, &request.secret_id_accessor)
        .await?
        .ok_or_else(|| Fault::failed(no_accessor(&request.secret_id_accessor)))?;
    secret_id::destroy(site, &role.id, &row).await?;
    Ok(Answer::empty())
}

/// The row behind an accessor. Whether another role has it is nobody's business.
async fn by_accessor(site: &Site, role: &Role, accessor: &str) -> Result<Option<String>, Fault> {
    if accessor.is_empty() {
        return Err(Fault::invalid("missing secret_id_accessor"));
    }
    let known = arca_api::pattern::is_name(accessor) && accessor.len() <= 128;
    if !known {
        return Ok(None);
    }
    let found = accessors(&site.view, &role.id).get(accessor).await?;
    Ok(found.map(|row| row.value.secret.clone()))
}

fn no_accessor(accessor: &str) -> String {
    format!("failed to find accessor entry for secret_id_accessor: {accessor:?}")
}

fn describe(secret: &SecretId) -> Json {
    let networks = |list: &[IpNet]| list.iter().map(shown_network).collect::<Vec<_>>();
    let expires = secret
        .expires
        .map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), shown_time);
    json_object! {
        "secret_id_accessor" => secret.accessor.as_str(),
        "secret_id_num_uses" => secret.num_uses,
        "secret_id_ttl" => secret.ttl.seconds(),
        "creation_time" => shown_time(secret.created),
        "last_updated_time" => shown_time(secret.updated),
        "expiration_time" => expires,
        "metadata" => secret.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<Json>(),
        "cidr_list" => networks(&secret.cidr_list),
        "token_bound_cidrs" => networks(&secret.token_bound_cidrs),
    }
}

fn shown_time(time: Timestamp) -> String {
    time.to_string()
}
