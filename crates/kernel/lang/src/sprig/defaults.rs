//! What stands in for absent values, and giving up.

use super::call::Call;
use super::{Answer, Entry, entry, variadic};
use crate::template::{Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    variadic("default", &[Kind::Any], Kind::Any, default),
    entry("empty", &[Kind::Any], |call| {
        Ok(Value::Bool(!call.value(0).is_true()))
    }),
    variadic("coalesce", &[], Kind::Any, |call| {
        Ok(call
            .all()
            .iter()
            .find(|value| value.is_true())
            .cloned()
            .unwrap_or_default())
    }),
    variadic("all", &[], Kind::Any, |call| {
        Ok(Value::Bool(call.all().iter().all(Value::is_true)))
    }),
    variadic("any", &[], Kind::Any, |call| {
        Ok(Value::Bool(call.all().iter().any(Value::is_true)))
    }),
    entry("ternary", &[Kind::Any, Kind::Any, Kind::Bool], |call| {
        let chosen = usize::from(!call.value(2).is_true());
        Ok(call.value(chosen).clone())
    }),
    // The text is the author's own, so it may be shown.
    entry("fail", &[Kind::String], |call| {
        Err(call.text(0).into_owned().into())
    }),
];

fn default(call: &Call<'_>) -> Answer {
    let given = call.rest(1).first().filter(|given| given.is_true());
    Ok(given.unwrap_or(call.value(0)).clone())
}
