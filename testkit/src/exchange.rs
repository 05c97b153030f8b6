//! The smallest HTTP/1 client: sends bytes as they are and returns what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a peer may stay silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends `bytes` on a new connection and returns all that the peer sends until it closes. A test that wants an early
/// end asks for it with `Connection: close`; a peer that was reset gives what had arrived.
#[must_use]
pub fn exchange(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(addr);
    // A server may refuse and close before it has read everything.
    let _ = stream.write_all(bytes);
    read_all(&mut stream)
}

/// As [`exchange`], in pieces with a pause between them. `half_close` ends our side after the last piece.
#[must_use]
pub fn exchange_slowly(addr: SocketAddr, pieces: &[&[u8]], pause: Duration, half_close: bool) -> Vec<u8> {
    let mut stream = connect(addr);
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            std::thread::sleep(pause);
        }
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    if half_close {
        let _ = stream.shutdown(Shutdown::Write);
    }
    read_all(&mut stream)
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("the peer neither answered nor closed; so far {:?}", String::from_utf8_lossy(&all))
        }
        _ => all,
    }
}
