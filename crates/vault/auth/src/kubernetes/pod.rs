//! What the pod this server runs in, if it does, has been given by its cluster.

use std::io;
use std::path::PathBuf;

use arca_base::Secret;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

/// Longest file read: tokens and authorities are a few thousand bytes.
const LONGEST: u64 = 256 << 10;

/// The folder into which the cluster puts token and authority, and puts new ones before they expire.
pub(super) struct Pod {
    folder: PathBuf,
}

impl Pod {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The token of this moment; nothing outside of a pod.
    pub(super) async fn token(&self) -> io::Result<Option<Secret<String>>> {
        let text = self.file("token").await?;
        Ok(text
            .map(|text| Secret::new(text.trim().to_owned()))
            .filter(|token| !token.expose().is_empty()))
    }

    /// The authority of the API server, in PEM; nothing outside of a pod.
    pub(super) async fn authority(&self) -> io::Result<Option<String>> {
        self.file("ca.crt").await
    }

    async fn file(&self, name: &str) -> io::Result<Option<String>> {
        let path = self.folder.join(name);
        let explained =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = match File::open(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(explained)?,
        };
        let mut text = String::new();
        let read = file.take(LONGEST + 1).read_to_string(&mut text).await;
        if read.map_err(explained)? as u64 > LONGEST {
            return Err(explained(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("longer than {LONGEST} bytes"),
            )));
        }
        Ok(Some(text))
    }
}
