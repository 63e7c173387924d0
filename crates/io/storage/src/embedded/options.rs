//! What can be set for an embedded store.

use crate::HistoryLimits;

/// Sizes and threads of an embedded store. The defaults suit a server with a million entries and little memory.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedOptions {
    /// Most bytes of blocks kept in memory for reads; filled as they are used.
    pub cache_bytes: u64,
    /// Bytes of new entries gathered in memory before they are written out in order. Fixed when the store is
    /// created.
    pub memtable_bytes: u64,
    /// Size of one sorted file, in bytes. Fixed when the store is created.
    pub table_bytes: u64,
    /// Threads that write out and merge files: one for each, so that merging never holds up writing.
    pub workers: usize,
    /// Changes kept in memory for watches.
    pub history: HistoryLimits,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            memtable_bytes: 8 << 20,
            table_bytes: 32 << 20,
            workers: 2,
            history: HistoryLimits::default(),
        }
    }
}
