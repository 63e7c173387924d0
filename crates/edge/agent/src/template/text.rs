//! A template as it was read, and one pass over it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use arca_base::{Secret, Timestamp};
use arca_lang::template::{Delimiters, Functions, Limits, MissingKey, Options, Syntax, Template, Value};

use super::functions::{Outside, SideFile};
use super::library::Library;
use crate::config::{TemplateSource, TemplateText};
use crate::secrets::{Dependency, Secrets};

/// Most bytes of a template.
const LONGEST: usize = 1 << 20;
/// Most bytes of what it makes.
const OUTPUT: usize = 4 << 20;

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTemplate {
    /// Its file cannot be read.
    #[error("{destination}: cannot read the template {source_path}: {reason}")]
    Unreadable {
        /// What is made from it.
        destination: String,
        /// The file.
        source_path: String,
        /// What the system says.
        reason: String,
    },
    /// It is no template.
    #[error("{destination}: {reason}")]
    Syntax {
        /// What is made from it.
        destination: String,
        /// What is wrong, and where.
        reason: String,
    },
}

/// A parsed template.
pub(super) struct Text {
    template: Template,
    settings: TemplateText,
}

/// What one pass gave.
pub(super) struct Pass {
    pub(super) used: BTreeSet<Arc<Dependency>>,
    pub(super) missing: BTreeSet<Arc<Dependency>>,
    pub(super) outcome: Outcome,
}

pub(super) enum Outcome {
    /// Something is not there yet.
    Waiting,
    /// The template itself failed.
    Failed(String),
    Complete {
        content: Secret<Vec<u8>>,
        side_files: Vec<SideFile>,
    },
}

impl Text {
    pub(super) fn load(
        settings: TemplateText,
        destination: &str,
        secrets: &Secrets,
    ) -> Result<Self, BadTemplate> {
        let template = parse(&settings, destination, secrets)?;
        Ok(Self { template, settings })
    }

    /// Reads a template that stands in a file again; says whether it does.
    pub(super) fn read_again(&mut self, destination: &str, secrets: &Secrets) -> Result<bool, BadTemplate> {
        if matches!(self.settings.source, TemplateSource::Text(_)) {
            return Ok(false);
        }
        self.template = parse(&self.settings, destination, secrets)?;
        Ok(true)
    }

    /// Whether a failure of this template is one of the whole agent.
    pub(super) const fn is_fatal(&self) -> bool {
        self.settings.error_fatal
    }

    /// One pass at `now`.
    pub(super) fn pass(&self, secrets: &Secrets, now: Timestamp) -> Pass {
        let options = Options {
            missing_key: if self.settings.error_on_missing_key {
                MissingKey::Error
            } else {
                MissingKey::Zero
            },
            limits: Limits {
                output: OUTPUT,
                ..Limits::default()
            },
        };
        let mut inner = Library::new(OUTPUT, now);
        let mut functions = outside(&self.settings, secrets, &mut inner);
        let rendered = self.template.render_bytes(&Value::Nil, &mut functions, &options);
        let Outside {
            used,
            missing,
            side_files,
            ..
        } = functions;
        let outcome = match rendered {
            // What is not there yet may well be why it failed.
            _ if !missing.is_empty() => Outcome::Waiting,
            Err(error) => Outcome::Failed(error.to_string()),
            Ok(content) => Outcome::Complete {
                content: Secret::new(content),
                side_files,
            },
        };
        Pass {
            used,
            missing,
            outcome,
        }
    }
}

fn parse(settings: &TemplateText, destination: &str, secrets: &Secrets) -> Result<Template, BadTemplate> {
    let text = match &settings.source {
        TemplateSource::Text(text) => text.clone(),
        TemplateSource::File(path) => read(path).map_err(|reason| BadTemplate::Unreadable {
            destination: destination.to_owned(),
            source_path: path.display().to_string(),
            reason,
        })?,
    };
    let syntax = Syntax {
        delimiters: Delimiters {
            left: settings.left_delimiter.clone(),
            right: settings.right_delimiter.clone(),
        },
        bytes: LONGEST,
        ..Syntax::default()
    };
    let mut inner = Library::new(OUTPUT, Timestamp::EPOCH);
    let functions = outside(settings, secrets, &mut inner);
    Template::parse_with("", &text, &functions, &syntax).map_err(|error| BadTemplate::Syntax {
        destination: destination.to_owned(),
        reason: error.to_string(),
    })
}

fn outside<'a>(
    settings: &'a TemplateText,
    secrets: &'a Secrets,
    inner: &'a mut dyn Functions,
) -> Outside<'a> {
    Outside {
        secrets,
        inner,
        denied: &settings.denied_functions,
        sandbox: settings.sandbox.as_deref(),
        used: BTreeSet::new(),
        missing: BTreeSet::new(),
        side_files: Vec::new(),
    }
}

fn read(path: &std::path::Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 1;
    file.take(limit)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() > LONGEST {
        return Err("it is longer than 1 MiB".to_owned());
    }
    Ok(text)
}
