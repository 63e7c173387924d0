//! How a text can be written, and what of it can stand where.

use super::resolve::{Word, is_sexagesimal, resolve};

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    /// Line by line behind a `|`.
    Literal,
}

/// What the characters of a text allow.
#[derive(Clone, Copy, Debug, Default)]
struct Allowed {
    plain: bool,
    single: bool,
    literal: bool,
}

/// Whether it has several lines; such a text is no simple key.
pub(super) fn is_multiline(text: &str) -> bool {
    text.contains(is_break)
}

/// What a text is written like. `as_key`: in front of a colon, on one line.
pub(super) fn style(text: &str, as_key: bool) -> Style {
    // As a key, `<<` would merge what stands behind it.
    let is_text = matches!(resolve(text), Word::Text) && !is_sexagesimal(text) && !(as_key && text == "<<");
    let mut style = if text.contains('\n') {
        Style::Literal
    } else if is_text {
        Style::Plain
    } else {
        Style::Double
    };
    let allowed = allowed(text);
    if as_key && is_multiline(text) {
        style = Style::Double;
    }
    if style == Style::Plain && !allowed.plain {
        style = Style::Single;
    }
    if style == Style::Single && !allowed.single || style == Style::Literal && (as_key || !allowed.literal) {
        style = Style::Double;
    }
    style
}

fn allowed(text: &str) -> Allowed {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let mut after_blank = true;
    for (index, c) in characters.iter().enumerate() {
        let before_blank = at(index + 1).is_none_or(is_blank);
        indicators |= match c {
            '?' | '-' if index == 0 => before_blank,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                index == 0
            }
            ':' => before_blank,
            '#' => after_blank,
            _ => false,
        };
        after_blank = is_blank(*c) || is_break(*c) || *c == '\0';
    }
    let pairs = || characters.iter().zip(characters.iter().skip(1));
    let break_then_space = pairs().any(|(one, other)| is_break(*one) && *other == ' ');
    let space_then_break = pairs().any(|(one, other)| *one == ' ' && is_break(*other));
    let has_edge = |c: Option<&char>| c.is_some_and(|c| *c == ' ' || is_break(*c));
    let is_special = space_then_break || !characters.iter().all(|c| is_printable(*c));
    let on_edges = has_edge(characters.first()) || has_edge(characters.last());
    Allowed {
        plain: !(indicators || on_edges || break_then_space || is_special || is_multiline(text)),
        single: !(break_then_space || is_special),
        literal: !(is_special || text.ends_with(' ')),
    }
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// What may stand as it is. Characters beyond the first plane are written as escapes, as the original does.
pub(super) const fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// An escape in double quotes.
pub(super) fn escape(c: char) -> String {
    let code = u32::from(c);
    match c {
        '\0' => "\\0".to_owned(),
        '\x07' => "\\a".to_owned(),
        '\x08' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\x0b' => "\\v".to_owned(),
        '\x0c' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        '\x1b' => "\\e".to_owned(),
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{85}' => "\\N".to_owned(),
        '\u{a0}' => "\\_".to_owned(),
        '\u{2028}' => "\\L".to_owned(),
        '\u{2029}' => "\\P".to_owned(),
        _ if code <= 0xff => format!("\\x{code:02X}"),
        _ if code <= 0xffff => format!("\\u{code:04X}"),
        _ => format!("\\U{code:08X}"),
    }
}
