//! Query strings, and forms that look like them.

use arca_base::json::Object;
use arca_base::{Json, Operation};

use super::percent::{Plus, decode};

/// A query string, in order.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads pairs; those with a broken escape are left out, as existing servers do with queries.
    pub(super) fn parse(text: &str) -> Self {
        Self(pairs(text).flatten().collect())
    }

    /// The first value of a key.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// The query as the data of a request. Keys that chose the operation are no data; the values of a repeated key
    /// are a list.
    pub(super) fn into_data(self, operation: Operation) -> Object {
        let mut data = Object::new();
        for (key, value) in self.0 {
            let chose = match key.as_str() {
                "help" => true,
                "list" => operation == Operation::List,
                "scan" => operation == Operation::Scan,
                _ => false,
            };
            if !chose {
                add(&mut data, key, value);
            }
        }
        data
    }
}

fn add(data: &mut Object, key: String, value: String) {
    match data.get_mut(&key) {
        None => drop(data.insert(key, Json::String(value))),
        Some(Json::Array(values)) => values.push(Json::String(value)),
        Some(first) => {
            let one = std::mem::replace(first, Json::Null);
            *first = Json::Array(vec![one, Json::String(value)]);
        }
    }
}

/// Reads a form; the values of a repeated key are joined by commas. `None` if an escape is broken.
pub(super) fn form(text: &str) -> Option<Object> {
    let mut data = Object::new();
    for pair in pairs(text) {
        let (key, value) = pair?;
        match data.get_mut(&key) {
            Some(Json::String(joined)) => {
                joined.push(',');
                joined.push_str(&value);
            }
            _ => drop(data.insert(key, Json::String(value))),
        }
    }
    Some(data)
}

/// `key=value` pairs between ampersands, `None` for each with a broken escape.
fn pairs(text: &str) -> impl Iterator<Item = Option<(String, String)>> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |sent| decode(sent, Plus::Space).map(std::borrow::Cow::into_owned);
        Some((text(key)?, text(value)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str, operation: Operation) -> String {
        Json::Object(Query::parse(text).into_data(operation))
            .to_text()
            .into_string()
    }

    #[test]
    fn one_value_is_a_text_and_several_are_a_list() {
        for (text, json) in [
            ("", "{}"),
            ("a=1&b=x+y", r#"{"a":"1","b":"x y"}"#),
            ("a=1&a=2&a=3", r#"{"a":["1","2","3"]}"#),
            ("a", r#"{"a":""}"#),
            ("=v", r#"{"":"v"}"#),
            ("&&a=b=c&", r#"{"a":"b=c"}"#),
            ("a=%zz&b=1", r#"{"b":"1"}"#),
        ] {
            assert_eq!(data(text, Operation::Read), json, "{text}");
        }
    }

    #[test]
    fn what_chose_the_operation_is_no_data() {
        assert_eq!(data("list=true&after=x", Operation::List), r#"{"after":"x"}"#);
        assert_eq!(data("scan=1&list=0", Operation::Scan), r#"{"list":"0"}"#);
        assert_eq!(data("list=false&help=", Operation::Read), r#"{"list":"false"}"#);
    }

    #[test]
    fn repeated_form_keys_are_joined() {
        let form = |text| form(text).map(|data| Json::Object(data).to_text().into_string());
        assert_eq!(form("a=1&b=2&a=3").as_deref(), Some(r#"{"a":"1,3","b":"2"}"#));
        assert_eq!(form("a=%zz"), None);
    }
}
