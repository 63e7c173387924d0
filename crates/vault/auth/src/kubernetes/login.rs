//! Logging in, and renewing what a login gave.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::auth::kubernetes as api;
use arca_base::{Secret, Timestamp, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Login, Site, TokenTerms, UnprovedLogin};
use arca_core::tokens::Token;
use arca_crypto::jws::Algorithms;
use arca_storage::Revision;

use super::Kubernetes;
use super::claims::{self, Claims};
use super::cluster::{Cluster, ReviewStatus};
use super::config::Config;
use super::refused::Refused;
use super::reviewer::Reviewer;
use super::role::{AliasSource, Role};
use crate::keys::Unproved;

pub(super) async fn log_in(engine: Arc<Kubernetes>, cx: Cx, request: api::Login) -> Result<Answer, Fault> {
    if request.role.is_empty() {
        return Err(Fault::invalid("missing role"));
    }
    if request.jwt.is_empty() {
        return Err(Fault::invalid("missing jwt"));
    }
    let site = cx.site()?;
    let token = Secret::new(request.jwt);
    let role = Role::stored(site, &request.role)
        .await?
        .ok_or_else(|| Fault::invalid(format!("invalid role name {:?}", request.role)))?;
    role.token.admit(&cx.client)?;
    let row = Config::stored(site)
        .await?
        .ok_or_else(|| Fault::failed("could not load backend configuration"))?;
    let name = request.role.to_lowercase();
    let attempt = Attempt {
        engine: &engine,
        config: &row.value,
        revision: row.revision,
        role: &role,
        token: token.expose().trim(),
        now: cx.now,
    };
    match attempt.prove().await {
        Ok(claims) => Ok(Answer::login(proven(&name, &role, &claims))),
        Err(refused) => {
            tracing::warn!(
                request_id = %cx.request_id,
                mount = %site.mount.path,
                role = name,
                service_account = Claims::read(attempt.token).ok().map(|claims| claims.full_name()),
                reason = %refused,
                "a login with a Kubernetes token was refused"
            );
            Err(refused.fault())
        }
    }
}

/// The role that a login says it is by.
pub(super) fn role_name(login: &UnprovedLogin) -> Option<String> {
    let name = login.name("role");
    (login.is_to::<api::LogIn>() && !name.is_empty()).then_some(name)
}

/// A login that is not yet proved.
struct Attempt<'a> {
    engine: &'a Kubernetes,
    config: &'a Config,
    revision: Revision,
    role: &'a Role,
    token: &'a str,
    now: Timestamp,
}

impl Attempt<'_> {
    /// Whom the token belongs to, which is no longer only its own word.
    async fn prove(&self) -> Result<Claims, Refused> {
        let claims = Claims::read(self.token)?;
        claims.check_times(self.now)?;
        claims.check_audience(&self.role.audience)?;
        claims.check_issuer(self.config.wanted_issuer())?;
        if !self.role.binds_name(&claims.account.name) {
            return Err(Refused::Name);
        }
        let bound = self.role.binds_namespace(&claims.namespace);
        if !bound && self.role.selector.is_none() {
            return Err(Refused::Namespace);
        }
        if self.config.is_local {
            self.verify(&claims).await?;
            return self.selected(claims, bound).await;
        }
        self.check_given_keys()?;
        let (cluster, reviewer) = self.api_server().await?;
        self.review(&claims, &cluster, &reviewer).await?;
        // Only for tokens that are proved: anybody can name a namespace.
        if !bound {
            self.select(&claims, &cluster, &reviewer).await?;
        }
        Ok(claims)
    }

    async fn api_server(&self) -> Result<(Arc<Cluster>, Reviewer), Refused> {
        let cluster = self.engine.cluster(self.config).await?;
        let reviewer = Reviewer::choose(self.config, &self.engine.pod).await;
        Ok((cluster, reviewer.map_err(Refused::Pod)?))
    }

    /// Proves the token with keys alone.
    async fn verify(&self, claims: &Claims) -> Result<(), Refused> {
        if self.role.audience.is_empty() {
            return Err(Refused::NoAudience);
        }
        if claims.expires.is_none() {
            return Err(Refused::Endless);
        }
        let keys = self.engine.local_keys(self.config, self.revision)?;
        let fetch = self.engine.cluster_keys(self.config, &keys).await?;
        keys.prove(&claims::parse(self.token)?, self.now, &fetch).await?;
        claims.check_issuer(&keys.issuer(self.config))?;
        Ok(())
    }

    /// The namespace of a token that is proved may have labels the role asks for.
    async fn selected(&self, claims: Claims, bound: bool) -> Result<Claims, Refused> {
        if !bound {
            let (cluster, reviewer) = self.api_server().await?;
            self.select(&claims, &cluster, &reviewer).await?;
        }
        Ok(claims)
    }

    /// With keys that are given, a token must also be signed with one of them.
    fn check_given_keys(&self) -> Result<(), Refused> {
        let given = self.config.given_keys();
        if let Some(keys) = given.map_err(|fault| Refused::GivenKeys(fault.to_string()))? {
            let proved = claims::parse(self.token)?.verify(&keys, Algorithms::all());
            proved.map_err(Unproved::from)?;
        }
        Ok(())
    }

    async fn review(&self, claims: &Claims, cluster: &Cluster, reviewer: &Reviewer) -> Result<(), Refused> {
        let audiences = match &*self.role.audience {
            "" => claims.audiences.clone(),
            audience => vec![audience.to_owned()],
        };
        let reviewed = cluster
            .review(self.token, &audiences, reviewer.credential(self.token))
            .await;
        let status = reviewed.map_err(|cause| match (cause.status(), reviewer) {
            (Some(401), Reviewer::Caller) => Refused::Unauthorized,
            _ => Refused::Review {
                reviewer: reviewer.name(),
                cause,
            },
        })?;
        confirmed(&status, claims, &audiences)
    }

    /// Whether the namespace has the labels the role asks for.
    async fn select(&self, claims: &Claims, cluster: &Cluster, reviewer: &Reviewer) -> Result<(), Refused> {
        let labels = cluster
            .labels_of_namespace(&claims.namespace, reviewer.credential(self.token))
            .await
            .map_err(Refused::Labels)?;
        let selected = self.role.selector.as_ref();
        match selected.is_some_and(|selector| selector.matches(&labels)) {
            true => Ok(()),
            false => Err(Refused::Namespace),
        }
    }
}

/// Whether the API server says of a token what the token says of itself.
fn confirmed(status: &ReviewStatus, claims: &Claims, audiences: &[String]) -> Result<(), Refused> {
    if !status.error.is_empty() || !status.authenticated {
        let printable = status.error.chars().filter(|letter| !letter.is_control());
        return Err(Refused::NotAuthenticated(printable.take(300).collect()));
    }
    if !audiences.is_empty()
        && !audiences
            .iter()
            .any(|audience| status.audiences.contains(audience))
    {
        return Err(Refused::AudienceNotConfirmed);
    }
    let named = format!(
        "system:serviceaccount:{}:{}",
        claims.namespace, claims.account.name
    );
    if status.user.username != named {
        return Err(Refused::Mismatch("name"));
    }
    if status.user.uid != claims.account.uid {
        return Err(Refused::Mismatch("uid"));
    }
    Ok(())
}

/// Who logged in.
fn proven(role_name: &str, role: &Role, claims: &Claims) -> Login {
    let account = BTreeMap::from([
        ("service_account_name".to_owned(), claims.account.name.clone()),
        ("service_account_namespace".to_owned(), claims.namespace.clone()),
        ("service_account_secret_name".to_owned(), claims.secret.clone()),
        ("service_account_uid".to_owned(), claims.account.uid.clone()),
    ]);
    // The pods of an account share its alias, so which pod it is can only stand with the token.
    let mut metadata = account.clone();
    metadata.insert("role".to_owned(), role_name.to_owned());
    if let Some(pod) = &claims.pod {
        metadata.insert("pod_name".to_owned(), pod.name.clone());
        metadata.insert("pod_uid".to_owned(), pod.uid.clone());
    }
    if let Some(node) = &claims.node {
        metadata.insert("node_name".to_owned(), node.name.clone());
    }
    Login {
        alias: match role.alias {
            AliasSource::Uid => claims.account.uid.clone(),
            AliasSource::Name => claims.full_name(),
        },
        alias_metadata: account,
        groups: Vec::new(),
        display_name: format!("{}-{}", claims.namespace, claims.account.name),
        metadata,
        role: role_name.to_owned(),
        terms: role.token.terms(),
        internal: Some(json_object! { "role" => role_name }.to_text()),
    }
}

/// What the role says today about a token it gave.
pub(super) async fn renew(site: &Site, token: &Token) -> Result<TokenTerms, Fault> {
    let internal = token.internal.as_ref().map(|internal| internal.to_json());
    let name = internal
        .as_ref()
        .and_then(|internal| internal.get("role")?.as_str())
        .unwrap_or_default();
    let role = Role::stored(site, name)
        .await?
        .ok_or_else(|| Fault::failed(format!("role {name} does not exist during renewal")))?;
    Ok(role.token.terms())
}
