//! TCP, UDP and Unix sockets: each entry is a line, and over UDP a datagram.

use std::io;

use tokio::net::{TcpStream, UdpSocket, UnixStream};

use super::for_a_datagram;
use crate::audit::outbox::end_of_line;

/// Kind of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) enum SocketType {
    /// A stream over the network.
    Tcp,
    /// Datagrams over the network: nobody learns whether they arrive.
    Udp,
    /// A stream on this machine.
    Unix,
}

/// A socket, connected when it is needed.
pub(in crate::audit) struct Socket {
    kind: SocketType,
    address: String,
    connection: Option<Connection>,
}

enum Connection {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Unix(UnixStream),
}

impl Socket {
    pub(in crate::audit) const fn new(kind: SocketType, address: String) -> Self {
        Self {
            kind,
            address,
            connection: None,
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// An idle connection that turns out broken is replaced once, without that being a failure.
    pub(super) async fn send(&mut self, lines: &[u8], done: &mut usize) -> io::Result<()> {
        if let Some(connection) = self.connection.as_mut().filter(|open| open.is_alive()) {
            let start = *done;
            match connection.send(lines, done).await {
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => *done = start,
                outcome => return outcome,
            }
        }
        self.connection = None;
        let connection = self
            .connection
            .insert(Connection::open(self.kind, &self.address).await?);
        connection.send(lines, done).await
    }
}

impl Connection {
    async fn open(kind: SocketType, address: &str) -> io::Result<Self> {
        Ok(match kind {
            SocketType::Tcp => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Self::Tcp(stream)
            }
            SocketType::Udp => {
                let target = tokio::net::lookup_host(address).await?.next();
                let target = target.ok_or_else(|| io::Error::other("the name has no address"))?;
                let any = if target.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(target).await?;
                Self::Udp(socket)
            }
            SocketType::Unix => Self::Unix(UnixStream::connect(address).await?),
        })
    }

    /// Whether the other side has not closed the connection. What it says is not listened to.
    fn is_alive(&self) -> bool {
        let mut ignored = [0; 512];
        loop {
            let read = match self {
                Self::Tcp(stream) => stream.try_read(&mut ignored),
                Self::Unix(stream) => stream.try_read(&mut ignored),
                Self::Udp(_) => return true,
            };
            match read {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    async fn send(&mut self, lines: &[u8], done: &mut usize) -> io::Result<()> {
        while *done < lines.len() {
            match self {
                Self::Tcp(stream) => {
                    stream.writable().await?;
                    advance(stream.try_write(lines.get(*done..).unwrap_or_default()), done)?;
                }
                Self::Unix(stream) => {
                    stream.writable().await?;
                    advance(stream.try_write(lines.get(*done..).unwrap_or_default()), done)?;
                }
                Self::Udp(socket) => {
                    let end = end_of_line(lines, *done);
                    let line = lines.get(*done..end).unwrap_or_default();
                    let sent = socket.send(line).await;
                    sent.map_err(|error| for_a_datagram(error, line.len()))?;
                    *done = end;
                }
            }
        }
        Ok(())
    }
}

fn advance(written: io::Result<usize>, done: &mut usize) -> io::Result<()> {
    match written {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        Ok(written) => {
            *done += written;
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
