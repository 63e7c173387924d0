//! Reading an answer.

use arca_api::Envelope;
use arca_base::Json;
use arca_base::json::{Limits, Object};
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// An answer that cannot be read. Says where, never what: answers hold secrets.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

/// Reads an answer of any endpoint: an empty body is nothing; a body that is not an envelope becomes its data.
pub(crate) fn envelope(body: &Bytes) -> Result<Option<Envelope>, Unreadable> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let envelope: Envelope = typed(body)?;
    if !is_blank(&envelope) {
        return Ok(Some(envelope));
    }
    let whole = Json::parse(body, &Limits::UNLIMITED).map_err(|error| Unreadable(error.to_string()))?;
    let says_something = whole
        .as_object()
        .is_some_and(|members| members.keys().any(|key| key != "errors") && !is_envelope(members));
    Ok(says_something.then(|| Envelope {
        data: Some(whole),
        ..Envelope::default()
    }))
}

/// Reads an answer that has a shape of its own.
pub(crate) fn typed<T: DeserializeOwned>(body: &Bytes) -> Result<T, Unreadable> {
    serde_json::from_slice(body).map_err(|error| {
        Unreadable(format!(
            "{:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    })
}

/// The messages of an error answer; `None` when it is not one that the API gives.
pub(crate) fn errors(body: &Bytes) -> Option<Vec<String>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some(Vec::new());
    }
    let whole = Json::parse(body, &Limits::UNLIMITED).ok()?;
    match whole.get("errors").and_then(Json::as_array) {
        Some(errors) => Some(
            errors
                .iter()
                .filter_map(Json::as_str)
                .map(str::to_owned)
                .collect(),
        ),
        None => whole
            .as_object()
            .filter(|members| is_envelope(members))
            .map(|_| Vec::new()),
    }
}

/// Whether an envelope tells the caller anything that an absent object would not.
pub(crate) fn has_content(envelope: &Envelope) -> bool {
    let has_data = envelope.data.as_ref().is_some_and(|data| match data {
        Json::Object(members) => !members.is_empty(),
        other => !other.is_null(),
    });
    has_data
        || envelope
            .warnings
            .as_ref()
            .is_some_and(|warnings| !warnings.is_empty())
}

fn is_blank(envelope: &Envelope) -> bool {
    envelope.request_id.is_empty()
        && envelope.lease_id.is_empty()
        && !envelope.renewable
        && envelope.lease_duration == 0
        && envelope.data.is_none()
        && envelope.wrap_info.is_none()
        && envelope.warnings.is_none()
        && envelope.auth.is_none()
}

/// An envelope with nothing in it, as opposed to a body with members of its own.
fn is_envelope(members: &Object) -> bool {
    members.contains_key("request_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static str) -> Result<Option<Envelope>, Unreadable> {
        envelope(&Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn an_envelope_is_itself() {
        let answer = read(r#"{"request_id":"r","lease_duration":60,"data":{"n":1.10}}"#)
            .unwrap()
            .unwrap();
        assert_eq!((answer.request_id.as_str(), answer.lease_duration), ("r", 60));
        assert_eq!(answer.data.unwrap().to_text().as_str(), r#"{"n":1.10}"#);
    }

    #[test]
    fn a_bare_body_is_the_data() {
        let answer = read(r#"{"sealed":true}"#).unwrap().unwrap();
        assert_eq!(answer.data.unwrap().to_text().as_str(), r#"{"sealed":true}"#);
    }

    #[test]
    fn nothing_is_nothing() {
        for body in [
            "",
            " \n",
            "{}",
            r#"{"errors":[]}"#,
            r#"{"request_id":"","lease_duration":0,"data":null,"auth":null}"#,
        ] {
            assert!(read(body).unwrap().is_none(), "{body}");
        }
    }

    #[test]
    fn tells_errors_of_the_api_from_those_of_something_between() {
        let read = |body: &'static str| errors(&Bytes::from_static(body.as_bytes()));
        assert_eq!(
            read(r#"{"errors":["a","b"]}"#),
            Some(vec!["a".to_owned(), "b".to_owned()])
        );
        for body in [
            "",
            r#"{"errors":[]}"#,
            r#"{"request_id":"r","lease_duration":0,"data":null}"#,
        ] {
            assert_eq!(read(body), Some(Vec::new()), "{body}");
        }
        for body in ["<html>", r#"{"message":"no route"}"#, "[]"] {
            assert_eq!(read(body), None, "{body}");
        }
    }

    #[test]
    fn other_bodies_are_refused_without_quoting_them() {
        for body in [
            "<html>canary",
            "[1]",
            r#"{"lease_duration":"canary"}"#,
            "{\"data\":{\"canary\"}}",
        ] {
            let Unreadable(reason) = read(body).unwrap_err();
            assert!(!reason.contains("canary"), "{reason}");
        }
    }
}
