//! Features of shared libraries that would change the behavior of the whole program.

use super::Finding;

/// A library, a feature it must not have, and why.
const UNWANTED: &[(&str, &str, &str)] = &[
    (
        "serde_json",
        "preserve_order",
        "it changes the bytes of every JSON object we print",
    ),
    (
        "serde_json",
        "arbitrary_precision",
        "it breaks flattened and untagged types",
    ),
];

/// Checks the features of a resolved graph, as (package id, features).
pub(super) fn check(packages: &[(String, Vec<String>)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (library, feature, why) in UNWANTED {
        let has = |(id, features): &&(String, Vec<String>)| {
            is_package(id, library) && features.iter().any(|given| given == feature)
        };
        if packages.iter().any(|package| has(&package)) {
            findings.push(Finding {
                path: "Cargo.lock".to_owned(),
                line: 1,
                wrong: format!("{library} is built with {feature}: {why}"),
                remedy: "`cargo tree -e features -i serde_json` says who turned it on; turn it off there",
            });
        }
    }
    findings
}

/// Whether a package id (`registry+...#name@version`, `path+...#version`) is that of `library`.
fn is_package(id: &str, library: &str) -> bool {
    let name = id
        .rsplit('#')
        .next()
        .and_then(|fragment| fragment.split('@').next());
    name == Some(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_features_that_change_the_whole_program() {
        let package = |id: &str, features: &[&str]| {
            (
                id.to_owned(),
                features
                    .iter()
                    .map(|feature| (*feature).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        let quiet = [
            package("registry+x#serde_json@1.0.1", &["raw_value", "std"]),
            package("registry+x#serde_json_canonicalizer@1.0.1", &["preserve_order"]),
        ];
        assert_eq!(check(&quiet), []);
        let loud = [package(
            "registry+x#serde_json@1.0.1",
            &["preserve_order", "arbitrary_precision"],
        )];
        assert_eq!(check(&loud).len(), 2);
    }
}
