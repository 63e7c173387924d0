//! `kv list` and `kv scan`.

use arca_client::Request;
use clap::Args;

use super::place::Folder;
use crate::cli::failure::Outcome;
use crate::cli::list::listing;
use crate::cli::session::Session;

/// Lists the secrets and folders in a folder.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    folder: Folder,
}

/// Lists the secrets at any depth below a folder.
#[derive(Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    folder: Folder,
}

impl List {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let place = self.folder.find(session).await?;
        listing(&Request::list(&place.path("metadata")), session).await
    }
}

impl Scan {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let place = self.folder.find(session).await?;
        listing(&Request::scan(&place.path("metadata")), session).await
    }
}
