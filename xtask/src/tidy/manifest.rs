//! What each `Cargo.toml` of the workspace must say.

use super::{File, Finding};
use crate::workspace::{Member, Workspace};

pub(super) fn check(workspace: &Workspace, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &workspace.members {
        let path = format!("{}/Cargo.toml", member.folder);
        let Some(manifest) = files.iter().find(|file| file.path == path) else {
            continue;
        };
        findings.extend(check_name(member, manifest));
        findings.extend(check_lints(manifest));
        findings.extend(check_dependencies(manifest));
    }
    findings
}

fn check_name(member: &Member, manifest: &File) -> Option<Finding> {
    let expected = expected_name(&member.folder);
    (member.name != expected).then(|| {
        manifest.finding(
            1,
            format!(
                "the package in {} is called {}, not {expected}",
                member.folder, member.name
            ),
            "folders carry the layer, packages carry the prefix: rename one of them",
        )
    })
}

/// The name of the package in a folder: `crates/vault/core` is `arca-core`.
fn expected_name(folder: &str) -> String {
    let last = folder.rsplit('/').next().unwrap_or(folder);
    match (folder, last) {
        ("crates/arca" | "xtask", name) => name.to_owned(),
        (tool, name) if tool.starts_with("xtask/") => format!("xtask-{name}"),
        (_, name) => format!("arca-{name}"),
    }
}

fn check_lints(manifest: &File) -> Option<Finding> {
    let inherits = lines(&manifest.text).any(|(_, section, line)| {
        (section == "lints" && squeezed(line) == "workspace=true") || squeezed(line) == "lints.workspace=true"
    });
    (!inherits).then(|| {
        manifest.finding(
            1,
            "does not take the lints of the workspace",
            "add `[lints]` with `workspace = true`",
        )
    })
}

fn check_dependencies(manifest: &File) -> Vec<Finding> {
    let remedy =
        "put version, path and features in the table of the root Cargo.toml and say `name.workspace = true`";
    let own_version = |section: &str, line: &str| {
        let is_entry = line.starts_with(|first: char| first.is_ascii_alphanumeric()) && line.contains('=');
        section.ends_with("dependencies") && is_entry && !squeezed(line).contains("workspace=true")
    };
    lines(&manifest.text)
        .filter(|(_, section, line)| own_version(section, line))
        .map(|(number, _, line)| {
            manifest.finding(number, format!("{line:?} has a version of its own"), remedy)
        })
        .collect()
}

/// The lines of a manifest, each with its number and the table it stands in.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut section = "";
    text.lines().zip(1..).map(move |(line, number)| {
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        (number, section, line)
    })
}

fn squeezed(line: &str) -> String {
    line.chars().filter(|letter| !letter.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> File {
        File {
            path: "crates/x/Cargo.toml".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn names_follow_folders() {
        for (folder, name) in [
            ("crates/vault/core", "arca-core"),
            ("crates/testkit", "arca-testkit"),
            ("crates/arca", "arca"),
            ("tests/fixtures", "arca-fixtures"),
            ("tests", "arca-tests"),
            ("xtask", "xtask"),
            ("xtask/ceiling", "xtask-ceiling"),
        ] {
            assert_eq!(expected_name(folder), name);
        }
    }

    #[test]
    fn members_take_the_lints_of_the_workspace() {
        assert!(check_lints(&manifest("[lints]\nworkspace = true\n")).is_none());
        assert!(check_lints(&manifest("[lints]\n\n[x]\nworkspace = true\n")).is_some());
        assert!(check_lints(&manifest("# [lints]\n")).is_some());
    }

    #[test]
    fn versions_stand_in_the_root() {
        let good = "[dependencies]\n# a = \"1\"\na.workspace = true\nb = { workspace = true, optional = true }\n\
                    [features]\nc = [\"dep:b\"]\n[target.'cfg(unix)'.dependencies]\nd = { workspace = true, features = [\n  \"e\",\n] }\n";
        assert_eq!(check_dependencies(&manifest(good)), []);
        let bad = check_dependencies(&manifest(
            "[dev-dependencies]\na = \"1\"\nb = { path = \"../b\" }\n",
        ));
        assert_eq!(bad.iter().map(|finding| finding.line).collect::<Vec<_>>(), [2, 3]);
    }
}
