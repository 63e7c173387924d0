//! Small things that are looked after once a second or a minute.

use std::sync::Arc;
use std::time::Duration;

use crate::active::Active;

const STEP: Duration = Duration::from_secs(1);
/// How often the age of the data key is looked at, in steps.
const KEYRING_STEPS: u32 = 60;

pub(super) async fn run(active: Arc<Active>) {
    let mut step = 0_u32;
    loop {
        active.clock.sleep(STEP).await;
        active.auditor.look_again();
        if let Err(error) = active.auditor.follow().await {
            tracing::warn!(%error, "the audit configuration cannot be read");
        }
        step = step.wrapping_add(1);
        if step.is_multiple_of(KEYRING_STEPS) && active.is_expiring() {
            rotate_when_due(&active).await;
        }
    }
}

/// Replaces the data key when its policy says so.
async fn rotate_when_due(active: &Active) {
    let keyring = active.barrier.keyring();
    let now = active.clock.now();
    if !keyring.is_rotation_due(now) {
        return;
    }
    match active
        .install_keyring(keyring.rotated(&*active.entropy, now))
        .await
    {
        Ok(()) => tracing::info!(term = active.barrier.keyring().status().term, "data key rotated"),
        Err(fault) => tracing::error!(%fault, "the data key was not rotated"),
    }
}
