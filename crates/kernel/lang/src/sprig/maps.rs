//! Maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::call::{Call, listed};
use super::{Answer, DEPTH, Entry, Run, entry, variadic};
use crate::template::{Conduct, FunctionError, Kind, Value};

type Entries = BTreeMap<String, Value>;

pub(super) const ENTRIES: &[Entry] = &[
    variadic("dict", &[], Kind::Any, dict),
    entry("get", &[Kind::Map, Kind::String], |call| {
        let found = call.map(0).get(&*call.text(1)).cloned();
        Ok(found.unwrap_or_else(|| Value::from("")))
    }),
    entry("set", &[Kind::Map, Kind::String, Kind::Any], |call| {
        let mut entries = changeable(call)?;
        entries.insert(call.text(1).into_owned(), call.value(2).clone());
        mapped(entries)
    })
    .that(Conduct::Changes),
    entry("unset", &[Kind::Map, Kind::String], |call| {
        let mut entries = Arc::unwrap_or_clone(call.map(0));
        entries.remove(&*call.text(1));
        mapped(entries)
    })
    .that(Conduct::Changes),
    entry("hasKey", &[Kind::Map, Kind::String], |call| {
        Ok(Value::Bool(call.map(0).contains_key(&*call.text(1))))
    }),
    variadic("pluck", &[Kind::String], Kind::Map, |call| {
        let key = call.text(0);
        let maps = (1..call.all().len()).map(|index| call.map(index));
        listed(maps.filter_map(|entries| entries.get(&*key).cloned()))
    }),
    variadic("keys", &[], Kind::Map, |call| {
        let maps = (0..call.all().len()).map(|index| call.map(index));
        listed(maps.flat_map(|entries| {
            entries
                .keys()
                .map(|key| Value::from(key.as_str()))
                .collect::<Vec<_>>()
        }))
    }),
    entry("values", &[Kind::Map], |call| {
        listed(call.map(0).values().cloned())
    }),
    variadic("pick", &[Kind::Map], Kind::String, |call| {
        let entries = call.map(0);
        let keys = (1..call.all().len()).map(|index| call.text(index));
        mapped(
            keys.filter_map(|key| entries.get_key_value(&*key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }),
    variadic("omit", &[Kind::Map], Kind::String, |call| {
        let mut entries = Arc::unwrap_or_clone(call.map(0));
        for index in 1..call.all().len() {
            entries.remove(&*call.text(index));
        }
        mapped(entries)
    }),
    merging("merge", |call| merged(call, false)),
    merging("mustMerge", |call| merged(call, false)),
    merging("mergeOverwrite", |call| merged(call, true)),
    merging("mustMergeOverwrite", |call| merged(call, true)),
    variadic("dig", &[], Kind::Any, dig),
    entry("deepCopy", &[Kind::Any], |call| Ok(call.value(0).clone())),
    entry("mustDeepCopy", &[Kind::Any], |call| Ok(call.value(0).clone())),
];

/// A function that changes its first map.
const fn merging(name: &'static str, run: Run) -> Entry {
    variadic(name, &[Kind::Map], Kind::Map, run).that(Conduct::Changes)
}

#[expect(clippy::unnecessary_wraps, reason = "ends what can fail")]
fn mapped(entries: Entries) -> Answer {
    Ok(Value::Map(Arc::new(entries)))
}

/// The entries of the first argument, which must be there.
fn changeable(call: &Call<'_>) -> Result<Entries, FunctionError> {
    match call.value(0) {
        Value::Map(entries) => Ok((**entries).clone()),
        _ => Err("there is no map to change".into()),
    }
}

/// Keys and values in turn; a key without a value has the empty text.
fn dict(call: &Call<'_>) -> Answer {
    let mut entries = Entries::new();
    for pair in call.all().chunks(2) {
        let [key, rest @ ..] = pair else { continue };
        let key = String::from_utf8_lossy(&call.shown(key)?).into_owned();
        let value = rest.first().cloned().unwrap_or_else(|| Value::from(""));
        entries.insert(key, value);
    }
    mapped(entries)
}

fn merged(call: &Call<'_>, overwrite: bool) -> Answer {
    let mut entries = (*call.map(0)).clone();
    for index in 1..call.all().len() {
        merge(&mut entries, &call.map(index), overwrite, DEPTH)?;
    }
    mapped(entries)
}

/// What is missing or empty is taken over; with `overwrite`, everything is. Maps in both are merged.
fn merge(target: &mut Entries, source: &Entries, overwrite: bool, depth: usize) -> Result<(), FunctionError> {
    let depth = depth.checked_sub(1).ok_or("the maps have too many levels")?;
    for (key, value) in source {
        match (target.get_mut(key), value) {
            (_, Value::Nil) if !overwrite => {}
            (Some(Value::Map(inner)), Value::Map(other)) => {
                merge(Arc::make_mut(inner), other, overwrite, depth)?;
            }
            (Some(held), _) if !overwrite && held.is_true() => {}
            _ => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// `dig "a" "b" default map`: the value under these keys.
fn dig(call: &Call<'_>) -> Answer {
    let [keys @ .., default, map] = call.all() else {
        return Err("wants one key at least, a default and a map".into());
    };
    if keys.is_empty() {
        return Err("wants one key at least, a default and a map".into());
    }
    let mut found = map;
    for key in keys {
        let key = key.as_bytes().ok_or("every key must be a string")?;
        let Value::Map(entries) = found else {
            return Err(format!("expected a map; got {}", found.type_name()).into());
        };
        let key = std::str::from_utf8(key).unwrap_or_default();
        match entries.get(key) {
            Some(value) => found = value,
            None => return Ok(default.clone()),
        }
    }
    Ok(found.clone())
}
