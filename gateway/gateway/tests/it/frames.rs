//! HTTP/2 frames, written and read by hand, so that they can be wrong.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::client::connect;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame as read.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a `RST_STREAM` or `GOAWAY`.
    pub(crate) fn error_code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A connection whose prefaces are done.
pub(crate) fn begin(addr: SocketAddr) -> TcpStream {
    let mut stream = connect(addr);
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).unwrap();
    stream
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of a `GET`, without Huffman codes and without the dynamic table.
pub(crate) fn get_block(host: &str, path: &str) -> Vec<u8> {
    // `:method: GET` and `:scheme: http` of the static table, then `:path` and `:authority` as literals.
    let mut block = vec![0x82, 0x86, 0x04];
    block.push(path.len() as u8);
    block.extend(path.as_bytes());
    block.extend([0x01, host.len() as u8]);
    block.extend(host.as_bytes());
    block
}

/// A complete `GET` on a stream.
pub(crate) fn get_frame(stream: u32, host: &str, path: &str) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &get_block(host, path))
}

/// The next frame; `None` when the connection has ended.
pub(crate) fn read_frame(stream: &mut TcpStream) -> Option<Frame> {
    let mut head = [0; 9];
    match stream.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("no frame and no end"),
        Err(_) => return None,
    }
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).ok()?;
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
    Some(Frame { kind: head[3], stream: id, payload })
}

/// Reads until a frame is as wanted; `None` when the connection ended before.
pub(crate) fn read_until(stream: &mut TcpStream, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
    std::iter::from_fn(|| read_frame(stream)).find(wanted)
}
