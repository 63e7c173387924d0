//! Limits of how often clients may ask.
//!
//! ```text
//! quota/rate-limit/<name>     a limit
//! quota/config                what holds for all
//! ```
//!
//! A request is counted right after it was read, before its token is looked up or any engine works. Of the limits that
//! fit its path the most specific one holds. Clients are told apart by their address, and each node counts for itself,
//! in bounded memory.

mod endpoints;
mod limiter;
mod rule;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

pub(crate) use self::endpoints::routes;

use self::limiter::{Limit, Limiter};
use self::rule::{QuotaConfig, Rule, Rules};
use crate::barrier::{Generation, Rows, View};
use crate::ceremony;
use crate::fault::Fault;

/// Name of the row of what holds for all limits.
const CONFIG: &str = "config";

/// How often one client may ask for the ceremonies of share holders, which need no token: five times a second,
/// sixty times in a row.
const CEREMONIES: Limit = Limit {
    emission: Duration::from_millis(200),
    tolerance: Duration::from_secs(12),
    block: Duration::ZERO,
};

/// The limits of one namespace, and what clients have used up.
pub(crate) struct Quotas {
    rules: Rows<Rule>,
    config: Rows<QuotaConfig>,
    changed: Generation,
    known: RwLock<Option<(u64, Arc<Rules>)>>,
    limiter: Limiter,
    /// Name of the limit of the ceremonies; no rule of an operator is called so.
    ceremonies: Arc<str>,
}

/// A request that is one too many.
pub(crate) struct Exceeded {
    pub(crate) fault: Fault,
    /// Whether it belongs into the audit log.
    pub(crate) audited: bool,
}

impl Quotas {
    pub(crate) fn new(view: &View) -> Self {
        let view = view.folder("quota/");
        Self {
            changed: view.generation(),
            rules: Rows::new(view.folder("rate-limit/")),
            config: Rows::new(view),
            known: RwLock::new(None),
            limiter: Limiter::default(),
            ceremonies: Arc::from(""),
        }
    }

    /// Counts a request; `now` is where the stopwatch stands.
    pub(crate) async fn count(
        &self,
        path: &str,
        client: Option<IpAddr>,
        now: Duration,
    ) -> Result<(), Exceeded> {
        if ceremony::is_open(path)
            && let Err(wait) = self.limiter.take(&self.ceremonies, &CEREMONIES, client, now)
        {
            // Not audited: whoever floods these paths must not fill the log.
            return Err(Exceeded {
                fault: too_often(path, wait),
                audited: false,
            });
        }
        let failed = |fault| Exceeded { fault, audited: true };
        let rules = self.rules().await.map_err(failed)?;
        let Some(rule) = rules.of(path) else {
            return Ok(());
        };
        let Err(wait) = self.limiter.take(&rule.name, &rule.limit, client, now) else {
            return Ok(());
        };
        Err(Exceeded {
            fault: too_often(path, wait),
            audited: rules.config.audit,
        })
    }

    /// All limits as they are; read again when they have changed.
    async fn rules(&self) -> Result<Arc<Rules>, Fault> {
        let now = self.changed.current();
        if let Some((then, known)) = &*self.known.read()
            && *then == now
        {
            return Ok(known.clone());
        }
        let rows = self.rules.all().await?;
        let config = self.config.get(CONFIG).await?.map(|row| (*row.value).clone());
        let rules = Arc::new(Rules::new(rows, config.unwrap_or_default()));
        *self.known.write() = Some((now, rules.clone()));
        Ok(rules)
    }
}

fn too_often(path: &str, wait: Duration) -> Fault {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let text = format!("request path {path:?}: rate limit quota exceeded");
    Fault::limited(text).retry_after(seconds.max(1))
}
