//! A server process: serving, unsealing by itself, and what signals ask for.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arca_base::Clock;
use arca_core::Core;
use arca_core::seal::SealKind;
use tokio::sync::watch;

use crate::config::{Configuration, Environment, Strictness};
use crate::logging::Logging;
use crate::server::{Control, Server};
use crate::signals::{Signals, Word};

/// First pause after unsealing has failed.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between attempts to unseal.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause before looking whether another node has initialized the store.
const UNINITIALIZED_PAUSE: Duration = Duration::from_secs(5);

/// Where the configuration was read from, to read it again.
pub struct Reloading {
    /// Files and folders; none for a server without.
    pub paths: Vec<PathBuf>,
    /// Variables that override them.
    pub environment: Environment,
    /// What becomes of keys without effect.
    pub strictness: Strictness,
    /// The log whose level may change.
    pub logging: Option<Logging>,
}

/// Serves until a signal asks to stop, then seals. A second signal ends at once.
///
/// # Errors
/// Those of the operating system, when signals cannot be taken over.
pub async fn run(
    server: Server,
    core: Arc<Core>,
    clock: Arc<dyn Clock>,
    reloading: Reloading,
) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let control = server.control();
    let (stops, seen) = watch::channel(0_u32);
    let reached = |count: u32| {
        let mut seen = seen.clone();
        async move {
            let _ = seen.wait_for(|stops| *stops >= count).await;
        }
    };
    let mut serving = Box::pin(server.run_until(reached(1), reached(2)));
    let unsealing = tokio::spawn(unseal(core.clone(), clock));
    loop {
        tokio::select! {
            () = &mut serving => break,
            word = signals.next() => match word {
                Word::Stop => stops.send_modify(|stops| *stops += 1),
                Word::Reload => reloading.reload(&control, &core),
                Word::Describe => describe(&control),
            },
        }
    }
    unsealing.abort();
    core.seal().await;
    Ok(())
}

/// Unseals a server whose seal opens by itself, however long that takes. Ends at once for other seals.
pub async fn unseal(core: Arc<Core>, clock: Arc<dyn Clock>) {
    let mut pause = FIRST_PAUSE;
    while let Err(fault) = core.lifecycle().finish_restore().await {
        tracing::warn!(%fault, retry_s = pause.as_secs(), "the restore of a snapshot was interrupted and cannot be completed yet");
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    loop {
        let lifecycle = core.lifecycle();
        match lifecycle.status().await {
            Ok(status) if status.kind == SealKind::Shamir || !status.sealed => return,
            Ok(status) if !status.initialized => {
                clock.sleep(UNINITIALIZED_PAUSE).await;
                continue;
            }
            Ok(_) => match lifecycle.unseal_automatically().await {
                Ok(()) => return,
                Err(fault) => {
                    tracing::warn!(%fault, cause = fault.cause().map(tracing::field::display), retry_s = pause.as_secs(), "unsealing failed")
                }
            },
            Err(fault) => {
                tracing::warn!(%fault, cause = fault.cause().map(tracing::field::display), retry_s = pause.as_secs(), "the state of the seal cannot be read")
            }
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

impl Reloading {
    /// Takes over what may change while a server runs. A mistake in the files leaves their part as it is.
    pub fn reload(&self, control: &Control, core: &Core) {
        core.reopen_audit();
        let listeners = match self.load() {
            Some(Ok(configuration)) => {
                if let Some(logging) = &self.logging {
                    logging.set_level(configuration.log_level);
                }
                if !control.listens_at(&configuration.listeners) {
                    tracing::warn!("listeners were added, removed or moved: that takes a restart");
                }
                configuration.listeners
            }
            Some(Err(error)) => {
                tracing::error!(%error, "the configuration cannot be read and stays as it was");
                Vec::new()
            }
            None => Vec::new(),
        };
        let failures = control.reload(&listeners);
        for (address, error) in &failures {
            tracing::error!(%address, %error, "certificates stay as they were");
        }
        tracing::info!(failures = failures.len(), "reloaded");
    }

    fn load(&self) -> Option<Result<Configuration, crate::config::ConfigError>> {
        if self.paths.is_empty() {
            return None;
        }
        Some(Configuration::load(
            &self.paths,
            &self.environment,
            self.strictness,
        ))
    }
}

fn describe(control: &Control) {
    tracing::info!(
        connections = control.connections(),
        tasks = control.tasks(),
        "in progress"
    );
}
