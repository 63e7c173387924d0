//! The canonical layout of a document, as `policy fmt` writes it.
//!
//! Two spaces for each level, one item in a line, the equals signs of adjacent lines aligned, a blank line
//! between everything else. Values and comments stay as they were written, and no comment is lost: one inside
//! a key or in front of a value moves to the line above it.

use super::ast::{Item, Kind, Object, Value};
use super::cursor::Span;
use super::{Document, Syntax};

/// The document in canonical layout. JSON documents stay as they are.
#[must_use]
pub fn format(document: &Document) -> String {
    if document.syntax == Syntax::Json {
        return format!("{}\n", document.text.trim_end());
    }
    let text = &*document.text;
    let mut printer = Printer {
        text,
        comments: &document.comments,
        line_ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        out: String::with_capacity(text.len() * 5 / 4),
        level: 0,
    };
    printer.body(&document.root.items, 0, text.len());
    printer.out
}

struct Printer<'a> {
    text: &'a str,
    comments: &'a [Span],
    line_ends: Vec<usize>,
    out: String,
    level: usize,
}

/// An item with the comments that belong to it.
struct Piece<'a> {
    item: &'a Item,
    /// On lines of their own above the item, or inside its head.
    lead: &'a [Span],
    /// Behind the item in its line.
    trail: &'a [Span],
    /// The value in one line, if that is how it will be printed.
    inline: Option<String>,
}

impl<'a> Printer<'a> {
    /// Comments that begin in a part of the text.
    fn comments_in(&self, start: usize, end: usize) -> &'a [Span] {
        let first = self
            .comments
            .partition_point(|comment| (comment.start as usize) < start);
        let last = self
            .comments
            .partition_point(|comment| (comment.start as usize) < end);
        self.comments.get(first..last).unwrap_or_default()
    }

    /// The line, from 0, in which an offset lies.
    fn line_of(&self, offset: u32) -> usize {
        self.line_ends.partition_point(|end| *end < offset as usize)
    }

    fn is_adjacent(&self, above: Span, below: Span) -> bool {
        self.line_of(below.start) <= self.line_of(above.end) + 1
    }

    fn body(&mut self, items: &'a [Item], start: usize, end: usize) {
        let (pieces, rest) = self.pieces(items, start, end);
        let mut index = 0;
        while let Some(piece) = pieces.get(index) {
            if index > 0 && !self.hugs(pieces.get(index - 1), piece) {
                self.out.push('\n');
            }
            let left = pieces.get(index..).unwrap_or_default();
            let run = self.run(left);
            if run.is_empty() {
                self.item(piece);
                index += 1;
            } else {
                self.aligned(run);
                index += run.len();
            }
        }
        if !rest.is_empty() && !pieces.is_empty() {
            self.out.push('\n');
        }
        self.lead(rest, None);
    }

    /// Divides the comments between `start` and `end` among the items; what is left comes after the last one.
    fn pieces(&self, items: &'a [Item], start: usize, end: usize) -> (Vec<Piece<'a>>, &'a [Span]) {
        let mut at = start;
        let mut pieces = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let until = items.get(index + 1).map_or(end, |next| next.span.start as usize);
            let lead = self.comments_in(at, item.value.span.start as usize);
            let trail = self.trail(item.span, until);
            at = trail.last().map_or(item.span.end, |last| last.end) as usize;
            pieces.push(Piece {
                item,
                lead,
                trail,
                inline: self.inline(&item.value),
            });
        }
        (pieces, self.comments_in(at, end))
    }

    /// The comments behind something in the line it ends in.
    fn trail(&self, of: Span, until: usize) -> &'a [Span] {
        let line = self.line_of(of.end);
        let after = self.comments_in(of.end as usize, until);
        let count = after
            .iter()
            .take_while(|comment| self.line_of(comment.start) == line)
            .count();
        after.get(..count).unwrap_or_default()
    }

    /// Empty blocks at the top level need no blank line between them.
    fn hugs(&self, above: Option<&Piece<'_>>, below: &Piece<'_>) -> bool {
        let bare =
            |piece: &Piece<'_>| !piece.item.assigned && piece.lead.is_empty() && piece.inline.is_some();
        let above = above.filter(|piece| bare(piece) && self.is_adjacent(piece.item.span, below.item.span));
        self.level == 0 && above.is_some() && bare(below)
    }

    /// The assignments from the first one on that stand in lines directly below each other.
    ///
    /// A comment of several lines sets its item apart.
    fn run<'p>(&self, pieces: &'p [Piece<'a>]) -> &'p [Piece<'a>] {
        let fits = |piece: &Piece<'_>| piece.item.assigned && piece.inline.is_some();
        let first = pieces.first().filter(|piece| self.level > 0 && fits(piece));
        let Some(first) = first else { return &[] };
        let tall = |comment: &Span| comment.text_in(self.text).contains('\n');
        if first.lead.len() > 1 || first.lead.iter().any(tall) {
            return &[];
        }
        let goes_on = |pair: &[Piece<'_>]| match pair {
            [above, below] => {
                let next_line =
                    self.line_of(above.item.span.start) + 1 == self.line_of(below.item.span.start);
                next_line && below.lead.is_empty() && fits(below)
            }
            _ => false,
        };
        let length = 1 + pieces.windows(2).take_while(|pair| goes_on(pair)).count();
        pieces.get(..length).unwrap_or_default()
    }

    fn aligned(&mut self, run: &[Piece<'a>]) {
        let width = |text: &str| text.chars().count();
        let keys: Vec<String> = run.iter().map(|piece| self.keys(piece.item)).collect();
        let key_width = keys.iter().map(|key| width(key)).max().unwrap_or(0);
        let values = || run.iter().filter_map(|piece| piece.inline.as_deref());
        let value_width = values().map(width).max().unwrap_or(0);
        for ((piece, key), value) in run.iter().zip(&keys).zip(values()) {
            self.lead(piece.lead, Some(piece.item.span));
            self.indent();
            self.out.push_str(&format!("{key:key_width$} = {value}"));
            if !piece.trail.is_empty() {
                self.out.push_str(&" ".repeat(value_width - width(value)));
            }
            self.trailing(piece.trail);
        }
    }

    fn item(&mut self, piece: &Piece<'a>) {
        self.lead(piece.lead, Some(piece.item.span));
        self.indent();
        let keys = self.keys(piece.item);
        self.out.push_str(&keys);
        self.out.push_str(if piece.item.assigned { " = " } else { " " });
        self.value(&piece.item.value);
        self.trailing(piece.trail);
    }

    fn keys(&self, item: &Item) -> String {
        let keys: Vec<&str> = item.keys.iter().map(|key| key.span.text_in(self.text)).collect();
        keys.join(" ")
    }

    /// The value as it stands, or `None` if it takes several lines.
    fn inline(&self, value: &Value) -> Option<String> {
        let Span { start, end, position } = value.span;
        let commented = !self.comments_in(start as usize, end as usize).is_empty();
        let text = value.span.text_in(self.text);
        match &value.kind {
            Kind::Object(object) => (object.items.is_empty() && !commented).then(|| "{}".to_owned()),
            Kind::List(elements) => {
                let literal = |element: &Value| {
                    element.span.position.line == position.line
                        && !matches!(element.kind, Kind::Object(_) | Kind::List(_))
                };
                if commented || !elements.iter().all(literal) {
                    return None;
                }
                let elements: Option<Vec<String>> =
                    elements.iter().map(|element| self.inline(element)).collect();
                elements.map(|elements| format!("[{}]", elements.join(", ")))
            }
            _ => (!text.contains('\n')).then(|| text.to_owned()),
        }
    }

    fn value(&mut self, value: &'a Value) {
        if let Some(inline) = self.inline(value) {
            self.out.push_str(&inline);
            return;
        }
        let Span { start, end, .. } = value.span;
        match &value.kind {
            Kind::Object(Object { items, .. }) => {
                self.out.push_str("{\n");
                self.level += 1;
                self.body(items, start as usize, end as usize);
                self.level -= 1;
                self.indent();
                self.out.push('}');
            }
            Kind::List(elements) => self.list(elements, value.span),
            _ => self.out.push_str(value.span.text_in(self.text)),
        }
    }

    /// A list with one element in a line, each followed by a comma.
    fn list(&mut self, elements: &'a [Value], span: Span) {
        let width = |value: &Value| self.inline(value).map_or(0, |text| text.chars().count());
        let longest = elements.iter().map(width).max().unwrap_or(0);
        self.out.push_str("[\n");
        self.level += 1;
        let mut at = span.start as usize;
        let mut spaced = true;
        for (index, element) in elements.iter().enumerate() {
            let lead = self.comments_in(at, element.span.start as usize);
            let until = elements.get(index + 1).map_or(span.end, |next| next.span.start);
            let trail = self.trail(element.span, until as usize);
            at = trail.last().map_or(element.span.end, |last| last.end) as usize;
            if !lead.is_empty() && !spaced {
                self.out.push('\n');
            }
            self.element(element, lead, trail, longest);
            spaced = !lead.is_empty() && index + 1 < elements.len();
            if spaced {
                self.out.push('\n');
            }
        }
        self.lead(self.comments_in(at, span.end as usize), None);
        self.level -= 1;
        self.indent();
        self.out.push(']');
    }

    fn element(&mut self, element: &'a Value, lead: &[Span], trail: &[Span], longest: usize) {
        self.lead(lead, Some(element.span));
        self.indent();
        self.value(element);
        if element.span.text_in(self.text).starts_with("<<") {
            // Nothing may follow the closing line of a heredoc.
            self.out.push('\n');
            self.indent();
        }
        self.out.push(',');
        if let Some(inline) = self.inline(element).filter(|_| !trail.is_empty()) {
            self.out.push_str(&" ".repeat(longest - inline.chars().count()));
        }
        self.trailing(trail);
    }

    /// Comments on lines of their own; blank lines among them and below them stay, one for several.
    fn lead(&mut self, comments: &[Span], mut owner: Option<Span>) {
        for (index, comment) in comments.iter().enumerate() {
            self.indent();
            self.comment(*comment);
            self.out.push('\n');
            let next = comments.get(index + 1).copied().or_else(|| owner.take());
            if next.is_some_and(|next| !self.is_adjacent(*comment, next)) {
                self.out.push('\n');
            }
        }
    }

    /// Comments behind an item, and the end of its line.
    fn trailing(&mut self, comments: &[Span]) {
        for comment in comments {
            self.out.push(' ');
            self.comment(*comment);
        }
        self.out.push('\n');
    }

    fn comment(&mut self, comment: Span) {
        self.out.push_str(comment.text_in(self.text).trim_end());
    }

    fn indent(&mut self) {
        self.out.push_str(&"  ".repeat(self.level));
    }
}
