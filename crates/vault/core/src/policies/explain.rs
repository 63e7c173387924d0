//! A verdict as people read it.

use arca_base::{Json, Operation, RequestPath, json_object};
use arca_policy::{Request, Rule};

use super::{Acl, Question, unsupported};
use crate::fault::Fault;

/// Whoever may ask here for the reason of a denial gets it with the denial.
const ENDPOINT: &str = "sys/policies/explain";

/// The verdict about one request, with what decided and what may be meant instead.
pub struct Explained {
    /// Whether the request would be let through.
    pub allowed: bool,
    /// Why, in one sentence without a final stop.
    pub reason: String,
    rule: Json,
    nearest: Vec<Json>,
    missing: Option<&'static str>,
    hints: Vec<String>,
}

impl Explained {
    /// What is allowed or refused before any rule is looked at.
    pub(crate) fn without_rules(allowed: bool, reason: &str) -> Self {
        Self {
            allowed,
            reason: reason.to_owned(),
            rule: Json::Null,
            nearest: Vec::new(),
            missing: None,
            hints: Vec::new(),
        }
    }

    /// Refuses what the rules may allow.
    pub(crate) fn but_refused(self, reason: &str) -> Self {
        Self {
            allowed: false,
            reason: reason.to_owned(),
            ..self
        }
    }

    /// Adds what the caller should know besides.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The data of the answer; `policies` are those that were looked at.
    pub(crate) fn answer(self, policies: Vec<Json>) -> Json {
        json_object! {
            "allowed" => self.allowed,
            "reason" => self.reason,
            "policies" => Json::Array(policies),
            "rule" => self.rule,
            "nearest" => Json::Array(self.nearest),
            "missing_capability" => self.missing.unwrap_or_default(),
            "hints" => self.hints,
        }
    }
}

impl Acl {
    /// Decides as [`Acl::decide`] does, and says why.
    #[must_use]
    pub fn explain(&self, question: &Question<'_>) -> Explained {
        let request = Request::from(question);
        let explanation = self.0.explain(&request, question.sudo);
        let verdict = &explanation.verdict;
        let mut explained = Explained {
            allowed: verdict.allowed(),
            reason: explanation.reason(),
            rule: explanation.rule().map_or(Json::Null, shown),
            nearest: explanation.nearest.iter().map(|rule| shown(rule)).collect(),
            missing: explanation.missing().map(arca_policy::Capability::as_str),
            hints: explanation.mixed_up.iter().map(ToString::to_string).collect(),
        };
        let asked = verdict.constraints().filter(|_| verdict.allowed());
        if let Some(unkept) = asked.and_then(|asked| unsupported(asked, question.operation)) {
            explained = explained.but_refused(&super::unchecked(unkept));
        }
        match explained.missing {
            Some("create" | "update") => explained.hint(
                "where an engine can tell, writing what does not exist yet needs create, and changing what exists \
                 needs update",
            ),
            _ => explained,
        }
    }
}

impl Acl {
    /// A denial with its reason in the body, for callers who may ask for it anyway.
    pub(crate) fn told(&self, fault: Fault) -> Fault {
        let may_ask = RequestPath::parse(ENDPOINT)
            .is_ok_and(|path| self.0.check(&Request::new(Operation::Update, &path)).allowed());
        match fault.reason().filter(|_| may_ask) {
            Some(reason) => {
                let data = json_object! { "reason" => reason };
                fault.with_data(data.to_text())
            }
            None => fault,
        }
    }
}

/// A rule with all its sources.
fn shown(rule: &Rule) -> Json {
    let sources = rule.sources().iter().map(|source| {
        json_object! { "policy" => source.policy.as_str(), "line" => i64::from(source.line) }
    });
    let policy = rule.sources().first().map_or("", |source| source.policy.as_str());
    json_object! {
        "policy" => policy,
        "path" => rule.path(),
        "capabilities" => rule.capabilities().iter().map(|one| one.as_str().to_owned()).collect::<Vec<String>>(),
        "sources" => Json::Array(sources.collect()),
    }
}
