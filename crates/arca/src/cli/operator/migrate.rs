//! `operator migrate`.

use std::path::PathBuf;

use arca_server::config::Relocation as Configured;
use clap::Args;
use serde::Serialize;

use crate::cli::failure::{DONE, Outcome};
use crate::cli::session::Session;
use crate::serve::{Relocation, World, open_storage};

const EXAMPLES: &str = "\
Example of a file:
  storage_source \"embedded\" { path = \"/var/lib/arca\" }
  storage_destination \"postgresql\" { connection_url = \"postgres://arca@db/arca\" }

Stop all servers first. Rows are copied as they are, sealed; no key is needed. Until the copy is complete no
server unseals either of the two. A copy that was interrupted goes on where it stopped when it is run again.";

/// Copies everything a store holds to another storage.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Migrate {
    /// File with storage_source and storage_destination
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Copy keys from this one on only
    #[arg(long, value_name = "KEY")]
    start: Option<String>,
    /// Give up a copy that was interrupted: unlock both sides and copy nothing
    #[arg(long)]
    reset: bool,
    /// Accepted for old scripts; has no effect: rows are written in order, which is what makes a copy resumable
    #[arg(long, value_name = "NUMBER", hide = true)]
    max_parallel: Option<u32>,
}

#[derive(Serialize)]
struct Shown {
    rows: u64,
    resumed: bool,
}

impl Migrate {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let world = World::of_process();
        let configured = Configured::load(&self.config).map_err(crate::serve::ServeError::from)?;
        let source = open_storage(&configured.source, &world).await?;
        let destination = open_storage(&configured.destination, &world).await?;
        let copy = Relocation::new(source, destination);
        if self.reset {
            copy.reset().await?;
            session
                .screen
                .success("Success! Unlocked both storages (if they were locked)");
            return Ok(DONE);
        }
        let start = self.start.unwrap_or_default();
        let screen = &mut session.screen;
        let done = copy
            .run(&start, &*world.entropy, |rows, key| {
                screen.hint(&format!("{rows} rows, up to {key}"));
            })
            .await?;
        let shown = Shown {
            rows: done.rows,
            resumed: done.resumed,
        };
        let text = format!("Success! All {} rows have been copied.", done.rows);
        session.screen.data(&shown, &text)?;
        Ok(DONE)
    }
}
