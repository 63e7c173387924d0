//! Values from and to JSON, YAML and TOML.

use arca_lang::document::{JsonStyle, from_yaml, to_json, to_toml, to_yaml};
use arca_lang::template::{Kind, Value};

use super::{ANY, Answer, Entry, STRING, Tools, bytes, entry, value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("parseJSON", STRING, |tools, arguments| {
        if bytes(arguments, 0).is_empty() {
            return Ok(Value::map::<String>([]));
        }
        tools.library("sprig_mustFromJson", arguments)
    }),
    entry("parseYAML", STRING, |tools, arguments| {
        match bytes(arguments, 0) {
            [] => Ok(Value::map::<String>([])),
            text => from_yaml(text, tools.sprig.bytes()),
        }
    }),
    entry("toJSON", ANY, |tools, arguments| {
        json(JsonStyle::PLAIN, tools, arguments)
    }),
    entry("toJSONPretty", ANY, |tools, arguments| {
        json(JsonStyle::PRETTY, tools, arguments)
    }),
    entry("toUnescapedJSON", ANY, |tools, arguments| {
        json(JsonStyle::RAW, tools, arguments)
    }),
    entry("toUnescapedJSONPretty", ANY, |tools, arguments| {
        json(JsonStyle::RAW_PRETTY, tools, arguments)
    }),
    entry("toYAML", &[Kind::Any], |tools, arguments| {
        tools.sprig.look(value(arguments, 0));
        let document = to_yaml(value(arguments, 0), tools.sprig.bytes())?;
        Ok(Value::from(document))
    }),
    entry("toTOML", &[Kind::Any], |tools, arguments| {
        tools.sprig.look(value(arguments, 0));
        let document = to_toml(value(arguments, 0), tools.sprig.bytes())?;
        Ok(Value::string(document.trim_ascii()))
    }),
];

fn json(style: JsonStyle, tools: &Tools, arguments: &[Value]) -> Answer {
    tools.sprig.look(value(arguments, 0));
    let document = to_json(value(arguments, 0), style, tools.sprig.bytes())?;
    Ok(Value::from(document))
}
