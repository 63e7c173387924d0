//! The regular work: looking whether databases are back, undoing what was interrupted, changing passwords.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use arca_base::{Timestamp, Ttl};
use arca_core::Fault;
use arca_core::engine::{Site, Ticked};
use futures_util::StreamExt as _;
use parking_lot::Mutex;

use super::{Databases, config, intent, root, static_role, static_rotation};

/// Passwords changed at the same time.
const TOGETHER: usize = 8;
/// How long to wait after a change that failed.
const PAUSE: Ttl = Ttl::from_seconds(10);

/// What is to be changed when, as it was last read.
#[derive(Default)]
pub(super) struct Agenda {
    begun: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The counters of the records when they were read.
    read_at: Option<[u64; 2]>,
    tasks: Vec<Task>,
    /// Changes that failed, and when they are tried again.
    again: HashMap<Task, Timestamp>,
}

/// A password to change.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Task {
    Root(String),
    Role(String),
    /// What comes after such a change.
    After(String),
}

pub(super) async fn run(engine: &Databases, site: &Site) -> Result<Ticked, Fault> {
    // After unsealing nobody knows what came back meanwhile.
    let begun = engine.agenda.begun.swap(true, Ordering::AcqRel);
    let connections = engine.connections.all();
    let probes = connections.iter().map(|connection| connection.probe(site));
    let recovered = futures_util::future::join_all(probes).await.contains(&true);
    // Side by side, so that a database that is slow does not keep the others waiting.
    let (undone, found_out, changed) = tokio::join!(
        intent::undo_stale(engine, site),
        root::recover(engine, site),
        change_due(engine, site),
    );
    undone.and(found_out).and(changed)?;
    Ok(Ticked {
        recovered: recovered || !begun,
    })
}

/// Changes the passwords that are due.
async fn change_due(engine: &Databases, site: &Site) -> Result<(), Fault> {
    let waiting = static_role::forget_stale(site).await?;
    let due = engine.agenda.due(site, waiting).await?;
    futures_util::stream::iter(due)
        .for_each_concurrent(TOGETHER, |task| change(engine, site, task))
        .await;
    Ok(())
}

async fn change(engine: &Databases, site: &Site, task: Task) {
    let changed = match &task {
        Task::Root(name) => root::change(engine, site, name).await,
        Task::Role(name) => match static_rotation::change(engine, site, name).await {
            Ok(static_rotation::Changed::Done(Some(warning))) => {
                tracing::warn!(name, warning);
                Ok(())
            }
            changed => changed.map(drop),
        },
        Task::After(name) => static_rotation::finish(engine, site, name).await,
    };
    let mut state = engine.agenda.state.lock();
    match changed {
        Ok(()) => {
            state.again.remove(&task);
        }
        Err(fault) => {
            let (what, name) = match &task {
                Task::Root(name) => ("configuration", name),
                Task::Role(name) => ("static role", name),
                Task::After(name) => ("what comes after the change of a static role", name),
            };
            tracing::warn!(what, name, %fault, "a password was not changed; tried again soon");
            state.again.insert(task, site.now.plus(PAUSE));
        }
    }
}

impl Agenda {
    /// What is to be changed now. `waiting` are roles whose change was begun and not ended.
    async fn due(&self, site: &Site, waiting: Vec<String>) -> Result<Vec<Task>, Fault> {
        self.refresh(site).await?;
        let mut candidates: Vec<Task> = waiting.into_iter().map(Task::Role).collect();
        let waiting = candidates.len();
        candidates.extend(self.state.lock().tasks.iter().cloned());
        let mut due = Vec::new();
        for (index, task) in candidates.into_iter().enumerate() {
            let postponed = self
                .state
                .lock()
                .again
                .get(&task)
                .is_some_and(|at| *at > site.now);
            if postponed || due.contains(&task) {
                continue;
            }
            if index < waiting || is_due(site, &task).await? {
                due.push(task);
            }
        }
        Ok(due)
    }

    /// Reads the names again when a record has changed.
    async fn refresh(&self, site: &Site) -> Result<(), Fault> {
        let (configs, roles) = (config::rows(site), static_role::rows(site));
        let now = [
            configs.view().generation().current(),
            roles.view().generation().current(),
        ];
        if self.state.lock().read_at == Some(now) {
            return Ok(());
        }
        let mut tasks = Vec::new();
        for (name, config) in configs.all().await? {
            if config.schedule.is_set() {
                tasks.push(Task::Root(name));
            }
        }
        for (name, role) in roles.all().await? {
            if role.after_due {
                tasks.push(Task::After(name.clone()));
            }
            tasks.push(Task::Role(name));
        }
        let mut state = self.state.lock();
        state.read_at = Some(now);
        state.tasks = tasks;
        Ok(())
    }
}

async fn is_due(site: &Site, task: &Task) -> Result<bool, Fault> {
    let due = match task {
        Task::Root(name) => {
            let row = config::rows(site).get(name).await?;
            row.and_then(|row| root::due(&row.value, site.now))
        }
        Task::Role(name) => {
            let row = static_role::rows(site).get(name).await?;
            row.and_then(|row| row.value.due(site.now))
        }
        Task::After(name) => {
            let row = static_role::rows(site).get(name).await?;
            row.filter(|row| row.value.after_due).map(|_| site.now)
        }
    };
    Ok(due.is_some_and(|due| due <= site.now))
}
