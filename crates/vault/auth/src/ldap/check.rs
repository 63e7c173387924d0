//! Trying what logins need, and saying what to do about what does not work.

use std::sync::Arc;

use arca_api::endpoint::Nothing;
use arca_base::{Json, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx, Site};

use super::Ldap;
use super::config::Config;
use super::directory::{Directory, DirectoryError, Manner, Reach, Search, shown};
use super::names::{groups, users};

/// One line of the checklist.
struct Finding {
    check: &'static str,
    outcome: &'static str,
    detail: String,
    remedy: String,
}

const FAILED: &str = "failed";

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            outcome: "ok",
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    fn warning(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            outcome: "warning",
            remedy: remedy.into(),
            ..Self::ok(check, detail)
        }
    }

    fn failed(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            outcome: FAILED,
            ..Self::warning(check, detail, remedy)
        }
    }

    fn describe(&self) -> Json {
        json_object! {
            "check" => self.check,
            "outcome" => self.outcome,
            "detail" => self.detail.as_str(),
            "remedy" => self.remedy.as_str(),
        }
    }
}

pub(super) async fn read(engine: Arc<Ldap>, cx: Cx, _: Nothing) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let findings = match Config::stored(site).await? {
        None => vec![Finding::failed(
            "configuration",
            "the method is not configured",
            format!(
                "Write auth/{}config with url, userdn and userattr",
                site.mount.path
            ),
        )],
        Some(config) => all(&engine, site, &config).await?,
    };
    let failed = findings.iter().any(|finding| finding.outcome == FAILED);
    let checks: Vec<Json> = findings.iter().map(Finding::describe).collect();
    Ok(Answer::data(
        &json_object! { "ok" => !failed, "checks" => checks },
    ))
}

async fn all(engine: &Ldap, site: &Site, config: &Arc<Config>) -> Result<Vec<Finding>, Fault> {
    let manner = match engine.manner(config) {
        Ok(manner) => manner,
        Err(error) => {
            let remedy = "Write certificate with the certificates of the authority of the directory";
            return Ok(vec![Finding::failed("tls", error.to_string(), remedy)]);
        }
    };
    let (mut findings, connected) = servers(config, &manner).await;
    if let Some(mut directory) = connected {
        findings.push(account(config, &mut directory).await);
        findings.push(base("users", "userdn", &config.user_dn, config, &mut directory).await);
        findings.push(match (config.use_token_groups, &*config.group_dn) {
            (true, _) => Finding::ok("groups", "taken from the attribute tokenGroups of users"),
            (false, "") => Finding::warning(
                "groups",
                "groups of the directory are not searched",
                "Write groupdn, unless the groups of users/NAME are enough",
            ),
            (false, dn) => base("groups", "groupdn", dn, config, &mut directory).await,
        });
    }
    findings.push(policies(site, config).await?);
    Ok(findings)
}

/// Every server by itself: one that is down is not seen in logins as long as another answers.
async fn servers(config: &Config, manner: &Manner) -> (Vec<Finding>, Option<Directory>) {
    const CHECK: &str = "server";
    let (mut findings, mut first) = (Vec::new(), None);
    for url in config.addresses() {
        match Directory::connect(&url, manner).await {
            Ok(directory) => {
                findings.push(match (config.is_clear(&url), config.insecure_tls) {
                    (true, _) => Finding::warning(
                        CHECK,
                        format!("{} answers, without encryption", shown(&url)),
                        "Use ldaps:// in url, or set starttls: passwords travel over this connection",
                    ),
                    (false, true) => Finding::warning(
                        CHECK,
                        format!("{} answers, and any certificate would do", shown(&url)),
                        "Write certificate with the authority of the directory, and insecure_tls=false",
                    ),
                    (false, false) => Finding::ok(CHECK, format!("{} answers", shown(&url))),
                });
                first = first.or(Some(directory));
            }
            Err(error) => findings.push(Finding::failed(
                CHECK,
                error.to_string(),
                "Check url, that this server may connect to it, and that certificate holds its authority",
            )),
        }
    }
    (findings, first)
}

async fn account(config: &Config, directory: &mut Directory) -> Finding {
    const CHECK: &str = "account";
    if !config.has_account() {
        let how = match config.discover_dn {
            true => "users are searched without an account",
            false => "users are not searched: their names are made of userattr and userdn",
        };
        return Finding::ok(CHECK, how);
    }
    match directory.bind(&config.bind_dn, &config.bind_password).await {
        Ok(()) => Finding::ok(CHECK, format!("{} can bind", config.bind_dn)),
        Err(error) => Finding::failed(CHECK, error.to_string(), "Check binddn and bindpass"),
    }
}

/// Whether the entry that searches begin at is there for whoever searches.
async fn base(
    check: &'static str,
    field: &str,
    dn: &str,
    config: &Config,
    directory: &mut Directory,
) -> Finding {
    if !config.searches_users() {
        return Finding::ok(check, format!("{dn}, which only users who log in look at"));
    }
    let search = Search {
        base: dn,
        reach: Reach::Entry,
        filter: "(objectClass=*)",
        attributes: &["1.1"],
        most: 1,
    };
    let missing = |detail: String| {
        let remedy = format!("Check {field}, and that the account that searches may read there");
        Finding::failed(check, detail, remedy)
    };
    match directory.search(&search).await {
        Ok(found) if found.is_empty() => missing(format!("{dn} cannot be seen")),
        Ok(_) => Finding::ok(check, format!("{dn} is there")),
        Err(DirectoryError::Refused { code: 32, .. }) => missing(format!("{dn} does not exist")),
        Err(error) => missing(error.to_string()),
    }
}

async fn policies(site: &Site, config: &Config) -> Result<Finding, Fault> {
    const CHECK: &str = "policies";
    let groups = groups(site).list("", "", 1000).await?.names.len();
    let users = users(site).list("", "", 1000).await?.names.len();
    if groups + users == 0 && config.token.policies.is_empty() {
        return Ok(Finding::warning(
            CHECK,
            "no group and no user has policies, so tokens can do little",
            "Write groups/NAME with policies",
        ));
    }
    Ok(Finding::ok(
        CHECK,
        format!("{groups} groups and {users} users have policies"),
    ))
}
