//! The functions of name templates.

use arca_base::{Entropy, Timestamp, id};
use arca_crypto::digest::sha256;
use arca_lang::template::{FunctionError, Functions, Kind, Signature, Value};
use arca_lang::time_layout;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::LONGEST_NAME;

/// Longest random text.
const LONGEST_RANDOM: i64 = 1024;

/// Hexadecimal digits of a digest that stand for what was cut off.
const DIGEST_DIGITS: usize = 8;

/// What templates may call, with the instant and the randomness of one name.
pub(super) struct NameFunctions<'a> {
    now: Timestamp,
    entropy: &'a dyn Entropy,
}

/// Randomness for where nothing is called.
struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, _out: &mut [u8]) {}
}

impl<'a> NameFunctions<'a> {
    pub(super) const fn of(now: Timestamp, entropy: &'a dyn Entropy) -> Self {
        Self { now, entropy }
    }

    /// For parsing, which asks for signatures only.
    pub(super) const fn nowhere() -> Self {
        Self::of(Timestamp::EPOCH, &NoEntropy)
    }
}

impl Functions for NameFunctions<'_> {
    fn signature(&self, name: &str) -> Option<Signature> {
        Some(match name {
            "random" => Signature::of(&[Kind::Int]),
            "truncate" | "truncate_sha256" => Signature::of(&[Kind::Int, Kind::String]),
            "uppercase" | "lowercase" | "sha256" | "base64" | "decode_base64" | "hex" | "decode_hex"
            | "timestamp" => Signature::of(&[Kind::String]),
            "replace" => Signature::of(&[Kind::String, Kind::String, Kind::String]),
            "unix_time" | "unix_time_millis" | "uuid" => Signature::of(&[]),
            _ => return None,
        })
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        let bytes = |index: usize| arguments.get(index).and_then(Value::as_bytes).unwrap_or_default();
        let text = |index: usize| String::from_utf8_lossy(bytes(index));
        let number = arguments.first().and_then(Value::as_int).unwrap_or_default();
        Ok(match name {
            "random" => Value::from(random(self.entropy, number)?),
            "truncate" => truncate(number, bytes(1))?,
            "truncate_sha256" => truncate_sha256(number, bytes(1))?,
            "uppercase" => Value::from(text(0).to_uppercase()),
            "lowercase" => Value::from(text(0).to_lowercase()),
            "replace" => Value::from(replace(&text(0), &text(1), &text(2))?),
            "sha256" => Value::from(id::hex(&sha256(bytes(0)))),
            "base64" => Value::from(STANDARD.encode(bytes(0))),
            "decode_base64" => {
                Value::string(STANDARD.decode(bytes(0)).map_err(|_| "the text is not base64")?)
            }
            "hex" => Value::from(id::hex(bytes(0))),
            "decode_hex" => Value::string(id::unhex(&text(0)).ok_or("the text is not hexadecimal")?),
            "unix_time" => Value::from(self.now.unix_seconds().to_string()),
            "unix_time_millis" => Value::from(self.now.unix_millis().to_string()),
            "timestamp" => Value::from(time_layout::format(self.now, &text(0))),
            "uuid" => Value::from(id::uuid_v4(self.entropy)),
            _ => return Err("there is no such function".into()),
        })
    }
}

fn random(entropy: &dyn Entropy, length: i64) -> Result<String, FunctionError> {
    let length = Some(length).filter(|length| (1..=LONGEST_RANDOM).contains(length));
    let length = length.and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or_else(|| format!("the length must be from 1 to {LONGEST_RANDOM}"))?;
    Ok(id::base62(entropy, length))
}

/// A length that is more than `least`.
fn length(number: i64, least: usize) -> Result<usize, FunctionError> {
    let length = usize::try_from(number).ok().filter(|length| *length > least);
    length.ok_or_else(|| format!("max length must be > {least} but was {number}").into())
}

/// The first bytes of a text.
fn truncate(most: i64, text: &[u8]) -> Result<Value, FunctionError> {
    let most = length(most, 0)?;
    Ok(Value::string(text.get(..most).unwrap_or(text)))
}

/// The first bytes of a text and, in the last eight, a digest of those that are cut off.
fn truncate_sha256(most: i64, text: &[u8]) -> Result<Value, FunctionError> {
    let most = length(most, DIGEST_DIGITS)?;
    let split = (text.len() > most)
        .then(|| text.split_at_checked(most - DIGEST_DIGITS))
        .flatten();
    let Some((kept, cut)) = split else {
        return Ok(Value::string(text));
    };
    let digest = id::hex(&sha256(cut));
    let digest = digest.get(..DIGEST_DIGITS).unwrap_or_default();
    Ok(Value::string([kept, digest.as_bytes()].concat()))
}

fn replace(from: &str, to: &str, text: &str) -> Result<String, FunctionError> {
    // An empty text is found before each character and at the end.
    let most = text
        .len()
        .saturating_add(text.len().saturating_add(1).saturating_mul(to.len()));
    if most > LONGEST_NAME
        && text.replace(from, "").len() + text.matches(from).count() * to.len() > LONGEST_NAME
    {
        return Err(format!("the text would be longer than {LONGEST_NAME} bytes").into());
    }
    Ok(text.replace(from, to))
}
