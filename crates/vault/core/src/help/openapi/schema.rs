//! Schemas: of fields, and of what every operation shares.

use arca_api::field::Kind;
use arca_base::json::Object;
use arca_base::{Json, json_object};

/// The schema of a field.
pub(super) fn schema(kind: Kind) -> Json {
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

/// What operations refer to: bodies, the answer of what failed, and the token.
pub(super) fn components(schemas: Object) -> Json {
    let mut schemas = schemas;
    schemas.insert("Errors".to_owned(), errors());
    let errors = json_object! { "schema" => json_object! { "$ref" => "#/components/schemas/Errors" } };
    json_object! {
        "schemas" => Json::Object(schemas),
        "responses" => json_object! {
            "Errors" => json_object! {
                "description" => "What failed, and why.",
                "content" => json_object! { "application/json" => errors },
            },
        },
        "securitySchemes" => json_object! {
            "token" => json_object! { "type" => "apiKey", "in" => "header", "name" => "X-Vault-Token" },
        },
    }
}

fn errors() -> Json {
    let texts = json_object! { "type" => "array", "items" => json_object! { "type" => "string" } };
    json_object! {
        "type" => "object",
        "required" => vec![Json::from("errors")],
        "properties" => json_object! { "errors" => texts },
    }
}
