//! The options of a task: `--name`, `--name value`, `--name=value`, with one dash or two.

use std::str::FromStr;

use anyhow::{Context as _, Result, bail};

/// What stood after the name of the task. A task takes what it knows, then calls [`Args::finish`].
#[derive(Default)]
pub(crate) struct Args {
    rest: Vec<String>,
}

impl Args {
    pub(crate) fn new(rest: Vec<String>) -> Self {
        Self { rest }
    }

    /// The next word that is not an option.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.rest.iter().position(|word| !word.starts_with('-'))?;
        Some(self.rest.remove(at))
    }

    /// Whether `--name` was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.rest.len();
        self.rest.retain(|word| option_name(word) != Some(name));
        self.rest.len() != before
    }

    /// The value of `--name`, as text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>> {
        for at in 0..self.rest.len() {
            let Some(word) = self.rest.get(at) else { break };
            if let Some((option, value)) = word.split_once('=')
                && option_name(option) == Some(name)
            {
                let value = value.to_owned();
                self.rest.remove(at);
                return Ok(Some(value));
            }
            if option_name(word) == Some(name) {
                let value = self.rest.get(at + 1).cloned();
                let value = value.with_context(|| format!("--{name} needs a value: --{name}=..."))?;
                self.rest.drain(at..at + 2);
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The value of `--name` as a number, or `default`.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str, default: T) -> Result<T> {
        match self.text(name)? {
            None => Ok(default),
            Some(text) => {
                let plain = text.replace(['_', ','], "");
                plain
                    .parse()
                    .ok()
                    .with_context(|| format!("--{name}={text}: expected a number such as 1000"))
            }
        }
    }

    /// Refuses what no one took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.rest.first() {
            None => Ok(()),
            Some(word) => bail!("unknown option {word:?}; `--help` lists the options of this task"),
        }
    }
}

fn option_name(word: &str) -> Option<&str> {
    word.strip_prefix("--").or_else(|| word.strip_prefix('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn takes_flags_values_and_words_in_any_order() {
        let mut given = args(&[
            "-format=json",
            "server",
            "--quick",
            "--seconds",
            "3",
            "--entries=1_000",
        ]);
        assert!(given.flag("quick"));
        assert!(!given.flag("report"));
        assert_eq!(given.text("format").unwrap().as_deref(), Some("json"));
        assert_eq!(given.number("seconds", 5).unwrap(), 3);
        assert_eq!(given.number("entries", 5).unwrap(), 1000);
        assert_eq!(given.number("rounds", 7).unwrap(), 7);
        assert_eq!(given.word().as_deref(), Some("server"));
        given.finish().unwrap();
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let refusal = args(&["--qick"]).finish().unwrap_err().to_string();
        assert!(refusal.contains("--qick"), "{refusal}");
        assert!(args(&["--seconds"]).number("seconds", 1).is_err());
        assert!(args(&["--seconds=soon"]).number("seconds", 1).is_err());
    }
}
