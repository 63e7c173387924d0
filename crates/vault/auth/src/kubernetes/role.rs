//! Roles: which service accounts may log in, and what their tokens are like.

use std::sync::Arc;

use arca_api::auth::kubernetes as api;
use arca_api::field::CommaList;
use arca_api::sys::Page;
use arca_base::{Json, glob, json_object};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored};
use arca_core::engine::{Answer, Cx, Site, list_limit};
use arca_core::login::TokenSettings;
use serde::{Deserialize, Serialize};

use super::Kubernetes;
use super::selector::LabelSelector;

/// Most names, and most namespaces, of one role.
const MOST: usize = 256;

/// Longest name, namespace or audience.
const LONGEST: usize = 512;

/// A role, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) names: Vec<String>,
    pub(super) namespaces: Vec<String>,
    pub(super) selector: Option<LabelSelector>,
    pub(super) audience: String,
    pub(super) alias: AliasSource,
    pub(super) token: TokenSettings,
}

/// What identifies a service account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AliasSource {
    /// Its identifier: an account that is made again is another one.
    #[default]
    #[serde(rename = "serviceaccount_uid")]
    Uid,
    /// Its namespace and name.
    #[serde(rename = "serviceaccount_name")]
    Name,
}

impl Stored for Role {
    const VERSION: u8 = 1;
    const NAME: &'static str = "role of a kubernetes auth method";
}

impl AliasSource {
    const fn name(self) -> &'static str {
        match self {
            Self::Uid => "serviceaccount_uid",
            Self::Name => "serviceaccount_name",
        }
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "" | "serviceaccount_uid" => Ok(Self::Uid),
            "serviceaccount_name" => Ok(Self::Name),
            _ => Err(Fault::invalid(
                "invalid alias_name_source, must be one of: serviceaccount_uid, serviceaccount_name",
            )),
        }
    }
}

impl Role {
    /// The roles of a mount.
    pub(super) fn rows(site: &Site) -> Rows<Self> {
        Rows::new(site.view.folder("role/"))
    }

    /// The role called `name`.
    pub(super) async fn stored(site: &Site, name: &str) -> Result<Option<Arc<Self>>, Fault> {
        let row = Self::rows(site).get(&name.to_lowercase()).await?;
        Ok(row.map(|row| row.value))
    }

    /// Whether it names the service account.
    pub(super) fn binds_name(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| glob::matches(pattern, name))
    }

    /// Whether it names the namespace.
    pub(super) fn binds_namespace(&self, namespace: &str) -> bool {
        self.namespaces
            .iter()
            .any(|pattern| glob::matches(pattern, namespace))
    }

    fn change(&mut self, request: &api::WriteRole) -> Result<(), Fault> {
        if let Some(names) = &request.bound_service_account_names {
            self.names = patterns("bound_service_account_names", names)?;
        }
        if let Some(namespaces) = &request.bound_service_account_namespaces {
            self.namespaces = patterns("bound_service_account_namespaces", namespaces)?;
        }
        let selector = LabelSelector::read(&request.bound_service_account_namespace_selector.0);
        self.selector = selector.map_err(|reason| {
            Fault::invalid(format!(
                "invalid \"bound_service_account_namespace_selector\" configured: {reason}"
            ))
        })?;
        if let Some(audience) = &request.audience {
            at_most("audience", audience.len(), LONGEST, "bytes")?;
            self.audience.clone_from(audience);
        }
        if let Some(source) = &request.alias_name_source {
            self.alias = AliasSource::parse(source)?;
        }
        self.token.change(&request.token_parameters())?;
        self.check()
    }

    fn check(&self) -> Result<(), Fault> {
        if self.names.is_empty() {
            return Err(Fault::invalid("\"bound_service_account_names\" can not be empty"));
        }
        if self.namespaces.is_empty() && self.selector.is_none() {
            return Err(Fault::invalid(
                "\"bound_service_account_namespaces\" can not be empty if \"bound_service_account_namespace_selector\" is not set",
            ));
        }
        Ok(())
    }

    fn describe(&self) -> Json {
        let mut shown = json_object! {
            "bound_service_account_names" => self.names.clone(),
            "bound_service_account_namespaces" => self.namespaces.clone(),
            "bound_service_account_namespace_selector" =>
                self.selector.as_ref().map(LabelSelector::to_text).unwrap_or_default(),
            "audience" => self.audience.as_str(),
            "alias_name_source" => self.alias.name(),
        };
        if let Json::Object(members) = &mut shown {
            self.token.describe_in(members);
        }
        shown
    }
}

fn patterns(field: &str, given: &CommaList) -> Result<Vec<String>, Fault> {
    let patterns: Vec<String> = given
        .0
        .iter()
        .filter(|pattern| !pattern.is_empty())
        .cloned()
        .collect();
    at_most(field, patterns.len(), MOST, "entries")?;
    let longest = patterns.iter().map(String::len).max().unwrap_or(0);
    at_most(field, longest, LONGEST, "bytes in one entry")?;
    if patterns.len() > 1 && patterns.iter().any(|pattern| pattern == "*") {
        return Err(Fault::invalid(format!("{field}: can not mix \"*\" with values")));
    }
    Ok(patterns)
}

fn at_most(field: &str, found: usize, most: usize, unit: &str) -> Result<(), Fault> {
    if found > most {
        return Err(Fault::invalid(format!(
            "{field} has {found} {unit} but may have at most {most}"
        )));
    }
    Ok(())
}

pub(super) async fn list(_: Arc<Kubernetes>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let roles = Role::rows(cx.site()?)
        .list("", &page.after, list_limit(page.limit)?)
        .await?;
    Ok(Answer::names(roles.names))
}

pub(super) async fn exists(_: Arc<Kubernetes>, cx: Cx, role: api::RoleName) -> Result<bool, Fault> {
    Ok(Role::stored(cx.site()?, &role.name).await?.is_some())
}

pub(super) async fn read(_: Arc<Kubernetes>, cx: Cx, role: api::RoleName) -> Result<Answer, Fault> {
    let role = Role::stored(cx.site()?, &role.name).await?;
    Ok(Answer::data(&role.ok_or_else(Fault::absent)?.describe()))
}

pub(super) async fn write(_: Arc<Kubernetes>, cx: Cx, request: api::WriteRole) -> Result<Answer, Fault> {
    let rows = Role::rows(cx.site()?);
    rows.update(&request.name.to_lowercase(), |found| {
        let mut role = found.cloned().unwrap_or_default();
        role.change(&request)?;
        Ok::<_, Fault>((Change::Put(role), ()))
    })
    .await?;
    Ok(Answer::empty())
}

pub(super) async fn delete(_: Arc<Kubernetes>, cx: Cx, role: api::RoleName) -> Result<Answer, Fault> {
    Role::rows(cx.site()?).delete(&role.name.to_lowercase()).await?;
    Ok(Answer::empty())
}
