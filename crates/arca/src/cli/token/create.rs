//! `token create`.

use arca_api::field::CommaList;
use arca_api::token::{self, CreateToken, CreateWithRole};
use arca_base::Ttl;
use clap::{ArgAction, Args, ValueEnum};

use super::MOUNT;
use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::flags;
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca token create -policy=app -ttl=1h
  arca token create -policy=app -period=24h -orphan -field=token";

/// Creates a token below the one in use.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Create {
    /// Policy of the token; may be repeated. Those of its parent when absent
    #[arg(long = "policy", value_name = "NAME", value_delimiter = ',')]
    policies: Option<Vec<String>>,
    /// How long it lives
    #[arg(long, value_name = "DURATION", value_parser = flags::ttl)]
    ttl: Option<Ttl>,
    /// How long it lives at most, renewals included
    #[arg(long, value_name = "DURATION", value_parser = flags::ttl)]
    explicit_max_ttl: Option<Ttl>,
    /// Renewable for ever, each time by this long; needs sudo
    #[arg(long, value_name = "DURATION", value_parser = flags::ttl)]
    period: Option<Ttl>,
    /// Whether it can be renewed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", action = ArgAction::Set,
          value_name = "BOOL", value_parser = flags::switch)]
    renewable: bool,
    /// Without a parent, so that it outlives the token in use; needs sudo
    #[arg(long)]
    orphan: bool,
    /// Leave the policy "default" out
    #[arg(long)]
    no_default_policy: bool,
    /// Requests it is good for; 0 for any number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    use_limit: i64,
    /// Role whose settings it takes
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// Kind of the token
    #[arg(long = "type", value_enum, default_value = "service")]
    kind: Kind,
    /// Text shown with the token and in the audit log, as KEY=VALUE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = flags::pair)]
    metadata: Vec<(String, String)>,
    /// Name shown with the token and in the audit log
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Alias of the entity it belongs to; needs -role
    #[arg(long, value_name = "NAME")]
    entity_alias: Option<String>,
    /// The token itself, instead of a random one; needs sudo
    #[arg(long, value_name = "TOKEN")]
    id: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Service,
    Batch,
}

impl Create {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let request = self.request();
        let client = session.client()?;
        let answer = if request.role_name.is_empty() {
            client.call::<CreateToken>(MOUNT, &request).await
        } else {
            client.call::<CreateWithRole>(MOUNT, &request).await
        };
        if let Some(answer) = answer.map_err(|error| Failure::remote("Error creating token", error))? {
            session.screen.secret(&answer)?;
        }
        Ok(DONE)
    }

    fn request(self) -> token::Create {
        let (kind, renewable) = match self.kind {
            Kind::Service => ("service", self.renewable),
            Kind::Batch => ("batch", false),
        };
        token::Create {
            role_name: self.role.unwrap_or_default(),
            id: self.id.unwrap_or_default(),
            policies: self.policies.map(CommaList),
            meta: (!self.metadata.is_empty()).then(|| flags::map(&self.metadata)),
            no_parent: self.orphan,
            no_default_policy: self.no_default_policy,
            renewable: Some(renewable),
            ttl: self.ttl.unwrap_or_default(),
            lease: Ttl::ZERO,
            kind: kind.to_owned(),
            explicit_max_ttl: self.explicit_max_ttl.unwrap_or_default(),
            display_name: self.display_name.unwrap_or_default(),
            num_uses: self.use_limit,
            period: self.period.unwrap_or_default(),
            entity_alias: self.entity_alias.unwrap_or_default(),
        }
    }
}
