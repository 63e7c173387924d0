//! The storage a configuration names.

use std::path::Path;
use std::sync::Arc;

use arca_server::config::Storage as Configured;
use arca_storage::{
    EmbeddedOptions, EmbeddedStorage, MemoryStorage, PostgresOptions, PostgresStorage, Storage,
};

use super::{ServeError, World};

pub(crate) async fn open(configured: &Configured, world: &World) -> Result<Arc<dyn Storage>, ServeError> {
    match configured {
        Configured::Memory => Ok(Arc::new(MemoryStorage::new())),
        Configured::Embedded { path, .. } => embedded(path).await,
        Configured::Postgres(postgres) => {
            let mut options = PostgresOptions::new(postgres.connection_url.expose().clone());
            options.table = postgres.table.clone().unwrap_or(options.table);
            options.ha_table = postgres.ha_table.clone().unwrap_or(options.ha_table);
            options.ha_enabled = postgres.ha_enabled.unwrap_or(options.ha_enabled);
            let parallel = postgres.max_parallel.and_then(|most| usize::try_from(most).ok());
            options.max_parallel = parallel.unwrap_or(options.max_parallel);
            let opened = PostgresStorage::connect(options, world.clock.clone()).await;
            opened
                .map(|storage| Arc::new(storage) as Arc<dyn Storage>)
                .map_err(failed)
        }
    }
}

/// Opening recovers the journal, which reads files: not on a thread that serves.
pub(super) async fn embedded(path: &Path) -> Result<Arc<dyn Storage>, ServeError> {
    let path = path.to_owned();
    let opened =
        tokio::task::spawn_blocking(move || EmbeddedStorage::open(&path, EmbeddedOptions::default())).await;
    match opened {
        Ok(Ok(storage)) => Ok(Arc::new(storage)),
        Ok(Err(error)) => Err(failed(error)),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ServeError {
    ServeError::Storage(Box::new(error))
}
