//! All that a document says about one key.

use std::collections::HashMap;

use super::super::ast::{Entry, Item, Key, Kind, Object, Value};
use super::super::cursor::{Position, Span};

/// The entries of one key, or the document itself.
pub(in super::super) enum Entries<'a> {
    Document(&'a Object),
    Of(Vec<Entry<'a>>),
}

/// One key of an object with all its entries.
pub(super) struct Group<'a> {
    pub(super) name: &'a str,
    pub(super) key: Span,
    pub(super) entries: Entries<'a>,
}

/// A value of the wrong kind.
pub(super) struct Mismatch {
    pub(super) span: Span,
    pub(super) found: &'static str,
}

impl<'a> Entries<'a> {
    pub(in super::super) const fn of_object(object: &'a Object) -> Self {
        Self::Document(object)
    }

    pub(in super::super) fn of_entry(entry: Entry<'a>) -> Self {
        Self::Of(vec![entry])
    }

    fn of_value(value: &'a Value) -> Self {
        Self::Of(vec![Entry { labels: &[], value }])
    }

    /// Where the last entry stands.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Document(object) => object.span,
            Self::Of(list) => list.last().map_or(NOWHERE, |entry| entry.span()),
        }
    }

    /// The last entry's value, unless it is a block.
    pub(super) fn scalar(&self) -> Result<&'a Value, Mismatch> {
        let found = "a block";
        match self {
            Self::Of(list) => match list.last() {
                Some(Entry { labels: [], value }) => Ok(value),
                _ => Err(Mismatch {
                    span: self.span(),
                    found,
                }),
            },
            Self::Document(object) => Err(Mismatch {
                span: object.span,
                found,
            }),
        }
    }

    /// The members of all entries together.
    pub(super) fn members(&self) -> Result<Vec<(&'a Key, Entry<'a>)>, Mismatch> {
        match self {
            Self::Document(object) => Ok(object.members().collect()),
            Self::Of(list) => {
                let mut members = Vec::new();
                for entry in list {
                    members.extend(entry.members().ok_or_else(|| mismatch(*entry))?);
                }
                Ok(members)
            }
        }
    }

    /// One element for each entry; lists are joined.
    pub(super) fn elements(&self) -> Result<Vec<Self>, Mismatch> {
        let Self::Of(list) = self else {
            return Err(Mismatch {
                span: self.span(),
                found: "the document",
            });
        };
        let mut elements = Vec::new();
        for entry in list {
            match &entry.value.kind {
                Kind::List(values) if entry.labels.is_empty() => {
                    elements.extend(values.iter().map(Self::of_value))
                }
                Kind::Object(_) => elements.push(Self::of_entry(*entry)),
                _ => return Err(mismatch(*entry)),
            }
        }
        Ok(elements)
    }

    /// One element for each labelled block, however the labels are written.
    pub(super) fn blocks(&self) -> Result<Vec<Self>, Mismatch> {
        let mut blocks = Vec::new();
        for element in self.elements()? {
            let Self::Of(list) = element else { continue };
            for entry in list {
                match &entry.value.kind {
                    _ if !entry.labels.is_empty() => blocks.push(Self::of_entry(entry)),
                    Kind::Object(object) => object.items.iter().for_each(|item| labelled(item, &mut blocks)),
                    _ => return Err(mismatch(entry)),
                }
            }
        }
        Ok(blocks)
    }

    /// The one variant an enum is asked for: its name and what is behind it.
    pub(super) fn variant(&self) -> Result<(&'a Key, Self), Mismatch> {
        let mut members = self.members()?;
        match (members.pop(), members.is_empty()) {
            (Some((key, entry)), true) => Ok((key, Self::of_entry(entry))),
            _ => Err(Mismatch {
                span: self.span(),
                found: "several or none",
            }),
        }
    }

    /// Whether a list is the plainest reading: several blocks, or list values.
    pub(super) fn is_list(&self) -> bool {
        let Self::Of(list) = self else { return false };
        let block = |entry: &Entry<'_>| matches!(entry.value.kind, Kind::Object(_));
        list.iter().any(|entry| matches!(entry.value.kind, Kind::List(_)))
            || (list.len() > 1 && list.iter().any(block))
    }
}

const NOWHERE: Span = Span {
    start: 0,
    end: 0,
    position: Position { line: 1, column: 1 },
};

const fn mismatch(entry: Entry<'_>) -> Mismatch {
    let found = match entry.labels {
        [] => entry.value.kind.name(),
        _ => "a block",
    };
    let span = entry.value.span;
    Mismatch { span, found }
}

/// The blocks an item of an unlabelled object stands for: `{"listener": {"tcp": [{...}, {...}]}}` has two.
fn labelled<'a>(item: &'a Item, blocks: &mut Vec<Entries<'a>>) {
    let labels = &item.keys;
    match &item.value.kind {
        Kind::List(values) => blocks.extend(
            values
                .iter()
                .map(|value| Entries::of_entry(Entry { labels, value })),
        ),
        _ => blocks.push(Entries::of_entry(Entry {
            labels,
            value: &item.value,
        })),
    }
}

/// Members with equal keys together, in order of first appearance; keys that differ from a known name only in
/// case become that name.
pub(super) fn groups<'a>(
    members: Vec<(&'a Key, Entry<'a>)>,
    known: Option<&'static [&'static str]>,
) -> Vec<Group<'a>> {
    let mut places: HashMap<&'a str, usize> = HashMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (key, entry) in members {
        let name = fold(&key.name, known.unwrap_or_default());
        let place = *places.entry(name).or_insert(groups.len());
        if let Some(Group {
            entries: Entries::Of(list),
            ..
        }) = groups.get_mut(place)
        {
            list.push(entry);
        } else {
            groups.push(Group {
                name,
                key: key.span,
                entries: Entries::of_entry(entry),
            });
        }
    }
    groups
}

fn fold<'a>(name: &'a str, known: &'static [&'static str]) -> &'a str {
    if known.contains(&name) {
        return name;
    }
    let same = |candidate: &&&'static str| candidate.eq_ignore_ascii_case(name);
    known.iter().find(same).copied().unwrap_or(name)
}
