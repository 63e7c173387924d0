//! Metrics in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::board::Report;

/// What listeners count. Shared by all of them.
#[derive(Debug, Default)]
pub struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Counters {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }
}

/// Everything known, as text.
#[must_use]
pub fn text(report: &Report, counters: &Counters) -> String {
    let mut page = Page(String::new());
    page.metric(
        "arca_agent_ready",
        "gauge",
        "Whether a token is in force and every template rendered",
    );
    page.value("arca_agent_ready", "", u64::from(report.is_ready()));
    login(&mut page, report);
    if let Some(following) = report.following {
        page.metric(
            "arca_agent_following",
            "gauge",
            "Whether changes of secrets are told by the server",
        );
        page.value("arca_agent_following", "", u64::from(following));
    }
    templates(&mut page, report);
    let counted = [
        (
            "arca_agent_proxy_requests_total",
            "Requests passed on to the server",
            &counters.requests,
        ),
        (
            "arca_agent_proxy_failures_total",
            "Requests the server did not answer",
            &counters.failures,
        ),
        (
            "arca_agent_cache_hits_total",
            "Requests answered from the cache",
            &counters.hits,
        ),
        (
            "arca_agent_cache_misses_total",
            "Requests that were not in the cache",
            &counters.misses,
        ),
    ];
    for (name, help, counter) in counted {
        page.metric(name, "counter", help);
        page.value(name, "", counter.load(Ordering::Relaxed));
    }
    page.0
}

fn login(page: &mut Page, report: &Report) {
    let Some(auth) = &report.auth else { return };
    page.metric("arca_agent_authenticated", "gauge", "Whether a token is in force");
    page.value("arca_agent_authenticated", "", u64::from(auth.authenticated));
    page.metric("arca_agent_logins_total", "counter", "Logins by their outcome");
    page.value(
        "arca_agent_logins_total",
        r#"{outcome="success"}"#,
        auth.successes,
    );
    page.value("arca_agent_logins_total", r#"{outcome="failure"}"#, auth.failures);
    if let Some(expires) = auth.expires {
        page.metric(
            "arca_agent_token_expires_seconds",
            "gauge",
            "When the token ends, in Unix time",
        );
        page.value("arca_agent_token_expires_seconds", "", expires.unix_seconds());
    }
}

fn templates(page: &mut Page, report: &Report) {
    let label = |destination: &str| format!("{{destination=\"{}\"}}", escaped(destination));
    let mut family = |name, kind, help, value: &dyn Fn(&crate::board::TemplateState) -> Option<i64>| {
        page.metric(name, kind, help);
        for template in report.templates.values() {
            if let Some(value) = value(template) {
                page.value(name, &label(&template.destination), value);
            }
        }
    };
    if report.templates.is_empty() {
        return;
    }
    family(
        "arca_agent_template_failing",
        "gauge",
        "Whether the last attempt failed",
        &|template| Some(i64::from(template.error.is_some())),
    );
    family(
        "arca_agent_template_changes_total",
        "counter",
        "Times its content changed",
        &|template| i64::try_from(template.changes).ok(),
    );
    family(
        "arca_agent_template_rendered_seconds",
        "gauge",
        "When it was last rendered, in Unix time",
        &|template| template.rendered.map(|at| at.unix_seconds()),
    );
    family(
        "arca_agent_template_expires_seconds",
        "gauge",
        "When the first of its leases ends, in Unix time",
        &|template| template.expires.map(|at| at.unix_seconds()),
    );
}

struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to text cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use arca_base::Timestamp;

    use super::*;
    use crate::board::{AuthState, TemplateState};

    #[test]
    fn every_sample_follows_its_type_and_labels_are_escaped() {
        let mut report = Report {
            auth: Some(AuthState {
                authenticated: true,
                successes: 2,
                ..AuthState::default()
            }),
            ..Report::default()
        };
        let template = TemplateState {
            destination: "/a \"b\"\\c".into(),
            rendered: Some(Timestamp::from_unix(7, 0)),
            ..TemplateState::default()
        };
        report.templates.insert(0, template);
        let text = text(&report, &Counters::default());
        assert!(text.contains("arca_agent_ready 1\n"), "{text}");
        assert!(
            text.contains("arca_agent_logins_total{outcome=\"success\"} 2\n"),
            "{text}"
        );
        let sample = r#"arca_agent_template_rendered_seconds{destination="/a \"b\"\\c"} 7"#;
        assert!(text.contains(sample), "{text}");
        let mut known = "";
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(declared) => known = declared.split(' ').next().unwrap(),
                None if line.starts_with('#') => {}
                None => assert!(line.starts_with(known) && !known.is_empty(), "{line}"),
            }
        }
    }
}
