//! Text: case, trimming, cutting, quoting.

use super::call::{Call, characters, lower, made, upper};
use super::{Answer, Entry, entry, variadic};
use crate::template::{Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("upper", &[Kind::String], |call| mapped(call, upper)),
    entry("lower", &[Kind::String], |call| mapped(call, lower)),
    entry("title", &[Kind::String], title),
    entry("untitle", &[Kind::String], untitle),
    entry("swapcase", &[Kind::String], swapcase),
    entry("trim", &[Kind::String], |call| {
        trimmed(call.bytes(0), char::is_whitespace)
    }),
    entry("trimAll", &[Kind::String, Kind::String], trim_all),
    entry("trimall", &[Kind::String, Kind::String], trim_all),
    entry("trimPrefix", &[Kind::String, Kind::String], |call| {
        let text = call.bytes(1);
        made(text.strip_prefix(call.bytes(0)).unwrap_or(text))
    }),
    entry("trimSuffix", &[Kind::String, Kind::String], |call| {
        let text = call.bytes(1);
        made(text.strip_suffix(call.bytes(0)).unwrap_or(text))
    }),
    entry("nospace", &[Kind::String], |call| {
        let text = call.text(0);
        made(text.split_whitespace().collect::<String>())
    }),
    entry("trunc", &[Kind::Int, Kind::String], trunc),
    entry("substr", &[Kind::Int, Kind::Int, Kind::String], substr),
    entry("repeat", &[Kind::Int, Kind::String], repeat),
    entry("contains", &[Kind::String, Kind::String], |call| {
        Ok(Value::Bool(find(call.bytes(1), call.bytes(0)).is_some()))
    }),
    entry("hasPrefix", &[Kind::String, Kind::String], |call| {
        Ok(Value::Bool(call.bytes(1).starts_with(call.bytes(0))))
    }),
    entry("hasSuffix", &[Kind::String, Kind::String], |call| {
        Ok(Value::Bool(call.bytes(1).ends_with(call.bytes(0))))
    }),
    entry("replace", &[Kind::String, Kind::String, Kind::String], |call| {
        replaced(call, call.bytes(2), call.bytes(0), call.bytes(1))
    }),
    entry("indent", &[Kind::Int, Kind::String], |call| indented(call, b"")),
    entry("nindent", &[Kind::Int, Kind::String], |call| {
        indented(call, b"\n")
    }),
    entry("plural", &[Kind::String, Kind::String, Kind::Int], |call| {
        made(call.bytes(usize::from(call.int(2) != 1)))
    }),
    entry("toString", &[Kind::Any], |call| made(call.shown(call.value(0))?)),
    variadic("quote", &[], Kind::Any, quote),
    variadic("squote", &[], Kind::Any, |call| {
        joined(call, |value| call.printed("'%v'", value))
    }),
    variadic("cat", &[], Kind::Any, |call| {
        joined(call, |value| call.printed("%v", value))
    }),
];

/// Where the needle is first found.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, needle)
}

fn mapped(call: &Call<'_>, change: fn(char) -> char) -> Answer {
    made(
        characters(call.bytes(0))
            .into_iter()
            .map(change)
            .collect::<String>(),
    )
}

/// Words begin after anything but letters, digits and underscores; beyond ASCII, after white space.
fn title(call: &Call<'_>) -> Answer {
    let mut before = ' ';
    let title = characters(call.bytes(0)).into_iter().map(|c| {
        let begins = if before.is_ascii() {
            !before.is_ascii_alphanumeric() && before != '_'
        } else {
            before.is_whitespace()
        };
        before = c;
        if begins { upper(c) } else { c }
    });
    made(title.collect::<String>())
}

fn untitle(call: &Call<'_>) -> Answer {
    let mut begins = true;
    let text = characters(call.bytes(0)).into_iter().map(|c| {
        if c.is_whitespace() {
            begins = true;
            c
        } else if std::mem::replace(&mut begins, false) {
            lower(c)
        } else {
            c
        }
    });
    made(text.collect::<String>())
}

fn swapcase(call: &Call<'_>) -> Answer {
    mapped(call, |c| {
        if c.is_lowercase() {
            upper(c)
        } else if c.is_uppercase() || lower(c) != c {
            lower(c)
        } else {
            c
        }
    })
}

fn trim_all(call: &Call<'_>) -> Answer {
    let set = characters(call.bytes(0));
    trimmed(call.bytes(1), |c| set.contains(&c))
}

/// Whole characters are cut off at both ends; what is not text counts as replacement characters.
fn trimmed(text: &[u8], unwanted: impl Fn(char) -> bool) -> Answer {
    let letters = super::split::letters(text, usize::MAX);
    let unwanted = |letter: &&[u8]| characters(letter).into_iter().all(&unwanted);
    let length = |letters: usize, letter: &[u8]| letters + letter.len();
    let start = letters.iter().copied().take_while(unwanted).fold(0, length);
    let end = letters.iter().rev().copied().take_while(unwanted).fold(0, length);
    made(
        text.get(start..text.len().saturating_sub(end))
            .unwrap_or_default(),
    )
}

fn trunc(call: &Call<'_>) -> Answer {
    let text = call.bytes(1);
    let width = usize::try_from(call.int(0).unsigned_abs()).unwrap_or(usize::MAX);
    let cut = if call.int(0) < 0 {
        text.get(text.len().saturating_sub(width)..)
    } else {
        text.get(..width)
    };
    made(cut.unwrap_or(text))
}

/// From the first number up to the second one. Below zero, the first means the start and the second the end.
fn substr(call: &Call<'_>) -> Answer {
    let text = call.bytes(2);
    let end = usize::try_from(call.int(1)).ok();
    let cut = match (usize::try_from(call.int(0)), end) {
        (Err(_), end) => end.and_then(|end| text.get(..end)),
        (Ok(start), Some(end)) if end <= text.len() => text.get(start..end),
        (Ok(start), _) => text.get(start..),
    };
    made(cut.ok_or("the part lies outside of the text")?)
}

fn repeat(call: &Call<'_>) -> Answer {
    let count = usize::try_from(call.int(0)).map_err(|_| "the count is below zero")?;
    let text = call.bytes(1);
    call.room(text.len().saturating_mul(count))?;
    made(if text.is_empty() {
        Vec::new()
    } else {
        text.repeat(count)
    })
}

/// A text with one part in place of another; in place of nothing means around every character.
fn replaced(call: &Call<'_>, text: &[u8], old: &[u8], new: &[u8]) -> Answer {
    let parts = if old.is_empty() {
        let mut parts = super::split::letters(text, usize::MAX);
        parts.insert(0, &[]);
        parts.push(&[]);
        if text.is_empty() {
            parts.pop();
            return made(new);
        }
        parts
    } else {
        super::split::parts(text, old, usize::MAX)
    };
    call.room(text.len().saturating_add(parts.len().saturating_mul(new.len())))?;
    made(parts.join(new))
}

fn indented(call: &Call<'_>, before: &[u8]) -> Answer {
    let width = usize::try_from(call.int(0)).map_err(|_| "the number of spaces is below zero")?;
    let text = call.bytes(1);
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    call.room(lines.saturating_mul(width).saturating_add(text.len()))?;
    let pad = vec![b' '; width];
    let mut out = before.to_vec();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&pad);
        out.extend_from_slice(line);
    }
    made(out)
}

fn quote(call: &Call<'_>) -> Answer {
    joined(call, |value| {
        call.printed("%q", &Value::string(call.shown(value)?))
    })
}

/// The arguments that are something, each written somehow, with spaces between.
fn joined(
    call: &Call<'_>,
    write: impl Fn(&Value) -> Result<Vec<u8>, crate::template::FunctionError>,
) -> Answer {
    let mut out = Vec::new();
    for (index, value) in call
        .all()
        .iter()
        .filter(|value| !matches!(value, Value::Nil))
        .enumerate()
    {
        if index > 0 {
            out.push(b' ');
        }
        out.extend(write(value)?);
        call.room(out.len())?;
    }
    made(out)
}
