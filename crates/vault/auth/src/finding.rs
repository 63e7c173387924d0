//! What an auth method finds when it tries itself (`arca auth test`): a checklist with remedies.

use arca_base::{Json, json_object};
use arca_core::engine::Answer;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Warning,
    Failed,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// One line of the checklist.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) outcome: Outcome,
    detail: String,
    remedy: String,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            outcome: Outcome::Ok,
            detail: detail.into(),
            remedy: String::new(),
        }
    }

    pub(crate) fn warning(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Warning,
            remedy: remedy.into(),
            ..Self::ok(check, detail)
        }
    }

    pub(crate) fn failed(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Failed,
            ..Self::warning(check, detail, remedy)
        }
    }

    /// As one sentence, for a warning.
    pub(crate) fn sentence(&self) -> String {
        format!("{}: {}. {}", self.check, self.detail, self.remedy)
    }

    fn describe(&self) -> Json {
        json_object! {
            "check" => self.check,
            "outcome" => self.outcome.word(),
            "detail" => self.detail.as_str(),
            "remedy" => self.remedy.as_str(),
        }
    }
}

/// The answer to "does it work?".
pub(crate) fn checklist(findings: &[Finding]) -> Answer {
    let failed = findings.iter().any(|finding| finding.outcome == Outcome::Failed);
    let checks: Vec<Json> = findings.iter().map(Finding::describe).collect();
    Answer::data(&json_object! {
        "ok" => !failed,
        "checks" => checks,
    })
}
