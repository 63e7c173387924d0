//! `policy test`: whether policy files allow and deny what they should, without a server.

use std::path::{Path, PathBuf};

use arca_base::{Operation, RequestPath, Timestamp};
use arca_policy::{Acl, Policy, Request};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::lint;
use crate::cli::failure::{DONE, Failure, LOCAL, Outcome};
use crate::cli::session::Session;

const OPERATIONS: [Operation; 7] = [
    Operation::Create,
    Operation::Read,
    Operation::Update,
    Operation::Delete,
    Operation::List,
    Operation::Patch,
    Operation::Scan,
];

const EXAMPLES: &str = "\
A file of cases, in JSON or HCL; the policies are files beside it, without templates filled in:
  {
    \"policies\": [\"dev.hcl\"],
    \"cases\": [
      {\"operation\": \"read\", \"path\": \"secret/data/app\", \"then\": \"allowed\"},
      {\"operation\": \"read\", \"path\": \"sys/audit\", \"sudo\": true, \"then\": \"denied\"}
    ]
  }";

/// Checks what policy files allow and deny, without a server. Exit code 1 if a case fails.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Test {
    /// File with the cases
    file: PathBuf,
}

#[derive(Deserialize)]
struct Suite {
    policies: Vec<PathBuf>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    operation: String,
    path: String,
    then: String,
    /// Whether the path needs it, which only a server knows.
    #[serde(default)]
    sudo: bool,
}

#[derive(Serialize)]
struct Shown {
    operation: String,
    path: String,
    expected: String,
    passed: bool,
    reason: String,
}

impl Test {
    pub(super) fn run(self, session: &mut Session) -> Outcome {
        let suite = suite(&self.file)?;
        let folder = self.file.parent().unwrap_or_else(|| Path::new(""));
        let acl = acl(folder, &suite.policies, session.clock.now())?;
        let shown: Result<Vec<Shown>, Failure> = suite.cases.into_iter().map(|case| case.run(&acl)).collect();
        let shown = shown?;
        let failed = shown.iter().filter(|case| !case.passed).count();
        let mut lines: Vec<String> = shown.iter().map(Shown::line).collect();
        lines.push(format!("{} passed, {failed} failed", shown.len() - failed));
        session.screen.data(&shown, &lines.join("\n"))?;
        Ok(if failed == 0 { DONE } else { LOCAL })
    }
}

fn suite(file: &Path) -> Result<Suite, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::local(format!("Error reading {shown}: {error}")))?;
    let wrong = |error: arca_lang::hcl::Error| Failure::local(format!("{shown} holds no cases: {error}"));
    let document = arca_lang::hcl::parse(&text).map_err(wrong)?;
    let suite: Suite = document.decode().map_err(wrong)?.value;
    if suite.cases.is_empty() {
        return Err(Failure::local(format!("{shown} holds no cases")));
    }
    Ok(suite)
}

fn acl(folder: &Path, files: &[PathBuf], now: Timestamp) -> Result<Acl, Failure> {
    let mut policies: Vec<Policy> = Vec::with_capacity(files.len());
    for file in files {
        let file = folder.join(file);
        let policy = lint::read(&file)?;
        policies.push(policy.map_err(|error| Failure::local(format!("{}: {error}", file.display())))?);
    }
    Acl::compile(&policies, now).map_err(|error| Failure::local(error.to_string()))
}

impl Case {
    fn run(self, acl: &Acl) -> Result<Shown, Failure> {
        let wrong =
            |what: String| Failure::local(format!("case {:?} {:?}: {what}", self.operation, self.path));
        let operation = OPERATIONS.into_iter().find(|one| one.as_str() == self.operation);
        let operation = operation.ok_or_else(|| {
            let known = OPERATIONS.map(Operation::as_str).join(", ");
            wrong(format!("operation must be one of {known}"))
        })?;
        let expected = match &*self.then {
            "allowed" => true,
            "denied" => false,
            _ => return Err(wrong("then must be allowed or denied".to_owned())),
        };
        let slash = if operation.is_listing() && !self.path.ends_with('/') {
            "/"
        } else {
            ""
        };
        let path =
            RequestPath::parse(&format!("{}{slash}", self.path)).map_err(|error| wrong(error.to_string()))?;
        let explained = acl.explain(&Request::new(operation, &path), self.sudo);
        Ok(Shown {
            passed: explained.verdict.allowed() == expected,
            reason: explained.to_string(),
            operation: self.operation,
            path: self.path,
            expected: self.then,
        })
    }
}

impl Shown {
    fn line(&self) -> String {
        let Self {
            operation,
            path,
            expected,
            reason,
            ..
        } = self;
        if self.passed {
            format!("ok    {operation} {path}: {expected}")
        } else {
            format!("FAIL  {operation} {path}: should be {expected}; {reason}")
        }
    }
}
