//! Words: their case, their initials, lines made of them.

use super::call::{Call, characters, lower, made, upper};
use super::{Answer, Entry, entry};
use crate::template::Kind;

pub(super) const ENTRIES: &[Entry] = &[
    entry("camelcase", &[Kind::String], camelcase),
    entry("snakecase", &[Kind::String], |call| separated(call, '_')),
    entry("kebabcase", &[Kind::String], |call| separated(call, '-')),
    entry("initials", &[Kind::String], |call| {
        let text = call.text(0);
        made(
            text.split_whitespace()
                .filter_map(|word| word.chars().next())
                .collect::<String>(),
        )
    }),
    entry("abbrev", &[Kind::Int, Kind::String], |call| {
        abbreviated(call.bytes(1), 0, call.int(0))
    }),
    entry("abbrevboth", &[Kind::Int, Kind::Int, Kind::String], |call| {
        abbreviated(call.bytes(2), call.int(0), call.int(1))
    }),
    entry("wrap", &[Kind::Int, Kind::String], |call| {
        wrapped(call, call.bytes(1), b"", false)
    }),
    entry("wrapWith", &[Kind::Int, Kind::String, Kind::String], |call| {
        wrapped(call, call.bytes(2), call.bytes(1), true)
    }),
];

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// `HTTP_server-name` as `HttpServerName`.
fn camelcase(call: &Call<'_>) -> Answer {
    let text = characters(call.bytes(0));
    let leading = text.iter().take_while(|c| is_connector(**c)).count();
    let (leading, rest) = text.split_at_checked(leading).unwrap_or((&text, &[]));
    let mut out: String = leading.iter().collect();
    let Some((first, rest)) = rest.split_first() else {
        // As the original: the last one appears twice.
        out.extend(leading.last());
        return made(out);
    };
    let mut capitals = first.is_uppercase();
    let mut before = upper(*first);
    for c in rest {
        let mut c = *c;
        match (is_connector(c), is_connector(before)) {
            (true, true) => {
                out.push(before);
                before = c;
                continue;
            }
            (_, true) => {
                capitals = c.is_uppercase();
                c = upper(c);
            }
            (_, false) => {
                if capitals && c.is_uppercase() {
                    c = lower(c);
                } else {
                    capitals = false;
                }
                out.push(before);
            }
        }
        before = c;
    }
    out.push(before);
    made(out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    End,
    Number,
    Upper,
    Letters,
    Connector,
    Punctuation,
    Other,
}

/// Letters of scripts that write words; Han characters do not.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !('\u{2e80}'..='\u{9fff}').contains(&c) && !('\u{f900}'..='\u{faff}').contains(&c)
}

/// What Unicode calls punctuation.
fn is_punctuation(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c);
    }
    matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}'
        | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}' | '！'..='／' | '：' | '；' | '？')
}

/// The first word of a text.
fn next_word(text: &[char]) -> (Word, &[char], &[char]) {
    let Some((first, rest)) = text.split_first() else {
        return (Word::End, &[], &[]);
    };
    let run = |of: fn(char) -> bool| 1 + rest.iter().take_while(|c| of(**c)).count();
    let small = |c: char| is_letter(c) && !c.is_uppercase();
    let (word, length) = if is_connector(*first) {
        (Word::Connector, run(is_connector))
    } else if is_punctuation(*first) {
        (Word::Punctuation, run(is_punctuation))
    } else if first.is_uppercase() {
        let capitals = run(char::is_uppercase);
        let behind = text.get(capitals).copied();
        let length = match behind {
            _ if capitals == 1 => run(small),
            // The last capital begins the next word.
            Some(c) if is_letter(c) => capitals - 1,
            _ => capitals,
        };
        (Word::Upper, length)
    } else if is_letter(*first) {
        (Word::Letters, run(small))
    } else if first.is_numeric() {
        (Word::Number, run(char::is_numeric))
    } else {
        let other = |c: char| !is_connector(c) && !is_letter(c) && !c.is_numeric() && !is_punctuation(c);
        (Word::Other, run(other))
    };
    let (word_text, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
    (word, word_text, rest)
}

/// `HTTPServer` as `http_server`.
fn separated(call: &Call<'_>, connector: char) -> Answer {
    let text = characters(call.bytes(0));
    let mut writer = Writer {
        out: String::new(),
        connector,
    };
    let (mut kind, mut word, mut rest) = next_word(&text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            writer.write(kind, word);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => (kind, word, rest) = writer.behind_number(kind, word, rest),
            Word::Connector => writer.write(before, last),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if kind != Word::Connector && kind != Word::Punctuation {
                    writer.out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Letters {
                    writer.out.push(connector);
                    writer.write(Word::Number, number);
                    (kind, word, rest) = writer.behind_number(kind, word, rest);
                } else {
                    writer.write(Word::Number, number);
                    if kind != Word::Connector && kind != Word::Punctuation {
                        writer.out.push(connector);
                    }
                }
            }
        }
    }
    writer.write(kind, word);
    made(writer.out)
}

struct Writer {
    out: String,
    connector: char,
}

impl Writer {
    fn write(&mut self, kind: Word, word: &[char]) {
        for c in word {
            self.out.push(match kind {
                Word::Upper | Word::Connector if is_connector(*c) => self.connector,
                Word::Upper if c.is_uppercase() => lower(*c),
                _ => *c,
            });
        }
    }

    /// Numbers and small letters behind a number belong to its word.
    fn behind_number<'t>(
        &mut self,
        mut kind: Word,
        mut word: &'t [char],
        mut rest: &'t [char],
    ) -> (Word, &'t [char], &'t [char]) {
        while kind == Word::Letters || kind == Word::Number {
            self.write(kind, word);
            (kind, word, rest) = next_word(rest);
        }
        if !matches!(kind, Word::End | Word::Punctuation | Word::Connector) {
            self.out.push(self.connector);
        }
        (kind, word, rest)
    }
}

/// A text cut to `width` bytes, with dots where something is missing. `offset` stays visible.
fn abbreviated(text: &[u8], offset: i64, width: i64) -> Answer {
    let length = text.len();
    let wide = usize::try_from(width).unwrap_or(0);
    if wide < 4 || (offset > 0 && wide < 7) || length <= wide {
        return made(text);
    }
    let kept = wide - 3;
    let start = usize::try_from(offset).unwrap_or(0).min(length);
    let start = start.min(length.saturating_sub(kept));
    if start <= 4 {
        return made([text.get(..kept).unwrap_or_default(), b"..."].concat());
    }
    if start + kept < length {
        let behind = text.get(start..).unwrap_or_default();
        // Too little room for dots at both ends leaves those in front.
        let middle = if kept < 4 {
            &[]
        } else if behind.len() <= kept {
            return made([b"...", behind].concat());
        } else {
            behind.get(..kept - 3).unwrap_or_default()
        };
        let end: &[u8] = if kept < 4 { b"" } else { b"..." };
        return made([b"...", middle, end].concat());
    }
    made([b"...", text.get(length - kept..).unwrap_or_default()].concat())
}

/// Lines of at most so many bytes; words that are longer are cut or stick out.
fn wrapped(call: &Call<'_>, text: &[u8], line_end: &[u8], cut_words: bool) -> Answer {
    let line_end = if line_end.is_empty() { b"\n" } else { line_end };
    let width = usize::try_from(call.int(0)).unwrap_or(0).max(1);
    let mut out = Vec::new();
    let mut rest = text;
    while rest.len() > width {
        if let Some(behind) = rest.strip_prefix(b" ") {
            rest = behind;
            continue;
        }
        let (line, skipped) = line_of(rest, width, cut_words);
        out.extend_from_slice(rest.get(..line).unwrap_or(rest));
        if line < rest.len() {
            out.extend_from_slice(line_end);
        }
        rest = rest.get(line + skipped..).unwrap_or_default();
        call.room(out.len())?;
    }
    out.extend_from_slice(rest);
    made(out)
}

/// How long the first line is, and how many bytes are left out behind it.
fn line_of(text: &[u8], width: usize, cut_words: bool) -> (usize, usize) {
    let start = text.get(..=width).unwrap_or(text);
    if let Some(space) = memchr::memrchr(b' ', start) {
        return (space, 1);
    }
    if cut_words {
        return (width, 0);
    }
    let behind = text.get(width..).unwrap_or_default();
    match memchr::memchr(b' ', behind) {
        Some(space) => (width + space, 1),
        None => (text.len(), 0),
    }
}
