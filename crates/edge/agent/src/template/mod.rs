//! Templates: each is rendered when what it needs is there, and again when that changes.
//!
//! | part | holds |
//! |---|---|
//! | `text` | a template as it was read, and one pass over it |
//! | `functions` | what templates can call: the parts that reach outside |
//! | `library`, `plain` | the other parts |
//! | `item` | one template on its way through the life of the agent |
//! | `destination` | its file |
//! | `command` | what runs after files have changed |
//! | `reuse` | certificates that are in their files already |
//! | `rehearsal` | the same without writing anything |
//!
//! A template that fails keeps what it made last, and the others go on.

mod command;
#[cfg(test)]
mod corpus;
mod destination;
mod functions;
mod item;
mod library;
mod plain;
mod rehearsal;
mod reuse;
mod text;

use std::sync::Arc;
use std::time::Duration;

use arca_base::{Clock, Entropy};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::board::{Board, TemplateState};
use crate::config::{EnvTemplate, Template};
use crate::secrets::Secrets;
use crate::supervise::{Environment, EnvironmentFeed};
use command::Batches;
use destination::Destination;
use item::{Item, Rendered, Target};
use text::Text;

pub use rehearsal::Rehearsal;
pub use text::BadTemplate;

/// Longest sleep without a look at everything.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// How far the templates are.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Each has been rendered once.
    pub is_complete: bool,
    /// Batches of commands that have not ended.
    pub commands: usize,
    /// Why the agent is to end, as `exit_on_retry_failure` asks.
    pub failed: Option<String>,
}

impl Progress {
    /// Whether an agent that does its work once has done it.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_complete && self.commands == 0
    }
}

/// What templates have around them.
pub struct Around {
    /// What they are made from.
    pub secrets: Secrets,
    /// Where they are shown.
    pub board: Board,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for names of temporary files.
    pub entropy: Arc<dyn Entropy>,
    /// End the agent when a secret could not be fetched in all its attempts, or a template failed.
    pub exit_on_failure: bool,
    /// Told when templates are to be read from their files again.
    pub reload: Arc<Notify>,
}

/// All templates of an agent.
pub struct Templates {
    items: Vec<Item>,
    around: Around,
    progress: watch::Sender<Progress>,
    environment: watch::Sender<Option<Arc<Environment>>>,
}

impl Templates {
    /// Reads and parses them.
    ///
    /// # Errors
    /// [`BadTemplate`] for the first that cannot be read or is no template.
    pub fn new(
        templates: Vec<Template>,
        variables: Vec<EnvTemplate>,
        around: Around,
    ) -> Result<Self, BadTemplate> {
        let mut items = Vec::new();
        for template in templates {
            let destination = Destination::of(&template);
            let name = template.destination.display().to_string();
            let text = Text::load(template.text, &name, &around.secrets)?;
            let mut item = Item::new(items.len(), text, Target::File(destination));
            item.command = template.command;
            item.wait = template.wait;
            items.push(item);
        }
        for variable in variables {
            let text = Text::load(variable.text, &format!("env:{}", variable.name), &around.secrets)?;
            let target = Target::Variable {
                name: variable.name,
                value: None,
            };
            items.push(Item::new(items.len(), text, target));
        }
        for item in &items {
            around.board.post(|report| {
                let state = TemplateState {
                    destination: item.name(),
                    ..TemplateState::default()
                };
                report.templates.insert(item.number, state);
            });
        }
        Ok(Self {
            items,
            around,
            progress: watch::Sender::new(Progress::default()),
            environment: watch::Sender::new(None),
        })
    }

    /// What they are made from.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.around.secrets
    }

    /// How far they are.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// The variables of the supervised process: `None` until each has been rendered once.
    #[must_use]
    pub fn environment(&self) -> EnvironmentFeed {
        self.environment.subscribe()
    }

    /// Works until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let (batches, runner) = command::channel(self.around.clock.clone(), self.progress.clone());
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = runner.run() => {}
            () = self.keep(&batches) => {}
        }
    }

    async fn keep(&mut self, batches: &Batches) {
        let mut changes = self.around.secrets.changes();
        let (clock, reload) = (self.around.clock.clone(), self.around.reload.clone());
        loop {
            changes.mark_unchanged();
            let wait = self.round(batches);
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = clock.sleep(wait) => {}
                () = reload.notified() => self.read_again(),
            }
        }
    }

    /// Renders what is due, and says how long nothing else is.
    fn round(&mut self, batches: &Batches) -> Duration {
        let Around {
            secrets,
            board,
            clock,
            entropy,
            ..
        } = &self.around;
        let mut commands = Vec::new();
        let mut wait = LONGEST_SLEEP;
        let mut fatal = None;
        for item in &mut self.items {
            let (now, wall) = (clock.monotonic(), clock.now());
            let outlook = secrets.outlook(item.number);
            match item.due(outlook.version, now) {
                Some(due) if due <= now => {
                    let rendered = item.render(secrets, (now, wall), &**entropy);
                    item.note(&rendered, board, wall);
                    if let (Rendered::Changed, Some(command)) = (&rendered, &item.command) {
                        commands.push(command.clone());
                    }
                    if let Rendered::Failed {
                        message,
                        is_fatal: true,
                    } = rendered
                    {
                        fatal.get_or_insert(format!("{}: {message}", item.name()));
                    }
                }
                _ => {}
            }
            let outlook = secrets.outlook(item.number);
            if let Some(due) = item.due(outlook.version, now) {
                wait = wait.min(due.saturating_sub(now));
            }
            if outlook.exhausted {
                let reason = outlook
                    .trouble
                    .as_ref()
                    .map_or("", |trouble| trouble.message.as_str());
                fatal.get_or_insert(format!("{}: {reason}", item.name()));
            }
            item.post(board, &outlook);
        }
        batches.hand_in(commands);
        self.publish(fatal);
        wait
    }

    fn publish(&self, fatal: Option<String>) {
        let is_complete = self.items.iter().all(|item| item.is_rendered);
        let fatal = fatal.filter(|_| self.around.exit_on_failure);
        self.progress.send_if_modified(|progress| {
            let is_news =
                progress.is_complete != is_complete || (fatal.is_some() && progress.failed.is_none());
            progress.is_complete = is_complete;
            if progress.failed.is_none() {
                progress.failed = fatal;
            }
            is_news
        });
        if is_complete {
            self.publish_variables();
        }
    }

    fn publish_variables(&self) {
        let pairs = self.items.iter().filter_map(|item| match &item.target {
            Target::Variable {
                name,
                value: Some(value),
            } => Some((name.clone(), value.duplicate())),
            _ => None,
        });
        let newest: Environment = pairs.collect();
        self.environment.send_if_modified(|known| {
            let is_same = known.as_ref().is_some_and(|known| known.equals(&newest));
            if !is_same {
                *known = Some(Arc::new(newest));
            }
            !is_same
        });
    }

    /// Templates that stand in files are read again; one that is none any more stays as it was.
    fn read_again(&mut self) {
        for item in &mut self.items {
            let name = item.name();
            match item.text.read_again(&name, &self.around.secrets) {
                Ok(true) => item.forget(),
                Ok(false) => {}
                Err(error) => tracing::error!("the template stays as it was: {error}"),
            }
        }
    }
}
