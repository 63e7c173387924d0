//! Telling a service manager that waits for it how far the agent is.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `READY=1` and the like to the socket in `$NOTIFY_SOCKET`. Nobody has to listen.
pub(crate) fn tell(socket: Option<&str>, state: &str) {
    let Some(name) = socket else { return };
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let waiting = UnixDatagram::bind(&path).unwrap();
        tell(path.to_str(), "READY=1");
        let mut text = [0; 16];
        let length = waiting.recv(&mut text).unwrap();
        assert_eq!(&text[..length], b"READY=1");
        tell(None, "READY=1");
    }
}
