//! Lets the next key sign when it is time to, on the node that runs the timers.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Timestamp;

use super::Oidc;
use super::key::Signer;
use crate::active::Active;
use crate::barrier::Writes;
use crate::fault::Fault;

/// How often to look whether it is time.
const STEP: Duration = Duration::from_secs(1);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(10);

pub(crate) async fn run(active: Arc<Active>) {
    let mut schedule = None;
    loop {
        let pause = if active.is_expiring() {
            match pass(&active, &mut schedule).await {
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

async fn pass(active: &Active, schedule: &mut Schedule) -> Result<(), Fault> {
    let oidc = &active.oidc;
    let (stamp, now) = (oidc.changed.current(), active.clock.now());
    if let Some((then, first)) = schedule
        && *then == stamp
        && first.is_none_or(|first| now < first)
    {
        return Ok(());
    }
    let rows = oidc.keys.all().await?;
    let times = rows.iter().map(|(name, key)| (name, key.next_rotation));
    let (due, later): (Vec<_>, Vec<_>) = times.partition(|(_, time)| *time <= now);
    for (name, _) in &due {
        rotate(oidc, name, now).await?;
        tracing::info!(key = %name, "a key of identity tokens was rotated");
    }
    *schedule = due
        .is_empty()
        .then(|| (stamp, later.iter().map(|(_, time)| *time).min()));
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
