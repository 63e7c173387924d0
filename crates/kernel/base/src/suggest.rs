//! "Did you mean": the nearest known name to a misspelt one.

/// The name in `known` nearest to `given`, if it is near enough to be a likely misspelling.
///
/// Near enough is at most one edit (insert, delete, replace, swap of neighbors) for each three characters.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if given.len() > 64 {
        return None;
    }
    let given = given.to_lowercase();
    known
        .into_iter()
        .filter(|name| name.len() <= 64)
        .map(|name| (edits(&given, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= given.len().max(name.len()).div_ceil(3).min(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Optimal string alignment distance between two short strings.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut left_before = None;
    for (row, l) in left.chars().enumerate() {
        let mut current = Vec::with_capacity(right.len() + 1);
        current.push(row + 1);
        let mut right_before = None;
        for (column, &r) in right.iter().enumerate() {
            let at = |line: &Vec<usize>, index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&last, column) + usize::from(l != r))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            if left_before == Some(r) && right_before == Some(l) && column > 0 {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
            right_before = Some(r);
        }
        before = std::mem::replace(&mut last, current);
        left_before = Some(l);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_likely_misspelling() {
        let known = ["policies", "token_policies", "ttl", "max_ttl"];
        assert_eq!(nearest("polices", known), Some("policies"));
        assert_eq!(nearest("tll", known), Some("ttl"));
        assert_eq!(nearest("MAX_TTL", known), Some("max_ttl"));
        assert_eq!(nearest("description", known), None);
        assert_eq!(nearest("x", known), None);
    }

    #[test]
    fn counts_edits() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(a, b), expected, "{a} {b}");
        }
    }
}
