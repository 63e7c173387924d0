//! Lists.

use super::call::{Call, listed, made};
use super::kinds::equal;
use super::{Answer, Entry, entry, variadic};
use crate::template::{FunctionError, Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    variadic("list", &[], Kind::Any, |call| listed(call.all().iter().cloned())),
    variadic("tuple", &[], Kind::Any, |call| listed(call.all().iter().cloned())),
    entry("first", &[Kind::Any], first),
    entry("mustFirst", &[Kind::Any], first),
    entry("last", &[Kind::Any], last),
    entry("mustLast", &[Kind::Any], last),
    entry("rest", &[Kind::Any], rest),
    entry("mustRest", &[Kind::Any], rest),
    entry("initial", &[Kind::Any], initial),
    entry("mustInitial", &[Kind::Any], initial),
    entry("append", &[Kind::Any, Kind::Any], append),
    entry("mustAppend", &[Kind::Any, Kind::Any], append),
    entry("push", &[Kind::Any, Kind::Any], append),
    entry("mustPush", &[Kind::Any, Kind::Any], append),
    entry("prepend", &[Kind::Any, Kind::Any], prepend),
    entry("mustPrepend", &[Kind::Any, Kind::Any], prepend),
    entry("reverse", &[Kind::Any], reverse),
    entry("mustReverse", &[Kind::Any], reverse),
    entry("compact", &[Kind::Any], compact),
    entry("mustCompact", &[Kind::Any], compact),
    entry("uniq", &[Kind::Any], uniq),
    entry("mustUniq", &[Kind::Any], uniq),
    variadic("without", &[Kind::Any], Kind::Any, without),
    variadic("mustWithout", &[Kind::Any], Kind::Any, without),
    entry("has", &[Kind::Any, Kind::Any], has),
    entry("mustHas", &[Kind::Any, Kind::Any], has),
    variadic("slice", &[Kind::Any], Kind::Any, slice),
    variadic("mustSlice", &[Kind::Any], Kind::Any, slice),
    entry("chunk", &[Kind::Int, Kind::Any], chunk),
    entry("mustChunk", &[Kind::Int, Kind::Any], chunk),
    variadic("concat", &[], Kind::Any, concat),
    variadic("seq", &[], Kind::Int, seq),
    entry("until", &[Kind::Int], |call| {
        let step = if call.int(0) < 0 { -1 } else { 1 };
        listed(steps(0, call.int(0), step)?.into_iter().map(Value::Int))
    }),
    entry("untilStep", &[Kind::Int, Kind::Int, Kind::Int], |call| {
        listed(
            steps(call.int(0), call.int(1), call.int(2))?
                .into_iter()
                .map(Value::Int),
        )
    }),
];

fn first(call: &Call<'_>) -> Answer {
    Ok(call.list(0)?.first().cloned().unwrap_or_default())
}

fn last(call: &Call<'_>) -> Answer {
    Ok(call.list(0)?.last().cloned().unwrap_or_default())
}

fn rest(call: &Call<'_>) -> Answer {
    listed(call.list(0)?.iter().skip(1).cloned())
}

fn initial(call: &Call<'_>) -> Answer {
    let list = call.list(0)?;
    listed(list.iter().take(list.len().saturating_sub(1)).cloned())
}

fn append(call: &Call<'_>) -> Answer {
    listed(call.list(0)?.iter().chain([call.value(1)]).cloned())
}

fn prepend(call: &Call<'_>) -> Answer {
    let list = call.list(0)?;
    listed([call.value(1)].into_iter().chain(list).cloned())
}

fn reverse(call: &Call<'_>) -> Answer {
    listed(call.list(0)?.iter().rev().cloned())
}

fn compact(call: &Call<'_>) -> Answer {
    listed(call.list(0)?.iter().filter(|value| value.is_true()).cloned())
}

/// Pairs of elements that one call may compare.
const COMPARISONS: usize = 10_000_000;

fn comparable(left: usize, right: usize) -> Result<(), FunctionError> {
    if left.saturating_mul(right) > COMPARISONS {
        return Err("the list is too long to compare all its elements".into());
    }
    Ok(())
}

fn uniq(call: &Call<'_>) -> Answer {
    let mut unique: Vec<Value> = Vec::new();
    for value in call.list(0)? {
        comparable(unique.len(), unique.len())?;
        if !holds(&unique, value)? {
            unique.push(value.clone());
        }
    }
    listed(unique)
}

fn without(call: &Call<'_>) -> Answer {
    let (list, omitted) = (call.list(0)?, call.rest(1));
    comparable(list.len(), omitted.len())?;
    let mut left = Vec::new();
    for value in list {
        if !holds(omitted, value)? {
            left.push(value.clone());
        }
    }
    listed(left)
}

fn has(call: &Call<'_>) -> Answer {
    if matches!(call.value(1), Value::Nil) {
        return Ok(Value::Bool(false));
    }
    holds(call.list(1)?, call.value(0)).map(Value::Bool)
}

fn holds(list: &[Value], wanted: &Value) -> Result<bool, FunctionError> {
    for value in list {
        if equal(value, wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn slice(call: &Call<'_>) -> Answer {
    let list = call.list(0)?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, otherwise: usize| match call.rest(1).get(index) {
        None => Some(otherwise),
        Some(value) => usize::try_from(super::numbers::whole(value)).ok(),
    };
    let part = match (bound(0, 0), bound(1, list.len())) {
        (Some(start), Some(end)) => list.get(start..end),
        _ => None,
    };
    listed(part.ok_or("the part lies outside of the list")?.iter().cloned())
}

fn chunk(call: &Call<'_>) -> Answer {
    let list = call.list(1)?;
    let size = usize::try_from(call.int(0)).ok().filter(|size| *size > 0);
    let size = size.ok_or("the size of a chunk must be above zero")?;
    listed(list.chunks(size).map(|part| Value::list(part.iter().cloned())))
}

fn concat(call: &Call<'_>) -> Answer {
    let mut all = Vec::new();
    for index in 0..call.all().len() {
        all.extend_from_slice(call.list(index)?);
        if all.len() > super::ELEMENTS {
            break;
        }
    }
    listed(all)
}

/// Numbers from the first one up to but not including the second one.
fn steps(start: i64, stop: i64, step: i64) -> Result<Vec<i64>, FunctionError> {
    let ahead = if stop < start { step < 0 } else { step > 0 };
    if !ahead {
        return Ok(Vec::new());
    }
    let numbers = std::iter::successors(Some(start), |number| number.checked_add(step));
    super::call::counted(numbers.take_while(|number| if step < 0 { *number > stop } else { *number < stop }))
}

/// Like the command of this name: end; start and end; or start, step and end.
fn seq(call: &Call<'_>) -> Answer {
    let numbers = call.all().iter().filter_map(Value::as_int).collect::<Vec<i64>>();
    let direction = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, end, step) = match *numbers.as_slice() {
        [end] => (1, end, direction(1, end)),
        [start, end] => (start, end, direction(start, end)),
        [start, step, end] if end < start && step > 0 => return made(""),
        [start, step, end] => (start, end, step),
        _ => return made(""),
    };
    let numbers = steps(start, end.saturating_add(direction(start, end)), step)?;
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    made(numbers.join(" "))
}
