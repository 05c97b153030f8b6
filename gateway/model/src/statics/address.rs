//! The address of an entry point: `[host]:port[/tcp|/udp]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::options::Empty;

/// Which transport an entry point listens on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP: HTTP and raw TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// `tcp` or `udp`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// Where an entry point listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// Name or IP address without brackets; empty means every address of the machine.
    pub host: Box<str>,
    /// Port; 0 lets the system choose.
    pub port: u16,
    /// Transport.
    pub protocol: Protocol,
    /// Whether `/tcp` was written out; it is shown as it was written.
    pub tcp_written: bool,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// Nothing follows the host.
    NoPort,
    /// The port is no number from 0 to 65535.
    BadPort,
    /// What follows `/` is neither `tcp` nor `udp`.
    BadProtocol,
    /// The host has brackets that do not match, or an IPv6 address without them.
    BadHost,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressError::NoPort => "missing port: an address is `[host]:port[/tcp|/udp]`",
            AddressError::BadPort => "the port must be a number from 0 to 65535",
            AddressError::BadProtocol => "the protocol after `/` must be `tcp` or `udp`",
            AddressError::BadHost => "an IPv6 address must stand in brackets, as in `[::1]:80`",
        })
    }
}

impl std::error::Error for AddressError {}

impl Address {
    /// `port` on every address, over TCP.
    #[must_use]
    pub fn any(port: u16) -> Self {
        Address { port, ..Address::default() }
    }

    /// Whether two addresses cannot be listened on at once.
    #[must_use]
    pub fn collides(&self, other: &Address) -> bool {
        let anywhere = |host: &str| matches!(host, "" | "0.0.0.0" | "::");
        self.protocol == other.protocol
            && self.port == other.port
            && self.port != 0
            && (self.host == other.host || anywhere(&self.host) || anywhere(&other.host))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, protocol, tcp_written) = match text.split_once('/') {
            None => (text, Protocol::Tcp, false),
            Some((address, word)) if word.eq_ignore_ascii_case("tcp") => (address, Protocol::Tcp, true),
            Some((address, word)) if word.eq_ignore_ascii_case("udp") => (address, Protocol::Udp, false),
            Some(_) => return Err(AddressError::BadProtocol),
        };
        let (host, port) = address.rsplit_once(':').ok_or(AddressError::NoPort)?;
        if port.is_empty() || port.ends_with(']') {
            return Err(AddressError::NoPort);
        }
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AddressError::BadPort);
        }
        let port = port.parse().map_err(|_| AddressError::BadPort)?;
        Ok(Address { host: bare_host(host)?.into(), port, protocol, tcp_written })
    }
}

fn bare_host(host: &str) -> Result<&str, AddressError> {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or(AddressError::BadHost)?,
        None if host.contains(':') => return Err(AddressError::BadHost),
        None => host,
    };
    if bare.contains(['[', ']']) { Err(AddressError::BadHost) } else { Ok(bare) }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{open}{}{close}:{}", self.host, self.port)?;
        match self.protocol {
            Protocol::Udp => f.write_str("/udp"),
            Protocol::Tcp if self.tcp_written => f.write_str("/tcp"),
            Protocol::Tcp => Ok(()),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Empty for Address {
    fn is_empty(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, AddressError> {
        text.parse()
    }

    #[test]
    fn reads_every_shape() {
        assert_eq!(parse(":80"), Ok(Address::any(80)));
        assert_eq!(
            parse("127.0.0.1:0/tcp"),
            Ok(Address { host: "127.0.0.1".into(), tcp_written: true, ..Address::any(0) })
        );
        assert_eq!(parse(":53/UDP"), Ok(Address { protocol: Protocol::Udp, ..Address::any(53) }));
        assert_eq!(parse("[::1]:443"), Ok(Address { host: "::1".into(), ..Address::any(443) }));
    }

    #[test]
    fn names_the_fault() {
        assert_eq!(parse("80"), Err(AddressError::NoPort));
        assert_eq!(parse(""), Err(AddressError::NoPort));
        assert_eq!(parse("host:"), Err(AddressError::NoPort));
        assert_eq!(parse("[::1]"), Err(AddressError::NoPort));
        assert_eq!(parse(":http"), Err(AddressError::BadPort));
        assert_eq!(parse(":65536"), Err(AddressError::BadPort));
        assert_eq!(parse(":+80"), Err(AddressError::BadPort));
        assert_eq!(parse(":80/sctp"), Err(AddressError::BadProtocol));
        assert_eq!(parse("::1:80"), Err(AddressError::BadHost));
        assert_eq!(parse("[::1:80"), Err(AddressError::BadHost));
    }

    #[test]
    fn prints_what_it_reads() {
        for text in [":80", "[::1]:443", "localhost:8080", ":53/udp", ":53/tcp"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn wildcards_collide_with_every_host_on_the_same_port() {
        let at = |text: &str| parse(text).unwrap();
        assert!(at(":80").collides(&at("127.0.0.1:80")));
        assert!(at("127.0.0.1:80").collides(&at("127.0.0.1:80")));
        assert!(!at("127.0.0.1:80").collides(&at("127.0.0.2:80")));
        assert!(!at(":80").collides(&at(":80/udp")));
        assert!(!at(":0").collides(&at(":0")));
    }
}
