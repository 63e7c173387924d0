//! What a key and a value may look like, and how keys are ordered and grouped into folders.

use crate::StorageError;

/// Longest key, in bytes.
///
/// PostgreSQL refuses index entries above 2,704 bytes. The limit is the same for every implementation, so that
/// whatever one of them holds can be moved to another.
pub const MAX_KEY_BYTES: usize = 2560;

/// Largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 16 << 20;

/// Largest batch, in bytes of its keys and values together.
pub const MAX_BATCH_BYTES: usize = 32 << 20;

/// Refuses keys that would not survive every implementation: empty, too long, with an empty segment, a leading
/// or trailing slash, or a NUL byte.
///
/// # Errors
/// [`StorageError::BadKey`].
pub fn check_key(key: &str) -> Result<(), StorageError> {
    let good = !key.is_empty()
        && key.len() <= MAX_KEY_BYTES
        && !key.starts_with('/')
        && !key.ends_with('/')
        && !key.contains("//")
        && !key.contains('\0');
    if good { Ok(()) } else { Err(bad(key)) }
}

/// Refuses a prefix or cursor that holds a NUL byte, which no key can.
pub(crate) fn check_text(text: &str) -> Result<(), StorageError> {
    if text.contains('\0') {
        Err(bad(text))
    } else {
        Ok(())
    }
}

/// Refuses a prefix that does not name a folder.
pub(crate) fn check_folder(prefix: &str) -> Result<(), StorageError> {
    if prefix.is_empty() || prefix.ends_with('/') {
        check_text(prefix)
    } else {
        Err(bad(prefix))
    }
}

fn bad(key: &str) -> StorageError {
    StorageError::BadKey {
        key: key.chars().take(200).collect(),
    }
}

/// The part of `rest` (a key without its folder) that a listing shows: up to and with the first slash.
pub(crate) fn first_name(rest: &str) -> &str {
    rest.split_inclusive('/').next().unwrap_or(rest)
}

/// Where the keys of a folder listing begin: the smallest text such that every key from it on has a name after
/// `after`.
///
/// Names end at their first slash, so anything behind it in `after` cannot matter. A folder is left behind by
/// going to the byte after the slash; a key by appending the smallest character a key may hold.
pub(crate) fn listing_start(prefix: &str, after: &str) -> String {
    if after.is_empty() {
        return prefix.to_owned();
    }
    match first_name(after).strip_suffix('/') {
        Some(folder) => past_folder(prefix, folder),
        None => format!("{prefix}{after}\u{1}"),
    }
}

/// The smallest text after every key in the folder `folder` (without its slash) below `prefix`.
pub(crate) fn past_folder(prefix: &str, folder: &str) -> String {
    format!("{prefix}{folder}0")
}

/// The smallest text after every text that begins with `prefix`; `None` when there is no such text.
pub(crate) fn past_prefix(prefix: &str) -> Option<String> {
    let mut rest = prefix.to_owned();
    while let Some(last) = rest.pop() {
        if let Some(next) = char_after(last) {
            rest.push(next);
            return Some(rest);
        }
    }
    None
}

fn char_after(c: char) -> Option<char> {
    match c {
        char::MAX => None,
        '\u{d7ff}' => Some('\u{e000}'),
        _ => char::from_u32(u32::from(c) + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_keys_some_store_could_not_hold() {
        for key in [
            "",
            "/a",
            "a/",
            "a//b",
            "a\0b",
            "/",
            &"k".repeat(MAX_KEY_BYTES + 1),
        ] {
            assert!(
                matches!(check_key(key), Err(StorageError::BadKey { .. })),
                "{key:?}"
            );
        }
        for key in ["a", "a/b", "a b", "é/ß", ".", &"k".repeat(MAX_KEY_BYTES)] {
            assert!(check_key(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn the_slash_is_followed_by_the_zero() {
        assert_eq!(char_after('/'), Some('0'));
        assert_eq!(past_folder("p/", "f"), "p/f0");
    }

    proptest! {
        #[test]
        fn past_prefix_is_tight(prefix in ".{0,6}", key in ".{0,8}") {
            let past = past_prefix(&prefix);
            if key.starts_with(&prefix) {
                prop_assert!(past.as_ref().is_none_or(|past| key < *past));
            } else if key > prefix {
                prop_assert!(past.is_some_and(|past| key >= past));
            }
        }

        #[test]
        fn a_listing_starts_at_the_first_name_after(after in "[a-c/0.-]{0,4}", key in "[a-c0.\u{1}-]{1,3}(/[a-c]{1,2})?") {
            let name = first_name(&key);
            let start = listing_start("", &after);
            prop_assert_eq!(name > after.as_str(), key >= start, "name {} start {}", name, start);
        }
    }
}
