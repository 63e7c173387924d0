//! What the options of an `http` device mean.

use std::path::PathBuf;

use arca_base::Json;
use arca_base::json::{Limits, Object};
use arca_client::{Address, TlsOptions};
use http::{HeaderName, HeaderValue, Uri};

use super::options::{BadDevice, Given, wrong};
use super::wire::Collector;

/// Most headers of a request.
const MOST_HEADERS: usize = 16;
/// Headers that say how a request is framed.
const OWN: [&str; 5] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
];

pub(super) fn parse(given: &Given<'_>) -> Result<Collector, BadDevice> {
    let uri = given.text("uri").ok_or(BadDevice::Missing("uri"))?;
    check_uri(uri)?;
    let file = |name| given.text(name).map(PathBuf::from);
    let tls = TlsOptions {
        ca_cert: file("ca_cert"),
        client_cert: file("client_cert"),
        client_key: file("client_key"),
        server_name: given.text("tls_server_name").map(str::to_owned),
        ..TlsOptions::default()
    };
    if tls.client_cert.is_some() != tls.client_key.is_some() {
        return Err(wrong("client_cert", "client_cert and client_key go together"));
    }
    Ok(Collector {
        uri: uri.to_owned(),
        headers: headers(given.text("headers"))?,
        tls,
    })
}

fn check_uri(text: &str) -> Result<(), BadDevice> {
    let expected = || wrong("uri", "expected a URL such as https://logs.example.com/ingest");
    let uri: Uri = text.parse().map_err(|_| expected())?;
    let authority = uri.authority().ok_or_else(expected)?;
    if authority.as_str().contains('@') {
        return Err(wrong("uri", "put credentials into headers: a URL is shown"));
    }
    if !matches!(uri.scheme_str(), Some("http" | "https")) || Address::parse(text).is_err() {
        return Err(expected());
    }
    Ok(())
}

/// An object of texts, or of lists with one text.
fn headers(text: Option<&str>) -> Result<Vec<(HeaderName, HeaderValue)>, BadDevice> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let expected = || {
        wrong(
            "headers",
            r#"expected a JSON object of texts such as {"Authorization":"Bearer ..."}"#,
        )
    };
    let given = Json::parse(text.as_bytes(), &Limits::default()).map_err(|_| expected())?;
    let members = given.as_object().ok_or_else(expected)?;
    if members.len() > MOST_HEADERS {
        return Err(wrong("headers", format!("there are more than {MOST_HEADERS}")));
    }
    members.iter().map(|(name, value)| header(name, value)).collect()
}

fn header(name: &str, value: &Json) -> Result<(HeaderName, HeaderValue), BadDevice> {
    let text = match value {
        Json::Array(list) if list.len() == 1 => list.first().and_then(Json::as_str),
        other => other.as_str(),
    };
    let lower = name.to_ascii_lowercase();
    let parsed = HeaderName::try_from(&lower)
        .ok()
        .filter(|_| !OWN.contains(&&*lower));
    let value = text.and_then(|text| HeaderValue::from_str(text).ok());
    match (parsed, value) {
        (Some(name), Some(mut value)) => {
            value.set_sensitive(true);
            Ok((name, value))
        }
        _ => Err(wrong(
            "headers",
            format!("{name:?} is no header, is set by the server, or its value is no text"),
        )),
    }
}

/// The option `headers` as it may be shown: names only.
pub(crate) fn without_values(headers: &str) -> String {
    let given = Json::parse(headers.as_bytes(), &Limits::default()).unwrap_or(Json::Null);
    let hide = |name: &String| (name.clone(), Json::from("(not shown)"));
    let shown: Object = given
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys().map(hide))
        .collect();
    Json::Object(shown).to_text().into_string()
}
