//! Parts of entries that a device leaves out.
//!
//! Written as a list of JSON objects: `[{"condition": "\"/request/mount_type\" == kv", "fields": ["/response/data"]}]`. Fields
//! and the names of a condition are JSON pointers into the entry. What says that something was done, by which request, where
//! and when, stays in every entry.

use std::borrow::Cow;

use arca_base::Json;
use arca_base::json::{Limits, push_string};
use arca_lang::condition::Condition;
use serde::Deserialize;

use super::redact::string_end;

/// Most exclusions, and most fields of one.
const MOST: usize = 64;

/// What no entry is without.
const KEPT: [&str; 7] = [
    "/error",
    "/request",
    "/request/id",
    "/request/operation",
    "/request/path",
    "/time",
    "/type",
];

/// Exclusions of one device.
#[derive(Clone, Debug, Default)]
pub(super) struct Exclusions(Vec<Exclusion>);

#[derive(Clone, Debug)]
struct Exclusion {
    condition: Option<Condition>,
    fields: Vec<Pointer>,
}

/// A JSON pointer, each name as it stands in JSON, with its quotes.
#[derive(Clone, Debug)]
struct Pointer(Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    condition: String,
    fields: Vec<String>,
}

impl Exclusions {
    /// Reads the option of a device.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let given: Vec<Given> = serde_json::from_str(text).map_err(|_| {
            "expected a JSON list of objects with \"fields\" and perhaps a \"condition\"".to_owned()
        })?;
        if given.len() > MOST {
            return Err(format!("there are more than {MOST} exclusions"));
        }
        given
            .into_iter()
            .map(Exclusion::read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves out of `line`, whose entry begins at byte `start`, what is excluded.
    pub(super) fn apply(&self, line: &mut String, start: usize) {
        // Decided by the whole entry, whatever the exclusions before have left.
        let entry = line.get(start..).unwrap_or_default();
        let holding: Vec<&Exclusion> = self.0.iter().filter(|one| one.holds(entry)).collect();
        for field in holding.into_iter().flat_map(|one| &one.fields) {
            field.remove_from(line, start);
        }
    }
}

impl Exclusion {
    fn read(given: Given) -> Result<Self, String> {
        if given.fields.is_empty() || given.fields.len() > MOST {
            return Err(format!("an exclusion needs one to {MOST} \"fields\""));
        }
        let condition =
            match &*given.condition {
                "" => None,
                text => {
                    let parsed = Condition::parse(text, &|name| Pointer::parse(name).is_some());
                    Some(parsed.map_err(|error| {
                        format!("condition, {error}; names are such as \"/request/path\"")
                    })?)
                }
            };
        let mut fields = Vec::new();
        for field in &given.fields {
            if KEPT.contains(&&**field) {
                return Err(format!("{field:?} cannot be left out: it says what was done"));
            }
            let pointer = Pointer::parse(field);
            fields.push(
                pointer.ok_or_else(|| format!("{field:?} is not a field, such as \"/response/data\""))?,
            );
        }
        Ok(Self { condition, fields })
    }

    fn holds(&self, entry: &str) -> bool {
        let text =
            |name: &str| Pointer::parse(name).map_or(Cow::Borrowed(""), |pointer| pointer.text_in(entry));
        self.condition
            .as_ref()
            .is_none_or(|condition| condition.holds(&text))
    }
}

impl Pointer {
    fn parse(text: &str) -> Option<Self> {
        let names = text.strip_prefix('/')?.split('/');
        let name = |name: &str| {
            let plain = name.replace("~1", "/").replace("~0", "~");
            let mut quoted = String::new();
            push_string(&plain, &mut quoted);
            (!plain.is_empty()).then_some(quoted)
        };
        names.map(name).collect::<Option<_>>().map(Self)
    }

    /// Where the member is in the object that begins at byte `start`.
    fn find(&self, text: &str, start: usize) -> Option<Member> {
        let (last, parents) = self.0.split_last()?;
        let mut at = start;
        for name in parents {
            at = member(text, at, name)?.value;
        }
        member(text, at, last)
    }

    /// A text without its quotes, anything else as it stands there, nothing where there is nothing.
    fn text_in<'a>(&self, entry: &'a str) -> Cow<'a, str> {
        let Some(found) = self.find(entry, 0) else {
            return Cow::Borrowed("");
        };
        let value = entry.get(found.value..found.end).unwrap_or_default();
        match Json::parse(value.as_bytes(), &Limits::UNLIMITED) {
            Ok(Json::String(text)) => Cow::Owned(text),
            _ => Cow::Borrowed(value),
        }
    }

    fn remove_from(&self, text: &mut String, start: usize) {
        let Some(found) = self.find(text, start) else {
            return;
        };
        let byte = |at: usize| text.as_bytes().get(at).copied();
        let range = if byte(found.end) == Some(b',') {
            found.key..found.end + 1
        } else if found.key > 0 && byte(found.key - 1) == Some(b',') {
            found.key - 1..found.end
        } else {
            found.key..found.end
        };
        text.replace_range(range, "");
    }
}

/// A member of an object: where its key begins, its value begins, and its value ends.
#[derive(Clone, Copy)]
struct Member {
    key: usize,
    value: usize,
    end: usize,
}

/// The member `name`, quoted, of the object that begins at byte `start`. The text is JSON without blanks, as entries are.
fn member(text: &str, start: usize, name: &str) -> Option<Member> {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    if bytes.get(start) != Some(&b'{') {
        return None;
    }
    while bytes.get(at) == Some(&b'"') {
        let key_end = at + string_end(text.get(at..)?);
        let value = key_end + 1;
        let end = value_end(text, value)?;
        if text.get(at..key_end) == Some(name) {
            return Some(Member { key: at, value, end });
        }
        at = end + 1;
    }
    None
}

/// Where the value that begins at byte `start` ends.
fn value_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at += string_end(text.get(at..)?),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b',' | b'}' | b']' if depth == 0 => return Some(at),
            _ => at += 1,
        }
        // A text, an object or a list is over when it is closed.
        if depth == 0 && matches!(bytes.get(at - 1)?, b'"' | b'}' | b']') {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENTRY: &str = r#"{"time":"t","type":"response","request":{"id":"1","path":"kv/a","data":{"a\"b":[1,{"c":"}"}],"n":2}},"response":{"data":{"k":"v"}}}"#;

    fn left(option: &str) -> String {
        let mut line = format!("@cee: {ENTRY}\n");
        Exclusions::parse(option).unwrap().apply(&mut line, 6);
        line.strip_prefix("@cee: ").unwrap().trim_end().to_owned()
    }

    #[test]
    fn fields_are_left_out_and_nothing_else() {
        for (fields, expected) in [
            (r#"["/response/data"]"#, ENTRY.replace(r#""data":{"k":"v"}"#, "")),
            (
                r#"["/response"]"#,
                ENTRY.replace(r#","response":{"data":{"k":"v"}}"#, ""),
            ),
            (
                r#"["/request/data/a\"b"]"#,
                ENTRY.replace(r#""a\"b":[1,{"c":"}"}],"#, ""),
            ),
            (r#"["/request/data/n"]"#, ENTRY.replace(r#","n":2"#, "")),
            (r#"["/request/none", "/none/x", "/time/x"]"#, ENTRY.to_owned()),
        ] {
            assert_eq!(left(&format!(r#"[{{"fields":{fields}}}]"#)), expected, "{fields}");
        }
        let both = r#"[{"fields":["/request/data"]},{"condition":"\"/request/data/n\" == 2","fields":["/response/data"]}]"#;
        assert_eq!(
            left(both),
            r#"{"time":"t","type":"response","request":{"id":"1","path":"kv/a"},"response":{}}"#
        );
        let other = r#"[{"condition":"\"/request/path\" == x","fields":["/response/data"]}]"#;
        assert_eq!(left(other), ENTRY);
    }

    #[test]
    fn what_an_entry_is_for_stays() {
        for field in KEPT {
            let refused = Exclusions::parse(&format!(r#"[{{"fields":["{field}"]}}]"#));
            assert!(refused.unwrap_err().contains("cannot be left out"), "{field}");
        }
        for wrong in [
            "{}",
            "x",
            r#"[{"fields":[]}]"#,
            r#"[{"condition":"path == x"}]"#,
            r#"[{"fields":["time"]}]"#,
            r#"[{"fields":["/"]}]"#,
            r#"[{"fields":["/a"],"more":1}]"#,
            r#"[{"fields":["/a"],"condition":"path == x"}]"#,
        ] {
            assert!(Exclusions::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// What is left is JSON without the member.
        #[test]
        fn what_is_left_is_json(members in proptest::collection::btree_map(".{1,8}", ".{0,8}", 1..6), which in 0_usize..6) {
            let object: Json = members.iter().map(|(key, value)| (key.clone(), Json::from(vec![value.clone()]))).collect();
            let name = members.keys().nth(which % members.len()).unwrap();
            let pointer = format!("/a/{}", name.replace('~', "~0").replace('/', "~1"));
            let mut text = format!("{{\"a\":{}}}", object.to_text().as_str());
            Pointer::parse(&pointer).unwrap().remove_from(&mut text, 0);
            let left = Json::parse(text.as_bytes(), &Limits::default()).unwrap();
            let left = left.as_object().unwrap()["a"].as_object().unwrap().clone();
            prop_assert_eq!(left.len(), members.len() - 1);
            prop_assert!(!left.contains_key(name));
        }
    }
}
