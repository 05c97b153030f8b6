//! The PROXY protocol, versions 1 and 2 (haproxy `doc/proxy-protocol.txt`): who is calling through a load balancer.
//!
//! [`read`] takes a fresh connection, consumes a header if there is one, and puts back whatever was read behind it.
//! As in Traefik, everyone may send a header or none, but only trusted peers are believed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use ipnet::IpNet;
use ppp::{v1, v2};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout_at};

use crate::Stream;

/// How long a peer may take for its header.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest line of version 1, with its end.
const MAX_V1: usize = 107;
/// Longest header of version 2 that we take: certificates in TLVs can be some KiB.
const MAX_V2: usize = 16 + 4096;
const V1_PREFIX: &[u8] = b"PROXY ";
/// What is read at once: enough for a header and the request behind it.
const CHUNK: usize = 2048;

/// Whose headers are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedPeers {
    /// Everybody's.
    pub insecure: bool,
    /// Those of these networks.
    pub nets: Vec<IpNet>,
}

/// Source and destination.
pub type Addresses = (SocketAddr, SocketAddr);

/// Why a connection must be closed.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It began like a header and is none.
    #[error("malformed PROXY protocol header: {0}")]
    Malformed(String),
    /// A header was begun and not ended in time.
    #[error("PROXY protocol header time-out")]
    Timeout,
    /// The connection broke.
    #[error("read PROXY protocol header: {0}")]
    Io(#[from] io::Error),
}

/// Versions that [`encode`] can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Text.
    V1,
    /// Binary.
    V2,
}

impl TrustedPeers {
    /// Whether a header from `peer` is believed.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.insecure || self.nets.iter().any(|net| net.contains(&peer.to_canonical()))
    }
}

/// Consumes a header, if the peer sends one. A peer that stays silent until `timeout` has sent none.
pub async fn read(
    mut stream: Stream,
    trusted: &TrustedPeers,
    timeout: Duration,
) -> Result<Stream, ProxyError> {
    let deadline = Instant::now() + timeout;
    let mut buffer = BytesMut::new();
    let found = loop {
        match scan(&buffer)? {
            Scan::Incomplete => {}
            Scan::Absent => break None,
            Scan::Header { len, addresses } => {
                let _ = buffer.split_to(len);
                break addresses;
            }
        }
        buffer.reserve(CHUNK);
        match timeout_at(deadline, stream.read_buf(&mut buffer)).await {
            Ok(Ok(0)) => break None,
            Ok(read) => _ = read?,
            Err(_) if buffer.is_empty() => break None,
            Err(_) => return Err(ProxyError::Timeout),
        }
    };
    let stream = if buffer.is_empty() { stream } else { stream.with_read_ahead(buffer.freeze()) };
    match found {
        Some((peer, local)) if trusted.trusts(stream.peer().ip()) => Ok(stream.with_addresses(peer, local)),
        _ => Ok(stream),
    }
}

/// A header for a connection from `source` to `destination`; mixed families are written as IPv6.
#[must_use]
pub fn encode(version: Version, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let both_v4 = source.is_ipv4() && destination.is_ipv4();
    match version {
        Version::V1 if both_v4 => line("TCP4", source, destination),
        Version::V1 => line("TCP6", as_v6(source), as_v6(destination)),
        Version::V2 => {
            let command = v2::Version::Two | v2::Command::Proxy;
            let addresses = if both_v4 {
                v2::Addresses::from((source, destination))
            } else {
                v2::Addresses::from((as_v6(source), as_v6(destination)))
            };
            let header = v2::Builder::with_addresses(command, v2::Protocol::Stream, addresses).build();
            header.expect("an address fits a header")
        }
    }
}

fn line(family: &str, source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (from, to) = (source.ip(), destination.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port()).into_bytes()
}

fn as_v6(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// What the first bytes of a connection are.
#[derive(Debug, PartialEq)]
enum Scan {
    /// They may become a header.
    Incomplete,
    /// They are no header.
    Absent,
    /// They begin with a header; without addresses for LOCAL, UNKNOWN and what is not TCP.
    Header { len: usize, addresses: Option<Addresses> },
}

fn scan(bytes: &[u8]) -> Result<Scan, ProxyError> {
    if bytes.starts_with(V1_PREFIX) {
        scan_v1(bytes)
    } else if bytes.starts_with(v2::PROTOCOL_PREFIX) {
        scan_v2(bytes)
    } else if V1_PREFIX.starts_with(bytes) || v2::PROTOCOL_PREFIX.starts_with(bytes) {
        Ok(Scan::Incomplete)
    } else {
        Ok(Scan::Absent)
    }
}

fn scan_v1(bytes: &[u8]) -> Result<Scan, ProxyError> {
    let head = &bytes[..bytes.len().min(MAX_V1)];
    let Some(len) = head.windows(2).position(|end| end == b"\r\n").map(|at| at + 2) else {
        let too_long = || ProxyError::Malformed("line too long".to_owned());
        return if head.len() < MAX_V1 { Ok(Scan::Incomplete) } else { Err(too_long()) };
    };
    let header = v1::Header::try_from(&head[..len]).map_err(|e| ProxyError::Malformed(e.to_string()))?;
    let addresses = match header.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(a) => Some((
            (a.source_address, a.source_port).into(),
            (a.destination_address, a.destination_port).into(),
        )),
        v1::Addresses::Tcp6(a) => Some((
            (a.source_address, a.source_port).into(),
            (a.destination_address, a.destination_port).into(),
        )),
    };
    Ok(Scan::Header { len, addresses: addresses.map(canonical) })
}

fn scan_v2(bytes: &[u8]) -> Result<Scan, ProxyError> {
    let Some(&[high, low]) = bytes.get(14..16).and_then(|len| <&[u8; 2]>::try_from(len).ok()) else {
        return Ok(Scan::Incomplete);
    };
    let len = 16 + usize::from(u16::from_be_bytes([high, low]));
    if len > MAX_V2 {
        return Err(ProxyError::Malformed(format!("header of {len} bytes")));
    }
    let Some(head) = bytes.get(..len) else { return Ok(Scan::Incomplete) };
    let header = v2::Header::try_from(head).map_err(|e| ProxyError::Malformed(e.to_string()))?;
    let is_tcp = header.command == v2::Command::Proxy && header.protocol == v2::Protocol::Stream;
    let addresses = match header.addresses {
        v2::Addresses::IPv4(a) if is_tcp => Some((
            (a.source_address, a.source_port).into(),
            (a.destination_address, a.destination_port).into(),
        )),
        v2::Addresses::IPv6(a) if is_tcp => Some((
            (a.source_address, a.source_port).into(),
            (a.destination_address, a.destination_port).into(),
        )),
        _ => None,
    };
    Ok(Scan::Header { len, addresses: addresses.map(canonical) })
}

fn canonical((source, destination): Addresses) -> Addresses {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    (canonical(source), canonical(destination))
}

#[cfg(test)]
#[path = "proxy_protocol_tests.rs"]
mod tests;
