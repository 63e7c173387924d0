//! Routes as an OpenAPI 3 document.
//!
//! Source: OpenAPI Specification 3.0.3, Paths Object, Parameter Object and Request Body Object. The `x-vault-*`
//! members are those that generators of existing clients read.

mod operation;
mod place;
mod schema;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use arca_base::json::Object;
use arca_base::{Json, Operation, json_object};

pub(crate) use place::Place;
use template::Template;

use crate::engine::{Access, RouteInfo};

/// A document under construction. Members come out sorted, so that equal mounts give equal documents.
#[derive(Default)]
pub(crate) struct Document {
    context: String,
    items: BTreeMap<String, Item>,
    schemas: Object,
    ids: BTreeSet<String>,
}

/// A path and what can be done there.
#[derive(Default)]
struct Item {
    parameters: Vec<Json>,
    summary: &'static str,
    sudo: bool,
    needs_token: bool,
    create_supported: bool,
    operations: Object,
}

impl Document {
    /// An empty document; `context` is appended to the identifier of each operation.
    pub(crate) fn new(context: impl Into<String>) -> Self {
        Self {
            context: context.into(),
            ..Self::default()
        }
    }

    /// Adds `routes` as they are below `place`.
    pub(crate) fn add(&mut self, place: &Place, routes: &[&RouteInfo]) {
        for route in routes {
            let Some(method) = method(route.operation) else {
                continue;
            };
            for template in template::of(&route.pattern, route.operation) {
                self.add_operation(place, route, method, &template);
            }
        }
    }

    fn add_operation(&mut self, place: &Place, route: &RouteInfo, method: &str, template: &Template) {
        let path = format!("/{}{}", place.prefix, template.text);
        // What comes first in a table is what a request reaches.
        if self
            .items
            .get(&path)
            .is_some_and(|item| item.operations.contains_key(method))
        {
            return;
        }
        let id = self.id(place, route, template);
        let described = operation::describe(place, route, template, &id, &mut self.schemas);
        let item = self.items.entry(path).or_insert_with(|| Item {
            parameters: operation::path_parameters(place, route, template),
            summary: route.summary,
            ..Item::default()
        });
        item.sudo |= route.access == Access::Sudo;
        item.needs_token |= operation::needs_token(route);
        item.create_supported |= route.checks_existence;
        item.operations.insert(method.to_owned(), described);
    }

    /// An identifier that no operation has yet.
    fn id(&mut self, place: &Place, route: &RouteInfo, template: &Template) -> String {
        let words = format!("{} {} {}", route.operation.as_str(), place.name, template.text);
        let mut id = words
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join("-");
        if !self.context.is_empty() {
            id = format!("{id}-{}", self.context);
        }
        let mut unique = id.clone();
        let mut count = 2_u32;
        while !self.ids.insert(unique.clone()) {
            unique = format!("{id}-{count}");
            count = count.saturating_add(1);
        }
        unique
    }

    /// The document as JSON.
    pub(crate) fn finish(self) -> Json {
        let paths: Object = self
            .items
            .into_iter()
            .map(|(path, item)| (path, item.finish()))
            .collect();
        json_object! {
            "openapi" => "3.0.3",
            "info" => json_object! {
                "title" => "Arca API",
                "description" => "HTTP API, compatible with Vault's.",
                "version" => crate::version::API,
                "license" => json_object! {
                    "name" => "Apache-2.0",
                    "url" => "https://www.apache.org/licenses/LICENSE-2.0",
                },
            },
            "servers" => vec![json_object! { "url" => "/v1" }],
            "security" => vec![json_object! { "token" => Vec::<Json>::new() }],
            "paths" => Json::Object(paths),
            "components" => schema::components(self.schemas),
        }
    }
}

impl Item {
    fn finish(self) -> Json {
        let mut members = self.operations;
        members.insert("description".to_owned(), self.summary.trim().into());
        if !self.parameters.is_empty() {
            members.insert("parameters".to_owned(), self.parameters.into());
        }
        for (name, applies) in [
            ("x-vault-sudo", self.sudo),
            ("x-vault-unauthenticated", !self.needs_token),
            ("x-vault-createSupported", self.create_supported),
        ] {
            if applies {
                members.insert(name.to_owned(), true.into());
            }
        }
        Json::Object(members)
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
