//! A login in the headers of a request: `X-Vault-Inline-Auth-*`, as OpenBao 2.4 has it.
//!
//! Each parameter is a header of its own, whose value is a JSON object with `key` and `value` in URL-safe base64, so
//! that names keep their case and values their type. What follows the prefix in the name of the header says nothing.

use arca_base::RequestPath;
use arca_base::json::{Json, Limits, Object};
use arca_core::Fault;
use arca_core::pipeline::InlineAuth;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::headers::NAMESPACE;

const PATH: HeaderName = HeaderName::from_static("x-vault-inline-auth-path");
const OPERATION: HeaderName = HeaderName::from_static("x-vault-inline-auth-operation");
const OF_NAMESPACE: HeaderName = HeaderName::from_static("x-vault-inline-auth-namespace");
const PARAMETER: &str = "x-vault-inline-auth-parameter-";

/// Most parameters of a login.
const MOST_PARAMETERS: usize = 32;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The login in the headers, if there is one.
///
/// # Errors
/// 400 that names the header that is wrong, never with a value.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Box<InlineAuth>>, Fault> {
    let Some(path) = headers.get(&PATH) else {
        return Ok(None);
    };
    let path = text(&PATH, path)?;
    check_operation(headers)?;
    check_namespace(headers)?;
    Ok(Some(Box::new(InlineAuth {
        path: RequestPath::parse(path.trim_start_matches('/'))
            .map_err(|error| wrong(&PATH, &error.to_string()))?,
        data: parameters(headers)?,
    })))
}

/// A login is a write, whatever that is called.
fn check_operation(headers: &HeaderMap) -> Result<(), Fault> {
    let Some(operation) = headers.get(&OPERATION) else {
        return Ok(());
    };
    match text(&OPERATION, operation)? {
        "" | "update" | "create" => Ok(()),
        _ => Err(wrong(
            &OPERATION,
            "logins have the operation update; leave the header out",
        )),
    }
}

fn check_namespace(headers: &HeaderMap) -> Result<(), Fault> {
    let same = |value: &HeaderValue| {
        headers
            .get(&NAMESPACE)
            .is_none_or(|of_request| of_request == value)
    };
    match headers.get(&OF_NAMESPACE) {
        Some(value) if !same(value) => Err(wrong(
            &OF_NAMESPACE,
            "has to be the namespace of the request; leave the header out",
        )),
        _ => Ok(()),
    }
}

fn parameters(headers: &HeaderMap) -> Result<Object, Fault> {
    let mut data = Object::new();
    let parameters = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with(PARAMETER));
    for (count, (name, value)) in parameters.enumerate() {
        if count >= MOST_PARAMETERS {
            return Err(Fault::invalid(format!(
                "a login in headers has at most {MOST_PARAMETERS} parameters"
            )));
        }
        let (key, value) = parameter(name, value)?;
        if data.insert(key, value).is_some() {
            return Err(wrong(name, "its key is given more than once"));
        }
    }
    Ok(data)
}

fn parameter(name: &HeaderName, value: &HeaderValue) -> Result<(String, Json), Fault> {
    const SHAPE: &str = "expected {\"key\": \"...\", \"value\": ...} in URL-safe base64";
    let bytes = BASE64.decode(value.as_bytes()).map_err(|_| wrong(name, SHAPE))?;
    let Ok(Json::Object(mut members)) = Json::parse_unique(&bytes, &Limits::default()) else {
        return Err(wrong(name, SHAPE));
    };
    match (members.remove("key"), members.remove("value")) {
        (Some(Json::String(key)), Some(value)) if members.is_empty() && !key.is_empty() => Ok((key, value)),
        _ => Err(wrong(name, SHAPE)),
    }
}

fn text<'a>(name: &HeaderName, value: &'a HeaderValue) -> Result<&'a str, Fault> {
    value.to_str().map_err(|_| wrong(name, "not plain text"))
}

fn wrong(name: &HeaderName, reason: &str) -> Fault {
    Fault::invalid(format!("header {name}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pairs(pairs: &[(&str, &str)]) -> Result<Option<Box<InlineAuth>>, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        read(&headers).map_err(|fault| {
            assert_eq!(fault.class().status(), 400);
            fault.text().to_owned()
        })
    }

    fn encoded(json: &str) -> String {
        BASE64.encode(json)
    }

    const AT: (&str, &str) = ("x-vault-inline-auth-path", "auth/approle/login");

    #[test]
    fn no_path_is_no_login() {
        assert!(
            read_pairs(&[("x-vault-inline-auth-parameter-a", "!")])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn parameters_keep_case_and_type() {
        let role = encoded(r#"{"key": "role_ID", "value": "r"}"#);
        let number = encoded(r#"{"key": "n", "value": 5}"#)
            .trim_end_matches('=')
            .to_owned();
        let login = read_pairs(&[
            AT,
            ("x-vault-inline-auth-operation", "update"),
            ("x-vault-inline-auth-parameter-x", &role),
            ("X-Vault-Inline-Auth-Parameter-Y", &number),
        ]);
        let login = login.unwrap().unwrap();
        assert_eq!(login.path.as_str(), "auth/approle/login");
        assert_eq!(
            Json::Object(login.data).to_text().as_str(),
            r#"{"n":5,"role_ID":"r"}"#
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_never_quoted() {
        let secret = encoded(r#"{"key": "secret_id", "value": "s3cret"}"#);
        let extra = encoded(r#"{"key": "secret_id", "value": "s3cret", "more": 1}"#);
        let list = encoded(r#"["s3cret"]"#);
        let name = "x-vault-inline-auth-parameter-a";
        for pairs in [
            vec![AT, (name, "s3cret!")],
            vec![AT, (name, &extra)],
            vec![AT, (name, &list)],
            vec![AT, (name, &secret), (name, &secret)],
            vec![AT, ("x-vault-inline-auth-operation", "delete")],
            vec![
                AT,
                ("x-vault-inline-auth-namespace", "a"),
                ("x-vault-namespace", "b"),
            ],
        ] {
            let error = read_pairs(&pairs).err().unwrap_or_else(|| panic!("{pairs:?}"));
            assert!(error.contains("x-vault-inline-auth-"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn parameters_are_bounded() {
        let values: Vec<String> = (0..=MOST_PARAMETERS)
            .map(|n| encoded(&format!(r#"{{"key": "{n}", "value": 1}}"#)))
            .collect();
        let mut pairs = vec![AT];
        pairs.extend(
            values
                .iter()
                .map(|value| ("x-vault-inline-auth-parameter-a", &**value)),
        );
        assert!(read_pairs(&pairs).is_err());
        pairs.pop();
        assert!(read_pairs(&pairs).is_ok());
    }
}
