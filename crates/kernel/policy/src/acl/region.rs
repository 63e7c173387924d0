//! Paths that stand for all paths that some rules match together.
//!
//! Two rules with wildcards overlap in a region that no single rule need describe. To learn which rules count there,
//! it is enough to ask about a few paths of it: those in which each wildcard stands for something that no rule names.
//! Whatever rule matches such a path matches by wildcards alone, and so matches every path of the region with as many
//! segments. A rule with `*` at its end matches paths of any number of segments: one of each number is taken, up to
//! one more than any rule names.

use std::collections::BTreeSet;

use arca_base::RequestPath;

use super::Acl;
use crate::pattern::Form;

/// Segments of a path that are tried behind a `*`, at most.
const MOST_SEGMENTS: usize = 64;

/// The segments a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    parts: Vec<Part>,
    /// Whether more may follow, and whether the last part may be only the beginning of a segment.
    open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// This text.
    Is(String),
    /// What begins with this text.
    Begins(String),
    /// Anything.
    Any,
}

/// How paths of a region are made up.
pub(super) struct Filling {
    /// Something no rule names, nor begins with.
    text: String,
    /// Most segments worth trying.
    segments: usize,
}

impl Region {
    /// Every path.
    pub(super) fn everything() -> Self {
        Self {
            parts: vec![Part::Begins(String::new())],
            open: true,
        }
    }

    /// The paths that a rule matches.
    pub(super) fn of(path: &str) -> Self {
        let form = Form::of(path);
        let (literal, open) = match path.strip_suffix('*') {
            Some(literal) if form != Form::Exact => (literal, true),
            _ => (path, false),
        };
        let mut parts: Vec<Part> = literal
            .split('/')
            .map(|segment| match segment {
                "+" if form == Form::Segments => Part::Any,
                segment => Part::Is(segment.to_owned()),
            })
            .collect();
        if open
            && let Some(last) = parts.last_mut()
            && let Part::Is(text) = last
        {
            *last = Part::Begins(std::mem::take(text));
        }
        Self { parts, open }
    }

    /// The paths that both match; `None` when there are none.
    pub(super) fn with(&self, other: &Self) -> Option<Self> {
        let length = self.parts.len().max(other.parts.len());
        let mut parts = Vec::with_capacity(length);
        for at in 0..length {
            parts.push(match (self.parts.get(at), other.parts.get(at)) {
                (Some(mine), Some(others)) => mine.with(others)?,
                (Some(only), None) if other.open => only.clone(),
                (None, Some(only)) if self.open => only.clone(),
                _ => return None,
            });
        }
        Some(Self {
            parts,
            open: self.open && other.open,
        })
    }

    /// Paths that stand for all of them.
    pub(super) fn paths(&self, filling: &Filling) -> Vec<RequestPath> {
        let mut texts = BTreeSet::new();
        let (last, before) = match self.parts.split_last() {
            Some((last, before)) => (last, before),
            None => return Vec::new(),
        };
        let mut head = String::new();
        for part in before {
            head.push_str(&part.filled(&filling.text));
            head.push('/');
        }
        // A wildcard at the end also stands for nothing.
        texts.insert(format!("{head}{}", last.filled("")));
        let mut longer = format!("{head}{}", last.filled(&filling.text));
        texts.insert(longer.clone());
        if self.open {
            for _ in self.parts.len()..filling.segments {
                longer.push('/');
                texts.insert(longer.clone());
                longer.push_str(&filling.text);
                texts.insert(longer.clone());
            }
        }
        let parsed = texts.iter().filter_map(|text| RequestPath::parse(text).ok());
        parsed.collect()
    }
}

impl Part {
    fn with(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, one) | (one, Self::Any) => Some(one.clone()),
            (Self::Is(one), Self::Is(two)) => (one == two).then(|| self.clone()),
            (Self::Is(text), Self::Begins(start)) | (Self::Begins(start), Self::Is(text)) => {
                text.starts_with(start.as_str()).then(|| Self::Is(text.clone()))
            }
            (Self::Begins(one), Self::Begins(two)) => {
                if one.starts_with(two.as_str()) {
                    Some(self.clone())
                } else {
                    two.starts_with(one.as_str()).then(|| other.clone())
                }
            }
        }
    }

    /// A segment of its kind, with `text` where it leaves the choice.
    fn filled(&self, text: &str) -> String {
        match self {
            Self::Is(exactly) => exactly.clone(),
            Self::Begins(start) => format!("{start}{text}"),
            Self::Any => text.to_owned(),
        }
    }
}

impl Filling {
    /// One that means nothing to any rule of these sets.
    pub(super) fn strange_to(acls: &[&Acl]) -> Self {
        let rules = || acls.iter().flat_map(|acl| acl.rules());
        let candidates = "~x_=@^!0123456789abcdefghijklmnopqrstuvwyz".chars();
        let rarer = ('\u{a1}'..='\u{17e}').filter(|c| c.is_alphanumeric());
        let named = |c: &char| rules().any(|rule| rule.path().contains(*c));
        let text = candidates.chain(rarer).find(|c| !named(c)).unwrap_or('~');
        let longest = rules().map(|rule| rule.path().matches('/').count() + 1).max();
        Self {
            text: text.to_string(),
            segments: (longest.unwrap_or(0) + 2).min(MOST_SEGMENTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(one: &str, two: &str) -> Option<Vec<String>> {
        let filling = Filling {
            text: "~".to_owned(),
            segments: 4,
        };
        let region = Region::of(one).with(&Region::of(two))?;
        let paths = region.paths(&filling).into_iter();
        Some(paths.map(|path| path.as_str().to_owned()).collect())
    }

    #[test]
    fn overlaps_are_found() {
        for (one, two, expected) in [
            ("a/b", "a/b", Some(vec!["a/b"])),
            ("a/b", "a/c", None),
            ("a/b", "a/+", Some(vec!["a/b"])),
            ("a/b", "a/b/c", None),
            ("a/*", "a/b/c", Some(vec!["a/b/c"])),
            ("a/b*", "a/+/c", Some(vec!["a/b~/c"])),
            ("a/+", "+/b", Some(vec!["a/b"])),
            (
                "a/b*",
                "a/bc*",
                Some(vec![
                    "a/bc",
                    "a/bc~",
                    "a/bc~/",
                    "a/bc~/~",
                    "a/bc~/~/",
                    "a/bc~/~/~",
                ]),
            ),
            ("a/b*", "a/c*", None),
            ("a/+", "a/+", Some(vec!["a/", "a/~"])),
            ("+/x*", "a/+/c", Some(vec!["a/x~/c"])),
        ] {
            let expected = expected.map(|paths| paths.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(both(one, two), expected, "{one} and {two}");
            assert_eq!(both(two, one), expected, "{two} and {one}");
        }
    }
}
