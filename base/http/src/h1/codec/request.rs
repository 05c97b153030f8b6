//! Request heads.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, StatusCode, Uri, Version};

use super::head::{self, BadLines, Found, HeadScan, Lines};
use super::{Framing, take_front};
use crate::h1::spare;
use crate::path::{escape_target, has_invalid_escape};

/// Bounds of a request head.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole head. As in Go, 4,096 more are let pass.
    pub bytes: usize,
    /// Count of fields.
    pub fields: usize,
}

/// What Go's server allows over the configured limit.
const SLOP: usize = 4096;

/// A request head, with what it says about its body and its connection.
#[derive(Debug)]
pub struct RequestHead {
    /// Method; any token.
    pub method: Method,
    /// Origin form, `*`, or for CONNECT the authority alone.
    pub uri: Uri,
    /// 1.0 or 1.1.
    pub version: Version,
    /// Fields in order, without `transfer-encoding`; `host` is the authority of an absolute target.
    pub headers: HeaderMap,
    /// How the body is framed; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the client keeps the connection open.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
}

/// Why a request head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// The request line, a bare CR or LF, or a target that is none.
    Line,
    /// A field line.
    Field,
    /// A version other than 1.0 and 1.1.
    Version,
    /// The head is over its limits.
    TooLarge,
    /// The target is longer than 65,534 bytes.
    LongTarget,
    /// No `host` in a request of version 1.1.
    NoHost,
    /// A `host` that is none, or more than one.
    Host,
    /// A length that is none, or more than one.
    Length,
    /// `transfer-encoding` together with a length, or in version 1.0.
    Framing,
    /// A transfer coding other than `chunked`.
    Coding,
}

impl Reject {
    /// Status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Reject::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Reject::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Reject::LongTarget => StatusCode::URI_TOO_LONG,
            Reject::Coding => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// What Go's server adds to the status, when it adds something.
    #[must_use]
    pub fn detail(self) -> Option<&'static str> {
        match self {
            Reject::Version => Some("unsupported protocol version"),
            Reject::NoHost => Some("missing required Host header"),
            Reject::Host => Some("malformed Host header"),
            _ => None,
        }
    }
}

impl From<BadLines> for Reject {
    fn from(bad: BadLines) -> Self {
        match bad {
            BadLines::BareLineFeed => Reject::Line,
            BadLines::TooMany => Reject::TooLarge,
        }
    }
}

/// Takes one request head off `input`, or nothing when it is not complete. `scan` belongs to this input and starts
/// anew after every head.
///
/// # Errors
/// The reason to refuse the request; the connection cannot be used further.
pub fn read_request(
    input: &mut BytesMut,
    scan: &mut HeadScan,
    limits: Limits,
) -> Result<Option<RequestHead>, Reject> {
    if scan.is_new() && !skip_empty_lines(input)? {
        return Ok(None);
    }
    match scan.find(input) {
        Found::BareLineFeed => Err(Reject::Line),
        Found::Partial if input.len() > limits.bytes + SLOP => Err(Reject::TooLarge),
        Found::Partial => Ok(None),
        Found::End(len) if len > limits.bytes + SLOP => Err(Reject::TooLarge),
        Found::End(len) => parse(&take_front(input, len), limits.fields).map(Some),
    }
}

/// Skips the empty lines that RFC 9112 section 2.2 tolerates before a request line; false when more input is needed.
fn skip_empty_lines(input: &mut BytesMut) -> Result<bool, Reject> {
    while input.starts_with(b"\r\n") {
        input.advance(2);
    }
    match **input {
        [] | [b'\r'] => Ok(false),
        [first, ..] if is_token(first) => Ok(true),
        _ => Err(Reject::Line),
    }
}

fn parse(head: &Bytes, most_fields: usize) -> Result<RequestHead, Reject> {
    let mut ranges = Lines::new(head, most_fields + 1);
    let line = ranges.next_range()?.ok_or(Reject::Line)?;
    let (method, target, version) = request_line(head, line)?;
    let mut fields = Fields::new();
    while let Some(range) = ranges.next_range()? {
        fields.add(head, range)?;
    }
    let (uri, authority) = target.resolve(&method)?;
    let framing = fields.framing(version)?;
    fields.check_host(version)?;
    if let Some(authority) = authority {
        fields.map.insert(header::HOST, authority);
    }
    let keep_alive = !fields.close && (version == Version::HTTP_11 || fields.keep_alive);
    let expects_continue = fields.expects_continue && version == Version::HTTP_11 && framing != Framing::None;
    Ok(RequestHead { method, uri, version, headers: fields.map, framing, keep_alive, expects_continue })
}

fn request_line(head: &Bytes, line: std::ops::Range<usize>) -> Result<(Method, Target, Version), Reject> {
    let text = &head[line.clone()];
    let first = memchr::memchr(b' ', text).ok_or(Reject::Line)?;
    let last = memchr::memrchr(b' ', text).ok_or(Reject::Line)?;
    if last <= first + 1 {
        return Err(Reject::Line);
    }
    let method = Method::from_bytes(&text[..first]).map_err(|_| Reject::Line)?;
    let version = match &text[last + 1..] {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => return Err(Reject::Version),
        _ => return Err(Reject::Line),
    };
    Ok((method, Target(head.slice(line.start + first + 1..line.start + last)), version))
}

/// A request target as sent.
struct Target(Bytes);

impl Target {
    /// The target as [`RequestHead::uri`] wants it, with the authority that takes the place of `host`.
    fn resolve(self, method: &Method) -> Result<(Uri, Option<HeaderValue>), Reject> {
        // A fragment is never sent (RFC 9110 section 7.1), and readers differ in where it begins.
        if memchr::memchr2(b'#', b' ', &self.0).is_some() {
            return Err(Reject::Line);
        }
        if *method == Method::CONNECT {
            return self.authority_form();
        }
        match self.0.first() {
            Some(b'/') => Ok((Uri::from(path_and_query(self.0)?), None)),
            Some(b'*') if self.0.len() == 1 && *method == Method::OPTIONS => {
                Ok((Uri::from(PathAndQuery::from_static("*")), None))
            }
            _ => self.absolute_form(),
        }
    }

    fn authority_form(self) -> Result<(Uri, Option<HeaderValue>), Reject> {
        let authority = authority(self.0.clone())?;
        if authority.port_u16().is_none() {
            return Err(Reject::Line);
        }
        let host = HeaderValue::from_maybe_shared(self.0).map_err(|_| Reject::Line)?;
        Ok((Uri::from(authority), Some(host)))
    }

    fn absolute_form(self) -> Result<(Uri, Option<HeaderValue>), Reject> {
        let scheme = memchr::memmem::find(&self.0, b"://").ok_or(Reject::Line)?;
        let name = &self.0[..scheme];
        if !name.eq_ignore_ascii_case(b"http") && !name.eq_ignore_ascii_case(b"https") {
            return Err(Reject::Line);
        }
        let rest = self.0.slice(scheme + 3..);
        let end = memchr::memchr2(b'/', b'?', &rest).unwrap_or(rest.len());
        let host = rest.slice(..end);
        authority(host.clone())?;
        let path = match rest.get(end) {
            None => PathAndQuery::from_static("/"),
            Some(b'/') => path_and_query(rest.slice(end..))?,
            Some(_) => path_and_query(Bytes::from([b"/", &rest[end..]].concat()))?,
        };
        let host = HeaderValue::from_maybe_shared(host).map_err(|_| Reject::Line)?;
        Ok((Uri::from(path), Some(host)))
    }
}

/// A host with an optional port, and nothing else.
fn authority(text: Bytes) -> Result<Authority, Reject> {
    if text.is_empty() || !text.iter().all(|byte| is_host_byte(*byte)) {
        return Err(Reject::Line);
    }
    Authority::from_maybe_shared(text).map_err(|_| Reject::Line)
}

fn path_and_query(text: Bytes) -> Result<PathAndQuery, Reject> {
    let text = escape_target(&text).map_or(text, Bytes::from);
    if text.len() >= usize::from(u16::MAX) {
        return Err(Reject::LongTarget);
    }
    let target = PathAndQuery::from_maybe_shared(text).map_err(|_| Reject::Line)?;
    if has_invalid_escape(target.path()) {
        return Err(Reject::Line);
    }
    Ok(target)
}

/// Fields as they come, with those that decide about framing looked at on the way.
struct Fields {
    map: HeaderMap,
    hosts: usize,
    bad_host: bool,
    length: Option<u64>,
    coding: Option<bool>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl Fields {
    fn new() -> Self {
        Fields {
            map: spare::take(),
            hosts: 0,
            bad_host: false,
            length: None,
            coding: None,
            close: false,
            keep_alive: false,
            expects_continue: false,
        }
    }

    fn add(&mut self, head: &Bytes, line: std::ops::Range<usize>) -> Result<(), Reject> {
        let (name, value) = head::field(head, line).ok_or(Reject::Field)?;
        match name {
            header::HOST => {
                self.hosts += 1;
                self.bad_host |= !value.as_bytes().iter().all(|byte| is_host_byte(*byte));
            }
            header::CONTENT_LENGTH => {
                let length = head::content_length(&value).ok_or(Reject::Length)?;
                if self.length.replace(length).is_some() {
                    return Err(Reject::Length);
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
            header::EXPECT => {
                self.expects_continue |= value.as_bytes().eq_ignore_ascii_case(b"100-continue");
            }
            _ => {}
        }
        self.map.try_append(name, value).map_err(|_| Reject::TooLarge)?;
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Framing, Reject> {
        match (self.coding, self.length) {
            (None, None | Some(0)) => Ok(Framing::None),
            (None, Some(length)) => Ok(Framing::Length(length)),
            (Some(_), Some(_)) => Err(Reject::Framing),
            (Some(_), None) if version == Version::HTTP_10 => Err(Reject::Framing),
            (Some(true), None) => Ok(Framing::Chunked),
            (Some(false), None) => Err(Reject::Coding),
        }
    }

    fn check_host(&self, version: Version) -> Result<(), Reject> {
        match self.hosts {
            0 if version == Version::HTTP_11 => Err(Reject::NoHost),
            0 | 1 if !self.bad_host => Ok(()),
            _ => Err(Reject::Host),
        }
    }
}

/// `tchar` of RFC 9110.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What a host with a port may be made of (RFC 3986, without user information).
fn is_host_byte(byte: u8) -> bool {
    HOST_BYTES[usize::from(byte)]
}

const HOST_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        allowed[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~%!$&'()*+,;=:[]";
    let mut place = 0;
    while place < others.len() {
        allowed[others[place] as usize] = true;
        place += 1;
    }
    allowed
};

#[cfg(test)]
mod tests;
