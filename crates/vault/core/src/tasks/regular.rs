//! The regular work of engines, on the node that runs the timers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::active::Active;
use crate::barrier::Generation;
use crate::fault::Fault;
use crate::layout;
use crate::router::{Mount, with_regular_work};

/// How often engines are asked.
const STEP: Duration = Duration::from_secs(5);
/// How often to look whether this node runs the timers by now.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn run(active: Arc<Active>) {
    let mut mounts = Mounts::new(&active);
    let mut running: HashMap<String, JoinHandle<()>> = HashMap::new();
    loop {
        if !active.is_expiring() {
            active.clock.sleep(PAUSE).await;
            continue;
        }
        match mounts.current(&active).await {
            Ok(mounts) => {
                running.retain(|_, work| !work.is_finished());
                for (of, mount) in mounts {
                    // An engine that is still busy is not asked again.
                    if !running.contains_key(&mount.uuid) {
                        running.insert(mount.uuid.clone(), start(of, mount.clone()));
                    }
                }
            }
            Err(fault) => tracing::warn!(%fault, "mounts with regular work cannot be read; trying again"),
        }
        active.clock.sleep(STEP).await;
    }
}

/// The mounts that have regular work, of all namespaces, read again only when a mount has changed in any of them.
struct Mounts {
    changes: Generation,
    read_at: Option<u64>,
    found: Vec<(Arc<Active>, Arc<Mount>)>,
}

impl Mounts {
    fn new(active: &Active) -> Self {
        Self {
            changes: active.barrier.generation_everywhere("mount/"),
            read_at: None,
            found: Vec::new(),
        }
    }

    async fn current(&mut self, root: &Arc<Active>) -> Result<&[(Arc<Active>, Arc<Mount>)], Fault> {
        let now = self.changes.current();
        if self.read_at != Some(now) {
            let namespaces = root.namespaces()?;
            let mut found = Vec::new();
            for id in namespaces.ids().await? {
                let view = layout::view_of(&root.barrier, &id)?;
                let mounts = with_regular_work(&view, root.router.catalog()).await?;
                if mounts.is_empty() {
                    continue;
                }
                if let Some(active) = namespaces.by_id(&id).await? {
                    found.extend(mounts.into_iter().map(|mount| (active.clone(), mount)));
                }
            }
            self.found = found;
            self.read_at = Some(now);
        }
        Ok(&self.found)
    }
}

fn start(active: &Arc<Active>, mount: Arc<Mount>) -> JoinHandle<()> {
    let active = active.clone();
    tokio::spawn(async move {
        let stop = active.stop.clone();
        let work = async {
            if let Err(fault) = work(&active, &mount).await {
                tracing::warn!(mount = %mount.path, %fault, "regular work of an engine failed; tried again soon");
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = work => {}
        }
    })
}

async fn work(active: &Active, mount: &Arc<Mount>) -> Result<(), Fault> {
    let now = active.clock.now();
    let engine = active.router.engine(mount)?;
    let ticked = engine.tick(active.router.site(mount, now)).await?;
    if ticked.recovered {
        let count = active.leases.retry_stuck(&mount.uuid, now).await?;
        tracing::info!(mount = %mount.path, count, "leases that could not be ended are tried again");
    }
    Ok(())
}
