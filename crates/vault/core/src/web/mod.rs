//! What the HTTP side of the server has to know of the configuration that is kept in the store.
//!
//! ```text
//! config/audited-header/<name>   a request header that stands in the audit log
//! config/passed-header/<name>    a request header that some mount hands to its engine
//! config/cors                    from where browsers may use the API
//! config/ui-header/<name>        a header of what is answered outside the API
//! ```
//!
//! All of it is put together into one [`WebConfig`], again only when something of it has changed. That a mount hands a header
//! to its engine is noted beside the mounts, so that nobody has to read all of them; which mount does so, it says itself. The server looks at it before it reads a request, and keeps of the headers only those
//! somebody asks for.

mod headers;
mod rows;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use headers::{RequestHeaders, is_credential, is_name};
pub(crate) use rows::{AuditedHeader, Cors, PassedHeader, UiHeader};

use crate::barrier::{Generation, Rows, View};
use crate::fault::Fault;

/// Name of the row of CORS.
pub(crate) const CORS: &str = "cors";

/// Most headers of one kind that can be configured.
pub(crate) const MOST_HEADERS: usize = 64;
/// Most headers that all mounts together hand to their engines.
const MOST_PASSED: usize = 256;

/// The configuration, ready to use.
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// Request headers in the audit log, in lower case, and whether their values are hashed.
    audited: Vec<(String, bool)>,
    /// Names of all request headers that somebody asks for, in lower case.
    wanted: Vec<String>,
    /// Whether a change is not taken in yet, so that nobody knows which headers are wanted.
    stale: bool,
    cors: Option<Cors>,
    ui_headers: Vec<(String, Vec<String>)>,
}

impl WebConfig {
    /// Whether no header of a request is wanted.
    #[must_use]
    pub const fn wants_nothing(&self) -> bool {
        self.wanted.is_empty() && !self.stale
    }

    /// Whether a change is not taken in yet: then every header counts as wanted.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether a header is wanted; `name` is in lower case.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.stale || self.wanted.iter().any(|wanted| wanted == name)
    }

    /// Whether browsers may use the API from other origins.
    #[must_use]
    pub const fn has_cors(&self) -> bool {
        self.cors.is_some()
    }

    /// Whether browsers may use the API from this origin.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.cors.as_ref().is_some_and(|cors| cors.allows(origin))
    }

    /// Request headers that scripts of other origins may send besides those every client needs.
    #[must_use]
    pub fn cors_headers(&self) -> &[String] {
        self.cors.as_ref().map_or(&[], |cors| &cors.allowed_headers)
    }

    /// Headers of what is answered outside the API.
    #[must_use]
    pub fn ui_headers(&self) -> &[(String, Vec<String>)] {
        &self.ui_headers
    }

    pub(crate) fn audited(&self) -> &[(String, bool)] {
        &self.audited
    }
}

/// The rows, and what was put together from them.
pub(crate) struct Web {
    pub(crate) audited: Rows<AuditedHeader>,
    passed: Rows<PassedHeader>,
    pub(crate) cors: Rows<Cors>,
    pub(crate) ui_headers: Rows<UiHeader>,
    changed: Generation,
    known: ArcSwap<Known>,
}

#[derive(Default)]
struct Known {
    at: Option<u64>,
    config: Arc<WebConfig>,
}

impl Web {
    pub(crate) fn new(view: &View) -> Self {
        let config = view.folder("config/");
        Self {
            audited: Rows::new(config.folder("audited-header/")),
            passed: Rows::new(config.folder("passed-header/")),
            ui_headers: Rows::new(config.folder("ui-header/")),
            changed: config.generation(),
            cors: Rows::new(config),
            known: ArcSwap::default(),
        }
    }

    /// The configuration for whoever cannot wait. It says so when a change is not taken in yet.
    pub(crate) fn at_hand(&self) -> Arc<WebConfig> {
        let known = self.known.load();
        if known.at == Some(self.changed.current()) {
            return known.config.clone();
        }
        Arc::new(WebConfig {
            stale: true,
            ..WebConfig::clone(&known.config)
        })
    }

    /// The configuration as it is; put together again when it has changed. While it cannot be read, the last one.
    pub(crate) async fn current(&self) -> Arc<WebConfig> {
        let now = self.changed.current();
        let known = self.known.load_full();
        if known.at == Some(now) {
            return known.config.clone();
        }
        match self.read().await {
            Ok(config) => {
                let config = Arc::new(config);
                let at = Some(now);
                self.known.store(Arc::new(Known {
                    at,
                    config: config.clone(),
                }));
                config
            }
            Err(fault) => {
                tracing::warn!(%fault, "the configuration of headers cannot be read and stays as it was");
                known.config.clone()
            }
        }
    }

    /// Notes that a mount hands these headers to its engine. Names that can be none are for others to refuse.
    pub(crate) async fn pass_on(&self, names: &[String]) -> Result<(), Fault> {
        let names = names.iter().map(|name| name.to_ascii_lowercase());
        for name in names.filter(|name| is_name(name)) {
            if self.passed.get(&name).await?.is_some() {
                continue;
            }
            if self.passed.list("", "", MOST_PASSED).await?.names.len() >= MOST_PASSED {
                return Err(Fault::invalid(format!(
                    "passthrough_request_headers of all mounts together may have at most {MOST_PASSED} names"
                )));
            }
            self.passed.put(&name, &PassedHeader {}).await?;
        }
        Ok(())
    }

    async fn read(&self) -> Result<WebConfig, Fault> {
        let audited = self.audited.all().await?.into_iter();
        let audited: Vec<(String, bool)> = audited.map(|(name, row)| (name, row.hmac)).collect();
        let mut wanted: Vec<String> = audited.iter().map(|(name, _)| name.clone()).collect();
        wanted.extend(self.passed.all().await?.into_iter().map(|(name, _)| name));
        wanted.sort_unstable();
        wanted.dedup();
        let cors = self.cors.get(CORS).await?.map(|row| (*row.value).clone());
        let ui_headers = self.ui_headers.all().await?.into_iter();
        Ok(WebConfig {
            audited,
            wanted,
            stale: false,
            cors,
            ui_headers: ui_headers.map(|(name, row)| (name, row.values)).collect(),
        })
    }
}
