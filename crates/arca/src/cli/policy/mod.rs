//! `policy`.

mod diff;
mod explain;
mod lint;
mod test;

use std::path::PathBuf;

use arca_api::sys::Page;
use arca_api::sys::policies::{
    DeleteAclPolicy, ListAclPolicies, PolicyName, ReadAclPolicy, UpdateAclPolicy, WritePolicy,
};
use arca_base::Json;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::failure::{DONE, Failure, Outcome};
use super::session::Session;
use super::{data, wait};
use crate::term::display;

/// Policies: what tokens may do.
#[derive(Subcommand)]
pub(crate) enum Policy {
    /// Print a policy
    Read(Name),
    /// Write a policy from a file
    Write(Write),
    /// List the policies
    List,
    /// Delete a policy
    Delete(Name),
    /// Put a policy file into the usual form
    Fmt(Fmt),
    /// Say why something is allowed or denied
    Explain(explain::Explain),
    /// Say what a new version of a policy allows or denies
    Diff(diff::Diff),
    /// Look for mistakes in policy files, offline
    Lint(lint::Lint),
    /// Check what policy files allow and deny, offline
    Test(test::Test),
}

#[derive(Args)]
pub(crate) struct Name {
    /// Name of the policy
    name: String,
}

const EXAMPLES: &str = "\
Examples:
  arca policy write app app.hcl
  cat app.hcl | arca policy write app -";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Write {
    /// Name of the policy
    name: String,
    /// File with its text, or - for standard input
    file: String,
}

#[derive(Args)]
pub(crate) struct Fmt {
    /// File to format
    file: PathBuf,
}

#[derive(Serialize)]
struct Shown<'a> {
    policy: &'a str,
}

impl Policy {
    pub(crate) fn run(self, session: &mut Session) -> Outcome {
        match self {
            Self::Read(command) => wait(command.read(session)),
            Self::Write(command) => wait(command.run(session)),
            Self::List => wait(list(session)),
            Self::Delete(command) => wait(command.delete(session)),
            Self::Fmt(command) => command.run(session),
            Self::Explain(command) => wait(command.run(session)),
            Self::Diff(command) => wait(command.run(session)),
            Self::Lint(command) => command.run(session),
            Self::Test(command) => command.run(session),
        }
    }
}

impl Name {
    /// Policies have lower-case names.
    fn normalized(&self) -> String {
        self.name.trim().to_lowercase()
    }

    async fn read(self, session: &mut Session) -> Outcome {
        let name = self.normalized();
        let request = PolicyName { name: name.clone() };
        let answer = session.client()?.call::<ReadAclPolicy>("sys", &request).await;
        let doing = format!("Error reading policy named {name}");
        let answer = answer.map_err(|error| Failure::remote(&doing, error))?;
        let data = answer.and_then(|answer| answer.data);
        let text = data.as_ref().and_then(|data| data.get("policy")?.as_str());
        let text = text.filter(|text| !text.is_empty());
        let policy = text.ok_or_else(|| Failure::absent(format!("No policy named: {name}")))?;
        session.screen.data(&Shown { policy }, policy.trim())?;
        Ok(DONE)
    }

    async fn delete(self, session: &mut Session) -> Outcome {
        let name = self.normalized();
        let request = PolicyName { name: name.clone() };
        let answer = session.client()?.call::<DeleteAclPolicy>("sys", &request).await;
        answer.map_err(|error| Failure::remote(&format!("Error deleting {name}"), error))?;
        session
            .screen
            .success(&format!("Success! Deleted policy: {name}"));
        Ok(DONE)
    }
}

impl Write {
    async fn run(self, session: &mut Session) -> Outcome {
        let name = self.name.trim().to_lowercase();
        let policy = data::file_or_input(self.file.trim(), &mut session.input)
            .map_err(|error| Failure::local(format!("Error reading policy: {error}")))?;
        let request = WritePolicy {
            name: name.clone(),
            policy,
            ..WritePolicy::default()
        };
        let answer = session.client()?.call::<UpdateAclPolicy>("sys", &request).await;
        let answer = answer.map_err(|error| Failure::remote("Error uploading policy", error))?;
        if let Some(answer) = &answer {
            session.screen.warnings(answer);
        }
        if name != self.name {
            session.screen.warn(&format!(
                "Policy name was converted from {:?} to {name:?}",
                self.name
            ));
        }
        session
            .screen
            .success(&format!("Success! Uploaded policy: {name}"));
        Ok(DONE)
    }
}

async fn list(session: &mut Session) -> Outcome {
    let answer = session
        .client()?
        .call::<ListAclPolicies>("sys", &Page::default())
        .await;
    let answer = answer.map_err(|error| Failure::remote("Error listing policies", error))?;
    let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
    let none = Json::Array(Vec::new());
    let keys = data.get("keys").unwrap_or(&none);
    let names: Vec<String> = keys.as_array().unwrap_or_default().iter().map(display).collect();
    session.screen.data(keys, &names.join("\n"))?;
    Ok(DONE)
}

impl Fmt {
    fn run(self, session: &mut Session) -> Outcome {
        let shown = self.file.display();
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| Failure::local(format!("Error reading source file: {shown}: {error}")))?;
        let document = arca_lang::hcl::parse(&text)
            .map_err(|error| Failure::local(format!("{shown} is not a policy: {error}")))?;
        let formatted = arca_lang::hcl::format(&document);
        if formatted != text {
            std::fs::write(&self.file, formatted)
                .map_err(|error| Failure::local(format!("Error writing result: {shown}: {error}")))?;
        }
        session
            .screen
            .success(&format!("Success! Formatted policy: {shown}"));
        Ok(DONE)
    }
}
