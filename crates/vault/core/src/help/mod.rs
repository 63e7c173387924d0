//! What a path is for, told from the same table of routes that answers it.

pub(crate) mod openapi;

use std::fmt::Write as _;

use arca_api::FieldDoc;
use arca_api::field::Kind;
use arca_base::json_object;

use crate::engine::{Answer, Mounted, RouteInfo};
use crate::fault::Fault;
use crate::router::Mount;

/// Help on the path below a mount; on a mount itself, everything it has.
///
/// Body: `help` is text, `see_also` a list or null, `openapi` an OpenAPI 3 document of the same routes.
///
/// # Errors
/// [`Fault::unsupported_path`] when the mount has no such path.
pub(crate) fn on(engine: &dyn Mounted, mount: &Mount, path: &str) -> Result<Answer, Fault> {
    let all = engine.routes();
    let is_mount = path.is_empty();
    let routes: Vec<&RouteInfo> = all
        .into_iter()
        .filter(|route| is_mount || route.pattern.matches(path).is_some())
        .collect();
    if routes.is_empty() {
        return Err(Fault::unsupported_path());
    }
    let text = if is_mount {
        on_mount(mount, &routes)
    } else {
        on_path(path, &routes)
    };
    let mut document = openapi::Document::default();
    document.add(&openapi::Place::of(mount), &routes);
    Ok(Answer::raw_json(
        200,
        &json_object! {
            "help" => text,
            "see_also" => arca_base::Json::Null,
            "openapi" => document.finish(),
        },
    ))
}

fn on_mount(mount: &Mount, routes: &[&RouteInfo]) -> String {
    let mut text = format!("## {} ({})\n\n", mount.full_path(), mount.kind);
    if !mount.description.is_empty() {
        let _ = writeln!(text, "{}\n", mount.description);
    }
    text.push_str("Paths below this mount; ask for help on one of them for its parameters.\n\n");
    for route in routes {
        push_route(route, &mut text);
    }
    text
}

fn on_path(path: &str, routes: &[&RouteInfo]) -> String {
    let mut text = format!("Request:  {path}\n");
    let mut patterns: Vec<&str> = routes.iter().map(|route| route.pattern.as_str()).collect();
    patterns.dedup();
    let _ = writeln!(text, "Route:    {}\n\n## OPERATIONS\n", patterns.join(", "));
    for route in routes {
        push_route(route, &mut text);
    }
    let fields = distinct_fields(routes);
    if !fields.is_empty() {
        text.push_str("\n## PARAMETERS\n\n");
    }
    for field in fields {
        let _ = writeln!(
            text,
            "    {} ({})\n        {}\n",
            field.name,
            named(field.kind),
            field.doc
        );
    }
    text
}

fn push_route(route: &RouteInfo, text: &mut String) {
    let _ = writeln!(
        text,
        "    {:<8} {}\n        {}\n",
        route.operation.as_str(),
        route.pattern.as_str(),
        route.summary
    );
}

/// Every field once, in the order in which routes name them.
fn distinct_fields(routes: &[&RouteInfo]) -> Vec<FieldDoc> {
    let mut fields: Vec<FieldDoc> = Vec::new();
    for field in routes.iter().flat_map(|route| route.fields) {
        if fields.iter().all(|known| known.name != field.name) {
            fields.push(*field);
        }
    }
    fields
}

const fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "string",
        Kind::Integer => "integer",
        Kind::Flag => "boolean",
        Kind::Duration => "duration: seconds, or text such as 1h30m",
        Kind::CommaList => "list of strings, or one with commas",
        Kind::List => "list of strings",
        Kind::IntegerList => "list of integers, or one text with commas",
        Kind::Map => "map of strings, or key=value",
        Kind::Time => "time: RFC 3339, or Unix seconds",
        Kind::Any => "any value",
    }
}
