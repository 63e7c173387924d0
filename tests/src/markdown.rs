//! The commands that a page of documentation tells its reader to run.

/// A command and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The line, counted from one.
    pub line: usize,
    /// What to type.
    pub text: String,
}

/// The commands of a page: the lines of its `sh` blocks, and what stands in backquotes in a line of text and begins
/// with one of `programs`.
#[must_use]
pub fn commands(page: &str, programs: &[&str]) -> Vec<Command> {
    let mut block: Option<String> = None;
    let mut found = Vec::new();
    for (text, line) in page.lines().zip(1..) {
        if let Some(language) = text.trim_start().strip_prefix("```") {
            block = match block {
                None => Some(language.trim().to_owned()),
                Some(_) => None,
            };
            continue;
        }
        match block.as_deref() {
            Some("sh" | "bash" | "shell" | "console") => found.extend(typed(text, line)),
            Some(_) => {}
            None => found.extend(quoted(text, line, programs)),
        }
    }
    found
}

fn typed(text: &str, line: usize) -> Option<Command> {
    let text = text.trim().trim_start_matches("$ ");
    let is_command = !text.is_empty() && !text.starts_with('#');
    is_command.then(|| Command {
        line,
        text: text.to_owned(),
    })
}

fn quoted(text: &str, line: usize, programs: &[&str]) -> Vec<Command> {
    let inside = text.split('`').skip(1).step_by(2);
    let is_command = |text: &&str| {
        text.split_once(' ')
            .is_some_and(|(program, _)| programs.contains(&program))
    };
    inside
        .filter(is_command)
        .map(|text| Command {
            line,
            text: text.to_owned(),
        })
        .collect()
}

/// The text of the first block in `language`.
#[must_use]
pub fn block(page: &str, language: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("```{language}\n"))?;
    let (block, _) = rest.split_once("```")?;
    Some(block.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_blocks_and_in_text() {
        let page = "Run `arca up` or `arca`.\n\n```sh\n# first\n$ cargo test\n\nls -l\n```\n| `cargo x`, `-p y` |\n\
                    ```hcl\narca = 1\n```\n";
        let found: Vec<(usize, String)> = commands(page, &["arca", "cargo"])
            .into_iter()
            .map(|command| (command.line, command.text))
            .collect();
        let expected = [(1, "arca up"), (5, "cargo test"), (7, "ls -l"), (9, "cargo x")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
        assert_eq!(block(page, "hcl").unwrap(), "arca = 1\n");
    }
}
