//! Waiting for the first device that has an entry.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::ticket::Ticket;

/// No device accepted an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no audit device accepted the entry")]
pub struct NoDeviceAccepted;

/// An entry on its way to the devices. It holds nothing of the request any more.
#[must_use = "an entry counts only once a device has accepted it"]
pub struct Acceptance {
    /// None when no device wants the entry.
    pub(super) tickets: Vec<Ticket>,
}

impl Acceptance {
    /// Waits until the first device has written the entry, or all have failed to. Nobody waits for a slow device
    /// while another is done.
    ///
    /// # Errors
    /// [`NoDeviceAccepted`] when all have failed; the request must not be executed, or its answer not be given.
    pub async fn accepted(mut self) -> Result<(), NoDeviceAccepted> {
        let Some(last) = self.tickets.pop() else {
            return Ok(());
        };
        let accepted = if self.tickets.is_empty() {
            last.written().await
        } else {
            self.tickets.push(last);
            first(self.tickets).await
        };
        if accepted { Ok(()) } else { Err(NoDeviceAccepted) }
    }
}

async fn first(tickets: Vec<Ticket>) -> bool {
    if tickets
        .iter()
        .any(|ticket| matches!(ticket, Ticket::Settled(true)))
    {
        return true;
    }
    let mut waiting: FuturesUnordered<_> = tickets.into_iter().map(Ticket::written).collect();
    while let Some(written) = waiting.next().await {
        if written {
            return true;
        }
    }
    false
}
