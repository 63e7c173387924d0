//! The general template library that secret agents lend to templates: `sprig_upper`, `sprig_default` and so on.
//!
//! | family | module |
//! |---|---|
//! | text | `text`, `words`, `split` |
//! | lists and maps | `lists`, `maps` |
//! | numbers and times | `numbers`, `dates` |
//! | documents and encodings | `json`, `encoding` |
//! | patterns and versions | `regex`, `semver` |
//! | paths and addresses | `paths`, `urls` |
//! | types and absent values | `kinds`, `defaults` |
//!
//! Results are those of the original, version 3.3 (`tests/corpus/sprig` holds the evidence), with these exceptions. An
//! error never shows an argument. Whole numbers have one width, so `sprig_typeOf` knows no `int64`, and what the
//! library computes fits wherever a whole number is asked for. Lists and maps hold anything, so lists of texts
//! compare equal to lists that happen to hold texts. Maps have an order, so `sprig_keys` and `sprig_values` follow it.
//! `sprig_nospace` and `sprig_initials` look at characters and not at bytes. `sprig_set`, `sprig_unset` and the
//! `sprig_merge` family change a map only where it is named by a variable. Patterns match text of UTF-8 only. Local
//! time is UTC. Nothing makes a text, a list or a tree beyond the limits, and all calls of one rendering together
//! have a limit too.
//!
//! What depends on the machine, the moment or chance (`now`, `env`, `randAlpha`, ...), and what makes keys, passwords
//! and certificates, does not exist here. Neither do digests, which belong to another crate.
//!
//! ```
//! use arca_lang::sprig::Sprig;
//! use arca_lang::template::{Options, Template, Value};
//!
//! let text = r#"{{range $name, $value := .}}{{$name | sprig_upper}}={{$value | sprig_quote}} {{end}}"#;
//! let template = Template::parse("settings", text, &Sprig::default())?;
//! let data = Value::map([("port", Value::Int(8200)), ("user", Value::from("ada"))]);
//! let text = template.render(&data, &mut Sprig::default(), &Options::default())?;
//! assert_eq!(text, r#"PORT="8200" USER="ada" "#);
//! # Ok::<(), arca_lang::template::Error>(())
//! ```

mod call;
mod dates;
mod defaults;
mod encoding;
mod json;
mod kinds;
mod lists;
mod maps;
mod numbers;
mod paths;
mod regex;
mod semver;
mod split;
mod text;
mod urls;
mod words;

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use call::Call;
use regex::Patterns;

use crate::document::{DEPTH, ELEMENTS, measure};
use crate::template::{self, Conduct, FunctionError, Functions, Kind, Signature, Table, Value};

/// Elements and kilobytes that all calls of one rendering may give together.
const EFFORT: usize = 30_000_000;

/// Elements that cost as much as one step of the engine when a function goes through them.
const ELEMENTS_PER_STEP: usize = 8;

/// The prefix of all names.
const PREFIX: &str = "sprig_";

/// The functions of the library. One of them serves one rendering.
///
/// `Debug` shows no pattern: templates can make them of secrets.
pub struct Sprig {
    /// Longest text a function may make, in bytes.
    bytes: usize,
    /// What the calls so far have given.
    effort: usize,
    /// Elements that were looked at, beyond whole steps that the engine knows of.
    looked_at: AtomicUsize,
    patterns: Patterns,
}

type Answer = Result<Value, FunctionError>;

type Run = fn(&Call<'_>) -> Answer;
type Entry = template::Entry<Run>;

/// A function with exactly these arguments.
const fn entry(name: &'static str, parameters: &'static [Kind], run: Run) -> Entry {
    Entry::new(name, parameters, run)
}

/// A function with these arguments and any number of further ones.
const fn variadic(name: &'static str, parameters: &'static [Kind], rest: Kind, run: Run) -> Entry {
    Entry::variadic(name, parameters, rest, run)
}

const FAMILIES: &[&[Entry]] = &[
    dates::ENTRIES,
    defaults::ENTRIES,
    encoding::ENTRIES,
    json::ENTRIES,
    lists::ENTRIES,
    maps::ENTRIES,
    numbers::ENTRIES,
    paths::ENTRIES,
    regex::ENTRIES,
    semver::ENTRIES,
    split::ENTRIES,
    text::ENTRIES,
    kinds::ENTRIES,
    urls::ENTRIES,
    words::ENTRIES,
];

static TABLE: LazyLock<Table<Run>> = LazyLock::new(|| Table::new(FAMILIES));

fn find(name: &str) -> Option<&'static Entry> {
    TABLE.find(name.strip_prefix(PREFIX)?)
}

impl Sprig {
    /// For one rendering that makes no text longer than `bytes`: the
    /// [output limit](crate::template::Limits::output) of that rendering.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes,
            effort: 0,
            looked_at: AtomicUsize::new(0),
            patterns: Patterns::default(),
        }
    }

    /// The names of all functions, in no order.
    pub fn names() -> impl Iterator<Item = String> {
        TABLE.names().map(|name| format!("{PREFIX}{name}"))
    }

    /// Longest text a function may make, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts the elements of a value that a function goes through, also one beside this library.
    pub fn look(&self, value: &Value) {
        // What has too many elements is not gone through to its end.
        let elements = measure(value, usize::MAX).map_or(ELEMENTS, |size| size.elements);
        self.looked_at.fetch_add(elements, Ordering::Relaxed);
    }

    fn answer(&mut self, entry: Option<&Entry>, arguments: &[Value]) -> Answer {
        let entry = entry.ok_or("there is no such function")?;
        let value = (entry.run)(&Call::new(arguments, self))?;
        self.weigh(&value)?;
        Ok(value)
    }

    /// Counts what a function made, also one beside this library.
    ///
    /// # Errors
    /// It is too large, too deep, or too much for one rendering.
    pub fn weigh(&mut self, value: &Value) -> Result<(), FunctionError> {
        let size = measure(value, self.bytes)?;
        self.effort += size.elements + size.bytes / 1024;
        if self.effort > EFFORT {
            return Err("the functions of this template have made too many values".into());
        }
        Ok(())
    }
}

impl Default for Sprig {
    /// For the output limit that renderings have by default.
    fn default() -> Self {
        Self::new(crate::template::Limits::default().output)
    }
}

impl fmt::Debug for Sprig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sprig")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Functions for Sprig {
    fn signature(&self, name: &str) -> Option<Signature> {
        find(name).map(|entry| entry.signature)
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Answer {
        self.answer(find(name), arguments)
    }

    fn conduct(&self, name: &str) -> Conduct {
        find(name).map_or(Conduct::Gives, |entry| entry.conduct)
    }

    fn number(&self, name: &str) -> usize {
        let name = name.strip_prefix(PREFIX);
        name.and_then(|name| TABLE.number(name)).unwrap_or(usize::MAX)
    }

    fn call_numbered(&mut self, number: usize, _name: &str, arguments: &[Value]) -> Answer {
        self.answer(TABLE.at(number), arguments)
    }

    fn effort(&mut self) -> u64 {
        let looked_at = self.looked_at.get_mut();
        let steps = *looked_at / ELEMENTS_PER_STEP;
        *looked_at %= ELEMENTS_PER_STEP;
        u64::try_from(steps).unwrap_or(u64::MAX)
    }
}
