//! Where output goes, and in which form.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use arca_api::Envelope;
use arca_base::Json;
use arca_base::json::Object;
use serde::Serialize;

use super::secret::{self, View};
use super::{display, headed, json, rows, wrap, yaml};

const ERROR: Style = AnsiColor::Red.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Aligned columns, for people.
    Table,
    /// Indented JSON.
    Json,
    /// YAML.
    Yaml,
    /// The bytes of the answer.
    Raw,
}

impl Format {
    /// Reads the name of a format; `pretty` is the table.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "table" | "pretty" | "" => Self::Table,
            "json" => Self::Json,
            "yaml" | "yml" => Self::Yaml,
            "raw" => Self::Raw,
            _ => return None,
        })
    }
}

/// One of the two standard streams for output.
pub struct Stream {
    /// Takes the bytes.
    pub writer: Box<dyn Write>,
    /// Whether a person reads along.
    pub is_terminal: bool,
}

/// The two output streams, and the wishes of the user.
pub(crate) struct Screen {
    output: Stream,
    errors: Stream,
    color: bool,
    failed: bool,
    pub(crate) format: Format,
    pub(crate) field: Option<String>,
    pub(crate) detailed: bool,
}

/// Why something cannot be printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unprintable {
    #[error("Field {0:?} not present in secret")]
    Field(String),
    #[error("This command does not support the -format=raw option; only \"read\" does")]
    Raw,
    #[error("the answer cannot be printed: {0}")]
    Shape(String),
}

impl Screen {
    /// Table format, no color.
    pub(crate) const fn new(output: Stream, errors: Stream) -> Self {
        Self {
            output,
            errors,
            color: false,
            failed: false,
            format: Format::Table,
            field: None,
            detailed: false,
        }
    }

    /// Allows color on terminals.
    pub(crate) fn allow_color(&mut self, allowed: bool) {
        self.color = allowed;
    }

    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table && self.field.is_none()
    }

    /// Prints a line.
    pub(crate) fn line(&mut self, text: &str) {
        self.raw(format!("{text}\n").as_bytes());
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let written = self.output.writer.write_all(bytes);
        self.note(written);
    }

    /// Says that something was done, to people only.
    pub(crate) fn success(&mut self, text: &str) {
        if self.format == Format::Table {
            self.line(text);
        }
    }

    /// Says something that is not part of the output.
    pub(crate) fn warn(&mut self, text: &str) {
        self.aside(text, WARNING);
    }

    /// Says what went wrong.
    pub(crate) fn error(&mut self, text: &str) {
        self.aside(text, ERROR);
    }

    /// Says something beside the output, in plain color.
    pub(crate) fn hint(&mut self, text: &str) {
        self.aside(text, Style::new());
    }

    /// Prints an answer in the format asked for, or one field of it.
    pub(crate) fn secret(&mut self, answer: &Envelope) -> Result<(), Unprintable> {
        if let Some(name) = self.field.clone() {
            return self.value(secret::field(answer, &name), &name);
        }
        if self.format == Format::Table {
            self.warnings(answer);
            self.rows(&secret::rows(answer));
            return Ok(());
        }
        self.structured(&View::of(answer))
    }

    /// Prints a listing: its keys, or the whole answer when details are asked for.
    pub(crate) fn listing(&mut self, answer: &Envelope) -> Result<(), Unprintable> {
        if self.field.is_some() {
            return self.secret(answer);
        }
        let keys = answer.data.as_ref().and_then(|data| data.get("keys"));
        if self.format != Format::Table {
            return match keys {
                Some(keys) if !self.detailed => self.structured(keys),
                _ => self.structured(&View::of(answer)),
            };
        }
        self.warnings(answer);
        let info = answer.data.as_ref().and_then(|data| data.get("key_info"));
        let info = info
            .and_then(Json::as_object)
            .filter(|info| self.detailed && !info.is_empty());
        let mut names: Vec<String> = keys
            .and_then(Json::as_array)
            .unwrap_or_default()
            .iter()
            .map(display)
            .collect();
        names.sort();
        let table = match info {
            Some(info) => detailed_keys(&names, info),
            None => headed(
                &["Keys"],
                &names.into_iter().map(|name| vec![name]).collect::<Vec<_>>(),
            ),
        };
        self.line(&table);
        Ok(())
    }

    /// Prints an object as rows, or in the format asked for.
    pub(crate) fn members(&mut self, members: &Object) -> Result<(), Unprintable> {
        if self.is_table() {
            self.rows(&rows::of_members(members));
            return Ok(());
        }
        self.data(&Json::Object(members.clone()), "")
    }

    /// Prints data: `table` for people, the data itself for programs, or one field of it.
    pub(crate) fn data<T: Serialize>(&mut self, data: &T, table: &str) -> Result<(), Unprintable> {
        if let Some(name) = self.field.clone() {
            let whole = Json::from_serialize(data).map_err(|error| Unprintable::Shape(error.to_string()))?;
            return self.value(whole.get(&name).cloned(), &name);
        }
        if self.format == Format::Table {
            self.line(table);
            return Ok(());
        }
        self.structured(data)
    }

    /// Prints one value. When no person reads along, without a line break, so that it can be piped.
    pub(crate) fn value(&mut self, value: Option<Json>, name: &str) -> Result<(), Unprintable> {
        let value = value
            .filter(|value| !value.is_null())
            .ok_or_else(|| Unprintable::Field(name.to_owned()))?;
        let text = match self.format {
            Format::Table | Format::Raw => display(&value),
            Format::Json => json::pretty(&value).map_err(|error| Unprintable::Shape(error.to_string()))?,
            Format::Yaml => yaml::text(&value),
        };
        if self.output.is_terminal {
            self.line(&text);
        } else {
            self.raw(text.as_bytes());
        }
        Ok(())
    }

    /// Prints data in a format for programs.
    pub(crate) fn structured<T: Serialize>(&mut self, data: &T) -> Result<(), Unprintable> {
        let shape = |error: String| Unprintable::Shape(error);
        let text = match self.format {
            Format::Yaml => {
                let value = Json::from_serialize(data).map_err(|error| shape(error.to_string()))?;
                yaml::text(&value)
            }
            Format::Raw => return Err(Unprintable::Raw),
            Format::Json | Format::Table => json::pretty(data).map_err(|error| shape(error.to_string()))?,
        };
        self.line(&text);
        Ok(())
    }

    /// Prints what the server wants the user to know.
    pub(crate) fn warnings(&mut self, answer: &Envelope) {
        let warnings = answer.warnings.as_deref().unwrap_or_default();
        if warnings.is_empty() {
            return;
        }
        self.warn("WARNING! The following warnings were returned from Vault:\n");
        for warning in warnings {
            self.warn(&wrap(&format!("* {warning}"), 2));
            self.warn("");
        }
    }

    /// Sends everything on its way, and says whether all of it arrived.
    pub(crate) fn close(&mut self) -> bool {
        let flushed = self.output.writer.flush();
        self.note(flushed);
        let flushed = self.errors.writer.flush();
        self.note(flushed);
        !self.failed
    }

    fn rows(&mut self, rows: &[Vec<String>]) {
        if !rows.is_empty() {
            self.line(&headed(&["Key", "Value"], rows));
        }
    }

    fn aside(&mut self, text: &str, style: Style) {
        let colored = self.color && self.errors.is_terminal && !text.is_empty();
        let text = if colored {
            format!("{style}{text}{style:#}\n")
        } else {
            format!("{text}\n")
        };
        let written = self.errors.writer.write_all(text.as_bytes());
        self.note(written);
    }

    /// A reader that had enough is no failure.
    fn note(&mut self, written: io::Result<()>) {
        self.failed |= written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe);
    }
}

/// Names with a column for every member that any of them has.
fn detailed_keys(names: &[String], info: &Object) -> String {
    let mut columns: Vec<&str> = names
        .iter()
        .filter_map(|name| info.get(name)?.as_object())
        .flat_map(|members| members.keys().map(String::as_str))
        .collect();
    columns.sort_unstable();
    columns.dedup();
    let row = |name: &String| {
        let of_name = info.get(name);
        let cell = |&column: &&str| {
            let value = of_name.and_then(|members| members.get(column));
            value
                .map(|value| super::duration::of_member(column, value))
                .unwrap_or_default()
        };
        std::iter::once(name.clone())
            .chain(columns.iter().map(cell))
            .collect::<Vec<_>>()
    };
    let rows: Vec<_> = names.iter().map(row).collect();
    let header: Vec<&str> = std::iter::once("Keys").chain(columns.iter().copied()).collect();
    headed(&header, &rows)
}
