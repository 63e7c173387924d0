//! Tabs where only blanks may stand.
//!
//! YAML 1.2 allows tabs in more places than the original: there, no line of a block begins with a tab, not even an
//! empty one, and none stands behind the dash of a list if something begins there. Blocks of text are left alone.

use std::str::Chars;

use saphyr_parser::{Event, ScalarStyle, Span};

/// What stands between the events of a text.
pub(super) struct Tabs<'t> {
    rest: Chars<'t>,
    /// How many characters are in front of the rest.
    at: usize,
    /// Lists and maps in brackets and braces, and those without.
    flows: Vec<bool>,
    /// Whether something could begin here that indentation counts for.
    begins: bool,
    /// Columns of the lists and maps without brackets around this place.
    columns: Vec<usize>,
    /// Characters since the last line end.
    column: usize,
    line: usize,
}

impl<'t> Tabs<'t> {
    /// For a text that has tabs; others need no such look.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        text.contains('\t').then(|| Self {
            rest: text.chars(),
            at: 0,
            flows: Vec::new(),
            begins: true,
            columns: Vec::new(),
            column: 0,
            line: 1,
        })
    }

    /// The line it has come to, from 1.
    pub(super) const fn line(&self) -> usize {
        self.line
    }

    /// Whether a tab in front of this event, in its plain words or behind them is one too many.
    pub(super) fn refuse(&mut self, event: &Event<'_>, span: Span) -> bool {
        if self.pass(span.start.index()) {
            return true;
        }
        match event {
            Event::SequenceStart(..) => self.open('[', span),
            Event::MappingStart(..) => self.open('{', span),
            Event::Scalar(_, ScalarStyle::Plain, ..) => return self.words(span.end.index()),
            Event::Scalar(_, style, ..) => {
                self.skip(span.end.index());
                self.begins = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
            }
            Event::Alias(_) => {
                self.skip(span.end.index());
                self.begins = false;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if self.flows.pop() == Some(true) {
                    self.skip(span.end.index());
                    self.begins = false;
                } else {
                    self.columns.pop();
                }
            }
            _ => {}
        }
        false
    }

    fn open(&mut self, bracket: char, span: Span) {
        let is_flow = self.rest.as_str().starts_with(bracket);
        self.flows.push(is_flow);
        if !is_flow {
            self.columns.push(span.start.col());
        }
    }

    /// Plain words go on over lines, with tabs further inside than what is around them.
    fn words(&mut self, to: usize) -> bool {
        let indent = self.columns.last().map_or(0, |column| column + 1);
        let (mut is_indentation, mut begins) = (false, false);
        while self.at < to || self.rest.as_str().starts_with([' ', '\t', '\r', '\n']) {
            let column = self.column;
            match self.next() {
                None => break,
                Some('\t') if is_indentation && column < indent => return true,
                Some('\r' | '\n') => (is_indentation, begins) = (true, true),
                Some(' ' | '\t') => {}
                Some(_) => (is_indentation, begins) = (false, false),
            }
        }
        self.begins = begins;
        false
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.at += usize::from(next.is_some());
        self.line += usize::from(next == Some('\n'));
        self.column = match next {
            Some('\r' | '\n') => 0,
            _ => self.column + 1,
        };
        next
    }

    fn skip(&mut self, to: usize) {
        while self.at < to && self.next().is_some() {}
    }

    /// Goes through what is in front of an event.
    fn pass(&mut self, to: usize) -> bool {
        let in_flow = self.flows.last() == Some(&true);
        let mut is_start = true;
        while self.at < to {
            let Some(c) = self.next() else { break };
            let is_apart = self.rest.as_str().starts_with([' ', '\t', '\r', '\n']);
            match c {
                '\t' if self.begins && !in_flow => return true,
                ' ' | '\t' => {}
                '\r' | '\n' => self.begins = true,
                '#' if is_start => self.comment(to),
                '%' if is_start => self.comment(to),
                '-' | '?' if is_start && is_apart => self.begins = true,
                // Behind a key on the same line nothing begins.
                ':' => {}
                _ => self.begins = false,
            }
            is_start = matches!(c, ' ' | '\t' | '\r' | '\n');
        }
        false
    }

    /// Skips the rest of a line.
    fn comment(&mut self, to: usize) {
        while self.at < to && !self.rest.as_str().starts_with(['\r', '\n']) {
            self.next();
        }
    }
}
