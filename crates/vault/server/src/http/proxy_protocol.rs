//! The PROXY protocol, versions 1 (text) and 2 (binary): who is behind the proxy, before anything else.
//!
//! See <https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt>. A connection without the header is taken as it
//! is, so that health checks reach the same port.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use bytes::{Buf as _, BytesMut};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::wire::{Socket, Wire};
use crate::config::{ProxyBehavior, ProxyProtocol};

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// What version 1 begins with.
const TEXT: &[u8] = b"PROXY ";
/// Longest line of version 1.
const MAX_LINE: usize = 107;
/// Longest addresses and extensions of version 2 that are read.
const MAX_PAYLOAD: usize = 4096;

/// Why a connection was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("{0} is not authorized to speak for others")]
    Unauthorized(IpAddr),
    #[error("malformed PROXY header: {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    /// More bytes are needed to tell.
    Incomplete,
    /// No header.
    Absent,
    /// A header of this length, and the address in it if there is one.
    Header(usize, Option<SocketAddr>),
}

/// Reads the header, and gives the connection back with the address to believe in.
pub(crate) async fn accept(
    mut socket: TcpStream,
    peer: SocketAddr,
    rules: &ProxyProtocol,
) -> Result<(Wire, SocketAddr), ProxyError> {
    let authorized = rules
        .authorized
        .iter()
        .any(|network| network.contains(&peer.ip().to_canonical()));
    if rules.behavior == ProxyBehavior::DenyUnauthorized && !authorized {
        return Err(ProxyError::Unauthorized(peer.ip()));
    }
    let mut bytes = BytesMut::with_capacity(256);
    let found = loop {
        match start(&bytes)? {
            Start::Incomplete if socket.read_buf(&mut bytes).await? > 0 => {}
            // The end of the connection is for HTTP to see.
            Start::Incomplete | Start::Absent => break None,
            Start::Header(length, address) => {
                bytes.advance(length);
                break address;
            }
        }
    };
    let believed = authorized || rules.behavior == ProxyBehavior::UseAlways;
    let wire = Wire {
        early: bytes.freeze(),
        socket: Socket::Tcp(socket),
    };
    Ok((wire, found.filter(|_| believed).unwrap_or(peer)))
}

fn start(bytes: &[u8]) -> Result<Start, ProxyError> {
    let begins = |known: &[u8]| bytes.iter().zip(known).all(|(byte, known)| byte == known);
    if begins(&SIGNATURE) {
        binary(bytes)
    } else if begins(TEXT) {
        text(bytes)
    } else {
        Ok(Start::Absent)
    }
}

fn text(bytes: &[u8]) -> Result<Start, ProxyError> {
    let Some(end) = bytes.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
        return match bytes.len() {
            MAX_LINE.. => Err(ProxyError::Malformed("the line does not end")),
            _ => Ok(Start::Incomplete),
        };
    };
    let line = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    let line = line.ok_or(ProxyError::Malformed("the line is not text that ends in CR LF"))?;
    let mut words = line.split(' ').skip(1);
    let address = match words.next() {
        Some("UNKNOWN") => None,
        Some("TCP4") => Some(line_address::<Ipv4Addr>(&mut words)?),
        Some("TCP6") => Some(line_address::<Ipv6Addr>(&mut words)?),
        _ => return Err(ProxyError::Malformed("neither TCP4, TCP6 nor UNKNOWN")),
    };
    Ok(Start::Header(end + 1, address))
}

/// `source destination source-port destination-port`
fn line_address<'a, A>(words: &mut impl Iterator<Item = &'a str>) -> Result<SocketAddr, ProxyError>
where
    A: FromStr + Into<IpAddr>,
{
    let malformed = || ProxyError::Malformed("an address or port cannot be read");
    let mut address = || {
        words
            .next()
            .and_then(|word| word.parse::<A>().ok())
            .ok_or_else(malformed)
    };
    let (source, _) = (address()?, address()?);
    let mut port = || {
        words
            .next()
            .and_then(|word| word.parse::<u16>().ok())
            .ok_or_else(malformed)
    };
    let (source_port, _) = (port()?, port()?);
    match words.next() {
        None => Ok(SocketAddr::new(source.into(), source_port)),
        Some(_) => Err(malformed()),
    }
}

fn binary(bytes: &[u8]) -> Result<Start, ProxyError> {
    let Some((head, payload)) = bytes.split_first_chunk::<16>() else {
        return Ok(Start::Incomplete);
    };
    let [.., command, family, high, low] = *head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_PAYLOAD {
        return Err(ProxyError::Malformed("too long"));
    }
    let Some(payload) = payload.get(..length) else {
        return Ok(Start::Incomplete);
    };
    let address = match (command, family) {
        (0x20, _) => None,
        (0x21, 0x11) => Some(binary_v4(payload)?),
        (0x21, 0x21) => Some(binary_v6(payload)?),
        (0x21, _) => None,
        _ => return Err(ProxyError::Malformed("unknown version or command")),
    };
    Ok(Start::Header(head.len() + length, address))
}

const SHORT: ProxyError = ProxyError::Malformed("the addresses are cut off");

fn binary_v4(payload: &[u8]) -> Result<SocketAddr, ProxyError> {
    let (addresses, _) = payload.split_first_chunk::<12>().ok_or(SHORT)?;
    let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses;
    Ok(SocketAddr::new(
        Ipv4Addr::new(a, b, c, d).into(),
        u16::from_be_bytes([high, low]),
    ))
}

fn binary_v6(payload: &[u8]) -> Result<SocketAddr, ProxyError> {
    let (source, rest) = payload.split_first_chunk::<16>().ok_or(SHORT)?;
    let (_, ports) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
    let ([high, low, _, _], _) = ports.split_first_chunk::<4>().ok_or(SHORT)?;
    Ok(SocketAddr::new(
        Ipv6Addr::from(*source).into(),
        u16::from_be_bytes([*high, *low]),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn header(bytes: &[u8]) -> (usize, Option<String>) {
        match start(bytes).unwrap() {
            Start::Header(length, address) => (length, address.map(|address| address.to_string())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines() {
        for (line, address) in [
            (
                "PROXY TCP4 192.0.2.1 192.0.2.2 5000 8200\r\n",
                Some("192.0.2.1:5000"),
            ),
            (
                "PROXY TCP6 2001:db8::1 ::1 5000 8200\r\n",
                Some("[2001:db8::1]:5000"),
            ),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
        ] {
            let with_more = format!("{line}GET / HTTP/1.1\r\n");
            assert_eq!(
                header(with_more.as_bytes()),
                (line.len(), address.map(str::to_owned)),
                "{line}"
            );
            for cut in 0..line.len() {
                assert_eq!(
                    start(&line.as_bytes()[..cut]).unwrap(),
                    Start::Incomplete,
                    "{line} {cut}"
                );
            }
        }
    }

    #[test]
    fn bad_lines() {
        for line in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 5000\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5000 8200 1\r\n",
            "PROXY TCP4 ::1 ::1 5000 8200\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 70000 8200\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 5000 8200\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 5000 8200\n",
        ] {
            assert!(start(line.as_bytes()).is_err(), "{line}");
        }
        let endless = format!("PROXY {}", "x".repeat(MAX_LINE));
        assert!(start(endless.as_bytes()).is_err());
    }

    #[test]
    fn binary_headers() {
        let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 0x13, 0x88, 0x20, 0x08];
        let mut v6 = Ipv6Addr::from_str("2001:db8::1").unwrap().octets().to_vec();
        v6.extend([0; 16]);
        v6.extend([0x13, 0x88, 0x20, 0x08, 0xde, 0xad]);
        for (bytes, address) in [
            (v2(0x21, 0x11, &v4), Some("192.0.2.1:5000")),
            (v2(0x21, 0x21, &v6), Some("[2001:db8::1]:5000")),
            (v2(0x20, 0x11, &v4), None),
            (v2(0x21, 0x31, &[0; 216]), None),
        ] {
            assert_eq!(header(&bytes), (bytes.len(), address.map(str::to_owned)));
            for cut in 0..bytes.len() {
                assert_eq!(start(&bytes[..cut]).unwrap(), Start::Incomplete);
            }
        }
        assert!(start(&v2(0x21, 0x11, &v4[..11])).is_err());
        assert!(start(&v2(0x11, 0x11, &v4)).is_err());
        let mut long = v2(0x21, 0x11, &v4);
        long[14..16].copy_from_slice(&[0xff, 0xff]);
        assert!(start(&long).is_err());
    }

    #[test]
    fn other_beginnings_are_no_header() {
        for bytes in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"PUT /v1/a HTTP/1.1\r\n",
            b"PROPFIND",
            b"\x16\x03\x01",
            b"\r\n\r\nGET",
        ] {
            assert_eq!(start(bytes).unwrap(), Start::Absent);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..300), signed in any::<bool>()) {
            let bytes = if signed { [&SIGNATURE[..], &bytes].concat() } else { bytes };
            if let Ok(Start::Header(length, _)) = start(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
