//! Lengths of time for people.

use arca_base::{GoDuration, Json};

/// `768h`, `1h30m`, `1h5s`, `0s`: Go's form without the zeros.
pub(crate) fn human(seconds: i64) -> String {
    let text = GoDuration::from_seconds(seconds).to_string();
    let text = match text.strip_suffix("m0s") {
        Some(minutes) => format!("{minutes}m"),
        None => text,
    };
    match text.find("h0m") {
        Some(at) => {
            let (hours, rest) = text.split_at_checked(at + 1).unwrap_or((&text, ""));
            format!("{hours}{}", rest.strip_prefix("0m").unwrap_or(rest))
        }
        None => text,
    }
}

/// Whether a member of this name holds seconds.
fn looks_like_duration(name: &str) -> bool {
    let ends = |word: &str| name == word || name.strip_suffix(word).is_some_and(|head| head.ends_with('_'));
    ends("period") || ends("ttl") || ends("duration") || matches!(name, "lease_max" | "ttl_max")
}

/// The text of a member, its seconds in words when the name says that it holds some.
pub(super) fn of_member(name: &str, value: &Json) -> String {
    match value.as_i64().filter(|_| looks_like_duration(name)) {
        Some(seconds) => human(seconds),
        None => super::display(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_zeros_out() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (90, "1m30s"),
            (3600, "1h"),
            (3605, "1h5s"),
            (5400, "1h30m"),
            (36_000, "10h"),
            (2_764_800, "768h"),
            (-3600, "-1h"),
        ] {
            assert_eq!(human(seconds), text);
        }
    }

    #[test]
    fn knows_the_names_of_durations() {
        for name in [
            "ttl",
            "max_ttl",
            "token_period",
            "period",
            "lease_duration",
            "duration",
            "lease_max",
        ] {
            assert!(looks_like_duration(name), "{name}");
        }
        for name in ["ttls", "throttl", "periodic", "versions", "attl"] {
            assert!(!looks_like_duration(name), "{name}");
        }
    }

    #[test]
    fn only_whole_numbers_of_seconds_are_put_into_words() {
        let seconds = arca_base::Json::from(3600_i64);
        assert_eq!(of_member("ttl", &seconds), "1h");
        assert_eq!(of_member("max_versions", &seconds), "3600");
        assert_eq!(of_member("ttl", &Json::from("1h0m0s")), "1h0m0s");
    }
}
