//! One template: when it is due, and what became of it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arca_base::{Entropy, Secret, Timestamp};

use super::destination::{self, Destination, Written};
use super::functions::SideFile;
use super::reuse;
use super::text::{Outcome, Pass, Text};
use crate::board::{Board, TemplateState, Trouble};
use crate::config::{Command, Wait};
use crate::replace::advice;
use crate::secrets::{Dependency, Outlook, Secrets};

/// Shortest and longest pause before a file that could not be written is tried again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// What is made from a template.
pub(super) enum Target {
    File(Destination),
    Variable {
        name: String,
        value: Option<Secret<String>>,
    },
}

/// A template on its way through the life of the agent.
pub(super) struct Item {
    pub(super) number: usize,
    pub(super) text: Text,
    pub(super) target: Target,
    pub(super) command: Option<Command>,
    pub(super) wait: Option<Wait>,
    /// The version of its secrets that was rendered last.
    seen: Option<u64>,
    /// Since when and how long at least it waits for its secrets to be quiet.
    stirred: Option<(Duration, Duration)>,
    /// When a file that could not be written is tried again, and the pause before.
    again: Option<(Duration, Duration)>,
    pub(super) is_rendered: bool,
    trouble: Option<Trouble>,
}

/// What rendering one template came to.
pub(super) enum Rendered {
    /// Its secrets are not all there yet.
    Waiting,
    /// Everything is as it was.
    Same,
    /// Its file or variable has a new content.
    Changed,
    /// It failed; what was there before is there still.
    Failed { message: String, is_fatal: bool },
}

impl Item {
    pub(super) const fn new(number: usize, text: Text, target: Target) -> Self {
        Self {
            number,
            text,
            target,
            command: None,
            wait: None,
            seen: None,
            stirred: None,
            again: None,
            is_rendered: false,
            trouble: None,
        }
    }

    /// What a person calls it.
    pub(super) fn name(&self) -> String {
        match &self.target {
            Target::File(destination) => destination.path().display().to_string(),
            Target::Variable { name, .. } => format!("env:{name}"),
        }
    }

    /// It must be rendered whatever its secrets say.
    pub(super) const fn forget(&mut self) {
        self.seen = None;
        self.stirred = None;
    }

    /// When it is to be rendered, on the steady clock; `None` while nothing has changed.
    pub(super) fn due(&mut self, version: u64, now: Duration) -> Option<Duration> {
        if self.seen != Some(version) {
            // Quiescence is for what is there already: the first text is wanted soon.
            let Some(wait) = self.wait.filter(|_| self.is_rendered) else {
                return Some(now);
            };
            let (since, until) = match self.stirred {
                None => (now, now + wait.min),
                Some((since, _)) => (since, (now + wait.min).min(since + wait.max)),
            };
            self.seen = Some(version);
            self.stirred = Some((since, until));
        }
        let quiet = self.stirred.map(|(_, until)| until);
        let again = self.again.map(|(at, _)| at);
        quiet.into_iter().chain(again).min()
    }

    /// Renders it. What it needs from now on is told to `secrets`.
    pub(super) fn render(
        &mut self,
        secrets: &Secrets,
        (now, wall): (Duration, Timestamp),
        entropy: &dyn Entropy,
    ) -> Rendered {
        let version = secrets.outlook(self.number).version;
        let pass = self.pass(secrets, wall);
        self.seen = Some(version);
        self.stirred = None;
        self.want(secrets, &pass.used);
        match pass.outcome {
            Outcome::Waiting => Rendered::Waiting,
            Outcome::Failed(message) => Rendered::Failed {
                message,
                is_fatal: self.text.is_fatal(),
            },
            Outcome::Complete { content, side_files } => match self.write(content, &side_files, entropy) {
                Ok(written) => {
                    self.again = None;
                    self.is_rendered = true;
                    match written {
                        Written::Changed => Rendered::Changed,
                        Written::Same => Rendered::Same,
                    }
                }
                Err(message) => {
                    let last = self.again.map_or(Duration::ZERO, |(_, pause)| pause);
                    let pause = (last * 2).clamp(PAUSES.0, PAUSES.1);
                    self.again = Some((now + pause, pause));
                    Rendered::Failed {
                        message,
                        is_fatal: false,
                    }
                }
            },
        }
    }

    fn pass(&self, secrets: &Secrets, wall: Timestamp) -> Pass {
        let pass = self.text.pass(secrets, wall);
        let Target::File(destination) = &self.target else {
            return pass;
        };
        if self.is_rendered {
            return pass;
        }
        // The first time, what another run has had issued may be in the file.
        let again = || self.text.pass(secrets, wall);
        reuse::certificate(destination, secrets, &pass.missing, again).unwrap_or(pass)
    }

    fn want(&self, secrets: &Secrets, used: &BTreeSet<Arc<Dependency>>) {
        secrets.want(self.number, used);
    }

    fn write(
        &mut self,
        content: Secret<Vec<u8>>,
        side_files: &[SideFile],
        entropy: &dyn Entropy,
    ) -> Result<Written, String> {
        for file in side_files {
            destination::write_on_the_side(file, entropy)
                .map_err(|error| format!("writeToFile: {}", unwritable(&file.path, &error)))?;
        }
        match &mut self.target {
            Target::File(destination) => destination
                .write(content.expose(), entropy)
                .map_err(|error| unwritable(destination.path(), &error)),
            Target::Variable { name, value } => {
                let text = std::str::from_utf8(content.expose())
                    .ok()
                    .filter(|text| !text.contains('\0'))
                    .ok_or_else(|| format!("the text for {name} cannot be the value of a variable"))?;
                let is_same = value.as_ref().is_some_and(|known| known.expose() == text);
                *value = Some(Secret::new(text.to_owned()));
                Ok(if is_same { Written::Same } else { Written::Changed })
            }
        }
    }

    /// Shows where it stands. Says a trouble once, and when it is over.
    pub(super) fn post(&mut self, board: &Board, outlook: &Outlook) {
        let trouble = self.trouble.clone().or_else(|| outlook.trouble.clone());
        let name = self.name();
        board.post(|report| {
            let state = report
                .templates
                .entry(self.number)
                .or_insert_with(|| TemplateState {
                    destination: name.clone(),
                    ..TemplateState::default()
                });
            match (&state.error, &trouble) {
                (None, Some(trouble)) => tracing::warn!(template = %name, "{}", trouble.message),
                (Some(was), Some(is)) if was.message != is.message => {
                    tracing::warn!(template = %name, "{}", is.message);
                }
                (Some(_), None) => tracing::info!(template = %name, "the template is well again"),
                _ => {}
            }
            state.next = outlook.next;
            state.expires = outlook.expires;
            state.error = trouble;
        });
    }

    /// Notes what came of rendering it.
    pub(super) fn note(&mut self, rendered: &Rendered, board: &Board, now: Timestamp) {
        let name = self.name();
        self.trouble = match rendered {
            Rendered::Failed { message, .. } => Some(Trouble {
                message: message.clone(),
                since: self.trouble.as_ref().map_or(now, |known| known.since),
                attempts: self.trouble.as_ref().map_or(0, |known| known.attempts) + 1,
            }),
            Rendered::Waiting => self.trouble.take(),
            Rendered::Same | Rendered::Changed => None,
        };
        let is_changed = matches!(rendered, Rendered::Changed);
        if is_changed {
            tracing::info!(template = %name, "rendered");
        }
        if is_changed || matches!(rendered, Rendered::Same) {
            board.post(|report| {
                let state = report.templates.entry(self.number).or_default();
                state.destination.clone_from(&name);
                state.rendered = Some(now);
                state.changes += u64::from(is_changed);
            });
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}{}", path.display(), advice(error))
}
