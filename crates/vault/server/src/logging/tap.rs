//! A second way out of the log: lines for those who follow it. While nobody does, it costs nothing.

use std::io;
use std::sync::Arc;

use arca_core::log::{Following, Level, Line};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tracing::Metadata;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{Layer, Registry, reload};

use super::{Format, targets};

/// Most who follow one form of the log at a time.
pub(super) const MOST: usize = 16;
/// Lines kept for one who is slow.
const KEPT: usize = 1024;

/// Where lines can be had. Cheap to clone.
#[derive(Clone)]
pub(super) struct Tap(Arc<Shared>);

struct Shared {
    filter: reload::Handle<Targets, Registry>,
    lines: broadcast::Sender<Line>,
    /// The level of each who follows.
    levels: Mutex<Vec<Level>>,
}

/// A layer that writes nothing until somebody follows, and where to follow.
pub(super) fn layer(format: Format) -> (Box<dyn Layer<Registry> + Send + Sync>, Tap) {
    let (nothing, filter) = reload::Layer::new(Targets::new());
    let (lines, _) = broadcast::channel(KEPT);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(Writer(lines.clone()))
        .with_ansi(false);
    let layer = match format {
        Format::Standard => layer.with_filter(nothing).boxed(),
        Format::Json => layer.json().flatten_event(true).with_filter(nothing).boxed(),
    };
    let shared = Shared {
        filter,
        lines,
        levels: Mutex::default(),
    };
    (layer, Tap(Arc::new(shared)))
}

impl Tap {
    pub(super) fn follow(&self, level: Level) -> Option<Following> {
        let mut levels = self.0.levels.lock();
        if levels.len() >= MOST {
            return None;
        }
        levels.push(level);
        let lines = self.0.lines.subscribe();
        self.0.let_out(&levels);
        Some(Following {
            lines,
            held: Box::new(Held(self.clone(), level)),
        })
    }
}

impl Shared {
    /// Lets out what the most curious of those who follow wants.
    fn let_out(&self, levels: &[Level]) {
        let wanted = levels
            .iter()
            .min()
            .map_or_else(Targets::new, |level| targets(*level));
        // The only failure is that the log is gone, and then there is nothing to let out.
        let _ = self.filter.reload(wanted);
    }
}

/// One who follows.
struct Held(Tap, Level);

impl Drop for Held {
    fn drop(&mut self) {
        let Self(Tap(shared), level) = self;
        let mut levels = shared.levels.lock();
        if let Some(at) = levels.iter().position(|known| known == level) {
            levels.swap_remove(at);
        }
        shared.let_out(&levels);
    }
}

/// Makes a line of each message.
struct Writer(broadcast::Sender<Line>);

/// A line being written.
struct Writing<'a> {
    lines: &'a broadcast::Sender<Line>,
    level: Level,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Writing<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Writing {
            lines: &self.0,
            level: Level::Info,
            text: Vec::new(),
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Writing {
            lines: &self.0,
            text: Vec::new(),
            level: match *meta.level() {
                tracing::Level::TRACE => Level::Trace,
                tracing::Level::DEBUG => Level::Debug,
                tracing::Level::INFO => Level::Info,
                tracing::Level::WARN => Level::Warn,
                tracing::Level::ERROR => Level::Error,
            },
        }
    }
}

impl io::Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        // Without anybody who follows it is nobody's.
        let _ = self.lines.send(Line {
            level: self.level,
            text: Bytes::from(std::mem::take(&mut self.text)),
        });
    }
}
