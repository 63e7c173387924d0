//! Who may see whom: the layers of the tree, and who may name a crypto library.

use super::{File, Finding};
use crate::workspace::{Dependency, Member, Workspace};

/// A folder of crates, which see each other from left to right.
struct Folder {
    name: &'static str,
    layer: usize,
    crates: &'static [&'static str],
}

const FOLDERS: &[Folder] = &[
    Folder {
        name: "kernel",
        layer: 0,
        crates: &["base", "lang", "crypto", "policy", "api"],
    },
    Folder {
        name: "io",
        layer: 1,
        crates: &["storage", "client", "cloud"],
    },
    Folder {
        name: "vault",
        layer: 2,
        crates: &["core", "engines", "auth", "server"],
    },
    Folder {
        name: "edge",
        layer: 2,
        crates: &["agent", "k8s", "ui"],
    },
    Folder {
        name: "hunt",
        layer: 2,
        crates: &["scan", "watch"],
    },
];

/// Edges that the order of the folders would allow, and that are absent on purpose.
const ABSENT: &[(&str, &str, &str)] = &[
    (
        "arca-auth",
        "arca-engines",
        "auth methods and engines meet only in the catalogs",
    ),
    (
        "arca-server",
        "arca-engines",
        "the binary hands the catalogs to the server",
    ),
    (
        "arca-server",
        "arca-auth",
        "the binary hands the catalogs to the server",
    ),
    (
        "arca-storage",
        "arca-crypto",
        "storage only ever sees sealed bytes",
    ),
];

/// Crates that anyone may use in tests.
const TEST_SUPPORT: &[&str] = &["arca-testkit", "arca-fixtures"];

/// Libraries of one stack, and the crates that may name them.
struct Stack {
    libraries: &'static [&'static str],
    owners: &'static [&'static str],
    remedy: &'static str,
}

const STACKS: &[Stack] = &[
    Stack {
        libraries: &[
            "ring",
            "openssl",
            "openssl-sys",
            "native-tls",
            "tokio-native-tls",
            "postgres-native-tls",
        ],
        owners: &[],
        remedy: "use what arca-crypto offers: there is one TLS and crypto stack",
    },
    Stack {
        libraries: &["rustls", "rustls-*", "tokio-rustls", "hyper-rustls"],
        owners: &["arca-crypto", "arca-client", "arca-server", "arca-storage"],
        remedy: "take a ready TLS configuration from arca-crypto, arca-client or arca-server",
    },
    Stack {
        libraries: &[
            "aws-lc-*",
            "x509-cert",
            "der",
            "spki",
            "const-oid",
            "signature",
            "subtle",
            "rsa",
            "sha1",
            "sha2",
            "hmac",
            "hkdf",
            "aes-gcm",
            "chacha20poly1305",
            "p256",
            "ed25519-dalek",
            "bcrypt",
            "argon2",
        ],
        owners: &["arca-crypto"],
        remedy: "add what you need to arca-crypto: no other crate names a crypto library",
    },
];

/// Where a package stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Layered { folder: usize, position: usize },
    Binary,
    Testkit,
    Tests,
    Xtask,
}

pub(super) fn check(workspace: &Workspace, files: &[File]) -> Vec<Finding> {
    workspace
        .members
        .iter()
        .flat_map(|member| check_member(member, &workspace.members, files))
        .collect()
}

fn check_member(member: &Member, members: &[Member], files: &[File]) -> Vec<Finding> {
    let path = format!("{}/Cargo.toml", member.folder);
    let Some(place) = place(&member.folder) else {
        return vec![Finding {
            path,
            line: 1,
            wrong: format!("{} stands in a folder without a layer", member.name),
            remedy: "give the folder its place in FOLDERS of xtask/src/tidy/layers.rs",
        }];
    };
    let manifest = files
        .iter()
        .find(|file| file.path == path)
        .map_or("", |file| &file.text);
    let wrong = |dependency: &Dependency| {
        let (wrong, remedy) = edge(member, place, dependency, members)?;
        Some(Finding {
            path: path.clone(),
            line: line_of(manifest, &dependency.name),
            wrong,
            remedy,
        })
    };
    member.dependencies.iter().filter_map(wrong).collect()
}

/// What is wrong with one dependency, and what to do.
fn edge(
    from: &Member,
    place_of_from: Place,
    dependency: &Dependency,
    members: &[Member],
) -> Option<(String, &'static str)> {
    let (name, to) = (&from.name, &dependency.name);
    if let Some(member) = members.iter().find(|member| member.name == *to) {
        if dependency.dev && TEST_SUPPORT.contains(&to.as_str()) {
            return None;
        }
        if let Some((.., why)) = ABSENT.iter().find(|(a, b, _)| a == name && b == to) {
            return Some((format!("{name} may not depend on {to}"), why));
        }
        let allowed = place(&member.folder).is_some_and(|place_of_to| sees(place_of_from, place_of_to));
        return (!allowed).then(|| (format!("{name} may not depend on {to}"), LAYER_REMEDY));
    }
    let stack = STACKS
        .iter()
        .find(|stack| stack.libraries.iter().any(|pattern| matches(pattern, to)))?;
    let owned = stack.owners.contains(&name.as_str());
    (!owned).then(|| (format!("{name} may not name {to}"), stack.remedy))
}

const LAYER_REMEDY: &str = "a crate sees lower layers and crates listed earlier in its own folder: \
                            move the shared part down, or take it as a parameter";

fn sees(from: Place, to: Place) -> bool {
    match (from, to) {
        (
            Place::Layered { folder, position },
            Place::Layered {
                folder: other,
                position: earlier,
            },
        ) => {
            if folder == other {
                earlier < position
            } else {
                layer(other) < layer(folder)
            }
        }
        (Place::Layered { .. }, _) | (_, Place::Xtask) => false,
        (_, Place::Layered { .. }) | (Place::Tests, _) => true,
        (Place::Testkit, other) => other == Place::Tests,
        (Place::Binary | Place::Xtask, _) => false,
    }
}

fn layer(folder: usize) -> usize {
    FOLDERS.get(folder).map_or(usize::MAX, |folder| folder.layer)
}

fn place(path: &str) -> Option<Place> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["crates", "arca"] => Some(Place::Binary),
        ["crates", "testkit"] => Some(Place::Testkit),
        ["tests", ..] => Some(Place::Tests),
        ["xtask", ..] => Some(Place::Xtask),
        ["crates", folder, name] => {
            let at = FOLDERS.iter().position(|known| known.name == *folder)?;
            let position = FOLDERS.get(at)?.crates.iter().position(|known| known == name)?;
            Some(Place::Layered { folder: at, position })
        }
        _ => None,
    }
}

/// Whether `name` is `pattern`, or starts with what precedes the `*` at its end.
fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |prefix| name.starts_with(prefix))
}

/// The line of a manifest on which a dependency is named.
fn line_of(manifest: &str, name: &str) -> usize {
    let names = |line: &str| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, folder: &str) -> Member {
        Member {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: Vec::new(),
        }
    }

    fn members() -> Vec<Member> {
        [
            ("arca-base", "crates/kernel/base"),
            ("arca-crypto", "crates/kernel/crypto"),
            ("arca-api", "crates/kernel/api"),
            ("arca-storage", "crates/io/storage"),
            ("arca-client", "crates/io/client"),
            ("arca-core", "crates/vault/core"),
            ("arca-engines", "crates/vault/engines"),
            ("arca-auth", "crates/vault/auth"),
            ("arca-server", "crates/vault/server"),
            ("arca-agent", "crates/edge/agent"),
            ("arca-scan", "crates/hunt/scan"),
            ("arca", "crates/arca"),
            ("arca-testkit", "crates/testkit"),
            ("arca-fixtures", "tests/fixtures"),
            ("arca-tests", "tests"),
            ("xtask", "xtask"),
        ]
        .map(|(name, folder)| member(name, folder))
        .into()
    }

    #[track_caller]
    fn verdict(from: &str, to: &str, dev: bool) -> bool {
        let members = members();
        let from = members.iter().find(|member| member.name == from).unwrap();
        let dependency = Dependency {
            name: to.to_owned(),
            dev,
        };
        edge(from, place(&from.folder).unwrap(), &dependency, &members).is_none()
    }

    #[test]
    fn allows_lower_layers_and_earlier_crates() {
        for (from, to) in [
            ("arca-api", "arca-base"),
            ("arca-storage", "arca-api"),
            ("arca-client", "arca-storage"),
            ("arca-core", "arca-crypto"),
            ("arca-engines", "arca-core"),
            ("arca-agent", "arca-client"),
            ("arca", "arca-server"),
            ("arca", "arca-scan"),
            ("arca-testkit", "arca-engines"),
            ("arca-testkit", "arca-fixtures"),
            ("arca-tests", "arca-testkit"),
            ("arca-tests", "arca"),
            ("arca-core", "serde"),
        ] {
            assert!(verdict(from, to, false), "{from} -> {to}");
        }
    }

    #[test]
    fn refuses_every_other_edge() {
        for (from, to) in [
            ("arca-base", "arca-api"),
            ("arca-crypto", "arca-client"),
            ("arca-storage", "arca-client"),
            ("arca-storage", "arca-crypto"),
            ("arca-storage", "arca-core"),
            ("arca-core", "arca-engines"),
            ("arca-auth", "arca-engines"),
            ("arca-engines", "arca-auth"),
            ("arca-server", "arca-engines"),
            ("arca-server", "arca-auth"),
            ("arca-agent", "arca-core"),
            ("arca-scan", "arca-agent"),
            ("arca-core", "arca-scan"),
            ("arca-core", "arca-testkit"),
            ("arca-testkit", "arca"),
            ("arca", "arca-testkit"),
            ("arca-core", "xtask"),
            ("arca", "xtask"),
        ] {
            assert!(!verdict(from, to, false), "{from} -> {to}");
        }
    }

    #[test]
    fn tests_may_use_the_test_support_and_nothing_else_upwards() {
        assert!(verdict("arca-storage", "arca-testkit", true));
        assert!(verdict("arca-base", "arca-fixtures", true));
        assert!(!verdict("arca-engines", "arca-auth", true));
        assert!(!verdict("arca-storage", "arca-core", true));
    }

    #[test]
    fn one_crate_names_crypto_libraries() {
        assert!(verdict("arca-crypto", "aws-lc-rs", false));
        assert!(verdict("arca-server", "tokio-rustls", false));
        assert!(verdict("arca-storage", "rustls-pki-types", false));
        for (from, to) in [
            ("arca-server", "aws-lc-rs"),
            ("arca-core", "x509-cert"),
            ("arca-core", "rustls"),
            ("arca", "rustls-native-certs"),
            ("arca-crypto", "ring"),
            ("arca-client", "openssl"),
        ] {
            assert!(!verdict(from, to, false), "{from} -> {to}");
        }
    }

    #[test]
    fn points_at_the_line_and_at_unknown_folders() {
        assert_eq!(
            line_of(
                "[dependencies]\nserde_json.workspace = true\nserde.workspace = true\n",
                "serde"
            ),
            3
        );
        let stray = [member("arca-x", "crates/kernel/x")];
        let findings = check_member(&stray[0], &stray, &[]);
        assert!(findings[0].wrong.contains("without a layer"), "{findings:?}");
    }
}
