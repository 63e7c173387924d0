//! A place in the text, and a reader that keeps count of lines and columns.

use super::error::Cause;

/// Line and column, both from 1; a column is a character, not a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
    /// Where it starts.
    pub position: Position,
}

impl Span {
    /// The piece of `text`, which must be the text of the document the span is from.
    #[must_use]
    pub fn text_in(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// From the start of this span to the end of `last`.
    pub(super) const fn through(self, last: Self) -> Self {
        Self {
            start: self.start,
            end: last.end,
            position: self.position,
        }
    }
}

/// What went wrong, and where.
pub(super) struct Fault {
    pub(super) cause: Cause,
    pub(super) span: Span,
}

/// The start of something that is being read.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    offset: usize,
    position: Position,
}

/// Reads text forward.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    mark: Mark,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            mark: Mark {
                offset: 0,
                position: Position { line: 1, column: 1 },
            },
        }
    }

    /// The text that is left.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Takes `text` if it comes next.
    pub(super) fn accept(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Takes characters for as long as `wanted` says so.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.take(length)
    }

    /// Takes `bytes` bytes, or what is left.
    pub(super) fn take(&mut self, bytes: usize) -> &'a str {
        let rest = self.rest();
        let taken = rest.get(..bytes).unwrap_or(rest);
        self.at += taken.len();
        taken
    }

    /// Remembers this place. Places are asked for in order, so counting lines costs one pass in total.
    pub(super) fn mark(&mut self) -> Mark {
        let passed = self.text.get(self.mark.offset..self.at).unwrap_or_default();
        let lines = passed.bytes().filter(|byte| *byte == b'\n').count();
        let last_line = passed.rsplit('\n').next().unwrap_or_default();
        let columns = count(last_line.chars().count());
        let before = self.mark.position;
        self.mark = Mark {
            offset: self.at,
            position: Position {
                line: before.line + count(lines),
                column: if lines == 0 {
                    before.column + columns
                } else {
                    1 + columns
                },
            },
        };
        self.mark
    }

    /// From `mark` to here.
    pub(super) fn span(&self, mark: Mark) -> Span {
        Span {
            start: count(mark.offset),
            end: count(self.at.max(mark.offset)),
            position: mark.position,
        }
    }

    /// The text from `mark` to here.
    pub(super) fn text_since(&self, mark: Mark) -> &'a str {
        self.text.get(mark.offset..self.at).unwrap_or_default()
    }

    /// A fault about the text from `mark` to here.
    pub(super) fn fault(&self, cause: Cause, mark: Mark) -> Fault {
        Fault {
            cause,
            span: self.span(mark),
        }
    }
}

/// Offsets fit 32 bits because a document's length was checked.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        let mut cursor = Cursor::new("\u{e9}a\n\u{e9}b");
        cursor.take(2);
        assert_eq!(cursor.mark().position, Position { line: 1, column: 2 });
        cursor.take(4);
        let mark = cursor.mark();
        assert_eq!(mark.position, Position { line: 2, column: 2 });
        assert_eq!(cursor.bump(), Some('b'));
        assert_eq!(cursor.text_since(mark), "b");
        assert_eq!(cursor.bump(), None);
    }
}
