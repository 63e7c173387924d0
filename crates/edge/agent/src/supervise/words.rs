//! A command as a person writes it, as program and arguments.

use super::SuperviseError;

/// What only a shell understands.
const FOR_A_SHELL: &[char] = &[
    '$', '`', '|', '&', ';', '<', '>', '(', ')', '*', '?', '[', '#', '~', '{', '}', '\n',
];

/// Program and arguments. A single word with blanks in it is split; one that needs a shell is handed to it.
///
/// # Errors
/// [`SuperviseError`] for an empty command, and one whose quotes do not end.
pub fn argv(command: &[String]) -> Result<Vec<String>, SuperviseError> {
    let [line] = command else {
        return Ok(command.to_vec());
    };
    if line.trim().is_empty() {
        return Err(SuperviseError::Empty);
    }
    if needs_shell(line) {
        return Ok(vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()]);
    }
    split(line)
}

/// Whether there is something outside of single quotes that a shell would act on.
fn needs_shell(line: &str) -> bool {
    let mut is_quoted = false;
    line.chars().any(|c| {
        is_quoted ^= c == '\'';
        !is_quoted && FOR_A_SHELL.contains(&c)
    })
}

fn split(line: &str) -> Result<Vec<String>, SuperviseError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => {
                let next = chars
                    .next()
                    .ok_or(SuperviseError::Words("ends with a backslash"))?;
                let word = word.get_or_insert_default();
                if quote.is_some() && !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(SuperviseError::Words("has a quote that is never closed"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<String> {
        argv(&[line.to_owned()]).unwrap()
    }

    #[test]
    fn lines_are_split_as_a_shell_would() {
        assert_eq!(of("./app a  b"), ["./app", "a", "b"]);
        assert_eq!(
            of(r#"app "a b" 'c "d' e\ f """#),
            ["app", "a b", "c \"d", "e f", ""]
        );
        assert_eq!(of(r#"app "\"x\\y\n""#), ["app", r#""x\y\n"#]);
    }

    #[test]
    fn what_only_a_shell_understands_goes_to_one() {
        assert_eq!(of("a && b"), ["/bin/sh", "-c", "a && b"]);
        assert_eq!(of("echo $HOME").first().unwrap(), "/bin/sh");
        assert_eq!(of("echo '$HOME'"), ["echo", "$HOME"]);
    }

    #[test]
    fn a_list_stays_as_it_is() {
        let list = ["a b".to_owned(), "$c".to_owned()];
        assert_eq!(argv(&list).unwrap(), list);
    }

    #[test]
    fn broken_lines_are_refused() {
        for line in ["'a", "\"a", "a\\"] {
            assert!(argv(&[line.to_owned()]).is_err(), "{line}");
        }
        assert!(matches!(argv(&[" ".to_owned()]), Err(SuperviseError::Empty)));
    }
}
