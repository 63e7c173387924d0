//! Lets the next key sign when it is time to, on the node that runs the timers.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Timestamp;

use super::Oidc;
use super::key::Signer;
use crate::active::Active;
use crate::barrier::{Generation, Writes};
use crate::fault::Fault;
use crate::layout;

/// How often to look whether it is time.
const STEP: Duration = Duration::from_secs(1);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(10);

pub(crate) async fn run(active: Arc<Active>) {
    let mut schedule = None;
    let changed = active.barrier.generation_everywhere(super::KEYS);
    loop {
        let pause = if active.is_expiring() {
            match pass(&active, &changed, &mut schedule).await {
                Ok(()) => STEP,
                Err(fault) => {
                    tracing::warn!(%fault, "keys of identity tokens were not rotated; trying again");
                    PAUSE
                }
            }
        } else {
            STEP
        };
        active.clock.sleep(pause).await;
    }
}

/// When the first key is due, as it was when the counter of changes stood at the number.
type Schedule = Option<(u64, Option<Timestamp>)>;

async fn pass(root: &Active, changed: &Generation, schedule: &mut Schedule) -> Result<(), Fault> {
    let (stamp, now) = (changed.current(), root.clock.now());
    if let Some((then, first)) = schedule
        && *then == stamp
        && first.is_none_or(|first| now < first)
    {
        return Ok(());
    }
    let namespaces = root.namespaces()?;
    let mut first: Option<Timestamp> = None;
    let mut rotated = false;
    for id in namespaces.ids().await? {
        let keys = layout::view_of(&root.barrier, &id)?.folder(super::KEYS);
        // A namespace without keys is not opened for this.
        if keys.list("", "", 1).await?.names.is_empty() {
            continue;
        }
        let Some(active) = namespaces.by_id(&id).await? else {
            continue;
        };
        for (name, key) in active.oidc.keys.all().await? {
            if key.next_rotation <= now {
                rotate(&active.oidc, &name, now).await?;
                tracing::info!(key = %name, namespace = %active.namespace.path, "a key of identity tokens was rotated");
                rotated = true;
            } else {
                first = Some(first.map_or(key.next_rotation, |first| first.min(key.next_rotation)));
            }
        }
    }
    *schedule = (!rotated).then_some((stamp, first));
    Ok(())
}

/// Once, however many periods have passed: a key that nobody has seen must not sign.
async fn rotate(oidc: &Oidc, name: &str, now: Timestamp) -> Result<(), Fault> {
    let Some(found) = oidc
        .keys
        .get(name)
        .await?
        .filter(|row| row.value.next_rotation <= now)
    else {
        return Ok(());
    };
    let mut key = found.value.duplicate();
    let fresh = Signer::generate(key.settings.algorithm()?, &oidc.entropy).await?;
    let ttl = key.settings.verification_ttl;
    key.rotate(fresh, ttl, now);
    let mut writes = Writes::new();
    writes.in_background();
    oidc.keys.put_in(&mut writes, name, &key)?;
    oidc.keys.expect_in(&mut writes, name, Some(&found));
    // Otherwise somebody changed it meanwhile, and the next pass decides again.
    let _ = oidc.commit(&oidc.keys, name, writes).await?;
    Ok(())
}
