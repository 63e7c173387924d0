//! Values of flags.

use arca_api::field::{TextMap, parse_flag};
use arca_base::{GoDuration, Ttl};

/// A switch that can also be left alone.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    parse_flag(text).ok_or_else(|| "use true or false".to_owned())
}

/// A length of time: `30s`, `5m`, `1h30m`, `2d`, or seconds.
pub(crate) fn duration(text: &str) -> Result<GoDuration, String> {
    GoDuration::parse_lenient(text).map_err(|error| format!("{error}; use for instance 30s, 5m or 1h"))
}

/// The same, never negative and in whole seconds.
pub(crate) fn ttl(text: &str) -> Result<Ttl, String> {
    Ttl::parse(text).map_err(|error| format!("{error}; use for instance 30s, 5m or 1h"))
}

/// A pair `key=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("use key=value")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// Pairs as a map; the last of equal keys counts.
pub(crate) fn map(pairs: &[(String, String)]) -> TextMap {
    TextMap(pairs.iter().cloned().collect())
}

/// A path without slashes at its ends.
pub(crate) fn sanitized(path: &str) -> String {
    path.trim().trim_matches('/').to_owned()
}

/// A path with one slash at its end.
pub(crate) fn folder(path: &str) -> String {
    format!("{}/", path.trim().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(ttl("90"), Ok(Ttl::from_seconds(90)));
        assert_eq!(ttl("1h30m"), Ok(Ttl::from_seconds(5400)));
        assert!(ttl("-1s").is_err() && ttl("soon").is_err());
        assert_eq!(duration("-1s"), Ok(GoDuration::from_seconds(-1)));
        assert_eq!(pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(pair("a").is_err());
        assert_eq!((switch("t"), switch("0")), (Ok(true), Ok(false)));
        assert!(switch("maybe").is_err());
    }

    #[test]
    fn paths_lose_and_gain_slashes() {
        assert_eq!(
            (sanitized(" /a/b/ "), sanitized("/")),
            ("a/b".into(), String::new())
        );
        assert_eq!((folder("a"), folder("a//")), ("a/".into(), "a/".into()));
    }
}
