//! Rules for each Rust file: its size, its header, its attributes.

use super::measure::lines_outside_tests;
use super::source::{Source, attributes};
use super::text::unfinished;
use super::{File, Finding};

const MOST_LINES: usize = 500;

/// Files that are longer all the same, each with the number of lines it may have. A number may only shrink.
const LONG_FILES: &[(&str, usize)] = &[];

/// Names of modules that say nothing of what is in them.
const VAGUE_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "types", "util", "utils",
];

pub(super) fn check(file: &File) -> Vec<Finding> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let source = Source::parse(&file.text);
    let mut findings: Vec<Finding> = check_header(file).into_iter().collect();
    findings.extend(check_name(file));
    findings.extend(check_size(file, &source));
    findings.extend(check_reasons(file, &source));
    findings.extend(unfinished(&source.comments).map(|(line, mark)| {
        file.finding(
            line,
            format!("{mark} without an issue"),
            "finish it, or name the issue: (#123)",
        )
    }));
    findings
}

/// Checks that each exception is still needed, and still as large as it says.
pub(super) fn check_exceptions(files: &[File]) -> Vec<Finding> {
    LONG_FILES
        .iter()
        .filter_map(|&(path, allowed)| check_exception(files, path, allowed))
        .collect()
}

fn check_exception(files: &[File], path: &str, allowed: usize) -> Option<Finding> {
    let file = files.iter().find(|file| file.path == path);
    let lines = file.map_or(0, |file| {
        lines_outside_tests(path, &file.text, &Source::parse(&file.text))
    });
    let finding = |remedy| Finding {
        path: path.to_owned(),
        line: 1,
        wrong: format!("has {lines} lines"),
        remedy,
    };
    match lines {
        lines if lines <= MOST_LINES => Some(finding("remove its exception from xtask/src/tidy/rust.rs")),
        lines if lines + 20 < allowed => Some(finding("lower its exception in xtask/src/tidy/rust.rs")),
        _ => None,
    }
}

fn check_header(file: &File) -> Option<Finding> {
    let is_skipped = |line: &&str| {
        let line = line.trim();
        line.is_empty() || line.starts_with("#!") || (line.starts_with("//") && !line.starts_with("//!"))
    };
    let first = file.text.lines().find(|line| !is_skipped(line));
    let documented = first.is_none_or(|line| line.starts_with("//!") && line.len() > 4);
    (!documented).then(|| {
        file.finding(
            1,
            "has no `//!` line",
            "begin with one line that says what this module holds",
        )
    })
}

fn check_name(file: &File) -> Option<Finding> {
    let vague = file
        .path
        .split('/')
        .find(|part| VAGUE_NAMES.contains(&part.strip_suffix(".rs").unwrap_or(part)))?;
    let wrong = format!("{vague} says nothing of what is in it");
    Some(file.finding(
        1,
        wrong,
        "name the subject: a noun for a thing, a verb for a stage",
    ))
}

fn check_size(file: &File, source: &Source) -> Option<Finding> {
    let allowed = LONG_FILES
        .iter()
        .find(|(path, _)| *path == file.path)
        .map_or(MOST_LINES, |(_, lines)| *lines);
    let lines = lines_outside_tests(&file.path, &file.text, source);
    (lines > allowed).then(|| {
        file.finding(
            1,
            format!("{lines} lines outside of tests, more than {allowed}"),
            "find the second subject in it and give it a file of its own",
        )
    })
}

/// Finds lint attributes that do not say why.
fn check_reasons(file: &File, source: &Source) -> Vec<Finding> {
    attributes(&source.code)
        .filter(|(_, attribute)| sets_lint(attribute) && !attribute.contains("reason"))
        .map(|(at, _)| {
            file.finding(
                file.line_at(at),
                "a lint is set aside without a reason",
                "say `#[expect(lint, reason = \"...\")]`, or mend what it points at",
            )
        })
        .collect()
}

fn sets_lint(attribute: &str) -> bool {
    let words: Vec<&str> = attribute
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .collect();
    words.iter().any(|word| matches!(*word, "allow" | "expect"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> File {
        File {
            path: "crates/x/src/lib.rs".to_owned(),
            text: text.to_owned(),
        }
    }

    fn wrong(text: &str) -> Vec<(usize, String)> {
        check(&file(text))
            .into_iter()
            .map(|finding| (finding.line, finding.wrong))
            .collect()
    }

    #[test]
    fn a_file_begins_with_its_subject() {
        for good in ["", "//! A.\n", "#![warn(x)]\n\n// licence\n//! A.\nfn a() {}\n"] {
            assert_eq!(wrong(good), [], "{good:?}");
        }
        for bad in [
            "fn a() {}\n",
            "/// A.\nfn a() {}\n",
            "//!\nfn a() {}\n",
            "use x;\n//! A.\n",
        ] {
            assert_eq!(wrong(bad).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn a_file_is_named_for_its_subject() {
        let named = |path: &str| {
            check_name(&File {
                path: path.to_owned(),
                text: String::new(),
            })
        };
        for vague in [
            "crates/x/src/util.rs",
            "crates/x/src/common/mod.rs",
            "crates/x/tests/it/helpers.rs",
        ] {
            assert!(named(vague).is_some(), "{vague}");
        }
        for clear in ["crates/x/src/utility_bill.rs", "crates/x/src/router/table.rs"] {
            assert_eq!(named(clear), None, "{clear}");
        }
    }

    #[test]
    fn a_file_has_one_subject() {
        let text = format!("//! A.\n{}", "fn a() {}\n".repeat(499));
        assert_eq!(wrong(&text), []);
        let text = format!("{text}\n#[cfg(test)]\nmod tests {{\n}}\n");
        assert_eq!(
            wrong(&text),
            [(1, "501 lines outside of tests, more than 500".to_owned())]
        );
    }

    #[test]
    fn a_lint_is_set_aside_with_a_reason() {
        let good = "//! A.\n#![expect(x, reason = \"y\")]\n#[cfg(test)]\n// #[allow(x)]\nconst A: &str = \"#[allow(x)]\";\n\
                    #[expect(\n    x,\n    reason = \"y\"\n)]\nfn a() {}\n";
        assert_eq!(wrong(good), []);
        for bad in [
            "#[allow(x)]",
            "#![allow(x)]",
            "#[cfg_attr(y, expect(x))]",
            "#[expect(\nx\n)]",
        ] {
            assert_eq!(
                wrong(&format!("//! A.\n\n{bad}\nfn a() {{}}\n")).len(),
                1,
                "{bad}"
            );
        }
    }

    #[test]
    fn unfinished_work_in_comments_names_its_issue() {
        let mark = concat!("TO", "DO");
        assert_eq!(
            wrong(&format!(
                "//! A.\n// {mark}(#12): later\nconst A: &str = \"{mark}\";\n"
            )),
            []
        );
        assert_eq!(
            wrong(&format!("//! A.\n\nfn a() {{}} // {mark}: later\n"))
                .first()
                .unwrap()
                .0,
            3
        );
    }

    #[test]
    fn exceptions_only_shrink() {
        let long = [file(&format!("//! A.\n{}", "fn a() {}\n".repeat(549)))];
        let path = "crates/x/src/lib.rs";
        assert_eq!(check_exception(&long, path, 550), None);
        assert!(
            check_exception(&long, path, 600)
                .unwrap()
                .remedy
                .starts_with("lower")
        );
        assert!(
            check_exception(&[file("//! A.\n")], path, 600)
                .unwrap()
                .remedy
                .starts_with("remove")
        );
        assert!(
            check_exception(&[], path, 600)
                .unwrap()
                .remedy
                .starts_with("remove")
        );
    }
}
