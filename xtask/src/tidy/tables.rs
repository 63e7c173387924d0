//! Tables that name tests: whatever a document promises has a test of that name in that file.

use super::{File, Finding};

/// Documents with such tables.
const DOCUMENTS: &[&str] = &["ARCHITECTURE.md", "SECURITY.md"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let documents = files
        .iter()
        .filter(|file| DOCUMENTS.contains(&file.path.as_str()));
    documents
        .flat_map(|document| check_document(document, files))
        .collect()
}

fn check_document(document: &File, files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rows = document
        .text
        .lines()
        .zip(1..)
        .filter(|(line, _)| line.starts_with('|'));
    for (row, number) in rows {
        let mut place = None;
        for span in row.split('`').skip(1).step_by(2) {
            if span.ends_with(".rs") {
                place = Some(span);
            } else if let Some(place) = place.filter(|_| names_a_test(span)) {
                if !is_there(files, place, span) {
                    let wrong = format!("{place} has no test {span}");
                    findings.push(document.finding(number, wrong, "name a test that is there"));
                }
            } else if span.contains('/') {
                place = None;
            }
        }
    }
    findings
}

fn names_a_test(span: &str) -> bool {
    span.matches('_').count() >= 2
        && span
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_there(files: &[File], place: &str, test: &str) -> bool {
    let (place, test) = (format!("/{place}"), format!("fn {test}("));
    files
        .iter()
        .any(|file| format!("/{}", file.path).ends_with(&place) && file.text.contains(&test))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_promise_without_its_test_is_found() {
        let row = "| no | `core/tests/it/a.rs`: `one_is_there`, `one_is_not`; `b.rs`: `one_is_there` |\n";
        let files = [
            file("SECURITY.md", row),
            file("crates/vault/core/tests/it/a.rs", "fn one_is_there() {}"),
            file("crates/b.rs", "fn one_is_there() {}"),
        ];
        let findings = check(&files);
        let wrong: Vec<&str> = findings.iter().map(|finding| finding.wrong.as_str()).collect();
        assert_eq!(wrong, ["core/tests/it/a.rs has no test one_is_not"]);
    }
}
