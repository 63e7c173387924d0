//! What this server adds to the users and groups of the directory: policies, and further groups.

use std::sync::Arc;

use arca_api::auth::ldap as api;
use arca_api::sys::Page;
use arca_base::json_object;
use arca_core::Fault;
use arca_core::barrier::{Rows, Stored};
use arca_core::engine::{Answer, Cx, Site, list_limit};
use serde::{Deserialize, Serialize};

use super::Ldap;
use super::config::Config;

/// Longest name, in bytes.
pub(super) const LONGEST_NAME: usize = 256;
/// Most policies, and most groups, of one name.
const MOST: usize = 512;

/// Policies of a group, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Group {
    pub(super) policies: Vec<String>,
}

/// Policies and further groups of a user, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) policies: Vec<String>,
    pub(super) groups: Vec<String>,
}

impl Stored for Group {
    const VERSION: u8 = 1;
    const NAME: &'static str = "LDAP group";
}

impl Stored for User {
    const VERSION: u8 = 1;
    const NAME: &'static str = "LDAP user";
}

/// Groups by name.
pub(super) fn groups(site: &Site) -> Rows<Group> {
    Rows::new(site.view.folder("group/"))
}

/// Users by name.
pub(super) fn users(site: &Site) -> Rows<User> {
    Rows::new(site.view.folder("user/"))
}

/// A name without what directories do not tell apart: spaces around it, several for one.
pub(super) fn trimmed(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ")
}

/// The same in lower case.
pub(super) fn folded(name: &str) -> String {
    trimmed(name).to_lowercase()
}

/// Whether a name can be that of a record.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.chars().any(char::is_control)
        && name.split('/').all(|part| !part.is_empty())
}

/// The name of a record.
async fn row(site: &Site, name: &str) -> Result<String, Fault> {
    if !is_name(name) {
        return Err(Fault::invalid(format!(
            "name must have 1 to {LONGEST_NAME} bytes, no control characters and no empty part between slashes"
        )));
    }
    let config = Config::stored(site).await?.unwrap_or_default();
    Ok(config.compared(name))
}

fn policies(field: &str, given: Vec<String>) -> Result<Vec<String>, Fault> {
    if given.len() > MOST {
        return Err(Fault::invalid(format!("{field} may name at most {MOST}")));
    }
    let mut policies: Vec<String> = given.iter().map(|name| name.to_lowercase()).collect();
    policies.sort_unstable();
    policies.dedup();
    Ok(policies)
}

pub(super) async fn list_groups(_: Arc<Ldap>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let limit = list_limit(page.limit)?;
    Ok(Answer::names(
        groups(cx.site()?).list("", &page.after, limit).await?.names,
    ))
}

pub(super) async fn read_group(_: Arc<Ldap>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let found = groups(site).get(&row(site, &request.name).await?).await?;
    let group = found.ok_or_else(Fault::absent)?.value;
    Ok(Answer::data(
        &json_object! { "policies" => group.policies.clone() },
    ))
}

pub(super) async fn write_group(_: Arc<Ldap>, cx: Cx, request: api::WriteGroup) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let name = row(site, &request.name).await?;
    let group = Group {
        policies: policies("policies", request.policies.into_vec())?,
    };
    groups(site).put(&name, &group).await?;
    Ok(Answer::empty())
}

pub(super) async fn delete_group(_: Arc<Ldap>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    groups(site).delete(&row(site, &request.name).await?).await?;
    Ok(Answer::empty())
}

pub(super) async fn list_users(_: Arc<Ldap>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let limit = list_limit(page.limit)?;
    Ok(Answer::names(
        users(cx.site()?).list("", &page.after, limit).await?.names,
    ))
}

pub(super) async fn read_user(_: Arc<Ldap>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let found = users(site).get(&row(site, &request.name).await?).await?;
    let user = found.ok_or_else(Fault::absent)?.value;
    Ok(Answer::data(&json_object! {
        "policies" => user.policies.clone(),
        // One text, as clients of this API expect.
        "groups" => user.groups.join(","),
    }))
}

pub(super) async fn write_user(_: Arc<Ldap>, cx: Cx, request: api::WriteUser) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let name = row(site, &request.name).await?;
    if request.groups.0.len() > MOST {
        return Err(Fault::invalid(format!("groups may name at most {MOST}")));
    }
    let user = User {
        policies: policies("policies", request.policies.into_vec())?,
        groups: request.groups.into_vec(),
    };
    users(site).put(&name, &user).await?;
    Ok(Answer::empty())
}

pub(super) async fn delete_user(_: Arc<Ldap>, cx: Cx, request: api::Name) -> Result<Answer, Fault> {
    let site = cx.site()?;
    users(site).delete(&row(site, &request.name).await?).await?;
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_directory_takes_for_one_are_one() {
        for name in ["ann smith", " Ann  SMITH ", "ANN\u{a0}Smith"] {
            assert_eq!(folded(name), "ann smith");
        }
        assert_eq!(trimmed(" Ann  S "), "Ann S");
        for bad in ["", "a//b", "/a", "a/", "a\0", &"n".repeat(257)] {
            assert!(!is_name(bad), "{bad:?}");
        }
        assert!(is_name("R&D, EU/Ops"));
    }
}
