//! How the rules with wildcards that match a path are found without looking at all of them.

use std::sync::Arc;

use super::{Rule, RuleId};
use crate::pattern::Rank;

/// Finds the longest of many texts that a given text begins with.
///
/// The texts are sorted, and each knows the longest other one that it begins with. The greatest text not above
/// the given one has everything in common with it that any of its prefixes has, so one binary search finds the
/// end of the chain on which the answer lies.
#[derive(Default)]
pub(super) struct PrefixSet {
    sorted: Vec<Prefix>,
}

struct Prefix {
    text: Box<str>,
    rule: RuleId,
    /// Place of the longest other text that this one begins with.
    parent: Option<u32>,
}

impl PrefixSet {
    pub(super) fn new(mut texts: Vec<(Box<str>, RuleId)>) -> Self {
        texts.sort_unstable();
        let mut set = Self {
            sorted: Vec::with_capacity(texts.len()),
        };
        // The chain of texts that the current one may begin with.
        let mut chain: Vec<u32> = Vec::new();
        for (text, rule) in texts {
            while chain
                .last()
                .is_some_and(|last| !text.starts_with(set.text(*last)))
            {
                chain.pop();
            }
            let parent = chain.last().copied();
            chain.push(u32::try_from(set.sorted.len()).unwrap_or(u32::MAX));
            set.sorted.push(Prefix { text, rule, parent });
        }
        set
    }

    fn text(&self, place: u32) -> &str {
        self.sorted.get(place as usize).map_or("", |prefix| &prefix.text)
    }

    pub(super) fn longest(&self, text: &str) -> Option<RuleId> {
        let after = self.sorted.partition_point(|prefix| &*prefix.text <= text);
        let mut prefix = self.sorted.get(after.checked_sub(1)?)?;
        let common = common_length(&prefix.text, text);
        while prefix.text.len() > common {
            prefix = self.sorted.get(prefix.parent? as usize)?;
        }
        Some(prefix.rule)
    }
}

/// How many bytes two texts begin with in common.
fn common_length(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()
}

/// Paths with `+` in them, segment by segment.
#[derive(Default)]
pub(super) struct SegmentTrie {
    nodes: Vec<Node>,
}

/// What the rules say that begin with the same whole segments.
#[derive(Default)]
struct Node {
    /// Literal segments with more behind them, sorted.
    inner: Vec<(Box<str>, u32)>,
    /// Any segment with more behind it.
    any_inner: Option<u32>,
    /// Literal last segments, sorted.
    last: Vec<(Box<str>, RuleId)>,
    /// Any last segment.
    any_last: Option<RuleId>,
    /// Beginnings of a segment with anything behind them.
    open: PrefixSet,
    /// The highest rank of all rules from here on.
    highest: Rank,
}

impl SegmentTrie {
    pub(super) fn new(mut paths: Vec<(Arc<str>, RuleId)>, rules: &[Rule]) -> Self {
        // Paths that begin with the same whole segments become neighbors.
        paths.sort_unstable();
        let mut builder = Builder {
            drafts: vec![Draft::default()],
            way: Vec::new(),
        };
        for (path, id) in &paths {
            let rank = rules.get(*id as usize).map_or(Rank::LOWEST, |rule| rule.rank);
            builder.add(path, *id, rank);
        }
        Self {
            nodes: builder.drafts.into_iter().map(Draft::finish).collect(),
        }
    }

    /// The best of `so_far` and the rules here that match `path`.
    pub(super) fn best(&self, path: &str, so_far: Option<RuleId>, rules: &[Rule]) -> Option<RuleId> {
        let rule = |id: RuleId| rules.get(id as usize);
        let mut search = Search {
            trie: self,
            rules,
            best: so_far.and_then(rule),
            id: so_far,
        };
        search.visit(0, path);
        search.id
    }
}

struct Search<'a> {
    trie: &'a SegmentTrie,
    rules: &'a [Rule],
    best: Option<&'a Rule>,
    id: Option<RuleId>,
}

impl Search<'_> {
    /// Looks at all rules below a node that match the segments in `rest`.
    ///
    /// Goes as deep as the rules have segments, and enters each node at most once.
    fn visit(&mut self, node: u32, rest: &str) {
        let Some(node) = self.trie.nodes.get(node as usize) else {
            return;
        };
        if self.best.is_some_and(|best| node.highest < best.rank) {
            return;
        }
        self.offer(node.open.longest(rest.split('/').next().unwrap_or_default()));
        match rest.split_once('/') {
            None => {
                self.offer(find(&node.last, rest));
                self.offer(node.any_last);
            }
            Some((segment, rest)) => {
                for next in [find(&node.inner, segment), node.any_inner].into_iter().flatten() {
                    self.visit(next, rest);
                }
            }
        }
    }

    fn offer(&mut self, id: Option<RuleId>) {
        let Some(rule) = id.and_then(|id| self.rules.get(id as usize)) else {
            return;
        };
        if self.best.is_none_or(|best| rule.beats(best)) {
            self.best = Some(rule);
            self.id = id;
        }
    }
}

fn find(sorted: &[(Box<str>, u32)], text: &str) -> Option<u32> {
    let place = sorted.binary_search_by(|(known, _)| (**known).cmp(text)).ok()?;
    sorted.get(place).map(|(_, id)| *id)
}

/// Adds paths in sorted order.
struct Builder<'a> {
    drafts: Vec<Draft>,
    /// The segments on the way to the previous path, with their nodes.
    way: Vec<(&'a str, u32)>,
}

/// A node under construction.
#[derive(Default)]
struct Draft {
    node: Node,
    open: Vec<(Box<str>, RuleId)>,
}

impl<'a> Builder<'a> {
    fn add(&mut self, path: &'a str, rule: RuleId, rank: Rank) {
        let (head, last) = match path.rsplit_once('/') {
            Some((head, last)) => (Some(head), last),
            None => (None, path),
        };
        let segments = || head.into_iter().flat_map(|head| head.split('/'));
        let same = |(known, segment): &(&(&str, u32), &str)| known.0 == *segment;
        let shared = self.way.iter().zip(segments()).take_while(same).count();
        self.way.truncate(shared);
        for segment in segments().skip(shared) {
            let node = self.extend(segment);
            self.way.push((segment, node));
        }
        for node in std::iter::once(0).chain(self.way.iter().map(|(_, node)| *node)) {
            if let Some(draft) = self.drafts.get_mut(node as usize) {
                draft.node.highest = draft.node.highest.max(rank);
            }
        }
        let end = self.end();
        if let Some(draft) = self.drafts.get_mut(end as usize) {
            draft.add(last, rule);
        }
    }

    /// The node the way ends at.
    fn end(&self) -> u32 {
        self.way.last().map_or(0, |(_, node)| *node)
    }

    /// Adds a node for `segment` at the end of the way.
    fn extend(&mut self, segment: &str) -> u32 {
        let new = u32::try_from(self.drafts.len()).unwrap_or(u32::MAX);
        let end = self.end();
        if let Some(Draft { node, .. }) = self.drafts.get_mut(end as usize) {
            match segment {
                "+" => node.any_inner = Some(new),
                literal => node.inner.push((literal.into(), new)),
            }
        }
        self.drafts.push(Draft::default());
        new
    }
}

impl Draft {
    /// Adds a rule whose last part is `last`.
    fn add(&mut self, last: &str, rule: RuleId) {
        match last.strip_suffix('*') {
            Some(beginning) => self.open.push((beginning.into(), rule)),
            None if last == "+" => self.node.any_last = Some(rule),
            None => self.node.last.push((last.into(), rule)),
        }
    }

    fn finish(self) -> Node {
        let Self { mut node, open } = self;
        node.inner.sort_unstable();
        node.last.sort_unstable();
        node.open = PrefixSet::new(open);
        node
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefixes(texts: &[&str]) -> PrefixSet {
        let numbered = texts.iter().zip(0..).map(|(text, id)| ((*text).into(), id));
        PrefixSet::new(numbered.collect())
    }

    #[test]
    fn finds_the_longest_beginning() {
        let texts = ["", "a", "a/", "a/b/", "ab", "b/c"];
        let set = prefixes(&texts);
        for (text, found) in [
            ("", ""),
            ("a", "a"),
            ("a/x", "a/"),
            ("a/b", "a/"),
            ("a/b/c", "a/b/"),
            ("abc", "ab"),
            ("b", ""),
            ("b/d", ""),
            ("zzz", ""),
        ] {
            assert_eq!(
                set.longest(text).map(|id| texts[id as usize]),
                Some(found),
                "{text}"
            );
        }
        assert_eq!(prefixes(&["b"]).longest("a"), None);
        assert_eq!(prefixes(&[]).longest("a"), None);
    }

    proptest! {
        #[test]
        fn agrees_with_looking_at_each(
            texts in prop::collection::btree_set("[ab/]{0,5}", 0..20),
            text in "[ab/]{0,7}",
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found = prefixes(&texts).longest(&text).map(|id| texts[id as usize]);
            let expected = texts.iter().copied().filter(|one| text.starts_with(one)).max_by_key(|one| one.len());
            prop_assert_eq!(found, expected);
        }
    }
}
