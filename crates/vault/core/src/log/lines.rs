//! The lines of the log on their way to one who may read them.

use std::time::Duration;

use arca_base::time::Sleep;
use bytes::Bytes;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Following, Level};
use crate::events::Viewer;

/// How often the token of a reader is looked at.
const BEAT: Duration = Duration::from_secs(15);

/// Lines of the log for one reader, until its token ends or the server is sealed.
pub struct Lines {
    following: Following,
    level: Level,
    viewer: Viewer,
    stop: CancellationToken,
    beat: Sleep,
}

enum Next {
    Line(Bytes),
    Nothing,
    Lost(u64),
    Beat,
    End,
}

impl Lines {
    pub(crate) fn new(following: Following, level: Level, viewer: Viewer, stop: CancellationToken) -> Self {
        Self {
            beat: viewer.sleep(BEAT),
            following,
            level,
            viewer,
            stop,
        }
    }

    /// The next line, its end included; `None` when there is none any more.
    pub async fn next(&mut self) -> Option<Bytes> {
        loop {
            match self.wait().await {
                Next::Line(text) => return Some(text),
                Next::Lost(count) => {
                    return Some(Bytes::from(format!(
                        "... {count} lines were lost: the reader is too slow\n"
                    )));
                }
                Next::Nothing => {}
                Next::Beat => {
                    self.beat = self.viewer.sleep(BEAT);
                    self.viewer.may_go_on().await.ok()?;
                }
                Next::End => return None,
            }
        }
    }

    async fn wait(&mut self) -> Next {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Next::End,
            () = &mut self.beat => Next::Beat,
            line = self.following.lines.recv() => match line {
                Ok(line) if line.level >= self.level => Next::Line(line.text),
                Ok(_) => Next::Nothing,
                Err(RecvError::Lagged(count)) => Next::Lost(count),
                Err(RecvError::Closed) => Next::End,
            },
        }
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}
