//! `operator snapshot save`.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use arca_api::endpoint::{Endpoint, Nothing};
use arca_api::sys::storage::{ReadRaftSnapshot, ReadSnapshot};
use arca_client::{Chunks, Request};
use arca_core::snapshot::{Unpacker, Whole};
use clap::Args;

use crate::cli::failure::{DONE, Failure, Outcome};
use crate::cli::session::Session;

const EXAMPLES: &str = "\
Examples:
  arca operator snapshot save backup.snap

The file is as sealed as the store is: without the unseal keys (or the key of the automatic seal) nobody
reads it, and without them it cannot be restored either. Keep them apart from each other.";

/// Takes a snapshot of one moment while the server serves, and checks it as it arrives.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Save {
    /// Where to write it; replaced when there is one already, and only by a whole one
    file: PathBuf,
}

/// Under which path the server is asked.
pub(super) trait Source {
    type Read: Endpoint<Request = Nothing>;
}

pub(super) struct Here;
pub(super) struct ForRaft;

impl Source for Here {
    type Read = ReadSnapshot;
}

impl Source for ForRaft {
    type Read = ReadRaftSnapshot;
}

impl Save {
    pub(super) async fn run<S: Source>(self, session: &mut Session) -> Outcome {
        let client = session.client()?;
        let request = Request::of::<S::Read>("sys", &Nothing);
        let answer = client.stream(&request).await;
        let answer = answer.map_err(|error| Failure::remote("Error taking the snapshot", error))?;
        let draft = Draft::beside(&self.file)?;
        let whole = draft.fill(answer.into_body()).await?;
        draft.keep()?;
        session.screen.success(&format!(
            "Success! Saved a snapshot of revision {} ({} rows) to {}",
            whole.header.revision,
            whole.summary.rows,
            self.file.display()
        ));
        Ok(DONE)
    }
}

/// A file that takes its place when it is whole, and is removed otherwise.
struct Draft<'a> {
    path: PathBuf,
    target: &'a Path,
    file: File,
}

impl<'a> Draft<'a> {
    fn beside(target: &'a Path) -> Result<Self, Failure> {
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| unwritable(&path, &error))?;
        Ok(Self { path, target, file })
    }

    async fn fill(&self, mut body: Chunks) -> Result<Whole, Failure> {
        let mut unpacker = Unpacker::new();
        let bad =
            |error: &dyn std::fmt::Display| Failure::local(format!("Error taking the snapshot: {error}"));
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| bad(&error))?;
            unpacker.feed(&piece).map_err(|error| bad(&error))?;
            let written = (&self.file).write_all(&piece);
            written.map_err(|error| unwritable(&self.path, &error))?;
        }
        unpacker.end().map_err(|error| bad(&error))
    }

    /// Puts the file in its place; on disk when this returns.
    fn keep(&self) -> Result<(), Failure> {
        let kept = || -> std::io::Result<()> {
            self.file.sync_all()?;
            fs::rename(&self.path, self.target)?;
            let folder = self
                .target
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        kept().map_err(|error| unwritable(self.target, &error))
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // Gone already when it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("Error writing {}: {error}", path.display()))
}
