//! One audit device: its configuration, its salt and where it writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::field::parse_flag;
use arca_base::{Entropy, Timestamp, id};
use serde::{Deserialize, Serialize};

use super::appender::{Appender, Ticket};
use super::entry::{Entry, Outcome};
use super::file::LogFile;
use super::fragment::Fragments;
use super::redact::{Redacted, Redactor};
use crate::barrier::Stored;

/// A device, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRow {
    /// Its path, with trailing slash.
    pub path: String,
    /// `file`.
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

/// What is wrong with a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDevice {
    /// A type this server does not have.
    #[error("unknown backend type: {0:?}; this server has \"file\"")]
    Type(String),
    /// No path given.
    #[error("file_path is required")]
    NoPath,
    /// An option that is wrong.
    #[error("invalid value for option {option:?}: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An option that does not exist.
    #[error("unknown option {option:?}{suggestion}")]
    UnknownOption {
        /// The option.
        option: String,
        /// The likely meaning.
        suggestion: String,
    },
    /// It does not write.
    #[error("audit backend failed test message: {0}")]
    Test(String),
}

/// Settings of a device, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    path: String,
    mode: Option<u32>,
    pub(super) raw: bool,
    pub(super) hmac_accessor: bool,
    pub(super) elide_list_responses: bool,
    skip_test: bool,
}

const KNOWN_OPTIONS: [&str; 8] = [
    "file_path",
    "path",
    "mode",
    "log_raw",
    "hmac_accessor",
    "elide_list_responses",
    "format",
    "skip_test",
];

impl Options {
    fn parse(options: &BTreeMap<String, String>) -> Result<Self, BadDevice> {
        for option in options.keys() {
            if !KNOWN_OPTIONS.contains(&option.as_str()) {
                let near = arca_base::suggest::nearest(option, KNOWN_OPTIONS);
                let suggestion = near
                    .map(|near| format!("; did you mean {near:?}?"))
                    .unwrap_or_default();
                return Err(BadDevice::UnknownOption {
                    option: option.clone(),
                    suggestion,
                });
            }
        }
        let text = |name: &str| options.get(name).map(String::as_str);
        let flag = |name: &'static str, default: bool| match text(name) {
            None => Ok(default),
            Some(value) => parse_flag(value).ok_or_else(|| BadDevice::Option {
                option: name,
                reason: "expected true or false".into(),
            }),
        };
        if let Some(format) = text("format").filter(|format| *format != "json") {
            let reason = format!("{format:?} is not supported; use \"json\"");
            return Err(BadDevice::Option {
                option: "format",
                reason,
            });
        }
        let path = text("file_path")
            .or_else(|| text("path"))
            .filter(|path| !path.is_empty());
        Ok(Self {
            path: path.ok_or(BadDevice::NoPath)?.to_owned(),
            mode: parse_mode(text("mode"))?,
            raw: flag("log_raw", false)?,
            hmac_accessor: flag("hmac_accessor", true)?,
            elide_list_responses: flag("elide_list_responses", false)?,
            skip_test: flag("skip_test", false)?,
        })
    }
}

/// Octal; absent is 0600, `0000` leaves the mode of an existing file alone.
fn parse_mode(text: Option<&str>) -> Result<Option<u32>, BadDevice> {
    let bad = || BadDevice::Option {
        option: "mode",
        reason: "expected octal digits such as 0600".into(),
    };
    match text {
        None | Some("") => Ok(Some(0o600)),
        Some(text) => match u32::from_str_radix(text, 8).map_err(|_| bad())? {
            0 => Ok(None),
            mode if mode > 0o777 => Err(bad()),
            mode if mode & 0o111 != 0 => Err(BadDevice::Option {
                option: "mode",
                reason: "a log file must not be executable".into(),
            }),
            mode => Ok(Some(mode)),
        },
    }
}

/// An open device.
pub(super) struct Device {
    row: DeviceRow,
    options: Option<Options>,
    log: Arc<Appender>,
    pub(super) redactor: Redactor,
    pub(super) fragments: Fragments,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.log.close();
    }
}

impl Device {
    /// Opens a device that was configured earlier. When it does not open it fails every entry until it does.
    pub(super) fn open(row: DeviceRow) -> Self {
        let device = Self::closed(row);
        if let Err(error) = device.log.file().open() {
            tracing::error!(device = %device.row.path, %error, "audit device does not open");
        }
        device
    }

    /// Opens a new device.
    pub(super) fn try_open(row: DeviceRow) -> Result<Self, BadDevice> {
        if row.kind != "file" {
            return Err(BadDevice::Type(row.kind));
        }
        Options::parse(&row.options)?;
        let device = Self::closed(row);
        device
            .log
            .file()
            .open()
            .map_err(|error| BadDevice::Test(error.to_string()))?;
        Ok(device)
    }

    fn closed(row: DeviceRow) -> Self {
        let options = Options::parse(&row.options).ok();
        let raw = options.as_ref().is_some_and(|options| options.raw);
        let file = match &options {
            Some(options) => LogFile::new(&options.path, options.mode),
            None => LogFile::new("", None),
        };
        let log = Appender::new(row.path.clone(), file);
        log.start();
        Self {
            redactor: Redactor::new(&row.salt, raw),
            fragments: Fragments::default(),
            row,
            options,
            log,
        }
    }

    pub(super) const fn row(&self) -> &DeviceRow {
        &self.row
    }

    pub(super) fn reopen(&self) {
        self.log.file().reopen();
    }

    pub(super) fn look_again(&self) {
        self.log.file().look_again();
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

    /// Hands a line over to be written.
    pub(super) fn append(&self, line: &Redacted) -> Ticket {
        self.log.append(line)
    }

    /// Entries this device did not accept.
    pub(super) fn failures(&self) -> u64 {
        self.log.failures()
    }

    /// Sends a test entry through.
    pub(super) fn test(&self, now: Timestamp, entropy: &dyn Entropy) -> Result<(), BadDevice> {
        if self.options.as_ref().is_some_and(|options| options.skip_test) {
            return Ok(());
        }
        let request_id = id::uuid_v4(entropy);
        let mut line = Redacted::default();
        self.format_request(&Entry::test(&request_id, now), &mut line);
        self.log
            .file()
            .append(line.as_str().as_bytes())
            .map_err(|error| BadDevice::Test(error.to_string()))
    }

    pub(super) fn format_request(&self, entry: &Entry<'_>, line: &mut Redacted) {
        super::entry::request_line(self, entry, line);
    }

    pub(super) fn format_response(&self, entry: &Entry<'_>, outcome: &Outcome<'_>, line: &mut Redacted) {
        super::entry::response_line(self, entry, outcome, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[(&str, &str)]) -> Result<Options, BadDevice> {
        let options = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Options::parse(&options)
    }

    #[test]
    fn options_are_checked_when_a_device_is_enabled() {
        let options = parse(&[
            ("file_path", "/var/log/audit.log"),
            ("log_raw", "true"),
            ("mode", "0640"),
        ])
        .unwrap();
        assert_eq!(
            (options.path.as_str(), options.raw, options.mode),
            ("/var/log/audit.log", true, Some(0o640))
        );
        assert_eq!(parse(&[("path", "stdout")]).unwrap().mode, Some(0o600));
        assert_eq!(parse(&[("path", "x"), ("mode", "0000")]).unwrap().mode, None);
        for (options, message) in [
            (&[][..], "file_path is required"),
            (
                &[("path", "x"), ("mode", "abc")],
                "invalid value for option \"mode\": expected octal digits such as 0600",
            ),
            (
                &[("path", "x"), ("mode", "0755")],
                "invalid value for option \"mode\": a log file must not be executable",
            ),
            (
                &[("path", "x"), ("log_raw", "maybe")],
                "invalid value for option \"log_raw\": expected true or false",
            ),
            (
                &[("path", "x"), ("format", "jsonx")],
                "invalid value for option \"format\": \"jsonx\" is not supported; use \"json\"",
            ),
            (
                &[("file_pth", "x")],
                "unknown option \"file_pth\"; did you mean \"file_path\"?",
            ),
        ] {
            assert_eq!(parse(options).unwrap_err().to_string(), message);
        }
    }
}
