//! A client that sends whatever a test wants.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fairlead_testkit::exchange;

/// How long a gateway may stay silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&addr, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A `GET` for a connection that stays open.
pub(crate) fn request(host: &str, target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// The answer to a `GET` on a connection of its own.
pub(crate) fn get(addr: SocketAddr, host: &str, target: &str) -> Vec<u8> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    exchange(addr, request.as_bytes())
}

/// The status of an answer; `None` when it is none.
pub(crate) fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
}

/// What follows the head of an answer.
pub(crate) fn body(answer: &[u8]) -> &[u8] {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(&[], |end| &answer[end + 4..])
}

/// Reads one answer with a declared length off a connection that stays open.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap_or("0").parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    answer.extend_from_slice(&body);
    answer
}

/// Reads until the other side closes or resets; how long that took, and what came.
pub(crate) fn read_to_close(stream: &mut TcpStream) -> (Duration, Vec<u8>) {
    let began = Instant::now();
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("neither answered nor closed; so far {:?}", String::from_utf8_lossy(&all))
        }
        _ => (began.elapsed(), all),
    }
}

/// Sends pieces with a pause after each until the other side has had enough.
pub(crate) fn dribble(stream: &mut TcpStream, piece: &[u8], pause: Duration, most: usize) {
    for _ in 0..most {
        if stream.write_all(piece).is_err() {
            return;
        }
        std::thread::sleep(pause);
    }
}

/// Closes with a reset instead of an end.
pub(crate) fn reset(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}
