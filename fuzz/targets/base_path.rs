//! Request and mount paths: what is accepted has one form, and nothing relative, empty or invisible in it.
#![no_main]

use arca_base::path::is_printable;
use arca_base::{MountPath, RequestPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(path) = RequestPath::parse(text) {
        check(path.as_str());
        assert!(!path.as_str().starts_with('/'));
        assert_eq!(RequestPath::parse(path.as_str()).as_ref(), Ok(&path));
        let folder = path.clone().into_folder();
        assert!(folder.is_folder());
        assert_eq!(folder.clone().into_folder(), folder);
        assert_eq!(folder.as_str().trim_end_matches('/'), path.as_str().trim_end_matches('/'));
    }
    if let Ok(mount) = MountPath::parse(text) {
        check(mount.as_str());
        assert!(mount.as_str().ends_with('/') && !mount.as_str().starts_with('/'));
        assert_eq!(MountPath::parse(mount.as_str()).as_ref(), Ok(&mount));
        assert!(mount.overlaps(&mount));
    }
});

fn check(path: &str) {
    assert!(path.chars().all(is_printable));
    let segments = path.strip_suffix('/').unwrap_or(path).split('/');
    for segment in segments.filter(|_| !path.is_empty()) {
        assert!(!matches!(segment, "" | "." | ".."), "{path:?}");
    }
}
