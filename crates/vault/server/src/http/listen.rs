//! Opening sockets.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User};
use rustix::fs::{Gid, Uid, chown};
use tokio::net::{TcpListener, UnixListener};

use super::tls::TlsError;
use super::wire::Socket;
use crate::config::{ListenAddress, UnixSocket};

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, or is not of this machine, or cannot be resolved.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// No such user or group.
    #[error("cannot listen on {address}: there is no {what} {name:?} on this machine")]
    NoSuchOwner {
        /// The socket.
        address: String,
        /// `user` or `group`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Another server is using the socket.
    #[error("cannot listen on {0}: another server answers there")]
    InUse(String),
    /// Certificates or keys.
    #[error("cannot listen on {address}: {source}")]
    Tls {
        /// The address.
        address: String,
        /// Why.
        source: Box<TlsError>,
    },
}

/// Where a server listens, as clients can use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundAddress {
    /// An address with the real port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl BoundAddress {
    /// The address, unless it is in the file system.
    #[must_use]
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An open socket.
pub(crate) enum OpenSocket {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Goes with the listener.
        _file: SocketFile,
    },
}

/// The file of a socket, removed with it.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have cleaned up already.
        let _ = fs::remove_file(&self.0);
    }
}

impl OpenSocket {
    /// Opens a socket at `address`.
    ///
    /// # Errors
    /// [`BindError`]
    pub(crate) async fn open(address: &ListenAddress) -> Result<(Self, BoundAddress), BindError> {
        match address {
            ListenAddress::Tcp(address) => tcp(address).await,
            ListenAddress::Unix(socket) => unix(socket),
        }
    }

    /// Waits for a connection.
    pub(crate) async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // An answer is one write: waiting for more of it only delays it.
                stream.set_nodelay(true)?;
                Ok((Socket::Tcp(stream), Some(peer)))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), None))
            }
        }
    }
}

async fn tcp(address: &str) -> Result<(OpenSocket, BoundAddress), BindError> {
    let failed = |source| BindError::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = match address.strip_prefix(':') {
        Some(port) => every_address(port).await,
        None => TcpListener::bind(address).await,
    };
    let listener = listener.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((OpenSocket::Tcp(listener), BoundAddress::Tcp(bound)))
}

/// IPv6 takes IPv4 in where a machine has both.
async fn every_address(port: &str) -> io::Result<TcpListener> {
    match TcpListener::bind(format!("[::]:{port}")).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind(format!("0.0.0.0:{port}")).await
        }
        outcome => outcome,
    }
}

fn unix(socket: &UnixSocket) -> Result<(OpenSocket, BoundAddress), BindError> {
    let path = &socket.path;
    let failed = |source| BindError::Listen {
        address: path.display().to_string(),
        source,
    };
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    let file = SocketFile(path.clone());
    own(socket)?;
    if let Some(mode) = socket.mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    }
    let open = OpenSocket::Unix {
        listener,
        _file: file,
    };
    Ok((open, BoundAddress::Unix(path.clone())))
}

/// Removes a socket that a server has left behind. Anything else stays, and binding fails.
fn remove_stale(path: &Path) -> Result<(), BindError> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(BindError::InUse(path.display().to_string())),
        Err(_) => fs::remove_file(path).map_err(|source| BindError::Listen {
            address: path.display().to_string(),
            source,
        }),
    }
}

fn own(socket: &UnixSocket) -> Result<(), BindError> {
    let none = |what: &'static str, name: &str| BindError::NoSuchOwner {
        address: socket.path.display().to_string(),
        what,
        name: name.to_owned(),
    };
    let wanted = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let user = wanted(&socket.user)
        .map(|name| user(&name).ok_or_else(|| none("user", &name)))
        .transpose()?;
    let group = wanted(&socket.group)
        .map(|name| group(&name).ok_or_else(|| none("group", &name)))
        .transpose()?;
    if user.is_none() && group.is_none() {
        return Ok(());
    }
    chown(&socket.path, user, group).map_err(|error| BindError::Listen {
        address: socket.path.display().to_string(),
        source: error.into(),
    })
}

fn user(name: &str) -> Option<Uid> {
    let named = || User::from_name(name).ok().flatten().map(|user| user.uid.as_raw());
    name.parse().ok().or_else(named).map(Uid::from_raw)
}

fn group(name: &str) -> Option<Gid> {
    let named = || {
        Group::from_name(name)
            .ok()
            .flatten()
            .map(|group| group.gid.as_raw())
    };
    name.parse().ok().or_else(named).map(Gid::from_raw)
}
