//! A Rust file split into code and comments: enough of the language to count braces and read attributes.
//!
//! Not a parser: it knows comments, strings and character literals, and nothing of grammar.

use std::ops::Range;

/// A Rust source. Both texts are as long as the file and keep its line breaks; what belongs to the other
/// (and the content of strings) is blank.
pub(super) struct Source {
    pub(super) code: String,
    pub(super) comments: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let mut source = Self {
            code: String::with_capacity(text.len()),
            comments: String::with_capacity(text.len()),
        };
        let mut rest = text;
        while !rest.is_empty() {
            let (kind, length) = next_piece(rest);
            let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            source.push(kind, piece);
            rest = after;
        }
        source
    }

    fn push(&mut self, kind: Kind, piece: &str) {
        match kind {
            Kind::Code => self.code.push_str(piece),
            _ => blank(&mut self.code, piece),
        }
        match kind {
            Kind::Comment => self.comments.push_str(piece),
            _ => blank(&mut self.comments, piece),
        }
    }

    /// The items that exist only in tests: from `#[cfg(test)]` to the end of the item below it.
    pub(super) fn test_items(&self) -> Vec<Range<usize>> {
        let mut items: Vec<Range<usize>> = Vec::new();
        for (start, attribute) in attributes(&self.code) {
            let inside = items.last().is_some_and(|item| item.contains(&start));
            let squeezed: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
            if !inside && (squeezed.starts_with("#[cfg(test)") || squeezed.starts_with("#[cfg(all(test,")) {
                items.push(start..self.item_end(start));
            }
        }
        items
    }

    /// Where the item that starts at `start`, with its attributes, ends.
    fn item_end(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(rest) = self.code.get(at..) {
            let trimmed = rest.trim_start();
            at += rest.len() - trimmed.len();
            match trimmed.starts_with("#[") {
                true => at += closed_length(trimmed),
                false => return at + body_end(trimmed).unwrap_or(trimmed.len()),
            }
        }
        self.code.len()
    }
}

/// The attributes of a code text: where each starts, and its text from `#` to `]`.
pub(super) fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices('#').filter_map(|(start, _)| {
        let rest = code.get(start..)?;
        let opens = rest.starts_with("#[") || rest.starts_with("#![");
        opens.then(|| {
            rest.get(..closed_length(rest))
                .map(|attribute| (start, attribute))
        })?
    })
}

/// The length of an item up to the brace that closes its body, or to its `;`.
pub(super) fn body_end(item: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in item.char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return Some(at + 1),
            '{' if depth == 0 => return item.get(at..).map(|body| at + closed_length(body)),
            _ => {}
        }
    }
    None
}

/// The length up to the bracket that closes the first one of `text`.
fn closed_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 1 => return at + 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

fn blank(text: &mut String, piece: &str) {
    for letter in piece.bytes() {
        text.push(if letter == b'\n' { '\n' } else { ' ' });
    }
}

/// What stands at the start of `rest`, and its length in bytes.
fn next_piece(rest: &str) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment(rest));
    }
    if let Some(length) = raw_string(rest) {
        return (Kind::Literal, length);
    }
    if let Some(body) = rest.strip_prefix('"') {
        return (Kind::Literal, 1 + quoted(body, '"'));
    }
    if let Some(length) = character(rest) {
        return (Kind::Literal, length);
    }
    (Kind::Code, plain(rest))
}

/// A word, or everything up to the next place where something else may start.
fn plain(rest: &str) -> usize {
    let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    if word > 0 {
        return word;
    }
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let more = rest.get(first..).unwrap_or("");
    first
        + more
            .find(|c: char| is_word(c) || matches!(c, '/' | '"' | '\''))
            .unwrap_or(more.len())
}

pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(here) = rest.get(at..) {
        let step = match () {
            () if here.starts_with("/*") => {
                depth += 1;
                2
            }
            () if here.starts_with("*/") => {
                depth = depth.saturating_sub(1);
                2
            }
            () => match here.chars().next() {
                Some(letter) => letter.len_utf8(),
                None => break,
            },
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of `r"..."`, `r#"..."#`, `br"..."`, `cr"..."`, if one starts here.
fn raw_string(rest: &str) -> Option<usize> {
    let opening = rest
        .strip_prefix('b')
        .or_else(|| rest.strip_prefix('c'))
        .unwrap_or(rest);
    let opening = opening.strip_prefix('r')?;
    let body = opening.trim_start_matches('#');
    let hashes = opening.len() - body.len();
    let body = body.strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&closing).map_or(body.len(), |at| at + closing.len());
    Some(rest.len() - body.len() + end)
}

/// The length of `body` up to and with the closing `quote`, `\` escaping the next character.
fn quoted(body: &str, quote: char) -> usize {
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    body.len()
}

/// The length of a character literal, if one starts here and not a lifetime.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let mut letters = body.chars();
    let first = letters.next()?;
    if first == '\\' || letters.next() == Some('\'') {
        return Some(1 + quoted(body, '\''));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        let source = Source::parse(text);
        assert_eq!(source.code.len(), text.len());
        assert_eq!(source.comments.len(), text.len());
        source.code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn blanks_comments_and_literals() {
        assert_eq!(code("a // { \"\nb"), "a b");
        assert_eq!(code("a /* { /* } */ \" */ b"), "a b");
        assert_eq!(code(r#"f("} \" {", '{', '\'', b'}', "\\")"#), "f( , , , b , )");
        assert_eq!(code("r\"{\" r#\"} \" {\"# br##\"\"# }\"## end"), "end");
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        assert_eq!(code("for_r\"{\"; r#type"), "for_r ; r#type");
        assert_eq!(code("'é' 'x' \"ü{\""), "");
        assert_eq!(code("\"never closed {"), "");
    }

    #[test]
    fn keeps_comments_apart() {
        let source = Source::parse("let a = \"// no\"; // yes\n/* also */ b");
        assert_eq!(
            source.comments.split_whitespace().collect::<Vec<_>>(),
            ["//", "yes", "/*", "also", "*/"]
        );
    }

    #[test]
    fn finds_items_that_exist_only_in_tests() {
        let text = "fn a() {}\n#[cfg(test)]\n#[expect(x, reason = \"]\")]\nmod tests {\n fn b() { \"}\"; }\n}\nfn c() {}\n\
                    #[cfg(test)]\nuse x;\n#[cfg(all(test, unix))]\nmod more;\nfn d() {}\n#[cfg(not(test))]\nfn e() {}\n";
        let source = Source::parse(text);
        let items: Vec<_> = source
            .test_items()
            .into_iter()
            .map(|item| text.get(item).unwrap())
            .collect();
        assert_eq!(items.len(), 3, "{items:?}");
        assert!(items.first().unwrap().ends_with("}\n}"), "{items:?}");
        assert!(items.get(1).unwrap().ends_with("use x;"), "{items:?}");
        assert!(items.get(2).unwrap().ends_with("mod more;"), "{items:?}");
    }

    #[test]
    fn finds_attributes() {
        let found: Vec<_> = attributes("#![a(b)]\n#[c(\n d[1])]\nlet x = r#type; # [e]")
            .map(|(_, text)| text)
            .collect();
        assert_eq!(found, ["#![a(b)]", "#[c(\n d[1])]"]);
    }
}
