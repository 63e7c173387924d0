//! What tasks print: headings and aligned tables.

use std::io::IsTerminal as _;

/// Announces a stage.
pub(crate) fn heading(text: &str) {
    let (bold, plain) = if wants_color() {
        ("\x1b[1;36m", "\x1b[0m")
    } else {
        ("", "")
    };
    println!("\n{bold}== {text} =={plain}");
}

fn wants_color() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match set("CARGO_TERM_COLOR") {
        Some(choice) if choice == "always" => true,
        Some(choice) if choice == "never" => false,
        _ => set("NO_COLOR").is_none() && std::io::stdout().is_terminal(),
    }
}

/// A table of text: the first column to the left, the others to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self {
            rows: vec![columns.iter().map(|&column| column.to_owned()).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(|column| self.width(column)).collect();
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }

    fn width(&self, column: usize) -> usize {
        self.rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, (cell, &width)) in row.iter().zip(widths).enumerate() {
        match column {
            0 => text.push_str(&format!("{cell:<width$}")),
            _ => text.push_str(&format!("  {cell:>width$}")),
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns() {
        let mut table = Table::new(&["stage", "seconds"]);
        table.row(["fmt".to_owned(), "0.4".to_owned()]);
        table.row(["clippy, all".to_owned(), "120.0".to_owned()]);
        assert_eq!(
            table.render(),
            "stage        seconds\nfmt              0.4\nclippy, all    120.0\n"
        );
    }
}
