//! Response heads.

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http::{StatusCode, Version};

use super::head::{self, BadLines, Found, HeadScan, Lines};
use super::{Framing, Limits, take_front};
use crate::h1::spare;

/// A response head, with what it says about its body and its connection.
#[derive(Debug)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: StatusCode,
    /// 1.0 or 1.1.
    pub version: Version,
    /// Fields in order, without `transfer-encoding`.
    pub headers: HeaderMap,
    /// How the body is framed.
    pub framing: Framing,
    /// Whether the connection can carry another exchange.
    pub keep_alive: bool,
}

/// Why a response head cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    /// The status line.
    #[error("malformed status line")]
    Line,
    /// A field line, or a line end that is not CRLF.
    #[error("malformed header field")]
    Field,
    /// The head is over its limits.
    #[error("response head over the limit")]
    TooLarge,
    /// Lengths that are none, or differ.
    #[error("malformed content-length")]
    Length,
    /// A transfer coding other than `chunked`.
    #[error("unsupported transfer-encoding")]
    Coding,
}

impl From<BadLines> for BadResponse {
    fn from(bad: BadLines) -> Self {
        match bad {
            BadLines::BareLineFeed => BadResponse::Field,
            BadLines::TooMany => BadResponse::TooLarge,
        }
    }
}

/// Takes one response head off `input`, or nothing when it is not complete. `to_head` says that the request was HEAD.
///
/// # Errors
/// When this is no response; the connection cannot be used further.
pub fn read_response(
    input: &mut BytesMut,
    scan: &mut HeadScan,
    limits: Limits,
    to_head: bool,
) -> Result<Option<ResponseHead>, BadResponse> {
    let start = input.len().min(5);
    if input[..start] != b"HTTP/"[..start] {
        return Err(BadResponse::Line);
    }
    match scan.find(input) {
        Found::BareLineFeed => Err(BadResponse::Field),
        Found::Partial if input.len() > limits.bytes => Err(BadResponse::TooLarge),
        Found::Partial => Ok(None),
        Found::End(len) if len > limits.bytes => Err(BadResponse::TooLarge),
        Found::End(len) => parse(&take_front(input, len), limits.fields, to_head).map(Some),
    }
}

fn parse(head: &Bytes, most_fields: usize, to_head: bool) -> Result<ResponseHead, BadResponse> {
    let mut ranges = Lines::new(head, most_fields + 1);
    let line = ranges.next_range()?.ok_or(BadResponse::Line)?;
    let (version, status) = status_line(&head[line])?;
    let mut fields = Fields { map: spare::take(), ..Fields::default() };
    while let Some(range) = ranges.next_range()? {
        fields.add(head, range)?;
    }
    let bodiless = to_head || status.is_informational() || status == 204 || status == 304;
    let framing = if bodiless { Framing::None } else { fields.framing(version)? };
    let kept = !fields.close && (version == Version::HTTP_11 || fields.keep_alive);
    // Both a length and chunks: chunks count, and whoever wrote this is not trusted with another exchange.
    let doubtful = fields.coding.is_some() && fields.length.is_some();
    if doubtful {
        fields.map.remove(header::CONTENT_LENGTH);
    }
    let keep_alive = kept && !doubtful && framing != Framing::UntilClose;
    Ok(ResponseHead { status, version, headers: fields.map, framing, keep_alive })
}

/// `HTTP/1.x SP 3DIGIT [SP reason]`; like Go, a missing reason with its space is let pass.
fn status_line(line: &[u8]) -> Result<(Version, StatusCode), BadResponse> {
    let (version, rest) = line.split_at_checked(9).ok_or(BadResponse::Line)?;
    let version = match version {
        b"HTTP/1.1 " => Version::HTTP_11,
        b"HTTP/1.0 " => Version::HTTP_10,
        _ => return Err(BadResponse::Line),
    };
    let (code, reason) = rest.split_at_checked(3).ok_or(BadResponse::Line)?;
    let reason_is_text = reason.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f));
    if !reason_is_text || !(reason.is_empty() || reason[0] == b' ') {
        return Err(BadResponse::Line);
    }
    let status = StatusCode::from_bytes(code).map_err(|_| BadResponse::Line)?;
    Ok((version, status))
}

#[derive(Default)]
struct Fields {
    map: HeaderMap,
    length: Option<u64>,
    coding: Option<bool>,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn add(&mut self, head: &Bytes, line: std::ops::Range<usize>) -> Result<(), BadResponse> {
        let (name, value) = head::field(head, line).ok_or(BadResponse::Field)?;
        match name {
            header::CONTENT_LENGTH => {
                let length = head::content_length(&value).ok_or(BadResponse::Length)?;
                match self.length.replace(length) {
                    None => {}
                    // The same length twice is one length.
                    Some(before) if before == length => return Ok(()),
                    Some(_) => return Err(BadResponse::Length),
                }
            }
            header::TRANSFER_ENCODING => {
                let chunked = value.as_bytes().eq_ignore_ascii_case(b"chunked");
                self.coding = Some(chunked && self.coding.is_none());
                return Ok(());
            }
            header::CONNECTION => {
                self.close |= head::lists(&value, b"close");
                self.keep_alive |= head::lists(&value, b"keep-alive");
            }
            _ => {}
        }
        self.map.try_append(name, value).map_err(|_| BadResponse::TooLarge)?;
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Framing, BadResponse> {
        match (self.coding, self.length) {
            (Some(true), _) if version == Version::HTTP_11 => Ok(Framing::Chunked),
            (Some(_), _) => Err(BadResponse::Coding),
            (None, Some(0)) => Ok(Framing::None),
            (None, Some(length)) => Ok(Framing::Length(length)),
            (None, None) => Ok(Framing::UntilClose),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<ResponseHead>, BadResponse> {
        let limits = Limits { bytes: 2048, fields: 20 };
        read_response(&mut BytesMut::from(text.as_bytes()), &mut HeadScan::default(), limits, false)
    }

    #[test]
    fn status_lines_are_exact() {
        for line in ["HTTP/1.1 200 OK", "HTTP/1.0 200 ", "HTTP/1.1 200", "HTTP/1.1 999 Any Thing\u{e4}"] {
            assert!(matches!(read(&format!("{line}\r\n\r\n")), Ok(Some(_))), "{line}");
        }
        for line in [
            "HTTP/2.0 200 OK",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000",
            "HTTP/1.1 099 No",
            "http/1.1 200",
            "HTTP/1.1 200 a\rb",
            "HTTP/1.1 200 a\0",
            "ICY 200 OK",
            "<html>",
            "\r\nHTTP/1.1 200 OK",
        ] {
            assert!(matches!(read(&format!("{line}\r\n\r\n")), Err(BadResponse::Line)), "{line}");
        }
    }

    #[test]
    fn framing_of_responses() {
        for (fields, expected) in [
            ("", Ok((Framing::UntilClose, false))),
            ("Content-Length: 0\r\n", Ok((Framing::None, true))),
            ("Content-Length: 5\r\n", Ok((Framing::Length(5), true))),
            ("Content-Length: 5\r\nConnection: close\r\n", Ok((Framing::Length(5), false))),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Ok((Framing::Length(5), true))),
            ("Transfer-Encoding: chunked\r\n", Ok((Framing::Chunked, true))),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Ok((Framing::Chunked, false))),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(BadResponse::Length)),
            ("Content-Length: 5, 5\r\n", Err(BadResponse::Length)),
            ("Content-Length: -1\r\n", Err(BadResponse::Length)),
            ("Transfer-Encoding: gzip\r\n", Err(BadResponse::Coding)),
            ("Transfer-Encoding: chunked, gzip\r\n", Err(BadResponse::Coding)),
            ("X: a\n", Err(BadResponse::Field)),
            ("X: a\r\n folded\r\n", Err(BadResponse::Field)),
            ("X : a\r\n", Err(BadResponse::Field)),
        ] {
            let head = read(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"));
            assert_eq!(
                head.map(|head| head.map(|head| (head.framing, head.keep_alive)).unwrap()),
                expected,
                "{fields:?}"
            );
        }
        let kept =
            read("HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n").unwrap().unwrap();
        assert!(kept.keep_alive);
        assert!(matches!(
            read("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Err(BadResponse::Coding)
        ));
        for status in [204, 304, 103] {
            let head = read(&format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n")).unwrap().unwrap();
            assert_eq!(head.framing, Framing::None, "{status}");
        }
    }
}
