//! Paths with slashes.

use super::call::made;
use super::{Entry, entry};
use crate::template::{Kind, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("base", &[Kind::String], |call| made(base(call.bytes(0)))),
    entry("dir", &[Kind::String], |call| made(dir(call.bytes(0)))),
    entry("clean", &[Kind::String], |call| made(clean(call.bytes(0)))),
    entry("ext", &[Kind::String], |call| made(extension(call.bytes(0)))),
    entry("isAbs", &[Kind::String], |call| {
        Ok(Value::Bool(call.bytes(0).starts_with(b"/")))
    }),
    entry("osBase", &[Kind::String], |call| made(base(call.bytes(0)))),
    entry("osDir", &[Kind::String], |call| made(dir(call.bytes(0)))),
    entry("osClean", &[Kind::String], |call| made(clean(call.bytes(0)))),
    entry("osExt", &[Kind::String], |call| made(extension(call.bytes(0)))),
    entry("osIsAbs", &[Kind::String], |call| {
        Ok(Value::Bool(call.bytes(0).starts_with(b"/")))
    }),
];

/// The last element.
fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let mut trimmed = path;
    while let Some(shorter) = trimmed.strip_suffix(b"/") {
        trimmed = shorter;
    }
    match trimmed.rsplit(|byte| *byte == b'/').next() {
        Some(last) if !last.is_empty() => last,
        _ => b"/",
    }
}

/// All but the last element.
fn dir(path: &[u8]) -> Vec<u8> {
    let slash = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
    clean(path.get(..slash).unwrap_or_default())
}

/// What is behind the last point of the last element, with the point.
fn extension(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let point = memchr::memrchr(b'.', name);
    point.and_then(|point| name.get(point..)).unwrap_or_default()
}

/// The shortest path that means the same.
fn clean(path: &[u8]) -> Vec<u8> {
    let absolute = path.starts_with(b"/");
    let mut elements: Vec<&[u8]> = Vec::new();
    for element in path.split(|byte| *byte == b'/') {
        match element {
            b"" | b"." => {}
            b".." if elements.last().is_some_and(|last| *last != b"..") => {
                elements.pop();
            }
            b".." if absolute => {}
            element => elements.push(element),
        }
    }
    let joined = elements.join(&b'/');
    match (absolute, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
