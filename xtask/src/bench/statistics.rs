//! Medians and percentiles of a few numbers.

/// The middle of the values, or the mean of the two in the middle; zero of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    match sorted.len() % 2 {
        1 => at(middle),
        _ if sorted.is_empty() => 0.0,
        _ => f64::midpoint(at(middle - 1), at(middle)),
    }
}

/// The smallest value that is at least as large as `percent` of all; zero of none.
pub(super) fn percentile(values: &[f64], percent: usize) -> f64 {
    let sorted = sorted(values);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_middle_and_the_tail() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 99), 99.0);
        assert_eq!(percentile(&[5.0, 1.0], 99), 5.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }
}
