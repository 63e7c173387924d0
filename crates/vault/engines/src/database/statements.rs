//! Statements of roles: how they arrive, are split, and are filled in.

use arca_base::json::{Json, Limits};

/// The longest list of statements a role may have, in bytes of all of them.
pub const MAX_BYTES: usize = 64 * 1024;

/// Statements as a client writes them: a list, or one text that is base64 of, or itself, a JSON list, or else
/// statements separated by `;`.
///
/// # Errors
/// What is wrong, without the value.
pub fn from_request(value: &Json) -> Result<Vec<String>, String> {
    let list = match value {
        Json::Null => Vec::new(),
        Json::String(text) => from_text(text.trim()),
        Json::Array(elements) => elements
            .iter()
            .map(|element| match element {
                Json::String(text) => Ok(text.trim().to_owned()),
                // A MongoDB statement may come as the object itself.
                Json::Object(_) => Ok(element.to_text().into_string()),
                other => Err(format!("expected a list of strings, got {}", other.kind())),
            })
            .collect::<Result<_, _>>()?,
        other => return Err(format!("expected a list of strings, got {}", other.kind())),
    };
    let list: Vec<String> = list
        .into_iter()
        .filter(|statement| !statement.is_empty())
        .collect();
    if list.iter().map(String::len).sum::<usize>() > MAX_BYTES {
        return Err(format!("statements must have at most {MAX_BYTES} bytes together"));
    }
    Ok(list)
}

fn from_text(text: &str) -> Vec<String> {
    let decoded = decode_base64(text);
    let text = decoded.as_deref().unwrap_or(text).trim();
    if let Ok(Json::Array(elements)) = Json::parse(text.as_bytes(), &Limits::default()) {
        let statement = |element: &Json| match element {
            Json::String(text) => text.trim().to_owned(),
            other => other.to_text().into_string(),
        };
        return elements.iter().map(statement).collect();
    }
    // One JSON object is one statement, whatever it holds.
    if text.starts_with('{') && Json::parse(text.as_bytes(), &Limits::default()).is_ok() {
        return vec![text.to_owned()];
    }
    split_text(text)
}

/// Base64 of a text; a word that only looks like it is not decoded.
fn decode_base64(text: &str) -> Option<String> {
    use base64::Engine as _;
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|text| text.chars().all(|c| !c.is_control() || c.is_whitespace()))
}

/// The statements of one element: split at every `;`, trimmed, empty ones dropped. An element that holds a block
/// (`... END ...`) is one statement.
#[must_use]
pub fn split_text(text: &str) -> Vec<String> {
    if holds_block(text) {
        return vec![text.trim().to_owned()];
    }
    text.split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The statements of all elements.
#[must_use]
pub fn split(elements: &[String]) -> Vec<String> {
    elements.iter().flat_map(|element| split_text(element)).collect()
}

/// Whether the word `END` stands in `text` in capitals and outside of quotes.
fn holds_block(text: &str) -> bool {
    let mut quote = None;
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if character == '\'' || character == '"' => {
                quote = Some(character);
                word.clear();
            }
            None if character.is_alphanumeric() || character == '_' => word.push(character),
            None => {
                if word == "END" {
                    return true;
                }
                word.clear();
            }
        }
    }
    false
}

/// `text` with `{{name}}` replaced for every `(name, value)`; values are not looked at again.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at..).unwrap_or_default();
        let known = values.iter().find(|(name, _)| {
            rest.get(2..)
                .and_then(|inner| inner.strip_prefix(name))
                .is_some_and(|after| after.starts_with("}}"))
        });
        let skip = match known {
            Some((name, value)) => {
                out.push_str(value);
                name.len() + 4
            }
            None => {
                out.push_str("{{");
                2
            }
        };
        rest = rest.get(skip..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Vec<String> {
        from_request(&Json::parse(json.as_bytes(), &Limits::default()).unwrap()).unwrap()
    }

    #[test]
    fn statements_arrive_in_many_forms() {
        assert_eq!(read(r#"["a; b","c"]"#), ["a; b", "c"]);
        assert_eq!(read(r#""a; b;""#), ["a", "b"]);
        assert_eq!(read(r#""[\"a; b\", \"c\"]""#), ["a; b", "c"]);
        assert_eq!(
            read(r#""Q1JFQVRFIFJPTEUgYTsgR1JBTlQgYg==""#),
            ["CREATE ROLE a", "GRANT b"]
        );
        assert_eq!(
            read(r#""{\"db\":\"a;b\",\"roles\":[]}""#),
            [r#"{"db":"a;b","roles":[]}"#]
        );
        assert_eq!(read(r#""""#), Vec::<String>::new());
        assert_eq!(read("[]"), Vec::<String>::new());
        let long = format!("[\"{}\"]", "x".repeat(MAX_BYTES + 1));
        let long = Json::parse(long.as_bytes(), &Limits::default()).unwrap();
        assert!(from_request(&long).unwrap_err().contains("65536 bytes"));
    }

    #[test]
    fn blocks_are_not_split() {
        let block = "DO $$ BEGIN PERFORM 1; END $$;";
        assert_eq!(split(&[block.to_owned()]), [block]);
        assert_eq!(split(&["SELECT 'the END'; SELECT 1".to_owned()]).len(), 2);
        assert_eq!(split(&["SELECT weekEND; SELECT END_x;".to_owned()]).len(), 2);
    }

    #[test]
    fn variables_are_filled_once() {
        let values = [("name", "v-{{password}}"), ("password", "p")];
        assert_eq!(
            fill("{{name}} '{{password}}' {{other}} {{", &values),
            "v-{{password}} 'p' {{other}} {{"
        );
    }
}
