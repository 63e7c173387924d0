//! What a role or a user of an auth method says about the tokens of its logins: the `token_*` fields.

use std::collections::BTreeSet;
use std::net::IpAddr;

use arca_api::auth::TokenParameters;
use arca_api::auth::parameters::Given;
use arca_base::json::Object;
use arca_base::{Json, Ttl};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::engine::{ClientInfo, TokenTerms};
use crate::fault::Fault;
use crate::policies::canonical;
use crate::tokens::TokenKind;

/// Most policies and most networks of one role.
const MAX_POLICIES: usize = 512;
const MAX_NETWORKS: usize = 256;

/// The `token_*` fields of a role, as stored. One implementation for all auth methods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenSettings {
    /// Policies, sorted.
    pub policies: Vec<String>,
    /// How long tokens live; zero for the default of the mount.
    pub ttl: Ttl,
    /// How long at most; zero for the maximum of the mount.
    pub max_ttl: Ttl,
    /// How long at most, whatever role and mount say later.
    pub explicit_max_ttl: Ttl,
    /// Renewable for ever, each time by this long.
    pub period: Ttl,
    /// Requests they are good for; zero for any number.
    pub num_uses: u64,
    /// Networks they may be got and used from.
    pub bound_cidrs: Vec<IpNet>,
    /// Leave the `default` policy out.
    pub no_default_policy: bool,
    /// `service`, `batch`, `default-service`, `default-batch`; empty for what the mount says.
    pub token_type: String,
    /// Former names that were used to set a field; clients that use them expect to read them back.
    pub former_names: BTreeSet<String>,
}

impl TokenSettings {
    /// Changes what was given and leaves the rest.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn change(&mut self, given: &TokenParameters) -> Result<(), Fault> {
        if let Some(list) = self.taken(&given.policies, "policies") {
            at_most("token_policies", list.0.len(), MAX_POLICIES)?;
            self.policies = canonical(&list.0, false)?;
        }
        if let Some(list) = self.taken(&given.bound_cidrs, "bound_cidrs") {
            at_most("token_bound_cidrs", list.0.len(), MAX_NETWORKS)?;
            self.bound_cidrs = parse_networks(&list.0)?;
        }
        self.ttl = self.taken(&given.ttl, "ttl").unwrap_or(self.ttl);
        self.max_ttl = self.taken(&given.max_ttl, "max_ttl").unwrap_or(self.max_ttl);
        self.period = self.taken(&given.period, "period").unwrap_or(self.period);
        if let Some(uses) = self.taken(&given.num_uses, "num_uses") {
            self.num_uses =
                u64::try_from(uses).map_err(|_| Fault::invalid("'token_num_uses' cannot be negative"))?;
        }
        self.explicit_max_ttl = given.explicit_max_ttl.unwrap_or(self.explicit_max_ttl);
        self.no_default_policy = given.no_default_policy.unwrap_or(self.no_default_policy);
        if let Some(kind) = &given.kind {
            self.token_type = token_type(kind)?.to_owned();
        }
        self.check()
    }

    /// The value of a field that may have come under its former name.
    fn taken<T: Clone>(&mut self, given: &Given<T>, former: &str) -> Option<T> {
        match given {
            Given::Nowhere => None,
            Given::Now(value) => {
                self.former_names.remove(former);
                Some(value.clone())
            }
            Given::Formerly(value) => {
                self.former_names.insert(former.to_owned());
                Some(value.clone())
            }
        }
    }

    fn check(&self) -> Result<(), Fault> {
        if !self.max_ttl.is_zero() && self.ttl > self.max_ttl {
            return Err(Fault::invalid(
                "'token_ttl' cannot be greater than 'token_max_ttl'",
            ));
        }
        if matches!(&*self.token_type, "batch" | "default-batch") {
            let set = |what| {
                format!("'token_type' cannot be 'batch' or 'default_batch' when set to generate {what}")
            };
            if !self.period.is_zero() {
                return Err(Fault::invalid(set("periodic tokens")));
            }
            if self.num_uses != 0 {
                return Err(Fault::invalid(set("tokens with limited use count")));
            }
        }
        Ok(())
    }

    /// Adds the fields to what a role shows.
    pub fn describe_in(&self, members: &mut Object) {
        let networks: Vec<String> = self.bound_cidrs.iter().map(shown_network).collect();
        let kind = if self.token_type.is_empty() {
            "default"
        } else {
            &self.token_type
        };
        let named: [(&str, Json); 6] = [
            ("policies", self.policies.clone().into()),
            ("ttl", self.ttl.seconds().into()),
            ("max_ttl", self.max_ttl.seconds().into()),
            ("period", self.period.seconds().into()),
            ("num_uses", self.num_uses.into()),
            ("bound_cidrs", networks.into()),
        ];
        for (former, value) in named {
            if self.former_names.contains(former) {
                members.insert(former.to_owned(), value.clone());
            }
            members.insert(format!("token_{former}"), value);
        }
        members.insert(
            "token_explicit_max_ttl".to_owned(),
            self.explicit_max_ttl.seconds().into(),
        );
        members.insert(
            "token_no_default_policy".to_owned(),
            self.no_default_policy.into(),
        );
        members.insert("token_type".to_owned(), kind.into());
    }

    /// Refuses callers from other networks than the role allows.
    ///
    /// # Errors
    /// [`Fault::denied`].
    pub fn admit(&self, client: &ClientInfo) -> Result<(), Fault> {
        if allows(&self.bound_cidrs, client.address.map(|address| address.ip())) {
            Ok(())
        } else {
            Err(Fault::denied().because("the role is bound to other networks (token_bound_cidrs)"))
        }
    }

    /// What the tokens of a login are like.
    #[must_use]
    pub fn terms(&self) -> TokenTerms {
        TokenTerms {
            policies: self.policies.clone(),
            ttl: self.ttl,
            max_ttl: self.max_ttl,
            explicit_max_ttl: self.explicit_max_ttl,
            period: self.period,
            num_uses: self.num_uses,
            bound_cidrs: self.bound_cidrs.clone(),
            no_default_policy: self.no_default_policy,
            kind: match &*self.token_type {
                "service" | "default-service" => Some(TokenKind::Service),
                "batch" | "default-batch" => Some(TokenKind::Batch),
                _ => None,
            },
            renewable: true,
        }
    }
}

/// The form in which a token type is kept.
fn token_type(given: &str) -> Result<&str, Fault> {
    match given {
        "" | "default" => Ok(""),
        "service" | "batch" | "default-service" | "default-batch" => Ok(given),
        _ => Err(Fault::invalid(format!("invalid 'token_type' value {given:?}"))),
    }
}

fn at_most(field: &str, count: usize, most: usize) -> Result<(), Fault> {
    if count > most {
        return Err(Fault::invalid(format!(
            "{field} has {count} entries but may have at most {most}"
        )));
    }
    Ok(())
}

/// Whether `networks` let `address` in; none let everybody in.
#[must_use]
pub fn allows(networks: &[IpNet], address: Option<IpAddr>) -> bool {
    networks.is_empty()
        || address.is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
}

/// Networks, or single hosts.
///
/// # Errors
/// 400 naming the first that is neither.
pub fn parse_networks(texts: &[String]) -> Result<Vec<IpNet>, Fault> {
    texts
        .iter()
        .map(|text| {
            let network = text
                .parse::<IpNet>()
                .ok()
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            network
                .ok_or_else(|| Fault::invalid(format!("{text:?} is neither an IP address nor a CIDR block")))
        })
        .collect()
}

/// A network as clients read it: a single host without its prefix length.
#[must_use]
pub fn shown_network(network: &IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use arca_api::field::CommaList;

    use super::*;

    fn given() -> TokenParameters {
        TokenParameters {
            policies: Given::Formerly(CommaList(vec!["Dev".into(), "a".into(), "dev".into()])),
            ttl: Given::Now(Ttl::from_seconds(60)),
            bound_cidrs: Given::Now(CommaList(vec!["10.0.0.1".into(), "192.168.0.0/16".into()])),
            ..TokenParameters::default()
        }
    }

    fn error(parameters: &TokenParameters) -> String {
        let fault = TokenSettings::default().change(parameters).unwrap_err();
        fault.message(false).unwrap_or_default()
    }

    #[test]
    fn shows_what_was_set_and_former_names_only_when_used() {
        let mut settings = TokenSettings::default();
        settings.change(&given()).unwrap();
        let mut shown = Object::new();
        settings.describe_in(&mut shown);
        let text = Json::Object(shown).to_text();
        assert_eq!(
            text.as_str(),
            r#"{"policies":["a","dev"],"token_bound_cidrs":["10.0.0.1","192.168.0.0/16"],"token_explicit_max_ttl":0,"token_max_ttl":0,"token_no_default_policy":false,"token_num_uses":0,"token_period":0,"token_policies":["a","dev"],"token_ttl":60,"token_type":"default"}"#
        );
        settings
            .change(&TokenParameters {
                policies: Given::Now(CommaList::default()),
                ..TokenParameters::default()
            })
            .unwrap();
        assert!(settings.former_names.is_empty() && settings.policies.is_empty());
        assert_eq!(settings.ttl, Ttl::from_seconds(60), "what is not given stays");
    }

    #[test]
    fn refusals_name_the_field() {
        let with = |change: fn(&mut TokenParameters)| {
            let mut parameters = given();
            change(&mut parameters);
            error(&parameters)
        };
        assert_eq!(
            with(|p| p.max_ttl = Given::Now(Ttl::from_seconds(59))),
            "'token_ttl' cannot be greater than 'token_max_ttl'"
        );
        assert_eq!(
            with(|p| p.num_uses = Given::Formerly(-1)),
            "'token_num_uses' cannot be negative"
        );
        assert_eq!(
            with(|p| p.kind = Some("x".into())),
            "invalid 'token_type' value \"x\""
        );
        assert_eq!(
            with(|p| {
                p.kind = Some("batch".into());
                p.period = Given::Now(Ttl::from_seconds(1));
            }),
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens"
        );
        assert_eq!(
            with(|p| p.bound_cidrs = Given::Now(CommaList(vec!["10.0.0.1/33".into()]))),
            "\"10.0.0.1/33\" is neither an IP address nor a CIDR block"
        );
        assert_eq!(
            with(|p| p.policies = Given::Now(CommaList(vec!["p".into(); 513]))),
            "token_policies has 513 entries but may have at most 512"
        );
    }

    #[test]
    fn only_the_given_networks_are_let_in() {
        let mut settings = TokenSettings::default();
        settings.change(&given()).unwrap();
        let from = |address: &str| {
            settings
                .admit(&ClientInfo {
                    address: Some(address.parse().unwrap()),
                    certificates: Vec::new(),
                })
                .is_ok()
        };
        assert!(from("10.0.0.1:1") && from("192.168.3.4:1") && !from("10.0.0.2:1"));
        assert!(
            settings.admit(&ClientInfo::unknown()).is_err(),
            "an unknown address is in no network"
        );
        assert!(TokenSettings::default().admit(&ClientInfo::unknown()).is_ok());
    }
}
