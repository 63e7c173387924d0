//! Users in a database beside the leases there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arca_api::database as api;
use arca_base::{Json, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Site};

use super::connection::failed;
use super::driver::{Fullness, Holdings, KnownUser};
use super::lease::Internal;
use super::{Databases, config, intent, username};

/// Users and leases named in one answer; more are only counted.
const MOST_NAMED: usize = 1000;

pub(super) async fn read(engine: Arc<Databases>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    if config::rows(site).get(&request.name).await?.is_none() {
        return Err(Fault::absent());
    }
    let (config, connection) = engine.connection(site, &request.name).await?;
    let prefix = &username::prefix(
        config.username_template(connection.kind),
        &*site.entropy,
        site.now,
    );
    // In this order: a user made in between is neither here nor there, one that was here has its lease by then.
    let holdings = connection
        .call(site, |driver| async move { driver.holdings(prefix).await })
        .await
        .map_err(failed)?;
    let leased = leased(site, &request.name).await?;
    let making: BTreeSet<String> = intent::rows(site)
        .all()
        .await?
        .into_iter()
        .filter(|(_, making)| making.db_name == request.name)
        .map(|(_, making)| making.username)
        .collect();
    Ok(Answer::data(&compare(prefix, &holdings, &leased, &making)))
}

/// Leases by the users they stand for.
async fn leased(site: &Site, db_name: &str) -> Result<BTreeMap<String, String>, Fault> {
    let mut leased = BTreeMap::new();
    site.leases
        .each("creds/", |lease| {
            if let Some(internal) = Internal::of(lease).filter(|internal| internal.db_name == db_name) {
                leased.insert(internal.username, lease.id.clone());
            }
            true
        })
        .await?;
    Ok(leased)
}

fn compare(
    prefix: &str,
    holdings: &Holdings,
    leased: &BTreeMap<String, String>,
    making: &BTreeSet<String>,
) -> Json {
    let stray: Vec<&KnownUser> = holdings
        .users
        .iter()
        .filter(|user| !leased.contains_key(&user.username) && !making.contains(&user.username))
        .collect();
    let there: BTreeSet<&str> = holdings.users.iter().map(|user| user.username.as_str()).collect();
    let missing: Vec<(&String, &String)> = leased
        .iter()
        .filter(|(username, _)| username.starts_with(prefix) && !there.contains(username.as_str()))
        .collect();
    let users = stray.iter().take(MOST_NAMED).map(|user| {
        json_object! {
            "username" => user.username.as_str(),
            "may_log_in" => user.may_log_in,
            "sessions" => user.sessions,
        }
    });
    let leases = missing.iter().take(MOST_NAMED).map(|(username, lease)| {
        json_object! { "lease_id" => lease.as_str(), "username" => username.as_str() }
    });
    json_object! {
        "username_prefix" => prefix,
        "user_count" => holdings.users.len() as u64,
        "lease_count" => leased.len() as u64,
        "users_without_lease_count" => stray.len() as u64,
        "users_without_lease" => users.collect::<Vec<Json>>(),
        "leases_without_user_count" => missing.len() as u64,
        "leases_without_user" => leases.collect::<Vec<Json>>(),
        "sessions_of_dropped_users" => holdings.ghost_sessions,
        "fullness" => holdings.fullness.iter().map(fullness).collect::<Vec<Json>>(),
    }
}

fn fullness(fullness: &Fullness) -> Json {
    json_object! {
        "what" => fullness.what.as_str(),
        "used" => fullness.used,
        "limit" => fullness.limit,
        "percent" => (fullness.used * 100).checked_div(fullness.limit).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strays_and_gaps_are_named() {
        let user = |name: &str| KnownUser {
            username: name.to_owned(),
            may_log_in: true,
            sessions: 1,
        };
        let holdings = Holdings {
            users: vec![user("v-a"), user("v-b"), user("v-c")],
            ghost_sessions: 2,
            fullness: vec![],
        };
        let leased = BTreeMap::from([
            ("v-a".into(), "db/creds/r/1".into()),
            ("v-d".into(), "db/creds/r/2".into()),
        ]);
        let making = BTreeSet::from(["v-c".to_owned()]);
        let found = compare("v-", &holdings, &leased, &making);
        let text = found.to_text().into_string();
        assert!(
            text.contains(r#""users_without_lease":[{"may_log_in":true,"sessions":1,"username":"v-b"}]"#),
            "{text}"
        );
        assert!(
            text.contains(r#""leases_without_user":[{"lease_id":"db/creds/r/2","username":"v-d"}]"#),
            "{text}"
        );
    }
}
