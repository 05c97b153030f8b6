//! A small blocking HTTP/1.1 client for checks, idle connections and first answers. The load comes from wrk and
//! h2load.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const MAX_REPLY: usize = 64 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// A reply that was read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    head: String,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// The first value of a header in a message head; names compare without regard to case.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A connection whose reads and writes give up after some seconds.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends one request and reads its reply.
pub(crate) fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> io::Result<Reply> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut bytes = Vec::with_capacity(1024);
    let end = loop {
        if let Some(at) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status =
        head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let length: usize = match header(&head, "content-length").map(str::parse) {
        Some(length) => length.map_err(|_| io::ErrorKind::InvalidData)?,
        None => 0,
    };
    while bytes.len() < end + length {
        more(stream, &mut bytes)?;
    }
    Ok(Reply { status, head, body: bytes[end..end + length].to_vec() })
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if bytes.len() > MAX_REPLY => Err(io::ErrorKind::FileTooLarge.into()),
        count => {
            bytes.extend_from_slice(&chunk[..count]);
            Ok(())
        }
    }
}

/// TLS connections that trust the run's own certificate.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<ClientConfig>);

/// A TLS stream over TCP.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Tls {
    /// Trusts the certificate in a PEM file and offers these protocols.
    pub(crate) fn trusting(certificate: &Path, protocols: &[&str]) -> Result<Tls> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&fs::read(certificate)?).context("own certificate")?)?;
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        // Every connection pays for a full handshake and holds what one holds.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Tls(Arc::new(config)))
    }

    /// Connects and completes the handshake.
    pub(crate) fn connect(&self, address: SocketAddr, name: &str) -> Result<TlsStream> {
        let mut stream = connect(address)?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.0), ServerName::try_from(name.to_owned())?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Script(io::Cursor<Vec<u8>>);

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let some = buffer.len().min(3);
            self.0.read(&mut buffer[..some])
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn replies_are_read_whole_and_cut_ones_are_errors() {
        let whole = b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody".to_vec();
        let reply = exchange(&mut Script(io::Cursor::new(whole.clone())), b"").unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (404, &b"body"[..]));
        assert_eq!(reply.header("x-a"), Some("b"));
        let cut = whole[..whole.len() - 1].to_vec();
        assert!(exchange(&mut Script(io::Cursor::new(cut)), b"").is_err());
    }
}
