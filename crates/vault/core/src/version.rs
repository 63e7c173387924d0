//! What this server says it is.

/// Version of this server.
pub const ARCA: &str = env!("CARGO_PKG_VERSION");

/// Version clients see where they choose their behavior by it: that of the API spoken.
pub const API: &str = "1.16.3";

/// Version of every built-in engine, as audit entries and mount listings show it.
pub const ENGINE_VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"), "+builtin");

/// When this version was cut.
pub const BUILD_DATE: &str = "2026-11-23T00:00:00Z";
