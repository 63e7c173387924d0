//! What the options of a device mean. Everything is checked when a device is enabled.

use std::collections::BTreeMap;
use std::time::Duration;

use arca_api::field::parse_flag;
use arca_base::duration::GoDuration;

use super::collector;
use super::exclusion::Exclusions;
use super::selection::Selection;
use super::wire::{Collector, Facility, Http, Socket, SocketType, Syslog, Wire};

/// Longest value of an option, in bytes.
const LONGEST: usize = 16 << 10;

/// How long a collector may take to acknowledge entries when nobody says otherwise.
const COLLECTOR_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sockets may take when nobody says otherwise.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const LONGEST_WRITE_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest text before each entry.
const LONGEST_PREFIX: usize = 256;

/// What is wrong with a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDevice {
    /// A type this server does not have.
    #[error("unknown backend type: {0:?}; this server has {kinds}", kinds = list(&KINDS))]
    Type(String),
    /// An option that must be there.
    #[error("{0} is required")]
    Missing(&'static str),
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

/// Types of devices.
pub(super) const KINDS: [&str; 4] = ["file", "http", "socket", "syslog"];

const OF_ALL: [&str; 9] = [
    "exclude",
    "fallback",
    "filter",
    "log_raw",
    "hmac_accessor",
    "elide_list_responses",
    "format",
    "prefix",
    "skip_test",
];
const OF_FILE: [&str; 3] = ["file_path", "path", "mode"];
const OF_HTTP: [&str; 7] = [
    "uri",
    "headers",
    "write_timeout",
    "ca_cert",
    "client_cert",
    "client_key",
    "tls_server_name",
];
const OF_SOCKET: [&str; 3] = ["address", "socket_type", "write_timeout"];
const OF_SYSLOG: [&str; 3] = ["facility", "tag", "socket_path"];

/// Settings of a device, parsed.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) target: Target,
    pub(super) raw: bool,
    pub(super) hmac_accessor: bool,
    pub(super) elide_list_responses: bool,
    pub(super) prefix: String,
    pub(super) skip_test: bool,
    /// Which entries it takes.
    pub(super) selection: Selection,
    /// What it leaves out of them.
    pub(super) exclusions: Exclusions,
}

/// Where a device writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    File {
        path: String,
        mode: Option<u32>,
    },
    Socket {
        kind: SocketType,
        address: String,
        timeout: Duration,
    },
    Syslog {
        facility: Facility,
        tag: String,
        place: Option<String>,
    },
    Http {
        collector: Collector,
        timeout: Duration,
    },
}

/// Options as given.
pub(super) struct Given<'a>(&'a BTreeMap<String, String>);

impl Options {
    pub(super) fn parse(kind: &str, options: &BTreeMap<String, String>) -> Result<Self, BadDevice> {
        let of_kind = match kind {
            "file" => &OF_FILE[..],
            "http" => &OF_HTTP,
            "socket" => &OF_SOCKET,
            "syslog" => &OF_SYSLOG,
            _ => return Err(BadDevice::Type(kind.to_owned())),
        };
        let given = Given(options);
        given.are_known(&[of_kind, &OF_ALL].concat())?;
        given.format()?;
        let target = match kind {
            "file" => file(&given)?,
            "http" => Target::Http {
                collector: collector::parse(&given)?,
                timeout: given.write_timeout(COLLECTOR_TIMEOUT)?,
            },
            "socket" => socket(&given)?,
            _ => syslog(&given)?,
        };
        Ok(Self {
            target,
            raw: given.flag("log_raw", false)?,
            hmac_accessor: given.flag("hmac_accessor", true)?,
            elide_list_responses: given.flag("elide_list_responses", false)?,
            prefix: given.prefix()?,
            skip_test: given.flag("skip_test", false)?,
            selection: given.selection()?,
            exclusions: given.exclusions()?,
        })
    }
}

impl Target {
    /// The way to a receiver outside, and how long it may take; nothing for a file.
    pub(super) fn wire(&self) -> Option<(Wire, Duration)> {
        match self {
            Self::File { .. } => None,
            Self::Socket {
                kind,
                address,
                timeout,
            } => Some((Wire::Socket(Socket::new(*kind, address.clone())), *timeout)),
            Self::Syslog { facility, tag, place } => {
                let syslog = Syslog::new(*facility, tag, place.clone());
                Some((Wire::Syslog(syslog), WRITE_TIMEOUT))
            }
            Self::Http { collector, timeout } => {
                Some((Wire::Http(Box::new(Http::new(collector.clone()))), *timeout))
            }
        }
    }
}

impl<'a> Given<'a> {
    fn are_known(&self, known: &[&'static str]) -> Result<(), BadDevice> {
        for (option, value) in self.0 {
            let Some(name) = known.iter().find(|known| *known == option) else {
                let near = arca_base::suggest::nearest(option, known.iter().copied());
                let suggestion = near
                    .map(|near| format!("; did you mean {near:?}?"))
                    .unwrap_or_default();
                return Err(BadDevice::UnknownOption {
                    option: option.clone(),
                    suggestion,
                });
            };
            if value.len() > LONGEST {
                return Err(wrong(name, format!("it is longer than {LONGEST} bytes")));
            }
        }
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    fn flag(&self, name: &'static str, default: bool) -> Result<bool, BadDevice> {
        match self.text(name) {
            None => Ok(default),
            Some(value) => parse_flag(value).ok_or_else(|| wrong(name, "expected true or false")),
        }
    }

    fn selection(&self) -> Result<Selection, BadDevice> {
        let is_rest = self.flag("fallback", false)?;
        match self.text("filter") {
            Some(_) if is_rest => Err(wrong(
                "fallback",
                "a fallback device takes what no other device takes, so it has no filter",
            )),
            Some(text) => Selection::filter(text).map_err(|error| wrong("filter", error.to_string())),
            None if is_rest => Ok(Selection::Rest),
            None => Ok(Selection::Everything),
        }
    }

    fn exclusions(&self) -> Result<Exclusions, BadDevice> {
        let text = self.text("exclude");
        let parsed = text.map(Exclusions::parse).transpose();
        Ok(parsed
            .map_err(|reason| wrong("exclude", reason))?
            .unwrap_or_default())
    }

    fn write_timeout(&self, default: Duration) -> Result<Duration, BadDevice> {
        self.text("write_timeout").map_or(Ok(default), write_timeout)
    }

    fn format(&self) -> Result<(), BadDevice> {
        match self.text("format") {
            None | Some("json") => Ok(()),
            Some(other) => Err(wrong(
                "format",
                format!("{other:?} is not supported; use \"json\""),
            )),
        }
    }

    fn prefix(&self) -> Result<String, BadDevice> {
        let prefix = self.0.get("prefix").map(String::as_str).unwrap_or_default();
        if prefix.len() > LONGEST_PREFIX {
            return Err(wrong(
                "prefix",
                format!("it is longer than {LONGEST_PREFIX} bytes"),
            ));
        }
        if prefix.contains(char::is_control) {
            return Err(wrong(
                "prefix",
                "it must not hold control characters: each entry is a line",
            ));
        }
        Ok(prefix.to_owned())
    }
}

pub(super) fn wrong(option: &'static str, reason: impl Into<String>) -> BadDevice {
    BadDevice::Option {
        option,
        reason: reason.into(),
    }
}

fn file(given: &Given<'_>) -> Result<Target, BadDevice> {
    let path = given.text("file_path").or_else(|| given.text("path"));
    Ok(Target::File {
        path: path.ok_or(BadDevice::Missing("file_path"))?.to_owned(),
        mode: parse_mode(given.text("mode"))?,
    })
}

/// Octal; absent is 0600, `0000` leaves the mode of an existing file alone.
fn parse_mode(text: Option<&str>) -> Result<Option<u32>, BadDevice> {
    let bad = || wrong("mode", "expected octal digits such as 0600");
    let Some(text) = text else {
        return Ok(Some(0o600));
    };
    match u32::from_str_radix(text, 8).map_err(|_| bad())? {
        0 => Ok(None),
        mode if mode > 0o777 => Err(bad()),
        mode if mode & 0o111 != 0 => Err(wrong("mode", "a log file must not be executable")),
        mode => Ok(Some(mode)),
    }
}

fn socket(given: &Given<'_>) -> Result<Target, BadDevice> {
    let kind = match given.text("socket_type").unwrap_or("tcp") {
        "tcp" => SocketType::Tcp,
        "udp" => SocketType::Udp,
        "unix" => SocketType::Unix,
        other => {
            let reason = format!("{other:?} is not \"tcp\", \"udp\" or \"unix\"");
            return Err(wrong("socket_type", reason));
        }
    };
    let address = given.text("address").ok_or(BadDevice::Missing("address"))?;
    check_address(kind, address)?;
    let timeout = given.write_timeout(WRITE_TIMEOUT)?;
    Ok(Target::Socket {
        kind,
        address: address.to_owned(),
        timeout,
    })
}

fn check_address(kind: SocketType, address: &str) -> Result<(), BadDevice> {
    if kind == SocketType::Unix {
        return if address.starts_with('/') {
            Ok(())
        } else {
            Err(wrong("address", "expected the absolute path of a socket"))
        };
    }
    let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(port) if port > 0 => Ok(()),
        _ => Err(wrong(
            "address",
            "expected a host and a port, such as logs.example.com:9090",
        )),
    }
}

fn write_timeout(text: &str) -> Result<Duration, BadDevice> {
    let bad = |reason: String| wrong("write_timeout", reason);
    let parsed = GoDuration::parse_lenient(text).map_err(|error| bad(error.to_string()))?;
    let timeout = u64::try_from(parsed.nanos()).map(Duration::from_nanos);
    match timeout {
        Ok(timeout) if !timeout.is_zero() && timeout <= LONGEST_WRITE_TIMEOUT => Ok(timeout),
        _ => Err(bad(format!(
            "expected more than 0 and at most {LONGEST_WRITE_TIMEOUT:?}"
        ))),
    }
}

fn syslog(given: &Given<'_>) -> Result<Target, BadDevice> {
    let name = given.text("facility").unwrap_or("AUTH");
    let facility = Facility::parse(name).ok_or_else(|| {
        wrong(
            "facility",
            format!("{name:?} is none; use AUTH, DAEMON or LOCAL0 to LOCAL7"),
        )
    })?;
    let tag = given.text("tag").unwrap_or("vault");
    if tag.len() > 32
        || !tag
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b":[]".contains(&byte))
    {
        return Err(wrong(
            "tag",
            "expected at most 32 letters and digits, without \":\", \"[\" and \"]\"",
        ));
    }
    let place = given.text("socket_path");
    if place.is_some_and(|place| !place.starts_with('/')) {
        return Err(wrong("socket_path", "expected an absolute path"));
    }
    Ok(Target::Syslog {
        facility,
        tag: tag.to_owned(),
        place: place.map(str::to_owned),
    })
}

/// `"a", "b" and "c"`.
fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, options: &[(&str, &str)]) -> Result<Options, BadDevice> {
        let options = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Options::parse(kind, &options)
    }

    fn mode(options: &[(&str, &str)]) -> Option<u32> {
        match parse("file", options).unwrap().target {
            Target::File { mode, .. } => mode,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_are_parsed() {
        let options = parse(
            "file",
            &[("file_path", "/a.log"), ("log_raw", "true"), ("prefix", "@cee: ")],
        )
        .unwrap();
        assert!(options.raw && options.prefix == "@cee: ");
        assert_eq!(mode(&[("path", "x"), ("mode", "0640")]), Some(0o640));
        assert_eq!(mode(&[("path", "stdout")]), Some(0o600));
        assert_eq!(mode(&[("path", "x"), ("mode", "0000")]), None);
        let socket = parse(
            "socket",
            &[
                ("address", "[::1]:9"),
                ("socket_type", "udp"),
                ("write_timeout", "300ms"),
            ],
        );
        assert_eq!(
            socket.unwrap().target,
            Target::Socket {
                kind: SocketType::Udp,
                address: "[::1]:9".into(),
                timeout: Duration::from_millis(300)
            }
        );
        assert!(parse("syslog", &[("facility", "local3"), ("tag", "arca")]).is_ok());
    }

    #[test]
    fn wrong_options_are_named() {
        for (kind, options, message) in [
            ("file", &[][..], "file_path is required"),
            ("socket", &[], "address is required"),
            (
                "pigeon",
                &[],
                "unknown backend type: \"pigeon\"; this server has \"file\", \"http\", \"socket\" and \"syslog\"",
            ),
            (
                "file",
                &[("path", "x"), ("mode", "abc")],
                "invalid value for option \"mode\": expected octal digits such as 0600",
            ),
            (
                "file",
                &[("path", "x"), ("mode", "0755")],
                "invalid value for option \"mode\": a log file must not be executable",
            ),
            (
                "file",
                &[("path", "x"), ("log_raw", "maybe")],
                "invalid value for option \"log_raw\": expected true or false",
            ),
            (
                "file",
                &[("path", "x"), ("format", "xml")],
                "invalid value for option \"format\": \"xml\" is not supported; use \"json\"",
            ),
            (
                "file",
                &[("path", "x"), ("prefix", "a\nb")],
                "invalid value for option \"prefix\": it must not hold control characters: each entry is a line",
            ),
            (
                "file",
                &[("file_pth", "x")],
                "unknown option \"file_pth\"; did you mean \"file_path\"?",
            ),
            (
                "file",
                &[("path", "x"), ("facility", "AUTH")],
                "unknown option \"facility\"",
            ),
        ] {
            refuses(kind, options, message);
        }
        let long = "x".repeat(LONGEST + 1);
        assert!(parse("file", &[("path", &long)]).is_err());
    }

    #[test]
    fn wrong_options_of_sockets_are_named() {
        for (kind, options, message) in [
            (
                "socket",
                &[("address", "host")][..],
                "invalid value for option \"address\": expected a host and a port, such as logs.example.com:9090",
            ),
            (
                "socket",
                &[("address", "run/x"), ("socket_type", "unix")],
                "invalid value for option \"address\": expected the absolute path of a socket",
            ),
            (
                "socket",
                &[("address", "a:1"), ("socket_type", "sctp")],
                "invalid value for option \"socket_type\": \"sctp\" is not \"tcp\", \"udp\" or \"unix\"",
            ),
            (
                "socket",
                &[("address", "a:1"), ("write_timeout", "2h")],
                "invalid value for option \"write_timeout\": expected more than 0 and at most 60s",
            ),
            (
                "syslog",
                &[("facility", "NONE")],
                "invalid value for option \"facility\": \"NONE\" is none; use AUTH, DAEMON or LOCAL0 to LOCAL7",
            ),
            (
                "syslog",
                &[("tag", "a b")],
                "invalid value for option \"tag\": expected at most 32 letters and digits, without \":\", \"[\" and \"]\"",
            ),
        ] {
            refuses(kind, options, message);
        }
    }

    fn refuses(kind: &str, options: &[(&str, &str)], message: &str) {
        let error = parse(kind, options).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
