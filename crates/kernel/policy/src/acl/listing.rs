//! What a token may touch at all: for listings of mounts, and for user interfaces.

use arca_base::{Json, MountPath, json, json_object};

use super::{Acl, Rule};
use crate::document::{Constraints, Parameters};
use crate::pattern::Form;

impl Acl {
    /// Whether the token has any access to a mount or below it.
    ///
    /// Looks at every rule if the mount itself is not accessible.
    #[must_use]
    pub fn touches(&self, mount: &MountPath) -> bool {
        let mount = mount.as_str();
        let itself = || {
            self.rule_for(mount, true)
                .is_some_and(|rule| rule.capabilities.grants())
        };
        let below = || {
            self.rules
                .iter()
                .any(|rule| rule.capabilities.grants() && rule.reaches_below(mount))
        };
        self.root || itself() || below()
    }

    /// The answer of `sys/internal/ui/resultant-acl`: every path with what is allowed there.
    ///
    /// Paths that end in a wildcard stand under `glob_paths`, without it.
    #[must_use]
    pub fn resultant(&self) -> Json {
        let (mut exact, mut glob) = (json::Object::new(), json::Object::new());
        for rule in &self.rules {
            let (paths, path) = match rule.path.strip_suffix('*') {
                Some(beginning) if rule.form != Form::Exact => (&mut glob, beginning),
                _ => (&mut exact, rule.path()),
            };
            paths.insert(path.to_owned(), rule.to_json());
        }
        json_object! {
            "root" => self.root,
            "exact_paths" => Json::Object(exact),
            "glob_paths" => Json::Object(glob),
        }
    }
}

impl Rule {
    /// Whether a path below `mount` (with its trailing slash) can match the rule.
    fn reaches_below(&self, mount: &str) -> bool {
        if self.form != Form::Segments {
            return self.path.starts_with(mount);
        }
        let literal = self.path.strip_suffix('*');
        let mut parts = literal.unwrap_or(&self.path).split('/').peekable();
        for segment in mount.trim_end_matches('/').split('/') {
            let part = parts.next();
            match (part, parts.peek().is_some()) {
                (Some("+"), true) => {}
                (Some(part), true) if part == segment => {}
                // The last part of the rule: only with a star is there anything below.
                (Some(part), false) => return literal.is_some() && segment.starts_with(part),
                _ => return false,
            }
        }
        true
    }

    fn to_json(&self) -> Json {
        let names = if self.capabilities.grants() {
            self.capabilities
                .iter()
                .map(|capability| Json::from(capability.as_str()))
                .collect()
        } else {
            vec![Json::from("deny")]
        };
        let mut out = json::Object::new();
        out.insert("capabilities".to_owned(), Json::Array(names));
        if let Some(constraints) = self.constraints() {
            constraints.add_to(&mut out);
        }
        Json::Object(out)
    }
}

impl Constraints {
    fn add_to(&self, out: &mut json::Object) {
        let mut add = |key: &str, value: Option<Json>| {
            if let Some(value) = value {
                out.insert(key.to_owned(), value);
            }
        };
        let parameters = |parameters: &Parameters| {
            let lists = || {
                parameters
                    .iter()
                    .map(|(name, values)| (name.clone(), Json::Array(values.clone())))
            };
            (!parameters.is_empty()).then(|| lists().collect())
        };
        let required = &self.required_parameters;
        let seconds = |duration: arca_base::GoDuration| Json::from(duration.nanos() / 1_000_000_000);
        add("allowed_parameters", parameters(&self.allowed_parameters));
        add("denied_parameters", parameters(&self.denied_parameters));
        add(
            "required_parameters",
            (!required.is_empty()).then(|| Json::from(required.clone())),
        );
        add("min_wrapping_ttl", self.min_wrapping_ttl.map(seconds));
        add("max_wrapping_ttl", self.max_wrapping_ttl.map(seconds));
    }
}
