//! Opening sockets.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User};
use rustix::fs::{Gid, Uid, chown};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::ProxyError;
use crate::config::{Account, ListenAddress};

/// What travels over a connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open socket.
pub(super) enum OpenSocket {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Goes with the listener.
        _file: SocketFile,
    },
}

/// The file of a socket, removed with it.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have cleaned up already.
        let _ = fs::remove_file(&self.0);
    }
}

impl OpenSocket {
    /// Opens a socket, and gives its address with the real port.
    pub(super) async fn open(address: &ListenAddress) -> Result<(Self, String), ProxyError> {
        match address {
            ListenAddress::Tcp(address) => tcp(address).await,
            ListenAddress::Unix {
                path,
                mode,
                user,
                group,
            } => unix(path, *mode, user.as_ref(), group.as_ref()),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix { listener, .. } => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

async fn tcp(address: &str) -> Result<(OpenSocket, String), ProxyError> {
    let failed = |source| ProxyError::Listen {
        address: address.to_owned(),
        source,
    };
    // A port alone means this machine only: whoever reaches an agent may use its token.
    let place = match address.strip_prefix(':') {
        Some(port) => format!("127.0.0.1:{port}"),
        None => address.to_owned(),
    };
    let listener = TcpListener::bind(&place).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((OpenSocket::Tcp(listener), bound.to_string()))
}

fn unix(
    path: &Path,
    mode: Option<u32>,
    user: Option<&Account>,
    group: Option<&Account>,
) -> Result<(OpenSocket, String), ProxyError> {
    let failed = |source| ProxyError::Listen {
        address: path.display().to_string(),
        source,
    };
    remove_stale(path).map_err(failed)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    let file = SocketFile(path.to_owned());
    // Closed to others before it is handed over.
    let mode = fs::Permissions::from_mode(mode.unwrap_or(0o600));
    fs::set_permissions(path, mode).map_err(failed)?;
    let user = user.map(|account| uid(path, account)).transpose()?;
    let group = group.map(|account| gid(path, account)).transpose()?;
    if user.is_some() || group.is_some() {
        chown(path, user, group).map_err(|error| failed(error.into()))?;
    }
    let open = OpenSocket::Unix {
        listener,
        _file: file,
    };
    Ok((open, format!("unix://{}", path.display())))
}

/// Removes a socket that an agent has left behind. Anything else stays, and binding fails.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return Ok(());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another agent answers there",
        )),
        Err(_) => fs::remove_file(path),
    }
}

fn uid(path: &Path, account: &Account) -> Result<Uid, ProxyError> {
    let found = match account {
        Account::Id(id) => Some(*id),
        Account::Name(name) => User::from_name(name).ok().flatten().map(|user| user.uid.as_raw()),
    };
    found
        .map(Uid::from_raw)
        .ok_or_else(|| no_account(path, "user", account))
}

fn gid(path: &Path, account: &Account) -> Result<Gid, ProxyError> {
    let found = match account {
        Account::Id(id) => Some(*id),
        Account::Name(name) => Group::from_name(name)
            .ok()
            .flatten()
            .map(|group| group.gid.as_raw()),
    };
    found
        .map(Gid::from_raw)
        .ok_or_else(|| no_account(path, "group", account))
}

fn no_account(path: &Path, what: &'static str, account: &Account) -> ProxyError {
    ProxyError::NoAccount {
        address: path.display().to_string(),
        what,
        account: format!("{account:?}"),
    }
}
