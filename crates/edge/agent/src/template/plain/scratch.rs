//! `scratch`: values under names that last for one rendering.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_lang::document::measure;
use arca_lang::template::{FunctionError, Kind, Object, Signature, Value};
use parking_lot::Mutex;

use super::Answer;

/// Elements and kilobytes that one rendering may put here altogether.
const EFFORT: usize = 10_000_000;

/// The values of one rendering.
pub(super) struct Scratch {
    /// Longest text of a value, in bytes.
    bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    values: BTreeMap<String, Value>,
    /// What was put here so far.
    effort: usize,
}

impl Scratch {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes,
            state: Mutex::default(),
        }
    }

    fn set(&self, key: &str, value: &Value, replaces: bool) -> Answer {
        let mut state = self.state.lock();
        state.spend(value, self.bytes)?;
        if replaces || !state.values.contains_key(key) {
            state.values.insert(key.to_owned(), value.clone());
        }
        Ok(Value::from(""))
    }

    fn map_set(&self, key: &str, name: &str, value: &Value, replaces: bool) -> Answer {
        let mut state = self.state.lock();
        // As part of a map it is one level further inside.
        state.spend(&Value::list([value.clone()]), self.bytes)?;
        let map = state.values.entry(key.to_owned());
        let Value::Map(entries) = map.or_insert_with(|| Value::map::<String>([])) else {
            return Err("what is there under the first name is not a map".into());
        };
        if replaces || !entries.contains_key(name) {
            Arc::make_mut(entries).insert(name.to_owned(), value.clone());
        }
        Ok(Value::from(""))
    }
}

impl State {
    fn spend(&mut self, value: &Value, bytes: usize) -> Result<(), FunctionError> {
        let size = measure(value, bytes)?;
        self.effort += size.elements + size.bytes / 1024;
        if self.effort > EFFORT {
            return Err("this template has put too many values into scratch".into());
        }
        Ok(())
    }
}

impl Object for Scratch {
    fn type_name(&self) -> &str {
        "*template.Scratch"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn signature(&self, name: &str) -> Option<Signature> {
        METHODS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, parameters)| Signature::of(parameters))
    }

    fn has_method(&self, name: &str) -> bool {
        METHODS.iter().any(|(known, _)| *known == name)
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Answer> {
        let key = arguments.first().and_then(Value::as_str).unwrap_or_default();
        Some(match (name, arguments) {
            ("Key", _) => Ok(Value::Bool(self.state.lock().values.contains_key(key))),
            ("Get", _) => Ok(self.state.lock().values.get(key).cloned().unwrap_or_default()),
            ("Set", [_, value]) => self.set(key, value, true),
            ("SetX", [_, value]) => self.set(key, value, false),
            ("MapSet" | "MapSetX", [_, inner, value]) => {
                self.map_set(key, inner.as_str().unwrap_or_default(), value, name == "MapSet")
            }
            ("MapValues", _) => Ok(match self.state.lock().values.get(key) {
                Some(Value::Map(entries)) => Value::list(entries.values().cloned()),
                _ => Value::list([]),
            }),
            _ => return None,
        })
    }
}

const METHODS: &[(&str, &[Kind])] = &[
    ("Get", &[Kind::String]),
    ("Key", &[Kind::String]),
    ("MapSet", &[Kind::String, Kind::String, Kind::Any]),
    ("MapSetX", &[Kind::String, Kind::String, Kind::Any]),
    ("MapValues", &[Kind::String]),
    ("Set", &[Kind::String, Kind::Any]),
    ("SetX", &[Kind::String, Kind::Any]),
];
