//! Listeners: requests of others are passed on to the server, and answers with leases are kept for the next who asks.
//!
//! | part | holds |
//! |---|---|
//! | `listen` | open sockets |
//! | `door` | one listener: connections, TLS, limits |
//! | `desk` | what becomes of a request: a word for the agent, or one for the server |
//! | `pass` | the way to the server and back |
//! | `socket` | WebSockets, passed on |
//! | [`cache`] | answers with leases |

pub mod cache;
mod desk;
mod door;
mod listen;
mod pass;
mod socket;

use std::io;

pub use desk::{Desk, DeskSettings};
pub use door::{Door, Role};

/// Why a listener cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address is taken, not of this machine, or cannot be resolved.
    #[error("listener: cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// No such user or group.
    #[error("listener: cannot give {address} away: there is no {what} {account} on this machine")]
    NoAccount {
        /// The socket.
        address: String,
        /// `user` or `group`.
        what: &'static str,
        /// The account.
        account: String,
    },
    /// A file with certificates or a key.
    #[error("listener: cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// Certificates or key.
    #[error("listener: {0}")]
    Tls(#[from] arca_client::ConfigError),
}
