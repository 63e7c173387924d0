//! One operation of a document: its parameters, its body and its answers.

use arca_api::FieldDoc;
use arca_api::field::Kind;
use arca_base::json::Object;
use arca_base::{Json, Operation, json_object};

use super::place::Place;
use super::schema::schema;
use super::template::Template;
use crate::engine::{Access, RouteInfo};

/// Whether a request needs a token.
pub(super) const fn needs_token(route: &RouteInfo) -> bool {
    !matches!(route.access, Access::Anonymous | Access::OptionalToken)
}

/// The parameters in a path.
pub(super) fn path_parameters(place: &Place, route: &RouteInfo, template: &Template) -> Vec<Json> {
    let of_path = template.names.iter().map(|name| {
        let field = route.fields.iter().find(|field| field.name == *name);
        json_object! {
            "name" => *name,
            "in" => "path",
            "required" => true,
            "description" => field.map_or("", |field| field.doc.trim()),
            "schema" => schema(field.map_or(Kind::Text, |field| field.kind)),
        }
    });
    place.parameter.clone().into_iter().chain(of_path).collect()
}

/// An operation. The schema of its body goes into `schemas`, under a name made of `id`.
pub(super) fn describe(
    place: &Place,
    route: &RouteInfo,
    template: &Template,
    id: &str,
    schemas: &mut Object,
) -> Json {
    let fields: Vec<&FieldDoc> = route
        .fields
        .iter()
        .filter(|field| !template.names.contains(&field.name))
        .collect();
    let mut members = Object::new();
    members.insert("summary".to_owned(), route.summary.trim().into());
    members.insert("operationId".to_owned(), id.into());
    members.insert("tags".to_owned(), vec![Json::from(place.tag)].into());
    members.insert("responses".to_owned(), responses(route));
    if !needs_token(route) {
        // An empty requirement is "none"; beside the other one it is "either".
        let mut either = vec![Json::object()];
        if route.access == Access::OptionalToken {
            either.push(json_object! { "token" => Vec::<Json>::new() });
        }
        members.insert("security".to_owned(), either.into());
    }
    if let Some(media_type) = media_type(route.operation) {
        if !fields.is_empty() || route.takes_anything {
            let name = format!("{id}-request");
            let reference = format!("#/components/schemas/{name}");
            schemas.insert(name, body(&fields));
            let content = json_object! { "schema" => json_object! { "$ref" => reference } };
            members.insert(
                "requestBody".to_owned(),
                json_object! { "content" => json_object! { media_type => content } },
            );
        }
    } else {
        let parameters = query(route.operation, &fields);
        if !parameters.is_empty() {
            members.insert("parameters".to_owned(), parameters.into());
        }
    }
    Json::Object(members)
}

/// What the body of an operation is, where it has one.
const fn media_type(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Create | Operation::Update => Some("application/json"),
        Operation::Patch => Some("application/merge-patch+json"),
        _ => None,
    }
}

fn responses(route: &RouteInfo) -> Json {
    let mut responses = json_object! {
        "default" => json_object! { "$ref" => "#/components/responses/Errors" },
    };
    let done: &[(&str, &str)] = match route.operation {
        Operation::Delete => &[("204", "Done.")],
        Operation::Create | Operation::Update | Operation::Patch => &[("200", "OK"), ("204", "Done.")],
        _ => &[("200", "OK")],
    };
    if let Json::Object(members) = &mut responses {
        for (status, description) in done {
            members.insert(
                (*status).to_owned(),
                json_object! { "description" => *description },
            );
        }
    }
    responses
}

fn body(fields: &[&FieldDoc]) -> Json {
    let properties: Object = fields
        .iter()
        .map(|field| (field.name.to_owned(), described(field)))
        .collect();
    json_object! { "type" => "object", "properties" => Json::Object(properties) }
}

fn described(field: &FieldDoc) -> Json {
    let mut schema = schema(field.kind);
    if let Json::Object(members) = &mut schema {
        members.insert("description".to_owned(), field.doc.trim().into());
    }
    schema
}

fn query(operation: Operation, fields: &[&FieldDoc]) -> Vec<Json> {
    let parameter = |name: &str, doc: &str, required: bool, schema: Json| {
        json_object! {
            "name" => name,
            "in" => "query",
            "description" => doc.trim(),
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
    let others = fields
        .iter()
        .map(|field| parameter(field.name, field.doc, false, schema(field.kind)));
    chosen.into_iter().chain(others).collect()
}
