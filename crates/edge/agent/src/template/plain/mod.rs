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

use std::sync::{Arc, LazyLock};

use arca_base::Timestamp;
use arca_lang::sprig::Sprig;
use arca_lang::template::{self, Conduct, FunctionError, Functions as _, Kind, Table, Value};

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

    /// What a function makes of the arguments, if that is not too much.
    pub(super) fn answer(&mut self, entry: &Entry, arguments: &[Value]) -> Answer {
        let value = (entry.run)(self, arguments)?;
        self.sprig.weigh(&value)?;
        Ok(value)
    }

    /// What the general library makes of the same arguments.
    fn library(&mut self, name: &str, arguments: &[Value]) -> Answer {
        self.sprig.call(name, arguments)
    }
}

type Run = fn(&mut Tools, &[Value]) -> Answer;
type Entry = template::Entry<Run>;

/// A function with exactly these arguments.
const fn entry(name: &'static str, parameters: &'static [Kind], run: Run) -> Entry {
    Entry::new(name, parameters, run)
}

/// A function with these arguments and any number of further ones.
const fn variadic(name: &'static str, parameters: &'static [Kind], rest: Kind, run: Run) -> Entry {
    Entry::variadic(name, parameters, rest, run)
}

const OWN: &[Entry] = &[
    // The engine renders it; what is given here is dropped.
    variadic("executeTemplate", STRING, Kind::Any, |_, arguments| {
        if arguments.len() > 2 {
            return Err("want the name of a template, and perhaps its data".into());
        }
        Ok(Value::Nil)
    })
    .that(Conduct::Renders),
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

/// The functions by their names.
pub(super) static TABLE: LazyLock<Table<Run>> = LazyLock::new(|| Table::new(FAMILIES));

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
