//! Roles: which tokens are accepted, and what the tokens given for them are like.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arca_api::auth::jwt as api;
use arca_api::sys::Page;
use arca_base::{GoDuration, Json, json_object};
use arca_core::Fault;
use arca_core::barrier::{Change, Rows, Stored};
use arca_core::engine::{Answer, Cx, Site, list_limit};
use arca_core::login::TokenSettings;
use arca_crypto::jws::Leeway;
use serde::{Deserialize, Serialize};

use super::Jwt;
use super::bounds::{Bounds, Comparison, at_most};
use super::config::Config;

/// Most entries of one list, and longest text of one field, in bytes.
const MOST: usize = 256;
const LONGEST: usize = 2048;

/// A role, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) kind: RoleType,
    pub(super) bound_audiences: Vec<String>,
    pub(super) subject: String,
    pub(super) bounds: Bounds,
    pub(super) claim_mappings: BTreeMap<String, String>,
    pub(super) user_claim: String,
    pub(super) user_claim_is_pointer: bool,
    pub(super) groups_claim: String,
    leeway: Leeways,
    /// Seconds; zero for any age.
    pub(super) max_age: u64,
    pub(super) redirects: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) is_verbose: bool,
    pub(super) token: TokenSettings,
}

/// What logs in with a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleType {
    /// A browser.
    #[default]
    Oidc,
    /// Whoever has a token.
    Jwt,
}

/// Seconds as given: zero for the default, less than zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Leeways {
    expiration: i64,
    not_before: i64,
    clock_skew: i64,
}

impl Stored for Role {
    const VERSION: u8 = 1;
    const NAME: &'static str = "role of a jwt auth method";
}

impl RoleType {
    const fn name(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Jwt => "jwt",
        }
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "" | "oidc" => Ok(Self::Oidc),
            "jwt" => Ok(Self::Jwt),
            other => Err(Fault::invalid(format!("invalid 'role_type': {other}"))),
        }
    }
}

impl Role {
    /// The roles of a mount.
    pub(super) fn rows(site: &Site) -> Rows<Self> {
        Rows::new(site.view.folder("role/"))
    }

    /// The role called `name`, if there is one. Callers without a token send names, so only what can be one is
    /// looked up.
    pub(super) async fn stored(site: &Site, name: &str) -> Result<Option<Arc<Self>>, Fault> {
        if name.len() > MOST || !arca_api::pattern::is_name(name) {
            return Ok(None);
        }
        let row = Self::rows(site).get(&name.to_lowercase()).await?;
        Ok(row.map(|row| row.value))
    }

    /// The role called `name`.
    ///
    /// # Errors
    /// 400 when there is none.
    pub(super) async fn named(site: &Site, name: &str) -> Result<Arc<Self>, Fault> {
        let found = Self::stored(site, name).await?;
        found.ok_or_else(|| {
            let shown: String = name.chars().take(MOST).collect();
            Fault::invalid(format!("role {shown:?} could not be found"))
        })
    }

    pub(super) fn audiences(&self) -> &[String] {
        &self.bound_audiences
    }

    /// Whom tokens must be about; `None` for anybody.
    pub(super) fn wanted_subject(&self) -> Option<&str> {
        Some(&*self.subject).filter(|subject| !subject.is_empty())
    }

    /// How exact the times of tokens must be.
    pub(super) fn leeway(&self) -> Leeway {
        let standard = Leeway::default();
        let chosen = |given: i64, standard| match given {
            0 => standard,
            given => u64::try_from(given).unwrap_or(0),
        };
        Leeway {
            expiration: chosen(self.leeway.expiration, standard.expiration),
            not_before: chosen(self.leeway.not_before, standard.not_before),
            clock_skew: chosen(self.leeway.clock_skew, standard.clock_skew),
        }
    }

    fn change(&mut self, request: &api::WriteRole) -> Result<(), Fault> {
        if let Some(kind) = &request.role_type {
            self.kind = RoleType::parse(kind)?;
        }
        self.change_bounds(request)?;
        self.change_identity(request)?;
        self.change_times(request);
        if let Some(redirects) = &request.allowed_redirect_uris {
            self.redirects = entries("allowed_redirect_uris", &redirects.0)?;
        }
        if let Some(scopes) = &request.oidc_scopes {
            self.scopes = entries("oidc_scopes", &scopes.0)?;
        }
        self.is_verbose = request.verbose_oidc_logging.unwrap_or(self.is_verbose);
        self.token.change(&request.token_parameters())?;
        self.check()
    }

    fn change_bounds(&mut self, request: &api::WriteRole) -> Result<(), Fault> {
        if let Some(audiences) = &request.bound_audiences {
            self.bound_audiences = entries("bound_audiences", &audiences.0)?;
        }
        if let Some(subject) = &request.bound_subject {
            self.subject = text("bound_subject", subject)?;
        }
        if let Some(claims) = &request.bound_claims {
            self.bounds.replace(&claims.0)?;
        }
        if let Some(comparison) = &request.bound_claims_type {
            self.bounds.comparison = Comparison::parse(comparison)?;
        }
        self.bounds.check()
    }

    fn change_identity(&mut self, request: &api::WriteRole) -> Result<(), Fault> {
        if let Some(claim) = &request.user_claim {
            self.user_claim = text("user_claim", claim)?;
        }
        self.user_claim_is_pointer = request
            .user_claim_json_pointer
            .unwrap_or(self.user_claim_is_pointer);
        if let Some(claim) = &request.groups_claim {
            self.groups_claim = text("groups_claim", claim)?;
        }
        if let Some(mappings) = &request.claim_mappings {
            self.claim_mappings = claim_mappings(&mappings.0)?;
        }
        Ok(())
    }

    fn change_times(&mut self, request: &api::WriteRole) {
        let change = |seconds: &mut i64, given: &Option<GoDuration>| {
            if let Some(given) = given {
                *seconds = given.nanos().div_euclid(1_000_000_000);
            }
        };
        change(&mut self.leeway.expiration, &request.expiration_leeway);
        change(&mut self.leeway.not_before, &request.not_before_leeway);
        change(&mut self.leeway.clock_skew, &request.clock_skew_leeway);
        if let Some(age) = request.max_age {
            self.max_age = age.seconds();
        }
    }

    fn check(&self) -> Result<(), Fault> {
        if self.user_claim.is_empty() {
            return Err(Fault::invalid("a user claim must be defined on the role"));
        }
        if self.user_claim_is_pointer && !self.user_claim.starts_with('/') {
            return Err(Fault::invalid(
                "user_claim must begin with a slash where user_claim_json_pointer is true",
            ));
        }
        let bound = !self.bound_audiences.is_empty()
            || !self.subject.is_empty()
            || !self.bounds.is_empty()
            || !self.token.bound_cidrs.is_empty();
        match self.kind {
            RoleType::Jwt if !bound => Err(Fault::invalid(
                "must have at least one bound constraint when creating/updating a role",
            )),
            RoleType::Oidc if self.redirects.is_empty() => Err(Fault::invalid(
                "'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified.",
            )),
            _ => Ok(()),
        }
    }

    fn describe(&self) -> Json {
        let mut shown = json_object! {
            "role_type" => self.kind.name(),
            "bound_audiences" => self.bound_audiences.clone(),
            "bound_subject" => self.subject.as_str(),
            "bound_claims" => self.bounds.describe(),
            "bound_claims_type" => self.bounds.comparison.name(),
            "claim_mappings" =>
                self.claim_mappings.iter().map(|(claim, key)| (claim.clone(), key.clone())).collect::<Json>(),
            "user_claim" => self.user_claim.as_str(),
            "user_claim_json_pointer" => self.user_claim_is_pointer,
            "groups_claim" => self.groups_claim.as_str(),
            "expiration_leeway" => self.leeway.expiration,
            "not_before_leeway" => self.leeway.not_before,
            "clock_skew_leeway" => self.leeway.clock_skew,
            "max_age" => self.max_age,
            "allowed_redirect_uris" => self.redirects.clone(),
            "oidc_scopes" => self.scopes.clone(),
            "verbose_oidc_logging" => self.is_verbose,
        };
        if let Json::Object(members) = &mut shown {
            self.token.describe_in(members);
        }
        shown
    }

    /// What whoever wrote it should think about.
    fn warnings(&self, config: Option<&Config>) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.kind == RoleType::Jwt
            && let Some(preset) = config.and_then(Config::platform)
        {
            warnings.extend(preset.advice(self));
        }
        warnings
    }
}

fn text(field: &str, given: &str) -> Result<String, Fault> {
    at_most(field, given.len(), LONGEST, "bytes")?;
    Ok(given.to_owned())
}

fn entries(field: &str, given: &[String]) -> Result<Vec<String>, Fault> {
    let entries: Vec<String> = given.iter().filter(|entry| !entry.is_empty()).cloned().collect();
    at_most(field, entries.len(), MOST, "entries")?;
    let longest = entries.iter().map(String::len).max().unwrap_or(0);
    at_most(field, longest, LONGEST, "bytes in one entry")?;
    Ok(entries)
}

fn claim_mappings(given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    at_most("claim_mappings", given.len(), MOST, "entries")?;
    let mut targets = BTreeSet::new();
    for (claim, key) in given {
        at_most(
            "claim_mappings",
            claim.len().max(key.len()),
            LONGEST,
            "bytes in one entry",
        )?;
        if key == "role" {
            return Err(Fault::invalid(
                "metadata key \"role\" is reserved and may not be a mapping destination",
            ));
        }
        if !targets.insert(key) {
            return Err(Fault::invalid(format!(
                "multiple keys are mapped to metadata key {key:?}"
            )));
        }
    }
    Ok(given.clone())
}

pub(super) async fn list(_: Arc<Jwt>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let roles = Role::rows(cx.site()?)
        .list("", &page.after, list_limit(page.limit)?)
        .await?;
    Ok(Answer::names(roles.names))
}

pub(super) async fn exists(_: Arc<Jwt>, cx: Cx, role: api::RoleName) -> Result<bool, Fault> {
    Ok(Role::stored(cx.site()?, &role.name).await?.is_some())
}

pub(super) async fn read(_: Arc<Jwt>, cx: Cx, role: api::RoleName) -> Result<Answer, Fault> {
    let role = Role::stored(cx.site()?, &role.name).await?;
    Ok(Answer::data(&role.ok_or_else(Fault::absent)?.describe()))
}

pub(super) async fn write(_: Arc<Jwt>, cx: Cx, request: api::WriteRole) -> Result<Answer, Fault> {
    let site = cx.site()?;
    if request.name.len() > MOST {
        return Err(Fault::invalid(format!(
            "the name of the role is longer than {MOST} bytes"
        )));
    }
    let role = Role::rows(site)
        .update(&request.name.to_lowercase(), |found| {
            let mut role = found.cloned().unwrap_or_default();
            role.change(&request)?;
            Ok::<_, Fault>((Change::Put(role.clone()), role))
        })
        .await?;
    let config = Config::stored(site).await?;
    let warnings = role.warnings(config.as_ref().map(|row| &*row.value));
    Ok(Answer::empty().warn_all(warnings))
}

pub(super) async fn delete(_: Arc<Jwt>, cx: Cx, role: api::RoleName) -> Result<Answer, Fault> {
    Role::rows(cx.site()?).delete(&role.name.to_lowercase()).await?;
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_row_is_read() {
        let row = br#"{"kind":"jwt","bound_audiences":["a"],"subject":"s","bounds":{"claims":{"c":["v",1]},"comparison":"glob"},
            "claim_mappings":{"c":"k"},"user_claim":"sub","user_claim_is_pointer":false,"groups_claim":"g",
            "leeway":{"expiration":-1,"not_before":0,"clock_skew":5},"max_age":6,"redirects":["r"],"scopes":["o"],
            "is_verbose":true,"token":{"policies":["p"]}}"#;
        let role = Role::decode(1, row).unwrap();
        assert_eq!(role.kind, RoleType::Jwt);
        assert_eq!(
            role.leeway(),
            Leeway {
                expiration: 0,
                not_before: 150,
                clock_skew: 5
            }
        );
        assert_eq!(role.bounds.describe().to_text().as_str(), r#"{"c":["v",1]}"#);
        assert_eq!(role.token.policies, ["p"]);
        assert_eq!(Role::decode(1, &role.encode().unwrap()).unwrap(), role);
    }
}
