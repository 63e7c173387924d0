//! What must not be in any tracked text: machines, registries, unfinished work.
//!
//! The needles are spelled in two pieces, so that this file does not find itself.

use super::{File, Finding};

/// Absolute paths of one machine.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
];

/// Hosts of package registries: builds take them from the ordinary clients' own configuration.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("sum.golang", ".org"),
    concat!("deb.debian", ".org"),
    concat!("archive.ubuntu", ".com"),
    concat!("rubygems", ".org"),
];

/// Files that their own tool writes, with the sources of packages in them.
const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json"];

const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

pub(super) fn check(file: &File) -> Vec<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or("");
    if LOCK_FILES.contains(&name) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, number) in file.text.lines().zip(1..) {
        findings.extend(check_line(file, line, number));
    }
    if !file.path.ends_with(".rs") && !file.path.ends_with(".md") {
        findings.extend(unfinished(&file.text).map(|(line, mark)| {
            file.finding(
                line,
                format!("{mark} without an issue"),
                "finish it, or name the issue: (#123)",
            )
        }));
    }
    findings
}

fn check_line(file: &File, line: &str, number: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(path) = MACHINE_PATHS.iter().find(|path| names_path(line, path)) {
        let wrong = format!("{path} is a path of one machine");
        findings.push(file.finding(
            number,
            wrong,
            "use a path relative to the repository, or a temporary folder",
        ));
    }
    if let Some(host) = REGISTRIES.iter().find(|host| names_host(line, host)) {
        let wrong = format!("names the registry host {host}");
        findings.push(file.finding(
            number,
            wrong,
            "name packages, not hosts: each client knows its own registry",
        ));
    }
    findings
}

/// Whether an absolute path starts with `path`: what precedes it does not continue another path.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|letter| !(letter.is_alphanumeric() || "_-.}>)*/~$".contains(letter)))
    })
}

/// Whether `line` names `host` or a host below it.
fn names_host(line: &str, host: &str) -> bool {
    line.match_indices(host).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + host.len()..).and_then(|after| after.chars().next());
        before.is_none_or(|letter| !letter.is_alphanumeric())
            && after.is_none_or(|letter| !letter.is_alphanumeric())
    })
}

/// The marks of unfinished work that name no issue, each with its line.
pub(super) fn unfinished(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    text.lines().zip(1..).filter_map(|(line, number)| {
        MARKS
            .iter()
            .find(|mark| has_open_mark(line, mark))
            .map(|mark| (number, *mark))
    })
}

fn has_open_mark(line: &str, mark: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(mark).any(|(at, _)| {
        let before = line.get(..at).unwrap_or("");
        let after = line.get(at + mark.len()..).unwrap_or("");
        !before.ends_with(is_word) && !after.starts_with(is_word) && !names_issue(after)
    })
}

/// Whether `text` begins with an issue: `(#123)`.
fn names_issue(text: &str) -> bool {
    let number = text
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'))
        .map(|(number, _)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(path: &str, text: &str) -> Vec<String> {
        let file = File {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(&file)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.wrong))
            .collect()
    }

    #[test]
    fn finds_paths_of_a_machine() {
        let home = concat!("/ro", "ot/");
        assert_eq!(
            wrong("a.sh", &format!("x\ncd {home}x")),
            [format!("2: {home} is a path of one machine")]
        );
        assert_eq!(wrong("a.md", &format!("`{home}.config`")).len(), 1);
        for innocent in [
            "pki/root/generate",
            "<mount>/root/rotate",
            "{mount}/root/rotate",
            "../work/x",
            "/roots/",
        ] {
            assert_eq!(wrong("a.md", innocent), [""; 0], "{innocent}");
        }
    }

    #[test]
    fn finds_registry_hosts() {
        let host = concat!("pypi", ".org");
        assert_eq!(
            wrong("a.txt", &format!("--index https://{host}/simple")),
            [format!("1: names the registry host {host}")]
        );
        assert_eq!(wrong("a.txt", &format!("https://test.{host}")).len(), 1);
        assert_eq!(wrong("a.txt", &format!("my{host} {host}x")), [""; 0]);
        assert_eq!(wrong("x/Cargo.lock", &format!("https://{host}/simple")), [""; 0]);
    }

    #[test]
    fn finds_unfinished_work_outside_of_rust() {
        let mark = concat!("TO", "DO");
        assert_eq!(
            wrong("a.sh", &format!("a\n# {mark}: later")),
            [format!("2: {mark} without an issue")]
        );
        assert_eq!(wrong("a.sh", &format!("# {mark}(#x): later")).len(), 1);
        assert_eq!(wrong("a.sh", &format!("# {mark}(#7): later")), [""; 0]);
        assert_eq!(wrong("a.sh", "mktemp /tmp/a.XXXXXX"), [""; 0]);
        assert_eq!(wrong("CONTRIBUTING.md", &format!("No `{mark}`")), [""; 0]);
    }
}
