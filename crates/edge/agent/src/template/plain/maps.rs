//! Maps that are merged, and maps made of paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_lang::document::DEPTH;
use arca_lang::template::{Conduct, FunctionError, Kind, Value};

use super::{Answer, Entry, Run, entry, value};

pub(super) const ENTRIES: &[Entry] = &[
    merging("mergeMap", |tools, arguments| {
        tools.library("sprig_merge", &present(arguments))
    }),
    merging("mergeMapWithOverride", |tools, arguments| {
        tools.library("sprig_mergeOverwrite", &present(arguments))
    }),
    entry("explodeMap", &[Kind::Map], |_, arguments| {
        let mut made = Entries::new();
        if let Value::Map(entries) = value(arguments, 0) {
            for (path, value) in entries.iter() {
                explode(&mut made, path, value.clone())?;
            }
        }
        Ok(Value::map(made))
    }),
    entry("explode", &[Kind::List], |_, arguments| {
        let mut made = Entries::new();
        for pair in pairs(arguments) {
            let (key, pair) = pair?;
            explode(&mut made, key, pair.get("Value").cloned().unwrap_or_default())?;
        }
        Ok(Value::map(made))
    }),
    entry("byKey", &[Kind::List], |_, arguments| by_key(arguments)),
];

/// A function that changes its first map.
const fn merging(name: &'static str, run: Run) -> Entry {
    entry(name, &[Kind::Map, Kind::Map], run).that(Conduct::Changes)
}

type Entries = BTreeMap<String, Value>;

/// Nothing merges like an empty map.
fn present(arguments: &[Value]) -> Vec<Value> {
    let arguments = arguments.iter().map(|value| match value {
        Value::Nil => Value::map::<String>([]),
        value => value.clone(),
    });
    arguments.collect()
}

/// Puts a value under the names of its path. A path that ends with a slash is an empty map.
fn explode(made: &mut Entries, path: &str, value: Value) -> Result<(), FunctionError> {
    let mut names = path.split('/');
    let last = names.next_back().unwrap_or_default();
    let mut place = made;
    for (level, name) in names.enumerate() {
        if level >= DEPTH {
            return Err(format!("a key has more than {DEPTH} parts").into());
        }
        let inner = place
            .entry(name.to_owned())
            .or_insert_with(|| Value::map::<String>([]));
        let Value::Map(inner) = inner else {
            return Err("a key goes on where another one already has a value".into());
        };
        place = Arc::make_mut(inner);
    }
    if !last.is_empty() {
        place.insert(last.to_owned(), value);
    }
    Ok(())
}

/// Maps with a `Key` and a `Value`.
fn pairs(arguments: &[Value]) -> impl Iterator<Item = Result<(&str, &Arc<Entries>), FunctionError>> {
    let pairs = match value(arguments, 0) {
        Value::List(pairs) => &**pairs,
        _ => &[],
    };
    pairs.iter().map(|pair| match pair {
        Value::Map(entries) => match entries.get("Key").and_then(Value::as_str) {
            Some(key) => Ok((key, entries)),
            None => Err(FunctionError::misfit("a pair has no Key that is a text")),
        },
        other => Err(FunctionError::misfit(format!(
            "want maps with Key and Value, not {}",
            other.type_name()
        ))),
    })
}

/// Pairs below the first part of their keys, with the rest of it.
fn by_key(arguments: &[Value]) -> Answer {
    let mut made: BTreeMap<String, Entries> = BTreeMap::new();
    for pair in pairs(arguments) {
        let (key, pair) = pair?;
        let Some((top, rest)) = key.split_once('/').filter(|(_, rest)| !rest.is_empty()) else {
            continue;
        };
        let mut pair = Arc::clone(pair);
        Arc::make_mut(&mut pair).insert("Key".to_owned(), Value::from(rest));
        made.entry(top.to_owned())
            .or_default()
            .insert(rest.to_owned(), Value::Map(pair));
    }
    Ok(Value::map(
        made.into_iter().map(|(top, pairs)| (top, Value::map(pairs))),
    ))
}
