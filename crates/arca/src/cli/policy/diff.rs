//! `policy diff`: what another version of a policy allows or denies.

use std::borrow::Cow;
use std::path::Path;

use arca_api::sys::policies::{PolicyName as Named, ReadAclPolicy};
use arca_policy::template::{AliasField, GroupField, IdentityView, Parameter};
use arca_policy::{Acl, Change, Difference, Policy, PolicyName, Rule};
use clap::Args;
use serde::Serialize;

use super::lint;
use crate::cli::failure::{DONE, Failure, LOCAL, Outcome, REMOTE};
use crate::cli::session::Session;
use crate::term::headed;

const EXAMPLES: &str = "\
Examples:
  arca policy diff old.hcl new.hcl
  arca policy diff app app.hcl        (the policy app of the server, and a file)

An argument that is no file is the name of a policy of the server. What is compared is what requests would be told, by
the matcher of the server: a rule that never counts makes no difference. Templates such as {{identity.entity.name}}
stand for themselves. In an example, a character that no rule names stands for anything.

Exit code 0 if there is no difference, 2 if there is one, 1 if something fails.";

/// Says what a new version of a policy allows or denies that the old one does not.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// File, or name of a policy of the server
    old: String,
    /// File, or name of a policy of the server
    new: String,
}

#[derive(Serialize)]
struct Shown {
    change: &'static str,
    path: String,
    capability: &'static str,
    example: String,
    before: Option<Place>,
    after: Option<Place>,
}

/// A rule that counts.
#[derive(Serialize)]
struct Place {
    path: String,
    line: u32,
    capabilities: String,
}

impl Diff {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        // Exit code 2 says that there are differences.
        let failed = |failure: Failure| failure.with_exit(LOCAL);
        let before = acl(&self.old, session).await.map_err(failed)?;
        let after = acl(&self.new, session).await.map_err(failed)?;
        let found = before.differences(&after);
        let found = found.map_err(|error| Failure::local(error.to_string()))?;
        let shown: Vec<Shown> = found.iter().map(Shown::of).collect();
        session.screen.data(&shown, &table(&shown))?;
        Ok(if shown.is_empty() { DONE } else { REMOTE })
    }
}

/// What a policy allows that is a file or has a name.
async fn acl(source: &str, session: &mut Session) -> Result<Acl, Failure> {
    let file = Path::new(source);
    let policy = if file.is_file() {
        lint::read(file)?.map_err(|error| Failure::local(format!("{source}: {error}")))?
    } else {
        named(source, session).await?
    };
    let rendered = policy.render(&Placeholders);
    Acl::compile([&rendered], session.clock.now()).map_err(|error| Failure::local(error.to_string()))
}

async fn named(source: &str, session: &mut Session) -> Result<Policy, Failure> {
    let name = PolicyName::parse(source);
    let name =
        name.map_err(|error| Failure::local(format!("{source:?} is no file, and no policy: {error}")))?;
    if name.is_root() {
        return Ok(Policy::root());
    }
    let request = Named {
        name: name.to_string(),
    };
    let answer = session.client()?.call::<ReadAclPolicy>("sys", &request).await;
    let doing = format!("Error reading policy named {name}");
    let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
    let data = answer.and_then(|answer| answer.data);
    let text = data.as_ref().and_then(|data| data.get("policy")?.as_str());
    let text = text.ok_or_else(|| {
        Failure::absent(format!(
            "{source:?} is no file, and the server has no policy of this name"
        ))
    })?;
    Policy::parse(name, text).map_err(|error| Failure::local(format!("{source}: {error}")))
}

fn table(shown: &[Shown]) -> String {
    if shown.is_empty() {
        return "No difference in what is allowed".to_owned();
    }
    let place = |place: Option<&Place>| match place {
        Some(place) => format!("line {}: {}", place.line, place.path),
        None => "no rule".to_owned(),
    };
    let row = |one: &Shown| {
        vec![
            one.change.to_owned(),
            one.path.clone(),
            one.capability.to_owned(),
            one.example.clone(),
            place(one.before.as_ref()),
            place(one.after.as_ref()),
        ]
    };
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let header = ["Change", "Path", "Capability", "Example", "Before", "After"];
    let count = |change| shown.iter().filter(|one| one.change == change).count();
    format!(
        "{}\n\n{} newly allowed, {} newly denied, {} under other conditions",
        headed(&header, &rows),
        count("allowed"),
        count("denied"),
        count("conditions")
    )
}

impl Shown {
    fn of(difference: &Difference<'_>) -> Self {
        Self {
            change: match difference.change {
                Change::Allowed => "allowed",
                Change::Denied => "denied",
                Change::Conditions => "conditions",
            },
            path: difference.path.to_owned(),
            capability: difference.capability.as_str(),
            example: difference.example.as_str().to_owned(),
            before: difference.before.map(Place::of),
            after: difference.after.map(Place::of),
        }
    }
}

impl Place {
    fn of(rule: &Rule) -> Self {
        Self {
            path: rule.path().to_owned(),
            line: rule.sources().first().map_or(0, |source| source.line),
            capabilities: rule.capabilities().to_string(),
        }
    }
}

/// Everybody at once: each template stands for itself.
pub(super) struct Placeholders;

impl IdentityView for Placeholders {
    fn value(&self, parameter: Parameter<'_>) -> Option<Cow<'_, str>> {
        let of_group = |by: &str, key: &str, field: GroupField<'_>| {
            let field = match field {
                GroupField::Id => "id".to_owned(),
                GroupField::Name => "name".to_owned(),
                GroupField::Metadata(name) => format!("metadata.{name}"),
            };
            format!("groups.{by}.{key}.{field}")
        };
        let text = match parameter {
            Parameter::EntityId => "entity.id".to_owned(),
            Parameter::EntityName => "entity.name".to_owned(),
            Parameter::EntityMetadata(key) => format!("entity.metadata.{key}"),
            Parameter::Alias { accessor, field } => {
                let field = match field {
                    AliasField::Id => "id".to_owned(),
                    AliasField::Name => "name".to_owned(),
                    AliasField::Metadata(key) => format!("metadata.{key}"),
                    AliasField::CustomMetadata(key) => format!("custom_metadata.{key}"),
                };
                format!("entity.aliases.{accessor}.{field}")
            }
            Parameter::GroupById { id, field } => of_group("ids", id, field),
            Parameter::GroupByName { name, field } => of_group("names", name, field),
        };
        // What may not stand in a path would drop the rule.
        Some(Cow::Owned(format!(
            "<{}>",
            text.replace(['/', '*', '+', ','], "_")
        )))
    }
}
