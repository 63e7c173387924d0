//! One audit device: its configuration, its salt and where it writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{Clock, Entropy, Timestamp, id};
use serde::{Deserialize, Serialize};

use super::appender::Appender;
use super::entry::{Entry, Outcome};
use super::file::LogFile;
use super::fragment::Fragments;
use super::options::{BadDevice, Options, Target};
use super::outbox::Outbox;
use super::redact::{Redacted, Redactor};
use super::selection::Selection;
use super::tally::Tally;
use super::ticket::Ticket;
use crate::barrier::Stored;
use crate::metrics::Metrics;

/// A device, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRow {
    /// Its path, with trailing slash.
    pub path: String,
    /// `file`, `http`, `socket` or `syslog`.
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Its settings.
    pub options: BTreeMap<String, String>,
    /// Shown for compatibility.
    pub local: bool,
    /// Keys its hashes.
    pub salt: String,
}

impl Stored for DeviceRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "audit device";
}

/// What devices need from outside.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) metrics: Arc<Metrics>,
}

/// An open device.
pub(super) struct Device {
    row: DeviceRow,
    options: Option<Options>,
    sink: Sink,
    tally: Arc<Tally>,
    pub(super) redactor: Redactor,
    pub(super) fragments: Fragments,
}

/// Where lines go.
enum Sink {
    File(Arc<Appender>),
    Outside(Arc<Outbox>),
}

impl Drop for Device {
    fn drop(&mut self) {
        match &self.sink {
            Sink::File(log) => log.close(),
            Sink::Outside(outbox) => outbox.close(),
        }
    }
}

impl Device {
    /// Opens a device that was configured earlier. When it does not open it fails every entry until it does.
    pub(super) fn open(row: DeviceRow, surroundings: &Surroundings) -> Self {
        let options = Options::parse(&row.kind, &row.options);
        if let Err(error) = &options {
            tracing::error!(device = %row.path, %error, "audit device cannot be used");
        }
        let device = Self::assemble(row, options.ok(), surroundings);
        if let Sink::File(log) = &device.sink
            && let Err(error) = log.file().open()
        {
            tracing::error!(device = %device.row.path, %error, "audit device does not open");
        }
        device
    }

    /// Opens a new device.
    pub(super) fn try_open(row: DeviceRow, surroundings: &Surroundings) -> Result<Self, BadDevice> {
        let options = Options::parse(&row.kind, &row.options)?;
        let device = Self::assemble(row, Some(options), surroundings);
        if let Sink::File(log) = &device.sink {
            log.file()
                .open()
                .map_err(|error| BadDevice::Test(error.to_string()))?;
        }
        Ok(device)
    }

    fn assemble(row: DeviceRow, options: Option<Options>, surroundings: &Surroundings) -> Self {
        let raw = options.as_ref().is_some_and(|options| options.raw);
        let metrics = surroundings.metrics.audit_device(&row.path);
        let tally = Arc::new(Tally::new(&row.path, metrics));
        let target = options.as_ref().map(|options| &options.target);
        Self {
            redactor: Redactor::new(&row.salt, raw),
            fragments: Fragments::default(),
            sink: Sink::open(target, &surroundings.clock, &tally),
            row,
            options,
            tally,
        }
    }

    pub(super) const fn row(&self) -> &DeviceRow {
        &self.row
    }

    pub(super) fn reopen(&self) {
        if let Sink::File(log) = &self.sink {
            log.file().reopen();
        }
    }

    pub(super) fn look_again(&self) {
        if let Sink::File(log) = &self.sink {
            log.look_again();
        }
    }

    pub(super) fn hash(&self, input: &str) -> String {
        self.redactor.hash(input)
    }

    pub(super) fn hashes_accessors(&self) -> bool {
        self.options.as_ref().is_none_or(|options| options.hmac_accessor)
    }

    pub(super) fn logs_raw(&self) -> bool {
        self.options.as_ref().is_some_and(|options| options.raw)
    }

    pub(super) fn elides_lists(&self) -> bool {
        self.options
            .as_ref()
            .is_some_and(|options| options.elide_list_responses)
    }

    /// Which entries it takes; one that cannot be used takes all and fails each.
    pub(super) fn selection(&self) -> &Selection {
        self.options
            .as_ref()
            .map_or(&Selection::Everything, |options| &options.selection)
    }

    /// Hands a line over to be written.
    pub(super) fn append(&self, line: &Redacted) -> Ticket {
        match &self.sink {
            Sink::File(log) => log.append(line),
            Sink::Outside(outbox) => outbox.append(line),
        }
    }

    /// Entries this device did not accept.
    pub(super) fn failures(&self) -> u64 {
        self.tally.not_accepted()
    }

    /// Sends a test entry through.
    pub(super) async fn test(&self, now: Timestamp, entropy: &dyn Entropy) -> Result<(), BadDevice> {
        if self.options.as_ref().is_some_and(|options| options.skip_test) {
            return Ok(());
        }
        let request_id = id::uuid_v4(entropy);
        let mut line = Redacted::default();
        self.format_request(&Entry::test(&request_id, now), &mut line);
        if self.append(&line).written().await {
            return Ok(());
        }
        Err(BadDevice::Test(self.tally.last_failure()))
    }

    pub(super) fn format_request(&self, entry: &Entry<'_>, line: &mut Redacted) {
        self.push_prefix(line);
        super::entry::request_line(self, entry, line);
        self.leave_out(line);
    }

    pub(super) fn format_response(&self, entry: &Entry<'_>, outcome: &Outcome<'_>, line: &mut Redacted) {
        self.push_prefix(line);
        super::entry::response_line(self, entry, outcome, line);
        self.leave_out(line);
    }

    fn leave_out(&self, line: &mut Redacted) {
        if let Some(options) = self
            .options
            .as_ref()
            .filter(|options| !options.exclusions.is_empty())
        {
            options.exclusions.apply(line.plain(), options.prefix.len());
        }
    }

    fn push_prefix(&self, line: &mut Redacted) {
        if let Some(options) = &self.options {
            line.plain().push_str(&options.prefix);
        }
    }
}

impl Sink {
    fn open(target: Option<&Target>, clock: &Arc<dyn Clock>, tally: &Arc<Tally>) -> Self {
        if let Some((wire, timeout)) = target.and_then(Target::wire) {
            let outbox = Outbox::new(clock.clone(), tally.clone(), timeout);
            outbox.start(wire);
            return Self::Outside(outbox);
        }
        // What cannot be understood cannot be opened: every entry fails.
        let file = match target {
            Some(Target::File { path, mode }) => LogFile::new(path, *mode),
            _ => LogFile::new("", None),
        };
        let log = Appender::new(file, clock.clone(), tally.clone());
        log.start();
        Self::File(log)
    }
}
