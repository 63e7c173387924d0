//! Platforms whose pipelines log in, by name.

use arca_api::auth::jwt::WriteConfig;
use arca_core::Fault;
use serde::{Deserialize, Serialize};

use super::role::Role;

/// A platform whose pipelines log in with tokens it signs for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Preset {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
}

impl Preset {
    const ALL: [Self; 2] = [Self::Github, Self::Gitlab];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
        }
    }

    /// The issuer of the platform as its vendor runs it.
    const fn issuer(self) -> &'static str {
        match self {
            Self::Github => "https://token.actions.githubusercontent.com",
            Self::Gitlab => "https://gitlab.com",
        }
    }

    /// Claims that tell the projects of the platform apart.
    const fn identifying(self) -> &'static [&'static str] {
        match self {
            Self::Github => &["repository", "repository_id", "sub"],
            Self::Gitlab => &["project_path", "project_id", "sub"],
        }
    }

    /// The preset a request asks for.
    ///
    /// # Errors
    /// 400 when there is none of that name.
    pub(super) fn of(name: &str) -> Result<Option<Self>, Fault> {
        if name.is_empty() {
            return Ok(None);
        }
        let found = Self::ALL.into_iter().find(|preset| preset.name() == name);
        found
            .map(Some)
            .ok_or_else(|| Fault::invalid(format!("preset {name:?} is not known: github and gitlab are")))
    }

    /// The platform of an issuer.
    pub(super) fn of_issuer(issuer: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.issuer() == issuer)
    }

    /// Fills in what a request leaves out. An address that is given is that of a server of one's own.
    pub(super) fn fill(self, request: &mut WriteConfig) {
        if request.oidc_discovery_url.is_empty() {
            self.issuer().clone_into(&mut request.oidc_discovery_url);
        }
        if request.bound_issuer.is_empty() {
            request.bound_issuer.clone_from(&request.oidc_discovery_url);
        }
    }

    /// What is wrong with a role for the tokens of this platform, if anything is.
    pub(super) fn advice(self, role: &Role) -> Option<String> {
        let bound = |claim: &&&str| {
            let pointer = format!("/{claim}");
            role.bounds.has(claim) || role.bounds.has(&pointer)
        };
        let told_apart = !role.subject.is_empty() || self.identifying().iter().any(|claim| bound(&claim));
        if told_apart {
            return None;
        }
        Some(match self {
            Self::Github => "Any repository on GitHub can log in with this role: bind it to yours, for instance with \
                             bound_claims={\"repository\":\"OWNER/NAME\",\"ref\":\"refs/heads/main\"}, or set bound_subject"
                .to_owned(),
            Self::Gitlab => "Any project on this GitLab can log in with this role: bind it to yours, for instance with \
                             bound_claims={\"project_path\":\"GROUP/NAME\",\"ref\":\"main\",\"ref_type\":\"branch\"}, or set \
                             bound_subject"
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_fills_in_what_is_left_out() {
        let mut request = WriteConfig::default();
        Preset::of("github").unwrap().unwrap().fill(&mut request);
        assert_eq!(
            request.oidc_discovery_url,
            "https://token.actions.githubusercontent.com"
        );
        assert_eq!(request.bound_issuer, request.oidc_discovery_url);
        let mut own = WriteConfig {
            oidc_discovery_url: "https://git.example.com".to_owned(),
            ..WriteConfig::default()
        };
        Preset::of("gitlab").unwrap().unwrap().fill(&mut own);
        assert_eq!(own.bound_issuer, "https://git.example.com");
        assert_eq!(Preset::of("").unwrap(), None);
        assert!(Preset::of("gitea").is_err());
        assert_eq!(Preset::of_issuer("https://gitlab.com"), Some(Preset::Gitlab));
    }
}
