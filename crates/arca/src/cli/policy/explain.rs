//! `policy explain`.

use arca_api::field::CommaList;
use arca_api::sys::policies::{ExplainPolicies, ExplainVerdict};
use arca_base::Json;
use clap::Args;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;
use crate::term::{aligned, display};

const EXAMPLES: &str = "\
Examples:
  arca policy explain read secret/data/app
  arca policy explain hvs.CAES... update secret/data/app
  arca policy explain accessor:8609694a delete secret/data/app
  arca policy explain entity:7d2e3179 list secret/metadata/
  arca policy explain dev ops read secret/data/app

Says nothing that needs more than update on sys/policies/explain.";

/// Says why a token, an entity or policies may do something, or may not: yours, or the one named.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Explain {
    /// Operation and path; before them a token, an accessor, entity:ID, or names of policies
    #[arg(value_name = "[WHO...] OPERATION PATH", num_args = 1.., required = true)]
    arguments: Vec<String>,
}

impl Explain {
    pub(super) async fn run(self, session: &mut Session) -> Outcome {
        let request = self.request()?;
        let answer = session.client()?.call::<ExplainVerdict>("sys", &request).await;
        let answer = answer.map_err(|error| Failure::remote("Error explaining", error))?;
        let data = answer.and_then(|answer| answer.data).unwrap_or(Json::Null);
        let table = table(&data);
        session.screen.data(&data, &table)?;
        Ok(DONE)
    }

    fn request(&self) -> Result<ExplainPolicies, Failure> {
        let [who @ .., operation, path] = self.arguments.as_slice() else {
            return Err(Failure::local("Name an operation and a path"));
        };
        let request = ExplainPolicies {
            operation: operation.clone(),
            path: path.clone(),
            ..ExplainPolicies::default()
        };
        Ok(match who {
            [] => request,
            [one] => of_one(request, one.trim()),
            names => ExplainPolicies {
                policies: CommaList(names.to_vec()),
                ..request
            },
        })
    }
}

fn of_one(mut request: ExplainPolicies, who: &str) -> ExplainPolicies {
    if let Some(id) = who.strip_prefix("entity:") {
        id.clone_into(&mut request.entity_id);
    } else if let Some(accessor) = who.strip_prefix("accessor:") {
        accessor.clone_into(&mut request.accessor);
    } else if ["hvs.", "hvb.", "s.", "b."]
        .iter()
        .any(|prefix| who.starts_with(prefix))
    {
        who.clone_into(&mut request.token);
    } else if is_accessor(who) {
        who.clone_into(&mut request.accessor);
    } else {
        request.policies = CommaList(vec![who.to_owned()]);
    }
    request
}

/// Accessors are 24 letters and digits; names of policies have no capital letters.
fn is_accessor(text: &str) -> bool {
    text.len() == 24
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn table(data: &Json) -> String {
    let text = |name: &str| data.get(name).map(display).unwrap_or_default();
    let allowed = data.get("allowed").and_then(Json::as_bool) == Some(true);
    let verdict = if allowed { "allowed" } else { "denied" };
    let mut rows = vec![row("Verdict", verdict), row("Reason", &text("reason"))];
    if let Some(rule) = data.get("rule").filter(|rule| !rule.is_null()) {
        rows.push(row("Rule", &shown(rule)));
    }
    if !text("missing_capability").is_empty() {
        rows.push(row("Missing", &text("missing_capability")));
    }
    rows.extend(
        each(data, "nearest")
            .iter()
            .map(|rule| row("Nearest", &shown(rule))),
    );
    rows.extend(each(data, "hints").iter().map(|hint| row("Hint", &display(hint))));
    rows.extend(each(data, "policies").iter().map(|policy| {
        let part = |name: &str| policy.get(name).map(display).unwrap_or_default();
        row("Policy", &format!("{} (of the {})", part("name"), part("source")))
    }));
    aligned(&rows)
}

fn row(name: &str, value: &str) -> Vec<String> {
    vec![name.to_owned(), value.to_owned()]
}

fn each<'a>(data: &'a Json, name: &str) -> &'a [Json] {
    data.get(name).and_then(Json::as_array).unwrap_or_default()
}

/// `secret/* [read, list] (policy dev)`
fn shown(rule: &Json) -> String {
    let part = |name: &str| rule.get(name).map(display).unwrap_or_default();
    let granted: Vec<String> = each(rule, "capabilities").iter().map(display).collect();
    format!(
        "{} [{}] (policy {})",
        part("path"),
        granted.join(", "),
        part("policy")
    )
}
