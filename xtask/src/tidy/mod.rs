//! The rules of the tree that the compiler cannot see.
//!
//! Each rule is a function from a text (or from what cargo knows) to findings. The whole runs in well under a
//! second, so that it is also a test: a finding is a red test, not a remark in a review.

mod features;
mod layers;
mod manifest;
mod measure;
mod rust;
mod source;
mod tables;
mod text;

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::args::Args;
use crate::refuse_if;
use crate::workspace::{Workspace, captured};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask tidy [--report]

Checks layer edges between crates, the name, size and header of each file, and what must not be in a tracked text.
Also runs as a test of this package.

  --report   print the lengths of files and functions instead: median, p95, the longest";

/// One broken rule, and what to do about it.
#[derive(Debug, PartialEq)]
struct Finding {
    path: String,
    line: usize,
    wrong: String,
    remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.wrong, self.remedy)
    }
}

/// A tracked text file.
struct File {
    path: String,
    text: String,
}

impl File {
    fn finding(&self, line: usize, wrong: impl Into<String>, remedy: &'static str) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            wrong: wrong.into(),
            remedy,
        }
    }

    /// The line, counted from one, on which the byte at `offset` stands.
    fn line_at(&self, offset: usize) -> usize {
        1 + self
            .text
            .get(..offset)
            .unwrap_or(&self.text)
            .matches('\n')
            .count()
    }
}

pub(crate) fn run(mut args: Args) -> Result<()> {
    let report = args.flag("report");
    args.finish()?;
    let workspace = Workspace::read()?;
    let files = tracked(&workspace.root)?;
    if report {
        print!("{}", measure::report(&files));
        return Ok(());
    }
    let findings = findings(&workspace, &files)?;
    for finding in &findings {
        println!("{finding}");
    }
    refuse_if(!findings.is_empty(), || format!("findings: {}", findings.len()))?;
    println!(
        "tidy: {} files, {} crates, nothing to say",
        files.len(),
        workspace.members.len()
    );
    Ok(())
}

fn findings(workspace: &Workspace, files: &[File]) -> Result<Vec<Finding>> {
    let mut findings = layers::check(workspace, files);
    findings.extend(features::check(&crate::workspace::resolved_features()?));
    findings.extend(manifest::check(workspace, files));
    findings.extend(rust::check_exceptions(files));
    findings.extend(tables::check(files));
    for file in files {
        findings.extend(rust::check(file));
        findings.extend(text::check(file));
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(findings)
}

/// The text files that git tracks, or would track.
fn tracked(root: &Path) -> Result<Vec<File>> {
    let mut list = Command::new("git");
    list.current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let paths = captured(&mut list)?;
    let mut paths: Vec<&str> = paths.split_terminator('\0').collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths.into_iter().filter_map(|path| read(root, path)).collect())
}

/// A file, unless it is gone, not a plain file, or not text.
fn read(root: &Path, path: &str) -> Option<File> {
    let full = root.join(path);
    if !full.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let text = String::from_utf8(std::fs::read(full).ok()?).ok()?;
    (!text.contains('\0')).then(|| File {
        path: path.to_owned(),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_tidy() {
        let workspace = Workspace::read().unwrap();
        let files = tracked(&workspace.root).unwrap();
        let findings = findings(&workspace, &files).unwrap();
        let lines: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        assert!(lines.is_empty(), "\n{lines}");
    }

    #[test]
    fn says_where_what_and_what_to_do() {
        let file = File {
            path: "a/b.rs".to_owned(),
            text: "x\ny\n".to_owned(),
        };
        let finding = file.finding(file.line_at(2), "two subjects", "split it");
        assert_eq!(finding.to_string(), "a/b.rs:2: two subjects; split it");
    }
}
