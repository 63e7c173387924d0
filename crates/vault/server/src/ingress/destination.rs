//! Which requests are for the API, and what the others get.

use arca_core::pipeline::Reply;
use http::header::ACCEPT;
use http::request::Parts;
use http::{Method, Uri};

use super::query::Query;
use crate::config::MetricsAccess;

/// Longest path kept in the record of a refusal.
const MAX_RECORDED: usize = 512;

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Destination<'a> {
    /// To the API: what follows `/v1/`, as sent.
    Api(&'a str),
    /// To the metrics, without a token.
    Metrics,
    /// Elsewhere: the same path, cleaned.
    Redirect(String),
    /// Nowhere, with this answer.
    Page(Reply),
}

/// Where a request goes.
pub(crate) fn destination(parts: &Parts, metrics: MetricsAccess) -> Destination<'_> {
    let path = parts.uri.path();
    if path.contains("//") {
        return Destination::Redirect(cleaned(&parts.uri));
    }
    let Some(api) = path.strip_prefix("/v1/") else {
        return Destination::Page(page(path));
    };
    let asks_metrics = api == "sys/metrics";
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    match metrics {
        MetricsAccess { disallowed: true, .. } if asks_metrics => Destination::Page(nothing()),
        MetricsAccess { only: true, .. } if !asks_metrics => Destination::Page(nothing()),
        MetricsAccess { open: true, .. } if asks_metrics && reads => Destination::Metrics,
        _ => Destination::Api(api),
    }
}

/// Slashes in a row become one. The result begins with exactly one, so that it stays on this server.
fn cleaned(uri: &Uri) -> String {
    let mut out = String::with_capacity(uri.path().len());
    for c in uri.path().chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    if let Some(query) = uri.query() {
        out.push('?');
        out.push_str(query);
    }
    out
}

fn page(path: &str) -> Reply {
    match path {
        "/robots.txt" => text(200, "User-agent: *\nDisallow: /\n"),
        "/" | "/ui" => text(404, "404 page not found\n"),
        _ if path.starts_with("/ui/") => text(404, "404 page not found\n"),
        _ => nothing(),
    }
}

fn nothing() -> Reply {
    Reply::json(404, "{\"errors\":[]}\n".to_owned())
}

fn text(status: u16, text: &str) -> Reply {
    Reply {
        content_type: Some("text/plain; charset=utf-8"),
        ..Reply::json(status, text.to_owned())
    }
}

/// Whether metrics are asked for in the text form of Prometheus, by query or as Prometheus itself asks.
pub(crate) fn wants_prometheus(parts: &Parts) -> bool {
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let accepts = |value: &http::HeaderValue| {
        let value = value.to_str().unwrap_or_default();
        value.contains("openmetrics") || value.contains("text/plain")
    };
    match query.first("format") {
        Some(format) => format == "prometheus",
        None => parts.headers.get(ACCEPT).is_some_and(accepts),
    }
}

/// A path as it may stand in the record of a refusal: printable and short. Escapes stay escapes.
pub(crate) fn for_audit(sent: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    sent.chars().take(MAX_RECORDED).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: &str, target: &str) -> Parts {
        Request::builder()
            .method(method)
            .uri(target)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    fn go(target: &str, metrics: MetricsAccess) -> String {
        match destination(&parts("GET", target), metrics) {
            Destination::Api(path) => format!("api {path}"),
            Destination::Metrics => "metrics".to_owned(),
            Destination::Redirect(to) => format!("to {to}"),
            Destination::Page(reply) => format!(
                "{} {:?} {}",
                reply.status,
                reply.content_type,
                reply.body.0.trim()
            ),
        }
    }

    #[test]
    fn only_what_is_below_v1_is_for_the_api() {
        let json = "404 Some(\"application/json\") {\"errors\":[]}";
        let plain = "404 Some(\"text/plain; charset=utf-8\") 404 page not found";
        for (target, expected) in [
            ("/v1/secret/a?x=1", "api secret/a"),
            ("http://host/v1/a", "api a"),
            ("/v1/", "api "),
            ("/v1/a%2fb/../c", "api a%2fb/../c"),
            ("/v1", json),
            ("/v2/a", json),
            ("/V1/a", json),
            ("/.well-known/acme-challenge/x", json),
            ("*", json),
            ("/", plain),
            ("/ui", plain),
            ("/ui/vault/auth", plain),
            ("/uix", json),
        ] {
            assert_eq!(go(target, MetricsAccess::default()), expected, "{target}");
        }
        assert!(go("/robots.txt", MetricsAccess::default()).contains("Disallow"));
    }

    #[test]
    fn doubled_slashes_are_sent_to_the_clean_path_of_this_server() {
        for (target, expected) in [
            ("/v1//a", "to /v1/a"),
            ("/v1/a///b//?list=true&x=//", "to /v1/a/b/?list=true&x=//"),
            ("http://host//evil.example/x", "to /evil.example/x"),
        ] {
            assert_eq!(go(target, MetricsAccess::default()), expected, "{target}");
        }
    }

    #[test]
    fn metrics_have_their_own_rules() {
        let open = MetricsAccess {
            open: true,
            ..MetricsAccess::default()
        };
        let only = MetricsAccess { only: true, ..open };
        let disallowed = MetricsAccess {
            disallowed: true,
            ..open
        };
        assert_eq!(go("/v1/sys/metrics", MetricsAccess::default()), "api sys/metrics");
        assert_eq!(go("/v1/sys/metrics?format=prometheus", open), "metrics");
        assert_eq!(go("/v1/sys/health", open), "api sys/health");
        assert_eq!(go("/v1/sys/metrics", only), "metrics");
        assert!(go("/v1/sys/health", only).starts_with("404"));
        assert!(go("/v1/sys/metrics", disallowed).starts_with("404"));
        let write = parts("POST", "/v1/sys/metrics");
        assert_eq!(destination(&write, open), Destination::Api("sys/metrics"));
    }

    #[test]
    fn prometheus_is_understood() {
        assert!(wants_prometheus(&parts(
            "GET",
            "/v1/sys/metrics?format=prometheus"
        )));
        assert!(!wants_prometheus(&parts("GET", "/v1/sys/metrics?format=")));
        assert!(!wants_prometheus(&parts("GET", "/v1/sys/metrics")));
        let mut scrape = parts("GET", "/v1/sys/metrics");
        scrape.headers.insert(
            ACCEPT,
            "application/openmetrics-text;version=1.0.0,*/*;q=0.1"
                .parse()
                .unwrap(),
        );
        assert!(wants_prometheus(&scrape));
    }

    #[test]
    fn recorded_paths_are_short_and_printable() {
        assert_eq!(for_audit("a/b%00c"), "a/b%00c");
        assert_eq!(for_audit("a\u{7f}\u{e9}b c"), "a??b?c");
        assert_eq!(for_audit(&"a".repeat(9999)).len(), MAX_RECORDED);
    }
}
