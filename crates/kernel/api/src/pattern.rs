//! Paths of endpoints below their mount, and what they capture.

use std::ops::Range;

/// Most captures of one pattern.
const MAX_CAPTURES: usize = 3;

/// The path of an endpoint below its mount.
///
/// Literal segments and captures: `{name}` is one segment of word characters, inner `-` and `.` (and `@`);
/// `{name*}` is the rest of the path, at least one character, not ending in a slash, up to the literal segments
/// that may follow it; `{name/}` is a folder: the rest of the path, empty or ending in a slash; `{name?}` is an
/// optional last segment.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: &'static str,
    segments: Vec<Segment>,
    /// What follows a rest, with its leading slash: `/tune` in `mounts/{path*}/tune`.
    after_rest: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Name(&'static str),
    OptionalName(&'static str),
    Rest(&'static str),
    Folder(&'static str),
}

/// What a pattern captured from a path.
#[derive(Clone, Debug)]
pub struct Captures<'a> {
    path: &'a str,
    found: [(&'static str, Range<usize>); MAX_CAPTURES],
    count: usize,
}

impl<'a> Captures<'a> {
    /// No captures.
    #[must_use]
    pub const fn none() -> Self {
        Self::of("")
    }

    const fn of(path: &'a str) -> Self {
        Self {
            path,
            found: [("", 0..0), ("", 0..0), ("", 0..0)],
            count: 0,
        }
    }

    fn push(&mut self, name: &'static str, range: Range<usize>) {
        if let Some(slot) = self.found.get_mut(self.count) {
            *slot = (name, range);
            self.count += 1;
        }
    }

    /// The text captured under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let (_, range) = self
            .found
            .iter()
            .take(self.count)
            .find(|(found, _)| *found == name)?;
        self.path.get(range.clone())
    }

    /// Names of everything captured.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.found.iter().take(self.count).map(|(name, _)| *name)
    }
}

impl Pattern {
    /// Compiles the text of an endpoint's path. Patterns are constants; a malformed one matches nothing.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        let after_rest = text.split_once("*}").map_or("", |(_, after)| after);
        let before = text.strip_suffix(after_rest).unwrap_or(text);
        let segments = before
            .split('/')
            .filter(|segment| !segment.is_empty() && *segment != "}")
            .map(segment)
            .collect();
        Self {
            text,
            segments,
            after_rest,
        }
    }

    /// The text it was compiled from.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.text
    }

    /// Matches a path relative to the mount.
    #[must_use]
    pub fn matches<'a>(&self, path: &'a str) -> Option<Captures<'a>> {
        let mut captures = Captures::of(path);
        let mut at = 0;
        for segment in &self.segments {
            let rest = path.get(at..).unwrap_or_default();
            let end = at + rest.find('/').unwrap_or(rest.len());
            let here = path.get(at..end).unwrap_or_default();
            let next = (end + 1).min(path.len());
            match *segment {
                Segment::Literal(literal) if here == literal => at = next,
                Segment::Name(name) if is_name(here) => {
                    captures.push(name, at..end);
                    at = next;
                }
                Segment::OptionalName(_) if rest.is_empty() => {}
                Segment::OptionalName(name) if is_name(here) => {
                    captures.push(name, at..end);
                    at = next;
                }
                Segment::Rest(name) => {
                    let found = rest.strip_suffix(self.after_rest)?;
                    captures.push(name, at..at + found.len());
                    return (!found.is_empty() && !found.ends_with('/')).then_some(captures);
                }
                Segment::Folder(name) if rest.is_empty() || rest.ends_with('/') => {
                    captures.push(name, at..path.len());
                    return Some(captures);
                }
                _ => return None,
            }
        }
        (at >= path.len()).then_some(captures)
    }

    /// Fills the captures in, for a client: `roles/{name}` with `name` = `app` gives `roles/app`.
    pub fn fill(&self, mut value: impl FnMut(&'static str) -> Option<String>) -> String {
        let mut out = String::with_capacity(self.text.len() + 16);
        for segment in &self.segments {
            let text = match *segment {
                Segment::Literal(literal) => literal.to_owned(),
                Segment::Name(name)
                | Segment::OptionalName(name)
                | Segment::Rest(name)
                | Segment::Folder(name) => value(name).unwrap_or_default(),
            };
            if !out.is_empty() && !out.ends_with('/') && !text.is_empty() {
                out.push('/');
            }
            out.push_str(&text);
        }
        out.push_str(self.after_rest);
        if self.text.ends_with("/}") && !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out
    }

    /// Names of the captures, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.segments.iter().filter_map(|segment| match *segment {
            Segment::Literal(_) => None,
            Segment::Name(name)
            | Segment::OptionalName(name)
            | Segment::Rest(name)
            | Segment::Folder(name) => Some(name),
        })
    }

    /// Whether the first segment of `path` can match, a cheap test before [`Pattern::matches`].
    #[must_use]
    pub fn starts_like(&self, first: &str) -> bool {
        match self.segments.first() {
            Some(Segment::Literal(literal)) => *literal == first,
            Some(_) => true,
            None => first.is_empty(),
        }
    }
}

fn segment(text: &'static str) -> Segment {
    match text.strip_prefix('{') {
        None => Segment::Literal(text),
        Some(inner) => match inner.strip_suffix('}') {
            // The slash of `{folder/}` is where the pattern was split.
            None => Segment::Folder(inner),
            Some(inner) => match inner.strip_suffix('*') {
                Some(name) => Segment::Rest(name),
                None => match inner.strip_suffix('?') {
                    Some(name) => Segment::OptionalName(name),
                    None => Segment::Name(inner),
                },
            },
        },
    }
}

/// `\w(([\w-.@]+)?\w)?`: word characters, with `-`, `.` and `@` inside.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut chars = text.chars();
    match (chars.next(), text.chars().next_back()) {
        (Some(first), Some(last)) => {
            word(first) && word(last) && chars.all(|c| word(c) || matches!(c, '-' | '.' | '@'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and what they captured, or no match.
    type Captured = Option<&'static [(&'static str, &'static str)]>;

    #[test]
    fn matches_segments_names_rests_and_folders() {
        let cases: [(&'static str, &str, Captured); 23] = [
            ("config", "config", Some(&[])),
            ("config", "config/", Some(&[])),
            ("config", "configs", None),
            ("roles/{name}", "roles/app-1.x", Some(&[("name", "app-1.x")])),
            ("roles/{name}", "roles/-app", None),
            ("roles/{name}", "roles/a/b", None),
            ("roles/{name}", "roles/", None),
            ("data/{path*}", "data/a/b c", Some(&[("path", "a/b c")])),
            ("data/{path*}", "data", None),
            ("data/{path*}", "data/", None),
            ("data/{path*}", "data/a/", None),
            ("metadata/{folder/}", "metadata/", Some(&[("folder", "")])),
            ("metadata/{folder/}", "metadata/a/b/", Some(&[("folder", "a/b/")])),
            ("metadata/{folder/}", "metadata/a", None),
            ("mounts/{path*}/tune", "mounts/a/b/tune", Some(&[("path", "a/b")])),
            ("mounts/{path*}/tune", "mounts/tune", None),
            ("mounts/{path*}/tune", "mounts/a", None),
            ("create/{role}/{suffix?}", "create/r", Some(&[("role", "r")])),
            (
                "create/{role}/{suffix?}",
                "create/r/s",
                Some(&[("role", "r"), ("suffix", "s")]),
            ),
            ("{path*}", "a/b", Some(&[("path", "a/b")])),
            ("{folder/}", "", Some(&[("folder", "")])),
            ("", "", Some(&[])),
            ("", "x", None),
        ];
        for (pattern, path, expected) in cases {
            let compiled = Pattern::new(pattern);
            let found = compiled.matches(path);
            let found = found.as_ref().map(|captures| {
                captures
                    .names()
                    .map(|name| (name, captures.get(name).unwrap()))
                    .collect::<Vec<_>>()
            });
            assert_eq!(found.as_deref(), expected, "{pattern} against {path}");
        }
    }

    #[test]
    fn fills_what_it_captures() {
        let fill = |pattern, value: &str| Pattern::new(pattern).fill(|_| Some(value.to_owned()));
        assert_eq!(fill("data/{path*}", "a/b"), "data/a/b");
        assert_eq!(fill("metadata/{folder/}", ""), "metadata/");
        assert_eq!(fill("metadata/{folder/}", "a"), "metadata/a/");
        assert_eq!(fill("config", ""), "config");
        assert_eq!(fill("mounts/{path*}/tune", "a/b"), "mounts/a/b/tune");
    }
}
