//! How lines travel to a receiver outside.

mod http;
mod socket;
mod syslog;

use std::io;

pub(super) use http::{Collector, Http};
pub(super) use socket::{Socket, SocketType};
pub(super) use syslog::{Facility, Syslog};

/// A way to a receiver.
pub(super) enum Wire {
    /// A socket of any kind.
    Socket(Socket),
    /// The syslog of the machine.
    Syslog(Syslog),
    /// A collector that takes entries over HTTP.
    Http(Box<Http>),
}

impl Wire {
    /// Sends lines from byte `done` on, and moves `done` along. Connects first where that is needed. May be dropped
    /// half-way.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a line that can never be sent this way.
    pub(super) async fn send(&mut self, lines: &[u8], done: &mut usize) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.send(lines, done).await,
            Self::Syslog(syslog) => syslog.send(lines, done).await,
            Self::Http(http) => http.send(lines, done).await,
        }
    }

    /// Closes the connection; the next lines get a new one.
    pub(super) fn disconnect(&mut self) {
        match self {
            Self::Socket(socket) => socket.disconnect(),
            Self::Syslog(syslog) => syslog.disconnect(),
            Self::Http(http) => http.disconnect(),
        }
    }
}

/// A datagram that is too large stays too large.
fn for_a_datagram(error: io::Error, length: usize) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error()) {
        let text = format!("an entry of {length} bytes does not fit into a datagram");
        return io::Error::new(io::ErrorKind::InvalidInput, text);
    }
    error
}
