//! The functions of agents' templates by their own names: `toJSON`, `base64Decode`, `trimSpace` and so on.
//!
//! | family | module |
//! |---|---|
//! | texts, digests and encodings | `texts` |
//! | lists, maps and pairs of a key and a value | `lists`, `maps` |
//! | numbers | `numbers` |
//! | documents | `documents` |
//! | values that last for a rendering | `scratch` |
//! | names that are known and refused | `elsewhere` |
//!
//! Their subject is the last argument, so that they fit into pipelines. What the general library has under another
//! name is asked for there. Results are those of the original (`tests/corpus/functions` holds the evidence).

mod documents;
mod elsewhere;
mod lists;
mod maps;
mod numbers;
mod scratch;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arca_base::Timestamp;
use arca_lang::sprig::Sprig;
use arca_lang::template::{Conduct, FunctionError, Functions as _, Kind, Signature, Value};

use scratch::Scratch;

pub(super) use elsewhere::refusal;

type Answer = Result<Value, FunctionError>;

const ANY: &[Kind] = &[Kind::Any];
const ANYS: &[Kind] = &[Kind::Any, Kind::Any];
const STRING: &[Kind] = &[Kind::String];
const STRINGS: &[Kind] = &[Kind::String, Kind::String];
const THREE_STRINGS: &[Kind] = &[Kind::String, Kind::String, Kind::String];

/// What the functions of one rendering work with.
pub(super) struct Tools {
    pub(super) sprig: Sprig,
    scratch: Arc<Scratch>,
    /// The moment of the rendering.
    now: Timestamp,
}

impl Tools {
    /// For a rendering at `now` that makes no text longer than `bytes`.
    pub(super) fn new(bytes: usize, now: Timestamp) -> Self {
        Self {
            sprig: Sprig::new(bytes),
            scratch: Arc::new(Scratch::new(bytes)),
            now,
        }
    }

    /// What the general library makes of the same arguments.
    fn library(&mut self, name: &str, arguments: &[Value]) -> Answer {
        self.sprig.call(name, arguments)
    }
}

/// A function.
struct Entry {
    name: &'static str,
    signature: Signature,
    run: fn(&mut Tools, &[Value]) -> Answer,
}

/// A function with exactly these arguments.
const fn entry(
    name: &'static str,
    parameters: &'static [Kind],
    run: fn(&mut Tools, &[Value]) -> Answer,
) -> Entry {
    Entry {
        name,
        signature: Signature::of(parameters),
        run,
    }
}

/// A function with these arguments and any number of further ones.
const fn variadic(
    name: &'static str,
    parameters: &'static [Kind],
    rest: Kind,
    run: fn(&mut Tools, &[Value]) -> Answer,
) -> Entry {
    Entry {
        name,
        signature: Signature::variadic(parameters, rest),
        run,
    }
}

const OWN: &[Entry] = &[
    // The engine renders it; what is given here is dropped.
    variadic("executeTemplate", STRING, Kind::Any, |_, arguments| {
        if arguments.len() > 2 {
            return Err("want the name of a template, and perhaps its data".into());
        }
        Ok(Value::Nil)
    }),
    entry("scratch", &[], |tools, _| {
        Ok(Value::Object(tools.scratch.clone()))
    }),
];

const FAMILIES: &[&[Entry]] = &[
    OWN,
    documents::ENTRIES,
    lists::ENTRIES,
    maps::ENTRIES,
    numbers::ENTRIES,
    texts::ENTRIES,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Entry>> = LazyLock::new(|| {
    let entries = FAMILIES.iter().flat_map(|family| family.iter());
    entries.map(|entry| (entry.name, entry)).collect()
});

/// The arguments of the function of this name, if it is one of these.
pub(super) fn signature(name: &str) -> Option<Signature> {
    BY_NAME.get(name).map(|entry| entry.signature)
}

/// What the engine does with it, if it is one of these.
pub(super) fn conduct(name: &str) -> Option<Conduct> {
    Some(match name {
        "executeTemplate" => Conduct::Renders,
        "mergeMap" | "mergeMapWithOverride" => Conduct::Changes,
        other => return BY_NAME.contains_key(other).then_some(Conduct::Gives),
    })
}

/// Calls the function of this name; `None` if it is none of these.
pub(super) fn call(name: &str, arguments: &[Value], tools: &mut Tools) -> Option<Answer> {
    let entry = BY_NAME.get(name)?;
    Some((entry.run)(tools, arguments).and_then(|value| {
        tools.sprig.weigh(&value)?;
        Ok(value)
    }))
}

/// The argument with this index.
fn value(arguments: &[Value], index: usize) -> &Value {
    arguments.get(index).unwrap_or(&Value::Nil)
}

/// The bytes of a string.
fn bytes(arguments: &[Value], index: usize) -> &[u8] {
    value(arguments, index).as_bytes().unwrap_or_default()
}

/// The text of a string.
fn text(arguments: &[Value], index: usize) -> Result<&str, FunctionError> {
    std::str::from_utf8(bytes(arguments, index)).map_err(|_| "an argument is not UTF-8 text".into())
}
