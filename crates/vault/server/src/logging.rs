//! The log of the server: to standard error, as text or JSON.
//!
//! The level applies to Arca's own messages. What libraries say below a warning is never written, at any level:
//! the HTTP and TLS libraries show headers and bytes there, and those hold tokens.

use std::fmt;
use std::io::IsTerminal as _;

use serde::{Deserialize, Deserializer};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, Registry, reload};

/// What is logged: messages of this weight or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Everything.
    Trace,
    /// What helps to find a mistake.
    Debug,
    /// What happens.
    Info,
    /// What should not happen.
    Warn,
    /// What failed.
    Error,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line of text.
    Standard,
    /// A line with a JSON object.
    Json,
}

impl Level {
    /// What [`Level::parse`] reads, for messages.
    pub const EXPECTED: &'static str = "one of trace, debug, info, warn, error";

    /// The level of this name; empty text is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "trace" => Some(Self::Trace),
            "debug" => Some(Self::Debug),
            "" | "info" | "notice" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" | "err" => Some(Self::Error),
            _ => None,
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    const fn filter(self) -> LevelFilter {
        match self {
            Self::Trace => LevelFilter::TRACE,
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error => LevelFilter::ERROR,
        }
    }

    fn targets(self) -> Targets {
        let libraries = self.filter().min(LevelFilter::WARN);
        Targets::new()
            .with_target("arca", self.filter())
            .with_default(libraries)
    }
}

impl Format {
    /// What [`Format::parse`] reads, for messages.
    pub const EXPECTED: &'static str = "one of standard, json";

    /// The format of this name; empty text is the default.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "standard" => Some(Self::Standard),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Json => "json",
        }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format_args!("expected {}", Self::EXPECTED));
        Self::parse(&text).ok_or_else(unknown)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format_args!("expected {}", Self::EXPECTED));
        Self::parse(&text).ok_or_else(unknown)
    }
}

/// A log that is being written. Cheap to clone.
#[derive(Clone)]
pub struct Logging {
    filter: reload::Handle<Targets, Registry>,
}

/// Another log was started in this process before.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the log of this process has been started already")]
pub struct AlreadyLogging;

impl Logging {
    /// Starts the log of this process.
    ///
    /// # Errors
    /// [`AlreadyLogging`]
    pub fn start(level: Level, format: Format) -> Result<Self, AlreadyLogging> {
        let color = std::io::stderr().is_terminal();
        let (subscriber, logging) = Self::to(std::io::stderr, level, format, color);
        tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyLogging)?;
        Ok(logging)
    }

    /// Starts the log of this process in a file that is open for appending.
    ///
    /// # Errors
    /// [`AlreadyLogging`]
    pub fn start_in(file: std::fs::File, level: Level, format: Format) -> Result<Self, AlreadyLogging> {
        let (subscriber, logging) = Self::to(std::sync::Arc::new(file), level, format, false);
        tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyLogging)?;
        Ok(logging)
    }

    /// A log that goes elsewhere, to be started by the caller.
    pub fn to<W>(
        writer: W,
        level: Level,
        format: Format,
        color: bool,
    ) -> (impl Subscriber + Send + Sync, Self)
    where
        W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    {
        let (targets, filter) = reload::Layer::new(level.targets());
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_ansi(color);
        let lines = match format {
            Format::Standard => lines.boxed(),
            Format::Json => lines.json().flatten_event(true).boxed(),
        };
        (
            tracing_subscriber::registry().with(targets).with(lines),
            Self { filter },
        )
    }

    /// Changes what is logged from now on.
    pub fn set_level(&self, level: Level) {
        // The only failure is that the log is gone, and then there is nothing to change.
        let _ = self.filter.reload(level.targets());
    }
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logging")
    }
}

/// Makes panics go to the log, with their place and without their message, which may quote anything.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        match panic.location() {
            Some(place) => tracing::error!(
                target: "arca",
                file = place.file(),
                line = place.line(),
                thread,
                "panic: this is a defect, please report the place"
            ),
            None => tracing::error!(target: "arca", thread, "panic at an unknown place"),
        }
    }));
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().clone()).unwrap()
        }
    }

    fn log_with(level: Level, format: Format, what: impl FnOnce(&Logging)) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let (subscriber, logging) = Logging::to(move || writer.clone(), level, format, false);
        tracing::subscriber::with_default(subscriber, || what(&logging));
        lines.text()
    }

    #[test]
    fn the_level_can_be_changed_while_running() {
        let text = log_with(Level::Info, Format::Standard, |logging| {
            tracing::debug!(target: "arca_core", "first");
            logging.set_level(Level::Debug);
            tracing::debug!(target: "arca_core", "second");
            logging.set_level(Level::Error);
            tracing::info!(target: "arca_core", "third");
        });
        assert!(
            text.contains("second") && !text.contains("first") && !text.contains("third"),
            "{text}"
        );
    }

    #[test]
    fn libraries_never_show_what_they_carry() {
        let text = log_with(Level::Trace, Format::Standard, |_| {
            tracing::trace!(target: "h2::codec", token = "canary", "frame");
            tracing::debug!(target: "hyper::proto", token = "canary", "head");
            tracing::info!(target: "rustls", token = "canary", "hello");
            tracing::warn!(target: "hyper", "something is wrong");
            tracing::trace!(target: "arca_server::http", "ours");
        });
        assert!(!text.contains("canary"), "{text}");
        assert!(
            text.contains("something is wrong") && text.contains("ours"),
            "{text}"
        );
    }

    #[test]
    fn json_lines_are_flat_objects() {
        let text = log_with(Level::Info, Format::Json, |_| {
            tracing::info!(target: "arca_core", path = "a/b", "unsealed");
        });
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "unsealed");
        assert_eq!(line["path"], "a/b");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn panics_are_logged_without_their_message() {
        let text = log_with(Level::Info, Format::Standard, |_| {
            log_panics();
            let outcome = std::panic::catch_unwind(|| panic!("canary {}", 7));
            drop(std::panic::take_hook());
            assert!(outcome.is_err());
        });
        assert!(text.contains("logging.rs") && text.contains("line="), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn names() {
        for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error] {
            assert_eq!(Level::parse(level.as_str()), Some(level));
        }
        assert_eq!(Level::parse("WARNING"), Some(Level::Warn));
        assert_eq!(Level::parse("loud"), None);
        assert_eq!(Format::parse("JSON"), Some(Format::Json));
        assert_eq!(Format::parse("xml"), None);
    }
}
