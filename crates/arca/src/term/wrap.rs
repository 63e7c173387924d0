//! Paragraphs that fit a terminal.

/// Longest line of running text.
const WIDTH: usize = 78;

/// Breaks running text into lines, each behind `indent` spaces. Line breaks of the text stay.
pub(crate) fn wrap(text: &str, indent: usize) -> String {
    let lines: Vec<String> = text.lines().flat_map(|line| paragraph(line, indent)).collect();
    lines.join("\n")
}

fn paragraph(text: &str, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines = Vec::new();
    let mut line = margin.clone();
    for word in text.split_whitespace() {
        let is_first = line.len() == indent;
        if !is_first && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, margin.clone()));
        }
        if line.len() > indent {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_between_words() {
        let wrapped = wrap(&"word ".repeat(40), 2);
        for line in wrapped.lines() {
            assert!(line.starts_with("  word") && line.len() <= WIDTH, "{line}");
        }
        assert_eq!(wrapped.split_whitespace().count(), 40);
    }

    #[test]
    fn a_word_too_long_stands_alone() {
        let long = "x".repeat(100);
        assert_eq!(wrap(&format!("a {long} b"), 0), format!("a\n{long}\nb"));
    }

    #[test]
    fn line_breaks_stay() {
        assert_eq!(wrap("a\nb", 1), " a\n b");
    }
}
