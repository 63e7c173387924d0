//! What this server says it is, and what others said that ran on its store.

use arca_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::barrier::{BarrierError, Rows, Stored};

/// Version of this server.
pub const ARCA: &str = env!("CARGO_PKG_VERSION");

/// Version clients see where they choose their behavior by it: that of the API spoken.
pub const API: &str = "1.16.3";

/// Version of every built-in engine, as audit entries and mount listings show it.
pub const ENGINE_VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"), "+builtin");

/// When this version was cut.
pub const BUILD_DATE: &str = "2026-11-23T00:00:00Z";

/// A version that has run on a store, as stored; its row is named by [`API`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RanHere {
    /// When it was first unsealed there.
    pub(crate) installed: Option<Timestamp>,
    pub(crate) build_date: String,
}

impl Stored for RanHere {
    const VERSION: u8 = 1;
    const NAME: &'static str = "version that has run here";
}

/// Keeps that this version runs on the store from `now` on, unless it has before.
pub(crate) async fn note(rows: &Rows<RanHere>, now: Timestamp) -> Result<(), BarrierError> {
    if rows.get(API).await?.is_some() {
        return Ok(());
    }
    let row = RanHere {
        installed: Some(now),
        build_date: BUILD_DATE.to_owned(),
    };
    rows.put(API, &row).await.map(drop)
}
