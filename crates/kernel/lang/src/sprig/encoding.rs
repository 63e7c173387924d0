//! Base64 and base32, standard alphabets with padding.
//!
//! Like the original, decoding what is not encoded gives the text of the error; it names a position only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::call::{Call, made};
use super::{Answer, Entry, entry};
use crate::template::Kind;

pub(super) const ENTRIES: &[Entry] = &[
    entry("b64enc", &[Kind::String], |call| encode(call, BASE64, 6)),
    entry("b64dec", &[Kind::String], |call| decode(call, BASE64, 6)),
    entry("b32enc", &[Kind::String], |call| encode(call, BASE32, 5)),
    entry("b32dec", &[Kind::String], |call| decode(call, BASE32, 5)),
];

const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Digits of one full group.
const fn group(bits: usize) -> usize {
    if bits == 6 { 4 } else { 8 }
}

fn encode(call: &Call<'_>, alphabet: &[u8], bits: usize) -> Answer {
    let data = call.bytes(0);
    call.room(data.len().saturating_mul(2))?;
    if bits == 6 {
        return made(STANDARD.encode(data));
    }
    let mut out = Vec::with_capacity(data.len().div_ceil(group(bits) * bits / 8) * group(bits));
    let (mut held, mut count) = (0_usize, 0);
    let digit = |value: usize| alphabet.get(value & ((1 << bits) - 1)).copied().unwrap_or(b'=');
    for byte in data {
        held = (held << 8 | usize::from(*byte)) & 0xffff;
        count += 8;
        while count >= bits {
            count -= bits;
            out.push(digit(held >> count));
        }
    }
    if count > 0 {
        out.push(digit(held << (bits - count)));
    }
    out.resize(out.len().next_multiple_of(group(bits)), b'=');
    made(out)
}

fn decode(call: &Call<'_>, alphabet: &[u8], bits: usize) -> Answer {
    match decoded(call.bytes(0), alphabet, bits) {
        Ok(data) => made(data),
        Err(at) => made(format!("illegal base{} data at input byte {at}", 1 << bits)),
    }
}

/// The data, or the position of what is wrong. Line ends do not count.
fn decoded(text: &[u8], alphabet: &[u8], bits: usize) -> Result<Vec<u8>, usize> {
    // Base32 counts positions without line ends.
    let digits: Vec<(usize, u8)> = text
        .iter()
        .copied()
        .enumerate()
        .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'))
        .enumerate()
        .map(|(index, (at, byte))| (if bits == 5 { index } else { at }, byte))
        .collect();
    let end = if bits == 5 { digits.len() } else { text.len() };
    let mut out = Vec::with_capacity(text.len());
    let (mut held, mut count) = (0_usize, 0);
    let mut digits = digits.into_iter().enumerate().peekable();
    while let Some((index, (at, byte))) = digits.next() {
        let place = index % group(bits);
        if byte == b'=' {
            let behind: Vec<(usize, u8)> = digits.map(|(_, digit)| digit).collect();
            padding(place, at, &behind, end, bits)?;
            return Ok(out);
        }
        let Some(value) = alphabet.iter().position(|digit| *digit == byte) else {
            return Err(at);
        };
        held = (held << bits | value) & 0xffff;
        count += bits;
        if count >= 8 {
            count -= 8;
            out.push((held >> count & 0xff) as u8);
        }
        if digits.peek().is_none() && place + 1 != group(bits) {
            // The group is not full: it is wrong from its start.
            return Err(end.saturating_sub(place + 1));
        }
    }
    Ok(out)
}

/// Checks what is behind the first padding character, which is the digit `place` of its group.
fn padding(place: usize, at: usize, behind: &[(usize, u8)], end: usize, bits: usize) -> Result<(), usize> {
    let missing = group(bits) - place - 1;
    let padded = behind.iter().take_while(|(_, byte)| *byte == b'=').count();
    if bits == 6 {
        if place < 2 {
            return Err(at);
        }
        return match behind.get(padded.min(missing)) {
            None if padded < missing => Err(end),
            None => Ok(()),
            // As the original: a digit in place of padding is blamed on what is in front of it.
            Some((at, _)) if padded < missing => Err(at.saturating_sub(1)),
            Some((at, _)) => Err(*at),
        };
    }
    // As the original: too much padding is found out as a wrong digit, or not at all.
    if place < 2 || behind.len() >= 8 {
        return Err(at);
    }
    if behind.len() < missing {
        return Err(end);
    }
    if padded < missing {
        return Err(at + padded);
    }
    if matches!(place, 1 | 3 | 6) {
        return Err(at);
    }
    Ok(())
}
