//! Lengths of files and functions.

use std::collections::BTreeMap;
use std::ops::Range;

use super::File;
use super::source::{Source, body_end, is_word};
use crate::terminal::Table;

/// A function of a source: its name and the lines from its signature to its closing brace.
pub(super) struct Function {
    name: String,
    line: usize,
    length: usize,
}

/// The lines of a file that exist outside of tests.
pub(super) fn lines_outside_tests(path: &str, text: &str, source: &Source) -> usize {
    if is_test_file(path) {
        return 0;
    }
    let in_tests: usize = source
        .test_items()
        .into_iter()
        .map(|item| line_count(text, item))
        .sum();
    text.lines().count().saturating_sub(in_tests)
}

/// Whether a file holds only tests or benchmarks.
pub(super) fn is_test_file(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests" | "benches" | "tests.rs" | "fuzz"))
}

fn line_count(text: &str, range: Range<usize>) -> usize {
    text.get(range).map_or(0, |item| item.lines().count())
}

/// The functions of a source that have a body, outside of tests.
fn functions(source: &Source) -> Vec<Function> {
    let tests = source.test_items();
    let code = &source.code;
    let mut line = (0, 1);
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if tests.iter().any(|item| item.contains(&at)) || !starts_word(code, at) {
            continue;
        }
        line = (
            at,
            line.1 + code.get(line.0..at).map_or(0, |text| text.matches('\n').count()),
        );
        functions.extend(function(code, at, line.1));
    }
    functions
}

fn function(code: &str, at: usize, line: usize) -> Option<Function> {
    let rest = code.get(at..)?;
    let name: String = rest
        .get(3..)?
        .trim_start()
        .chars()
        .take_while(|&c| is_word(c))
        .collect();
    let item = rest.get(..body_end(rest)?)?;
    (!name.is_empty() && item.ends_with('}')).then(|| Function {
        name,
        line,
        length: item.lines().count(),
    })
}

fn starts_word(code: &str, at: usize) -> bool {
    code.get(..at).is_some_and(|before| !before.ends_with(is_word))
}

/// Median and p95 of the lengths per crate, and the longest files and functions.
pub(super) fn report(files: &[File]) -> String {
    let mut crates: BTreeMap<&str, Lengths> = BTreeMap::new();
    for file in files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && !is_test_file(&file.path))
    {
        crates.entry(crate_of(&file.path)).or_default().add(file);
    }
    let mut all = Lengths::default();
    let mut table = Table::new(&[
        "",
        "files",
        "median",
        "p95",
        "functions",
        "median",
        "p95",
        "longest",
    ]);
    for (name, mut lengths) in crates {
        table.row(lengths.cells(name));
        all.files.append(&mut lengths.files);
        all.functions.append(&mut lengths.functions);
    }
    table.row(all.cells("all"));
    format!(
        "{}{}{}",
        table.render(),
        longest("files", &all.files),
        longest("functions", &all.functions)
    )
}

fn longest(title: &str, sorted: &[(usize, String)]) -> String {
    let rows = sorted
        .iter()
        .rev()
        .take(10)
        .map(|(length, place)| format!("{length:6}  {place}\n"));
    format!("\nlongest {title}\n{}", rows.collect::<String>())
}

/// The crate a path belongs to: what precedes `/src/`.
fn crate_of(path: &str) -> &str {
    path.split_once("/src/").map_or(path, |(folder, _)| folder)
}

#[derive(Default)]
struct Lengths {
    files: Vec<(usize, String)>,
    functions: Vec<(usize, String)>,
}

impl Lengths {
    fn add(&mut self, file: &File) {
        let source = Source::parse(&file.text);
        self.files.push((
            lines_outside_tests(&file.path, &file.text, &source),
            file.path.clone(),
        ));
        let place = |function: &Function| format!("{}:{} {}", file.path, function.line, function.name);
        self.functions.extend(
            functions(&source)
                .iter()
                .map(|function| (function.length, place(function))),
        );
    }

    fn cells(&mut self, title: &str) -> Vec<String> {
        self.files.sort_unstable();
        self.functions.sort_unstable();
        let numbers = [
            self.files.len(),
            quantile(&self.files, 50),
            quantile(&self.files, 95),
            self.functions.len(),
            quantile(&self.functions, 50),
            quantile(&self.functions, 95),
            quantile(&self.functions, 100),
        ];
        std::iter::once(title.to_owned())
            .chain(numbers.map(|number| number.to_string()))
            .collect()
    }
}

/// The smallest length that is not exceeded by `percent` of the sorted lengths.
fn quantile(sorted: &[(usize, String)], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0, |(length, _)| *length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_outside_tests() {
        let text = "//! x\n\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        let source = Source::parse(text);
        assert_eq!(lines_outside_tests("crates/a/src/lib.rs", text, &source), 4);
        assert_eq!(lines_outside_tests("crates/a/tests/it/main.rs", text, &source), 0);
        assert_eq!(lines_outside_tests("crates/a/src/kv/tests.rs", text, &source), 0);
    }

    #[test]
    fn measures_functions_outside_tests() {
        let text = "trait T {\n    fn none(&self) -> [u8; 4];\n}\nimpl T {\n    fn one() {}\n\n    pub async fn four(\n        \
                    x: fn (u8),\n    ) {\n    }\n}\n// fn no() {}\n#[cfg(test)]\nmod tests {\n fn t() {}\n}\n";
        let found: Vec<_> = functions(&Source::parse(text))
            .into_iter()
            .map(|f| (f.name, f.line, f.length))
            .collect();
        assert_eq!(found, [("one".to_owned(), 5, 1), ("four".to_owned(), 7, 4)]);
    }

    #[test]
    fn quantiles_are_lengths_that_exist() {
        let lengths: Vec<_> = [1, 2, 3, 10].map(|length| (length, String::new())).into();
        assert_eq!(
            [50, 95, 100].map(|percent| quantile(&lengths, percent)),
            [2, 10, 10]
        );
        assert_eq!(quantile(&[], 50), 0);
    }
}
