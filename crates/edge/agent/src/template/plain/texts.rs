//! Texts, digests and encodings.

use arca_base::id::hex;
use arca_crypto::digest::{md5_for_legacy_use, sha1_of_protocol, sha256, sha512};
use arca_crypto::mac::MacKey;
use arca_lang::template::{FunctionError, Kind, Value};
use arca_lang::time_layout;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::{Answer, Entry, STRING, STRINGS, THREE_STRINGS, Tools, bytes, entry, text, value, variadic};

/// Most blanks `indent` puts before a line.
const INDENT: i64 = 1000;

/// The last digit may have bits that mean nothing.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

pub(super) const ENTRIES: &[Entry] = &[
    entry("toLower", STRING, |tools, arguments| {
        tools.library("sprig_lower", arguments)
    }),
    entry("toUpper", STRING, |tools, arguments| {
        tools.library("sprig_upper", arguments)
    }),
    entry("toTitle", STRING, |_, arguments| {
        Ok(Value::from(titled(&String::from_utf8_lossy(bytes(arguments, 0)))))
    }),
    entry("trim", STRINGS, |tools, arguments| {
        tools.library("sprig_trimAll", arguments)
    }),
    entry("trimPrefix", STRINGS, |tools, arguments| {
        tools.library("sprig_trimPrefix", arguments)
    }),
    entry("trimSuffix", STRINGS, |tools, arguments| {
        tools.library("sprig_trimSuffix", arguments)
    }),
    entry("trimSpace", STRING, |tools, arguments| {
        tools.library("sprig_trim", arguments)
    }),
    entry("replaceAll", THREE_STRINGS, |tools, arguments| {
        tools.library("sprig_replace", arguments)
    }),
    entry("regexMatch", STRINGS, |tools, arguments| {
        tools.library("sprig_mustRegexMatch", arguments)
    }),
    entry("regexReplaceAll", THREE_STRINGS, |tools, arguments| {
        let [pattern, with, text] = [0, 1, 2].map(|index| value(arguments, index).clone());
        tools.library("sprig_mustRegexReplaceAll", &[pattern, text, with])
    }),
    entry("indent", &[Kind::Int, Kind::String], indented),
    variadic("timestamp", &[], Kind::String, |tools, arguments| {
        Ok(Value::from(match arguments {
            [] => time_layout::format(tools.now, "2006-01-02T15:04:05Z07:00"),
            [_] if text(arguments, 0)? == "unix" => tools.now.unix_seconds().to_string(),
            [_] => time_layout::format(tools.now, text(arguments, 0)?),
            _ => return Err("want one layout at most, such as 2006-01-02, or unix".into()),
        }))
    }),
    entry("base64Decode", STRING, |_, arguments| {
        decoded(&STANDARD, arguments)
    }),
    entry("base64Encode", STRING, |_, arguments| {
        Ok(Value::from(STANDARD.encode(bytes(arguments, 0))))
    }),
    entry("base64URLDecode", STRING, |_, arguments| {
        decoded(&URL_SAFE, arguments)
    }),
    entry("base64URLEncode", STRING, |_, arguments| {
        Ok(Value::from(URL_SAFE.encode(bytes(arguments, 0))))
    }),
    entry("md5sum", STRING, |_, arguments| {
        digits(&md5_for_legacy_use(bytes(arguments, 0)))
    }),
    entry("sha256Hex", STRING, |_, arguments| {
        digits(&sha256(bytes(arguments, 0)))
    }),
    entry("hmacSHA256Hex", STRINGS, |_, arguments| {
        digits(&MacKey::new(bytes(arguments, 1)).sign(bytes(arguments, 0)))
    }),
    // Digests of the general library, which knows no cryptography.
    entry("sprig_sha1sum", STRING, |_, arguments| {
        digits(&sha1_of_protocol(bytes(arguments, 0)))
    }),
    entry("sprig_sha256sum", STRING, |_, arguments| {
        digits(&sha256(bytes(arguments, 0)))
    }),
    entry("sprig_sha512sum", STRING, |_, arguments| {
        digits(&sha512(bytes(arguments, 0)))
    }),
    entry("sprig_adler32sum", STRING, |_, arguments| {
        Ok(Value::from(adler32(bytes(arguments, 0)).to_string()))
    }),
];

#[expect(clippy::unnecessary_wraps, reason = "ends what can fail")]
fn digits(digest: &[u8]) -> Answer {
    Ok(Value::from(hex(digest)))
}

/// The checksum of RFC 1950.
fn adler32(data: &[u8]) -> u32 {
    let (low, high) = data.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

/// Line ends do not count.
fn decoded(alphabet: &impl base64::Engine, arguments: &[Value]) -> Answer {
    let mut text = bytes(arguments, 0).to_vec();
    text.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    let bytes = alphabet.decode(text).map_err(|_| "the text is not base64")?;
    Ok(Value::string(bytes))
}

/// Blanks before each line that is not empty.
fn indented(tools: &mut Tools, arguments: &[Value]) -> Answer {
    let blanks = value(arguments, 0).as_int().unwrap_or_default();
    let width = usize::try_from(blanks).map_err(|_| "the indentation must not be negative")?;
    if blanks > INDENT {
        return Err("an indentation of more than 1000 blanks".into());
    }
    let limit = tools.sprig.bytes();
    let pad = vec![b' '; width];
    let mut made = Vec::new();
    for line in bytes(arguments, 1).split_inclusive(|byte| *byte == b'\n') {
        if line != b"\n" {
            made.extend_from_slice(&pad);
        }
        made.extend_from_slice(line);
        if made.len() > limit {
            return Err(FunctionError::new(format!(
                "the text becomes longer than {limit} bytes"
            )));
        }
    }
    Ok(Value::string(made))
}

/// The first letter of each word as a capital; the others stay as they are. Apostrophes, points and colons between
/// letters are parts of a word.
fn titled(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let (mut in_word, mut after_mark) = (false, false);
    for c in text.chars() {
        let is_mark = matches!(c, '\'' | '.' | ':' | '·' | '‘' | '’' | '․' | '﹒' | '＇' | '．');
        if is_mark && after_mark {
            in_word = false;
        }
        after_mark = is_mark;
        if c.is_lowercase() || c.is_uppercase() || is_title(c) {
            if std::mem::replace(&mut in_word, true) {
                made.push(c);
            } else {
                capital(&mut made, c);
            }
            continue;
        }
        made.push(c);
        let is_part = is_mark || c == '_' || c.is_numeric() || matches!(c, '\u{300}'..='\u{36f}' | '\u{ad}');
        if !is_part {
            in_word = false;
        }
    }
    made
}

/// Letters that are two, of which the first one is a capital.
const fn is_title(c: char) -> bool {
    matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ')
}

fn capital(made: &mut String, c: char) {
    match c {
        'ǆ' | 'Ǆ' => made.push('ǅ'),
        'ǉ' | 'Ǉ' => made.push('ǈ'),
        'ǌ' | 'Ǌ' => made.push('ǋ'),
        'ǳ' | 'Ǳ' => made.push('ǲ'),
        'ŉ' => made.push_str("ʼN"),
        c if is_title(c) => made.push(c),
        c => {
            let mut letters = c.to_uppercase();
            made.extend(letters.next());
            made.extend(letters.flat_map(char::to_lowercase));
        }
    }
}
