//! The structure of a version without its values.

use std::sync::Arc;

use arca_api::kv::v2 as api;
use arca_base::{Json, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Cx};

use super::Versioned;
use super::data::pick;
use super::record;

pub(super) async fn read(_: Arc<Versioned>, cx: Cx, request: api::Subkeys) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let depth =
        usize::try_from(request.depth).map_err(|_| Fault::invalid("depth must be zero or positive"))?;
    let row = record::secrets(&site.view)
        .get(&request.path)
        .await?
        .ok_or_else(Fault::absent)?;
    let (number, state) = pick(&row.value, request.version).ok_or_else(Fault::absent)?;
    let metadata = row.value.version_json(number, state);
    if !state.is_readable(site.now) {
        return Ok(Answer::missing(
            json_object! { "subkeys" => Json::Null, "metadata" => metadata }.to_text(),
        ));
    }
    let content = record::content(&site.view, &request.path, number).await?;
    let content = content.ok_or_else(|| Fault::internal("the content of a version is missing"))?;
    let levels = if depth == 0 { usize::MAX } else { depth };
    Ok(Answer::data(
        &json_object! { "subkeys" => outline(&content.to_json(), levels), "metadata" => metadata },
    ))
}

/// Objects as far as `levels` go; everything else is `null`.
fn outline(value: &Json, levels: usize) -> Json {
    match value {
        Json::Object(members) if levels > 0 && !members.is_empty() => members
            .iter()
            .map(|(key, member)| (key.clone(), outline(member, levels - 1)))
            .collect(),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use arca_base::json::Limits;

    use super::*;

    #[test]
    fn shows_names_but_no_values() {
        let value = Json::parse(
            br#"{"a":{"b":{"c":"x"},"e":{}},"l":[1],"s":"x"}"#,
            &Limits::default(),
        )
        .unwrap();
        for (levels, expected) in [
            (usize::MAX, r#"{"a":{"b":{"c":null},"e":null},"l":null,"s":null}"#),
            (1, r#"{"a":null,"l":null,"s":null}"#),
            (2, r#"{"a":{"b":null,"e":null},"l":null,"s":null}"#),
        ] {
            assert_eq!(outline(&value, levels).to_text().as_str(), expected);
        }
    }
}
