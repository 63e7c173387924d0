//! Drivers in use, one for each configuration, and calls to them that end in bounded time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arca_base::json::Object;
use arca_core::Fault;
use arca_core::barrier::Row;
use arca_core::engine::Site;
use arca_storage::Revision;
use parking_lot::Mutex;
use tokio::sync::{RwLock, RwLockWriteGuard};

use super::Databases;
use super::breaker::Breaker;
use super::catalog;
use super::config::{self, Config};
use super::driver::{Database, DriverError, Kind};
use super::settings::ConnectionSettings;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(30);

/// All drivers in use.
#[derive(Default)]
pub(super) struct Connections(Mutex<HashMap<String, Arc<Connection>>>);

/// The driver of one configuration.
pub(super) struct Connection {
    /// The kind of database.
    pub(super) kind: &'static Kind,
    /// Borrowed by calls; held alone while the driver or the password it logs in with changes.
    current: RwLock<Arc<dyn Database>>,
    revision: AtomicU64,
    breaker: Breaker,
}

impl Connections {
    /// The driver for a configuration as it is stored; another one when it has changed.
    async fn of(&self, site: &Site, name: &str, row: &Row<Config>) -> Result<Arc<Connection>, DriverError> {
        let former = self.0.lock().get(name).cloned();
        if let Some(former) =
            former.filter(|former| former.revision.load(Ordering::Acquire) == row.revision.0)
        {
            return Ok(former);
        }
        let (kind, driver) = open(site, &row.value.plugin_name, &row.value.details).await?;
        Ok(self.put(name, kind, driver, row.revision).await)
    }

    /// Puts a driver in use. The one before is closed as soon as its calls have ended; whoever waits to make a call
    /// makes it to the new one.
    pub(super) async fn put(
        &self,
        name: &str,
        kind: &'static Kind,
        driver: Arc<dyn Database>,
        revision: Revision,
    ) -> Arc<Connection> {
        let there = {
            let mut all = self.0.lock();
            match all.get(name).filter(|there| std::ptr::eq(there.kind, kind)) {
                Some(there) => there.clone(),
                None => {
                    let connection = Arc::new(Connection {
                        kind,
                        current: RwLock::new(driver),
                        revision: AtomicU64::new(revision.0),
                        breaker: Breaker::of_unknown(),
                    });
                    close(all.insert(name.to_owned(), connection.clone()));
                    return connection;
                }
            }
        };
        let mut current = there.current.write().await;
        there.replace(&mut current, driver, revision).await;
        drop(current);
        there
    }

    /// Closes and forgets a driver.
    pub(super) fn forget(&self, name: &str) {
        close(self.0.lock().remove(name));
    }

    /// All drivers in use.
    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        self.0.lock().values().cloned().collect()
    }
}

/// Closes a driver as soon as its calls have ended.
fn close(former: Option<Arc<Connection>>) {
    if let Some(former) = former {
        tokio::spawn(async move { former.current.write().await.close().await });
    }
}

/// Makes a driver; it does not speak to the database yet.
pub(super) async fn open(
    site: &Site,
    plugin_name: &str,
    details: &Object,
) -> Result<(&'static Kind, Arc<dyn Database>), DriverError> {
    let kind = catalog::kind(plugin_name).ok_or_else(|| {
        let known: Vec<&str> = catalog::KINDS.iter().map(|kind| kind.plugin_name).collect();
        DriverError::Setting(format!(
            "unable to create database plugin: no plugin is called {plugin_name:?}; plugin_name is one of {}",
            known.join(", ")
        ))
    })?;
    let settings = ConnectionSettings::new(details.clone());
    let driver = (kind.open)(settings, site.entropy.clone()).await?;
    Ok((kind, driver))
}

impl Databases {
    /// A configuration and the driver for it.
    ///
    /// # Errors
    /// 500 when there is no such configuration, or its settings cannot be used.
    pub(super) async fn connection(
        &self,
        site: &Site,
        name: &str,
    ) -> Result<(Arc<Config>, Arc<Connection>), Fault> {
        let row = config::find(site, name).await?;
        let connection = self.connections.of(site, name, &row).await.map_err(failed)?;
        Ok((row.value, connection))
    }
}

/// A failure of the database as the caller sees it.
#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
pub(super) fn failed(error: DriverError) -> Fault {
    Fault::failed(error.to_string())
}

impl Connection {
    /// Makes a call: not while the database is known to be gone, nor while the driver changes, and not longer than
    /// a call may take.
    pub(super) async fn call<T, F>(
        &self,
        site: &Site,
        call: impl FnOnce(Arc<dyn Database>) -> F,
    ) -> Result<T, DriverError>
    where
        F: Future<Output = Result<T, DriverError>>,
    {
        let bounded = async {
            let current = self.current.read().await;
            self.call_on(&current, site, call).await
        };
        tokio::time::timeout(CALL * 2, bounded)
            .await
            .unwrap_or(Err(DriverError::TimedOut(CALL.as_secs() * 2)))
    }

    /// Keeps others from making calls.
    pub(super) async fn alone(&self) -> RwLockWriteGuard<'_, Arc<dyn Database>> {
        self.current.write().await
    }

    /// Makes a call to the driver that is held.
    pub(super) async fn call_on<T, F>(
        &self,
        driver: &Arc<dyn Database>,
        site: &Site,
        call: impl FnOnce(Arc<dyn Database>) -> F,
    ) -> Result<T, DriverError>
    where
        F: Future<Output = Result<T, DriverError>>,
    {
        self.breaker.admit(site.now).map_err(|kept| {
            DriverError::Unreachable(format!(
                "not tried again for {} s after {} failures, the last of them: {}",
                kept.seconds, kept.failures, kept.reason
            ))
        })?;
        let outcome = tokio::time::timeout(CALL, call(driver.clone()))
            .await
            .unwrap_or(Err(DriverError::TimedOut(CALL.as_secs())));
        match &outcome {
            Err(error) if error.is_out_of_reach() => {
                self.breaker.failed(site.now, &error.to_string(), &*site.entropy);
            }
            // Neither good nor bad news of the server.
            Err(DriverError::Busy(_) | DriverError::Setting(_)) => {}
            Ok(_) | Err(_) => self.breaker.succeeded(),
        }
        outcome
    }

    /// Puts another driver in the place of the one that is held.
    pub(super) async fn replace(
        &self,
        current: &mut Arc<dyn Database>,
        driver: Arc<dyn Database>,
        revision: Revision,
    ) {
        let former = std::mem::replace(current, driver);
        self.revision.store(revision.0, Ordering::Release);
        self.breaker.forget();
        former.close().await;
    }

    /// Looks whether a database that was gone is back; whether it came back since this was last asked.
    pub(super) async fn probe(&self, site: &Site) -> bool {
        if self.breaker.wants_probe(site.now) {
            let _ = self
                .call(site, |driver| async move { driver.verify().await })
                .await;
        }
        self.breaker.take_recovered()
    }
}
