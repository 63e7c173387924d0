//! Leases of a program: renewed while it runs, revoked when it has ended.

use std::sync::Arc;
use std::time::Duration;

use arca_base::json::Object;
use arca_base::{Clock, Json};
use arca_client::Client;

/// The shortest time between renewals.
const SHORTEST: Duration = Duration::from_secs(1);

/// One lease.
pub(super) struct Lease {
    pub(super) id: String,
    pub(super) length: Duration,
    pub(super) renewable: bool,
}

/// All leases of a program.
pub(super) struct Leases {
    leases: Vec<Lease>,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Leases {
    pub(super) fn new(leases: Vec<Lease>, client: Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            leases,
            client,
            clock,
        }
    }

    /// Renews each at two thirds of the shortest; never completes. A lease the server does not renew is left to end.
    pub(super) async fn keep(&mut self) {
        loop {
            let renewable = self.leases.iter().filter(|lease| lease.renewable);
            let Some(shortest) = renewable.map(|lease| lease.length).min() else {
                return std::future::pending().await;
            };
            self.clock.sleep((shortest * 2 / 3).max(SHORTEST)).await;
            for lease in self.leases.iter_mut().filter(|lease| lease.renewable) {
                let request = Object::from([("lease_id".to_owned(), Json::from(lease.id.as_str()))]);
                match self.client.write("sys/leases/renew", &request).await {
                    Ok(answer) => {
                        let answer = answer.unwrap_or_default();
                        lease.length = Duration::from_secs(answer.lease_duration);
                        lease.renewable = answer.renewable && answer.lease_duration > 1;
                    }
                    Err(error) if error.status().is_some_and(|status| status.is_client_error()) => {
                        lease.renewable = false;
                    }
                    // The server may come back before the lease ends.
                    Err(_) => lease.length = (lease.length / 3).max(SHORTEST),
                }
            }
        }
    }

    /// Revokes all of them; gives what to tell about those that could not be.
    pub(super) async fn give_back(self) -> Vec<String> {
        let mut problems = Vec::new();
        for lease in &self.leases {
            let request = Object::from([("lease_id".to_owned(), Json::from(lease.id.as_str()))]);
            if let Err(error) = self.client.write("sys/leases/revoke", &request).await {
                problems.push(format!(
                    "The lease {} is not revoked and lives until its time is up: {error}",
                    lease.id
                ));
            }
        }
        problems
    }
}
