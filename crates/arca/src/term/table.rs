//! Columns of text, aligned as existing tools align them.

/// Between columns.
const GLUE: &str = "    ";

/// In place of nothing.
const EMPTY: &str = "n/a";

/// Rows below a header that is underlined.
pub(crate) fn headed<S: AsRef<str>>(header: &[&str], rows: &[Vec<S>]) -> String {
    let title = header.iter().map(|&name| name.to_owned()).collect();
    let underline = header.iter().map(|name| "-".repeat(name.len())).collect();
    let mut all: Vec<Vec<String>> = vec![title, underline];
    all.extend(
        rows.iter()
            .map(|row| row.iter().map(|cell| cell.as_ref().to_owned()).collect()),
    );
    aligned(&all)
}

/// Rows whose columns begin below each other. Cells are trimmed; an empty one says so.
pub(crate) fn aligned<S: AsRef<str>>(rows: &[Vec<S>]) -> String {
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let widths = widths(&rows);
    let lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.join("\n")
}

/// A title between equal signs, about as wide as `width`.
pub(crate) fn banner(title: &str, width: usize) -> String {
    let signs = match width.saturating_sub(title.len() + 2) {
        0 => 4,
        signs => signs + signs % 2,
    };
    let side = "=".repeat(signs / 2);
    format!("{side} {title} {side}")
}

fn cell<S: AsRef<str>>(text: &S) -> &str {
    match text.as_ref().trim() {
        "" => EMPTY,
        text => text,
    }
}

fn widths(rows: &[Vec<&str>]) -> Vec<usize> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    (0..columns).map(width).collect()
}

fn line(row: &[&str], widths: &[usize]) -> String {
    let mut out = String::new();
    for (index, (cell, &width)) in row.iter().zip(widths).enumerate() {
        out.push_str(cell);
        if index + 1 < row.len() {
            let missing = width - cell.chars().count();
            out.push_str(&" ".repeat(missing));
            out.push_str(GLUE);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_below_an_underlined_header() {
        let rows = [vec!["a", "1"], vec!["long key", ""], vec!["\u{e9}", " x "]];
        assert_eq!(
            headed(&["Key", "Value"], &rows),
            "Key         Value\n---         -----\na           1\nlong key    n/a\n\u{e9}           x"
        );
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(aligned::<&str>(&[]), "");
    }

    #[test]
    fn banners_have_an_even_number_of_signs() {
        assert_eq!(banner("Secret Path", 15), "= Secret Path =");
        assert_eq!(banner("Secret Path", 16), "== Secret Path ==");
        assert_eq!(banner("Metadata", 24), "======= Metadata =======");
        assert_eq!(banner("Data", 3), "== Data ==");
        assert_eq!(banner("Data", 6), "== Data ==");
    }
}
