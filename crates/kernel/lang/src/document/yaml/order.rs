//! The order of keys: letters behind other characters, runs of digits by their value.

use std::cmp::Ordering;

/// Sorts entries by their keys. The order knows circles (`a1x`, `a9`, `a10`), which the sorting of the standard library
/// may refuse; so this one merges.
pub(super) fn sorted<T>(mut entries: Vec<(&str, T)>) -> Vec<(&str, T)> {
    if entries.len() < 2 {
        return entries;
    }
    let behind = entries.split_off(entries.len() / 2);
    let mut left = sorted(entries).into_iter().peekable();
    let mut right = sorted(behind).into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some((one, _)), Some((other, _))) = (left.peek(), right.peek()) {
        let next = if compare(other, one) == Ordering::Less {
            right.next()
        } else {
            left.next()
        };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

fn compare(one: &str, other: &str) -> Ordering {
    let same = one
        .char_indices()
        .zip(other.chars())
        .take_while(|((_, one), other)| one == other)
        .last();
    let at = same.map_or(0, |((at, c), _)| at + c.len_utf8());
    let (head, one) = one.split_at(at);
    let other = other.get(at..).unwrap_or_default();
    let (Some(first), Some(second)) = (one.chars().next(), other.chars().next()) else {
        return one.len().cmp(&other.len());
    };
    match (first.is_alphabetic(), second.is_alphabetic()) {
        (true, true) => return first.cmp(&second),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero behind other digits is part of their number.
    let mut digits_before = head.chars().rev().take_while(|c| c.is_numeric());
    let continues = (first == '0' || second == '0') && digits_before.any(|c| c != '0');
    let (value, digits) = number(one, continues);
    let (other_value, other_digits) = number(other, continues);
    value
        .cmp(&other_value)
        .then(digits.cmp(&other_digits))
        .then(first.cmp(&second))
}

/// The number in front, and how many digits it has. Very long ones wrap around.
fn number(text: &str, continues: bool) -> (i64, usize) {
    let digits = text.chars().map_while(|c| c.to_digit(10));
    digits.fold((i64::from(continues), 0), |(value, count), digit| {
        (value.wrapping_mul(10).wrapping_add(i64::from(digit)), count + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_and_letters_come_last() {
        let keys = ["b", "a10", "a9", "a_", "a", "A", "1", "10", "2", "é", "-"];
        let sorted = sorted(keys.iter().map(|key| (*key, ())).collect());
        let keys: Vec<&str> = sorted.into_iter().map(|(key, ())| key).collect();
        assert_eq!(keys, ["-", "1", "2", "10", "A", "a", "a_", "a9", "a10", "b", "é"]);
    }

    #[test]
    fn circles_are_no_panic() {
        let keys: Vec<String> = (0..500)
            .map(|index| format!("a{}{}", index % 23, ["", "x", "_"][index % 3]))
            .collect();
        assert_eq!(
            sorted(keys.iter().map(|key| (key.as_str(), ())).collect()).len(),
            500
        );
    }
}
