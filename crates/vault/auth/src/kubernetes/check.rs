//! Trying what logins need, and saying what to do about what does not work.

use std::sync::{Arc, LazyLock};

use arca_api::endpoint::Nothing;
use arca_base::Timestamp;
use arca_client::TransportError;
use arca_core::Fault;
use arca_core::barrier::Row;
use arca_core::engine::{Answer, Cx, Site};
use arca_storage::Revision;

use super::Kubernetes;
use super::claims::Claims;
use super::cluster::{ApiError, Cluster};
use super::config::Config;
use super::refused::Refused;
use super::reviewer::Reviewer;
use super::role::Role;
use crate::finding::{Finding, Outcome, checklist};
use crate::keys::Unproved;

pub(super) async fn read(engine: Arc<Kubernetes>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let findings = match Config::stored(site).await? {
        None => vec![Finding::failed(
            "configuration",
            "the method is not configured",
            format!(
                "Write auth/{}config with kubernetes_host and kubernetes_ca_cert",
                site.mount.path
            ),
        )],
        Some(row) => all(&engine, site, &row, cx.now).await?,
    };
    Ok(checklist(&findings))
}

async fn all(
    engine: &Kubernetes,
    site: &Site,
    row: &Row<Config>,
    now: Timestamp,
) -> Result<Vec<Finding>, Fault> {
    let config = &*row.value;
    let mut findings = connection(engine, config, now).await;
    if config.is_local {
        findings.push(local_keys(engine, config, row.revision, now).await);
        findings.push(LOCAL.clone());
    }
    let reachable = findings
        .iter()
        .any(|finding| finding.check == "api_server" && finding.outcome != Outcome::Failed);
    let roles = Role::rows(site).all().await?;
    findings.push(roles_of(&roles));
    if reachable && let Ok(cluster) = engine.cluster(config).await {
        let reviewer = Reviewer::choose(config, &engine.pod).await;
        let reviewer = reviewer.unwrap_or(Reviewer::Caller);
        if roles.iter().any(|(_, role)| role.selector.is_some()) {
            findings.push(namespaces(&cluster, &reviewer).await);
        }
    }
    Ok(findings)
}

/// What concerns the connection to the API server, whatever roles there are.
pub(super) async fn connection(engine: &Kubernetes, config: &Config, now: Timestamp) -> Vec<Finding> {
    let reviewer = match Reviewer::choose(config, &engine.pod).await {
        Ok(reviewer) => reviewer,
        Err(error) => {
            return vec![Finding::failed(
                "reviewer",
                format!("the token of this server's own pod cannot be read: {error}"),
                "Let the server read the folder, or set token_reviewer_jwt",
            )];
        }
    };
    let mut findings = Vec::new();
    match engine.cluster(config).await {
        Err(refused) => findings.push(unusable(&refused)),
        Ok(cluster) => match cluster.version(reviewer.own()).await {
            Err(error) => findings.extend(unreachable(&cluster, config, error).await),
            Ok(version) => findings.push(reached(config, &version.git_version)),
        },
    }
    let reachable = findings.iter().all(|finding| finding.outcome != Outcome::Failed);
    findings.push(credential(&reviewer, now));
    if reachable
        && !config.is_local
        && let Some(own) = reviewer.own()
        && let Ok(cluster) = engine.cluster(config).await
    {
        findings.push(token_review(&cluster, own).await);
    }
    findings
}

/// What is not seen without asking the API server about each token.
pub(super) static LOCAL: LazyLock<Finding> = LazyLock::new(|| {
    Finding::warning(
        "local_verification",
        "tokens are verified without the API server, so one whose pod or service account was deleted is accepted until it \
         expires",
        "Keep the lifetime of projected tokens short (expirationSeconds, at least 600), or leave use_local_verification out",
    )
});

/// Whether there are keys to verify tokens with.
pub(super) async fn local_keys(
    engine: &Kubernetes,
    config: &Config,
    revision: Revision,
    now: Timestamp,
) -> Finding {
    const CHECK: &str = "keys";
    let remedy = "Give the reviewer, or everybody, the cluster role system:service-account-issuer-discovery, or write pem_keys \
                  and issuer";
    let fetched = async {
        let keys = engine.local_keys(config, revision)?;
        let fetch = engine.cluster_keys(config, &keys).await?;
        let count = keys.ready(now, &fetch).await.map_err(Unproved::from)?;
        Ok::<_, Refused>((count, keys.issuer(config)))
    };
    match fetched.await {
        Ok((count, issuer)) => Finding::ok(CHECK, format!("{count} keys of {issuer} to verify tokens with")),
        Err(refused) => Finding::failed(CHECK, refused.to_string(), remedy),
    }
}

fn reached(config: &Config, version: &str) -> Finding {
    let detail = format!("{} answers, version {version}", config.host);
    if config.host.starts_with("http://") {
        return Finding::warning(
            "api_server",
            format!("{detail}, without encryption"),
            "Use https:// in kubernetes_host: tokens travel over this connection",
        );
    }
    Finding::ok("api_server", detail)
}

fn unusable(refused: &Refused) -> Finding {
    let remedy = match refused {
        Refused::NoAuthority => "Write kubernetes_ca_cert with the certificates of the cluster's authority",
        _ => "Write the configuration again",
    };
    Finding::failed("api_server", refused.to_string(), remedy)
}

/// A refused question is still an answer: who asked is then the matter of another check.
async fn unreachable(cluster: &Cluster, config: &Config, error: ApiError) -> Option<Finding> {
    let error = match error.status() {
        Some(401) => match cluster.version(None).await {
            Ok(version) => return Some(reached(config, &version.git_version)),
            Err(error) => error,
        },
        _ => error,
    };
    if matches!(error.status(), Some(401 | 403)) {
        return Some(reached(config, "that it does not tell"));
    }
    let remedy = match &error {
        ApiError::Transport(TransportError::Tls { .. }) => {
            "Write kubernetes_ca_cert with the certificates of the cluster's authority, and kubernetes_host with a name or \
             address that its certificate holds"
        }
        ApiError::Status { .. } | ApiError::NotExpected(_) => {
            "Check that kubernetes_host is the address of the API server and not of something before it"
        }
        _ => "Check kubernetes_host, and that this server may connect to it",
    };
    Some(Finding::failed("api_server", error.to_string(), remedy))
}

const LASTING: &str = "Leave token_reviewer_jwt empty, so that the token of the pod is used and read again when it changes, or \
                       use a token that lasts";

/// What can be seen of the credential without asking.
fn credential(reviewer: &Reviewer, now: Timestamp) -> Finding {
    const CHECK: &str = "reviewer";
    match reviewer {
        Reviewer::Caller => Finding::ok(
            CHECK,
            "each login is reviewed with the caller's own token; their service accounts need the cluster role \
             system:auth-delegator",
        ),
        Reviewer::Mounted(_) => Finding::ok(
            CHECK,
            "the token of this server's own pod, read anew for each login",
        ),
        Reviewer::Configured(token) => {
            let Ok(claims) = Claims::read(token.expose()) else {
                return Finding::ok(
                    CHECK,
                    "token_reviewer_jwt, which is not the token of a service account",
                );
            };
            let account = claims.full_name();
            let Some(end) = claims.expires else {
                return Finding::ok(CHECK, format!("token_reviewer_jwt, a lasting token of {account}"));
            };
            let at = Timestamp::from_unix(end, 0);
            if at <= now {
                let detail = format!("token_reviewer_jwt, a token of {account}, has expired at {at}");
                return Finding::failed(CHECK, detail, LASTING);
            }
            let bound = claims.pod.map_or_else(
                || format!("token_reviewer_jwt, a token of {account}, expires at {at}, and logins fail from then on"),
                |pod| {
                    format!(
                        "token_reviewer_jwt, a token of {account}, is bound to the pod {} and expires at {at}; logins fail \
                         once either has ended",
                        pod.name
                    )
                },
            );
            Finding::warning(CHECK, bound, LASTING)
        }
    }
}

/// Asks the API server about the token that asks.
async fn token_review(cluster: &Cluster, own: &str) -> Finding {
    const CHECK: &str = "token_review";
    match cluster.review(own, &[], own).await {
        Ok(status) => Finding::ok(
            CHECK,
            format!("{} may review tokens", user(&status.user.username)),
        ),
        Err(error) if error.status() == Some(403) => {
            Finding::failed(CHECK, error.to_string(), permission(own))
        }
        Err(error) if error.status() == Some(401) => Finding::failed(
            CHECK,
            "the API server does not accept the token that reviews others: it has expired, its service account or pod was \
             deleted, or it belongs to another cluster",
            LASTING,
        ),
        Err(error) => Finding::failed(
            CHECK,
            error.to_string(),
            "Check that kubernetes_host is an API server",
        ),
    }
}

fn user(name: &str) -> &str {
    match name {
        "" => "the reviewer",
        name => name,
    }
}

/// The command that gives the permission.
fn permission(own: &str) -> String {
    let account = Claims::read(own).map_or_else(
        |_| "NAMESPACE:NAME".to_owned(),
        |claims| format!("{}:{}", claims.namespace, claims.account.name),
    );
    format!(
        "Run: kubectl create clusterrolebinding arca-token-review --clusterrole=system:auth-delegator \
         --serviceaccount={account}"
    )
}

async fn namespaces(cluster: &Cluster, reviewer: &Reviewer) -> Finding {
    const CHECK: &str = "namespaces";
    let Some(own) = reviewer.own() else {
        return Finding::ok(
            CHECK,
            "labels of namespaces are read with the caller's own token; their service accounts need permission to get \
             namespaces",
        );
    };
    match cluster.labels_of_namespace("default", own).await {
        Ok(_) => Finding::ok(CHECK, "the labels of namespaces can be read"),
        Err(error) => Finding::failed(
            CHECK,
            error.to_string(),
            "Some roles select namespaces by label: give the reviewer permission to get namespaces",
        ),
    }
}

fn roles_of(roles: &[(String, Role)]) -> Finding {
    const CHECK: &str = "roles";
    if roles.is_empty() {
        return Finding::warning(CHECK, "there is no role, so nobody can log in", "Write a role");
    }
    let open: Vec<&str> = roles
        .iter()
        .filter(|(_, role)| role.audience.is_empty())
        .map(|(name, _)| name.as_str())
        .take(10)
        .collect();
    if open.is_empty() {
        return Finding::ok(CHECK, format!("{} roles", roles.len()));
    }
    Finding::warning(
        CHECK,
        format!(
            "roles without an audience take tokens made for any other service: {}",
            open.join(", ")
        ),
        "Set audience on the role, and ask for it in the projected token of the pod",
    )
}
