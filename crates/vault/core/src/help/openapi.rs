//! Routes as an OpenAPI 3 document.
//!
//! Source: OpenAPI Specification 3.0.3, Paths Object, Parameter Object and Request Body Object.

use arca_api::FieldDoc;
use arca_api::field::Kind;
use arca_base::json::Object;
use arca_base::{Json, Operation, json_object};

use crate::engine::{Access, RouteInfo};

/// The document of `routes` of the mount at `prefix`, which ends in a slash.
pub(super) fn document(prefix: &str, routes: &[&RouteInfo]) -> Json {
    let mut paths = Object::new();
    for route in routes {
        let Some(method) = method(route.operation) else {
            continue;
        };
        let path = paths
            .entry(format!("/{prefix}{}", plain(route.pattern.as_str())))
            .or_insert_with(|| path_item(route));
        if let Json::Object(members) = path {
            // Listing and reading share the method; reading comes first in every table.
            members
                .entry(method.to_owned())
                .or_insert_with(|| operation(prefix, route));
        }
    }
    json_object! {
        "openapi" => "3.0.3",
        "info" => json_object! {
            "title" => "Arca API",
            "description" => "HTTP API, compatible with Vault's. All requests are below /v1/.",
            "version" => crate::version::API,
            "license" => json_object! { "name" => "Apache-2.0", "url" => "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "paths" => Json::Object(paths),
    }
}

const fn method(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Read | Operation::List | Operation::Scan => Some("get"),
        Operation::Create | Operation::Update => Some("post"),
        Operation::Patch => Some("patch"),
        Operation::Delete => Some("delete"),
        Operation::Header => Some("head"),
        Operation::Help => None,
    }
}

/// A pattern in the form of the specification, which knows `{name}` only.
fn plain(pattern: &str) -> String {
    pattern.replace("*}", "}").replace("/}", "}/").replace("?}", "}")
}

fn path_item(route: &RouteInfo) -> Json {
    let parameters: Vec<Json> = route
        .pattern
        .names()
        .map(|name| {
            let field = route.fields.iter().find(|field| field.name == name);
            json_object! {
                "name" => name,
                "in" => "path",
                "required" => true,
                "description" => field.map_or("", |field| field.doc),
                "schema" => schema(field.map_or(Kind::Text, |field| field.kind)),
            }
        })
        .collect();
    let mut item = json_object! { "description" => route.summary };
    if let Json::Object(members) = &mut item {
        if !parameters.is_empty() {
            members.insert("parameters".to_owned(), parameters.into());
        }
        if route.access == Access::Sudo {
            members.insert("x-vault-sudo".to_owned(), true.into());
        }
        if matches!(route.access, Access::Anonymous | Access::OptionalToken) {
            members.insert("x-vault-unauthenticated".to_owned(), true.into());
        }
    }
    item
}

fn operation(prefix: &str, route: &RouteInfo) -> Json {
    let status = if route.operation == Operation::Delete {
        "204"
    } else {
        "200"
    };
    let mut operation = json_object! {
        "summary" => route.summary,
        "operationId" => operation_id(prefix, route),
        "responses" => json_object! { status => json_object! { "description" => "OK" } },
    };
    let captured: Vec<&str> = route.pattern.names().collect();
    let fields: Vec<&FieldDoc> = route
        .fields
        .iter()
        .filter(|field| !captured.contains(&field.name))
        .collect();
    if let Json::Object(members) = &mut operation {
        if matches!(
            route.operation,
            Operation::Create | Operation::Update | Operation::Patch
        ) {
            members.insert("requestBody".to_owned(), body(&fields));
        } else {
            members.insert("parameters".to_owned(), query(route.operation, &fields).into());
        }
    }
    operation
}

fn operation_id(prefix: &str, route: &RouteInfo) -> String {
    let words = format!("{} {prefix}{}", route.operation.as_str(), route.pattern.as_str());
    words
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

fn body(fields: &[&FieldDoc]) -> Json {
    let properties: Object = fields
        .iter()
        .map(|field| {
            let mut described = schema(field.kind);
            if let Json::Object(members) = &mut described {
                members.insert("description".to_owned(), field.doc.into());
            }
            (field.name.to_owned(), described)
        })
        .collect();
    json_object! {
        "content" => json_object! {
            "application/json" => json_object! {
                "schema" => json_object! { "type" => "object", "properties" => Json::Object(properties) },
            },
        },
    }
}

fn query(operation: Operation, fields: &[&FieldDoc]) -> Vec<Json> {
    let parameter = |name: &str, doc: &str, required: bool, schema: Json| {
        json_object! {
            "name" => name,
            "in" => "query",
            "description" => doc,
            "required" => required,
            "schema" => schema,
        }
    };
    let chosen = match operation {
        Operation::List => Some("list"),
        Operation::Scan => Some("scan"),
        _ => None,
    };
    let chosen = chosen.map(|name| {
        let one = json_object! { "type" => "string", "enum" => vec![Json::from("true")] };
        parameter(name, "Must be `true`", true, one)
    });
    let described = |field: &&FieldDoc| parameter(field.name, field.doc, false, schema(field.kind));
    chosen.into_iter().chain(fields.iter().map(described)).collect()
}

fn schema(kind: Kind) -> Json {
    let text = json_object! { "type" => "string" };
    match kind {
        Kind::Text => text,
        Kind::Integer => json_object! { "type" => "integer" },
        Kind::Flag => json_object! { "type" => "boolean" },
        Kind::Duration => json_object! { "type" => "string", "format" => "duration" },
        Kind::CommaList | Kind::List => json_object! { "type" => "array", "items" => text },
        Kind::IntegerList => {
            json_object! { "type" => "array", "items" => json_object! { "type" => "integer" } }
        }
        Kind::Map => json_object! { "type" => "object", "additionalProperties" => text },
        Kind::Time => json_object! { "type" => "string", "format" => "date-time" },
        Kind::Any => Json::object(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_templates() {
        for (pattern, template) in [
            ("data/{path*}", "data/{path}"),
            ("metadata/{path/}", "metadata/{path}/"),
            ("lookup/{token?}", "lookup/{token}"),
            ("mounts/{path*}/tune", "mounts/{path}/tune"),
        ] {
            assert_eq!(plain(pattern), template);
        }
    }
}
