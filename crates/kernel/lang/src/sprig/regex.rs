//! Patterns.

mod pattern;

use regex::{Captures, Regex};

pub(super) use pattern::Patterns;

use super::call::{Call, listed, made};
use super::{Answer, Entry, entry};
use crate::template::{FunctionError, Kind, Value};

const TWO: &[Kind] = &[Kind::String, Kind::String];
const COUNTED: &[Kind] = &[Kind::String, Kind::String, Kind::Int];
const THREE: &[Kind] = &[Kind::String, Kind::String, Kind::String];

pub(super) const ENTRIES: &[Entry] = &[
    entry("regexMatch", TWO, |call| {
        let result = matched(call);
        call.patterns().check()?;
        Ok(result.unwrap_or(Value::Bool(false)))
    }),
    entry("mustRegexMatch", TWO, matched),
    entry("regexFind", TWO, found),
    entry("mustRegexFind", TWO, found),
    entry("regexFindAll", COUNTED, found_all),
    entry("mustRegexFindAll", COUNTED, found_all),
    entry("regexSplit", COUNTED, split),
    entry("mustRegexSplit", COUNTED, split),
    entry("regexReplaceAll", THREE, |call| replaced(call, true)),
    entry("mustRegexReplaceAll", THREE, |call| replaced(call, true)),
    entry("regexReplaceAllLiteral", THREE, |call| replaced(call, false)),
    entry("mustRegexReplaceAllLiteral", THREE, |call| replaced(call, false)),
    entry("regexQuoteMeta", &[Kind::String], |call| {
        let text = call.bytes(0);
        let mut out = Vec::with_capacity(text.len());
        for byte in text {
            if b"\\.+*?()|[]{}^$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        made(out)
    }),
];

/// The pattern, and the text it is matched with.
fn subject<'a>(call: &Call<'a>) -> Result<(Regex, &'a str), FunctionError> {
    let written = std::str::from_utf8(call.bytes(0)).map_err(|_| "the pattern is not UTF-8")?;
    let text = std::str::from_utf8(call.bytes(1)).map_err(|_| "the text is not UTF-8")?;
    Ok((call.patterns().get(written)?, text))
}

fn matched(call: &Call<'_>) -> Answer {
    let (pattern, text) = subject(call)?;
    Ok(Value::Bool(pattern.is_match(text)))
}

fn found(call: &Call<'_>) -> Answer {
    let (pattern, text) = subject(call)?;
    made(pattern.find(text).map_or("", |found| found.as_str()))
}

/// How many are wanted at most; below zero means all.
fn most(call: &Call<'_>) -> usize {
    usize::try_from(call.int(2)).unwrap_or(usize::MAX)
}

fn found_all(call: &Call<'_>) -> Answer {
    let (pattern, text) = subject(call)?;
    let found = pattern.find_iter(text).take(most(call));
    listed(found.map(|found| Value::from(found.as_str())))
}

fn split(call: &Call<'_>) -> Answer {
    let (pattern, text) = subject(call)?;
    let most = most(call);
    if most == 0 {
        return listed([]);
    }
    if text.is_empty() && !call.bytes(0).is_empty() {
        return listed([Value::from("")]);
    }
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in pattern.find_iter(text) {
        if parts.len() + 1 >= most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(Value::from(text.get(begin..end).unwrap_or_default()));
        }
        begin = found.end();
    }
    if end != text.len() {
        parts.push(Value::from(text.get(begin..).unwrap_or_default()));
    }
    listed(parts)
}

fn replaced(call: &Call<'_>, expand: bool) -> Answer {
    let (pattern, text) = subject(call)?;
    let replacement = call.bytes(2);
    let mut out = Vec::new();
    let mut end = 0;
    for captures in pattern.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.extend_from_slice(text.get(end..whole.start()).unwrap_or_default().as_bytes());
        if expand {
            expanded(&mut out, replacement, &captures);
        } else {
            out.extend_from_slice(replacement);
        }
        call.room(out.len())?;
        end = whole.end();
    }
    out.extend_from_slice(text.get(end..).unwrap_or_default().as_bytes());
    made(out)
}

/// Writes a replacement: `$1`, `$name` and `${name}` stand for groups, `$$` for `$`.
fn expanded(out: &mut Vec<u8>, replacement: &[u8], captures: &Captures<'_>) {
    let mut rest = replacement;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        let (before, behind) = rest.split_at(dollar);
        out.extend_from_slice(before);
        let behind = behind.get(1..).unwrap_or_default();
        if let Some(behind) = behind.strip_prefix(b"$") {
            out.push(b'$');
            rest = behind;
        } else if let Some((name, behind)) = group(behind) {
            let numbered = name.bytes().all(|byte| byte.is_ascii_digit());
            let leading_zero = name.len() > 1 && name.starts_with('0');
            let found = match name.parse::<usize>() {
                Ok(index) if numbered && !leading_zero => captures.get(index),
                _ => captures.name(&format!("{}{name}", pattern::NAME_PREFIX)),
            };
            out.extend_from_slice(found.map_or("", |found| found.as_str()).as_bytes());
            rest = behind;
        } else {
            out.push(b'$');
            rest = behind;
        }
    }
    out.extend_from_slice(rest);
}

/// The name of a group behind a dollar sign, and what is behind it.
fn group(text: &[u8]) -> Option<(&str, &[u8])> {
    let (braced, inner) = match text.strip_prefix(b"{") {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let inner_text = inner.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let end = inner_text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(inner_text.len());
    let name = inner_text.get(..end).filter(|name| !name.is_empty())?;
    let behind = inner.get(end..).unwrap_or_default();
    if braced {
        return behind.strip_prefix(b"}").map(|behind| (name, behind));
    }
    Some((name, behind))
}
