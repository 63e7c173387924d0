//! Randomness and digests.

use std::sync::Arc;

use arca_api::sys::tools as api;
use arca_base::{Secret, id, json_object};
use arca_crypto::digest::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::System;
use crate::engine::{Answer, Cx, Table};
use crate::fault::Fault;

/// Bytes when nobody says how many, and most of one request.
const BYTES: i64 = 32;
const MOST_BYTES: i64 = 128 << 10;

pub(super) fn routes() -> Table<System> {
    Table::new()
        .on::<api::UpdateRandom, _, _>(random)
        .reads_only()
        .on::<api::UpdateRandomOf, _, _>(random)
        .reads_only()
        .on::<api::UpdateRandomBytes, _, _>(random)
        .reads_only()
        .on::<api::UpdateHash, _, _>(hash)
        .reads_only()
        .on::<api::UpdateHashBy, _, _>(hash)
        .reads_only()
}

async fn random(_: Arc<System>, cx: Cx, request: api::Random) -> Result<Answer, Fault> {
    let bytes = match (&*request.source, &*request.urlbytes) {
        ("" | "platform" | "seal" | "all", "") => request.bytes.unwrap_or(BYTES),
        ("platform" | "seal" | "all", text) | (text, "") => text.parse().map_err(|_| {
            Fault::invalid(format!(
                "{text:?} is neither a number of bytes nor a source, which is platform, seal or all"
            ))
        })?,
        (source, _) => return Err(Fault::invalid(format!("unsupported entropy source {source:?}"))),
    };
    let length = usize::try_from(bytes)
        .ok()
        .filter(|_| (1..=MOST_BYTES).contains(&bytes));
    let length = length.ok_or_else(|| {
        Fault::invalid(format!(
            "\"bytes\" must be between 1 and {MOST_BYTES}, not {bytes}"
        ))
    })?;
    let mut made = Secret::new(vec![0; length]);
    cx.active()?.entropy.fill(made.expose_mut());
    let text = encoded(made.expose(), &request.format, "base64")?;
    Ok(Answer::data(&json_object! { "random_bytes" => text }))
}

async fn hash(_: Arc<System>, _: Cx, request: api::Hash) -> Result<Answer, Fault> {
    let name = [&request.urlalgorithm, &request.algorithm]
        .into_iter()
        .find(|name| !name.is_empty())
        .map_or("sha2-256", String::as_str);
    let algorithm = Algorithm::parse(name).ok_or_else(|| {
        Fault::invalid(format!(
            "unsupported algorithm {name:?}; use {}",
            Algorithm::EXPECTED
        ))
    })?;
    let input = request
        .input
        .ok_or_else(|| Fault::invalid("\"input\" is missing: the bytes, in base64"))?;
    let input = Secret::new(input);
    let bytes = STANDARD.decode(input.expose()).map(Secret::new);
    let bytes = bytes.map_err(|_| Fault::invalid("unable to decode input as base64"))?;
    let sum = encoded(&algorithm.digest(bytes.expose()), &request.format, "hex")?;
    Ok(Answer::data(&json_object! { "sum" => sum }))
}

fn encoded(bytes: &[u8], format: &str, default: &str) -> Result<String, Fault> {
    match if format.is_empty() { default } else { format } {
        "hex" => Ok(id::hex(bytes)),
        "base64" => Ok(STANDARD.encode(bytes)),
        other => Err(Fault::invalid(format!(
            "unsupported encoding format {other:?}; must be \"hex\" or \"base64\""
        ))),
    }
}
