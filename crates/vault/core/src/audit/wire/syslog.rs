//! The syslog of the machine: a datagram of RFC 3164 for each entry, of severity informational.
//!
//! No time stands in it: the entry has one, and the receiver adds when it came.

use std::io;

use tokio::net::UnixDatagram;

use super::for_a_datagram;
use crate::audit::outbox::end_of_line;

/// Where syslog listens: Linux, then others.
const PLACES: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/// Severity "informational".
const INFORMATIONAL: u8 = 6;

/// What part of the system a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Facility(u8);

const FACILITIES: [(&str, u8); 20] = [
    ("KERN", 0),
    ("USER", 1),
    ("MAIL", 2),
    ("DAEMON", 3),
    ("AUTH", 4),
    ("SYSLOG", 5),
    ("LPR", 6),
    ("NEWS", 7),
    ("UUCP", 8),
    ("CRON", 9),
    ("AUTHPRIV", 10),
    ("FTP", 11),
    ("LOCAL0", 16),
    ("LOCAL1", 17),
    ("LOCAL2", 18),
    ("LOCAL3", 19),
    ("LOCAL4", 20),
    ("LOCAL5", 21),
    ("LOCAL6", 22),
    ("LOCAL7", 23),
];

impl Facility {
    /// A facility by its name, in any case.
    pub(in crate::audit) fn parse(name: &str) -> Option<Self> {
        let found = FACILITIES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(Self(found.1))
    }
}

/// The syslog of the machine, connected when it is needed.
pub(in crate::audit) struct Syslog {
    place: Option<String>,
    head: String,
    socket: Option<UnixDatagram>,
    message: Vec<u8>,
}

impl Syslog {
    /// Messages as `tag`; to the socket at `place`, or to where syslog usually listens.
    pub(in crate::audit) fn new(facility: Facility, tag: &str, place: Option<String>) -> Self {
        let priority = facility.0 * 8 + INFORMATIONAL;
        Self {
            place,
            head: format!("<{priority}>{tag}[{}]: ", std::process::id()),
            socket: None,
            message: Vec::new(),
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.socket = None;
    }

    pub(super) async fn send(&mut self, lines: &[u8], done: &mut usize) -> io::Result<()> {
        while *done < lines.len() {
            let end = end_of_line(lines, *done);
            let line = lines.get(*done..end).unwrap_or_default();
            self.message.clear();
            self.message.extend_from_slice(self.head.as_bytes());
            self.message
                .extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            self.send_message().await?;
            *done = end;
        }
        Ok(())
    }

    /// A syslog that was started anew has another socket at the same place.
    async fn send_message(&mut self) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            match socket.send(&self.message).await {
                Ok(_) => return Ok(()),
                Err(error) => {
                    let error = for_a_datagram(error, self.message.len());
                    if error.kind() == io::ErrorKind::InvalidInput {
                        return Err(error);
                    }
                }
            }
        }
        self.socket = None;
        let socket = self.socket.insert(self.connect()?);
        let sent = socket.send(&self.message).await;
        sent.map(|_| ())
            .map_err(|error| for_a_datagram(error, self.message.len()))
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        if let Some(place) = &self.place {
            socket.connect(place)?;
            return Ok(socket);
        }
        let mut failure = io::Error::other("no syslog listens on this machine");
        for place in PLACES {
            match socket.connect(place) {
                Ok(()) => return Ok(socket),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}
