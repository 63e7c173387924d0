//! The log of the server: to standard error, as text or JSON.
//!
//! The level applies to Arca's own messages. What libraries say below a warning is never written, at any level:
//! the HTTP and TLS libraries show headers and bytes there, and those hold tokens.

mod tap;

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;

pub use arca_core::log::Level;
use arca_core::log::{Following, LOGGERS, Log};
use parking_lot::Mutex;
use serde::{Deserialize, Deserializer};
use tap::Tap;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer, Registry, reload};

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line of text.
    Standard,
    /// A line with a JSON object.
    Json,
}

const fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Trace => LevelFilter::TRACE,
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    }
}

/// What is logged at a level: of Arca all of that, of libraries no more than warnings.
pub(crate) fn targets(level: Level) -> Targets {
    let libraries = filter(level).min(LevelFilter::WARN);
    Targets::new()
        .with_target("arca", filter(level))
        .with_default(libraries)
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

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom(format_args!("expected {}", Self::EXPECTED));
        Self::parse(&text).ok_or_else(unknown)
    }
}

/// A log that is being written. Cheap to clone.
#[derive(Clone)]
pub struct Logging(Arc<Parts>);

/// What can be done to a log.
struct Parts {
    filter: reload::Handle<Targets, Registry>,
    levels: Mutex<Levels>,
    taps: [Tap; 2],
}

/// What the configuration says, and what was said of parts of the server since.
struct Levels {
    configured: Level,
    own: [Option<Level>; LOGGERS.len()],
}

impl Levels {
    fn of(&self, logger: usize) -> Level {
        self.own.get(logger).copied().flatten().unwrap_or(self.configured)
    }

    fn targets(&self) -> Targets {
        let set = LOGGERS.iter().zip(self.own);
        let set = set.filter_map(|((_, modules), level)| Some((*modules, level?)));
        let modules =
            set.flat_map(|(modules, level)| modules.iter().map(move |module| (*module, filter(level))));
        targets(self.configured).with_targets(modules)
    }
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
        let (subscriber, logging) = Self::to(Arc::new(file), level, format, false);
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
        let (written, filter) = reload::Layer::new(targets(level));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_ansi(color);
        let lines = match format {
            Format::Standard => lines.with_filter(written).boxed(),
            Format::Json => lines.json().flatten_event(true).with_filter(written).boxed(),
        };
        let (text, text_tap) = tap::layer(Format::Standard);
        let (json, json_tap) = tap::layer(Format::Json);
        let parts = Parts {
            filter,
            levels: Mutex::new(Levels {
                configured: level,
                own: [None; LOGGERS.len()],
            }),
            taps: [text_tap, json_tap],
        };
        (
            tracing_subscriber::registry().with(vec![lines, text, json]),
            Self(Arc::new(parts)),
        )
    }

    /// Changes what is logged from now on, except of parts of the server that have a level of their own.
    pub fn set_level(&self, level: Level) {
        self.change(|levels| levels.configured = level);
    }

    fn change(&self, change: impl FnOnce(&mut Levels)) {
        let mut levels = self.0.levels.lock();
        change(&mut levels);
        // The only failure is that the log is gone, and then there is nothing to change.
        let _ = self.0.filter.reload(levels.targets());
    }
}

impl Log for Logging {
    fn level(&self, logger: usize) -> Level {
        self.0.levels.lock().of(logger)
    }

    fn set(&self, logger: Option<usize>, level: Option<Level>) {
        self.change(|levels| match logger {
            None => levels.own = [level; LOGGERS.len()],
            Some(at) => {
                if let Some(own) = levels.own.get_mut(at) {
                    *own = level;
                }
            }
        });
    }

    fn follow(&self, level: Level, json: bool) -> Option<Following> {
        let [text, as_json] = &self.0.taps;
        let tap = if json { as_json } else { text };
        tap.follow(level)
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
    fn a_part_of_the_server_can_have_a_level_of_its_own() {
        let audit = LOGGERS.iter().position(|(name, _)| *name == "audit");
        let text = log_with(Level::Info, Format::Standard, |logging| {
            logging.set(audit, Some(Level::Trace));
            tracing::trace!(target: "arca_core::audit::file", "first");
            tracing::trace!(target: "arca_core::router", "second");
            logging.set_level(Level::Error);
            tracing::debug!(target: "arca_core::audit", "third");
            logging.set(None, Some(Level::Warn));
            tracing::info!(target: "arca_core::audit", "fourth");
            tracing::warn!(target: "arca_core::router", "fifth");
            logging.set(None, None);
            tracing::warn!(target: "arca_core::audit", "sixth");
            assert_eq!(logging.level(0), Level::Error);
        });
        for (word, there) in [
            ("first", true),
            ("second", false),
            ("third", true),
            ("fourth", false),
            ("fifth", true),
            ("sixth", false),
        ] {
            assert_eq!(text.contains(word), there, "{word}: {text}");
        }
    }

    #[test]
    fn the_log_is_followed_at_another_level_than_it_is_written() {
        let mut seen = Vec::new();
        let text = log_with(Level::Warn, Format::Standard, |logging| {
            tracing::debug!(target: "arca_core", "before");
            let mut following = logging.follow(Level::Debug, true).unwrap();
            tracing::debug!(target: "arca_core", path = "a/b", "during");
            tracing::trace!(target: "arca_core", "finer");
            tracing::debug!(target: "h2::codec", token = "canary", "of a library");
            while let Ok(line) = following.lines.try_recv() {
                seen.push(line);
            }
            drop(following);
            tracing::debug!(target: "arca_core", "after");
        });
        assert_eq!(text, "", "what is written stays as it was");
        assert_eq!(seen.len(), 1, "{seen:?}");
        let line: serde_json::Value = serde_json::from_slice(&seen[0].text).unwrap();
        assert_eq!(
            (&line["message"], &line["path"]),
            (&"during".into(), &"a/b".into())
        );
        assert_eq!(seen[0].level, Level::Debug);
    }

    #[test]
    fn few_may_follow_at_a_time() {
        log_with(Level::Warn, Format::Standard, |logging| {
            let all: Vec<_> = (0..64)
                .map_while(|_| logging.follow(Level::Info, false))
                .collect();
            assert_eq!(all.len(), tap::MOST);
            drop(all);
            assert!(logging.follow(Level::Info, false).is_some());
        });
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
