//! HTTP/1.1 messages: heads and bodies of both directions, and the same bytes in other pieces.

use bytes::BytesMut;
use fairlead_http::h1::codec::{
    BodyDecoder, Decoded, Framing, HeadScan, Limits, read_request, read_response,
};
use http::{HeaderMap, Uri};

const LIMITS: Limits = Limits { bytes: 4096, fields: 50 };

/// Reads a stream of requests and a stream of responses, whole and byte by byte.
///
/// # Panics
/// When the pieces in which bytes come change their meaning.
pub fn run(data: &[u8]) {
    for response in [false, true] {
        let whole = read(data.chunks(data.len().max(1)), response);
        assert_eq!(read(data.chunks(1), response), whole, "bytes one by one mean something else");
        assert_eq!(read(data.chunks(7), response), whole, "bytes in sevens mean something else");
    }
}

/// What of a stream can be compared: messages, and whether it was refused in the end.
#[derive(Debug, Default, PartialEq)]
struct Stream {
    messages: Vec<Message>,
    refused: bool,
}

#[derive(Debug, PartialEq)]
struct Message {
    line: String,
    headers: HeaderMap,
    framing: Framing,
    keep_alive: bool,
    body: Vec<u8>,
    trailers: HeaderMap,
    complete: bool,
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, response: bool) -> Stream {
    let mut stream = Stream::default();
    let mut input = BytesMut::new();
    let mut scan = HeadScan::default();
    let mut body = BodyDecoder::new(Framing::None);
    for piece in pieces {
        input.extend_from_slice(piece);
        while let Some(progress) = step(&mut stream, &mut input, &mut scan, &mut body, response) {
            if progress.is_err() {
                stream.refused = true;
                return stream;
            }
        }
    }
    stream
}

/// One head, or all of a body that is there. `None`: more input is needed.
fn step(
    stream: &mut Stream,
    input: &mut BytesMut,
    scan: &mut HeadScan,
    body: &mut BodyDecoder,
    response: bool,
) -> Option<Result<(), ()>> {
    if let Some(message) = stream.messages.last_mut().filter(|message| !message.complete) {
        return decode(message, input, body);
    }
    let head = if response { response_head(input, scan) } else { request_head(input, scan) };
    match head {
        Ok(None) => None,
        Err(()) => Some(Err(())),
        Ok(Some(message)) => {
            *body = BodyDecoder::new(message.framing);
            stream.messages.push(message);
            Some(Ok(()))
        }
    }
}

fn decode(message: &mut Message, input: &mut BytesMut, body: &mut BodyDecoder) -> Option<Result<(), ()>> {
    match body.decode(input) {
        Ok(Decoded::Partial) => None,
        Ok(Decoded::End) => {
            message.complete = true;
            Some(Ok(()))
        }
        Ok(Decoded::Trailers(trailers)) => {
            message.trailers = trailers;
            Some(Ok(()))
        }
        Ok(Decoded::Data(data)) => {
            assert!(!data.is_empty(), "a piece of a body without bytes");
            message.body.extend_from_slice(&data);
            Some(Ok(()))
        }
        Err(_) => Some(Err(())),
    }
}

fn request_head(input: &mut BytesMut, scan: &mut HeadScan) -> Result<Option<Message>, ()> {
    let head = read_request(input, scan, LIMITS).map_err(|_| ())?;
    Ok(head.map(|head| {
        assert!(head.framing != Framing::UntilClose, "a request until close");
        assert!(head.headers.get_all(http::header::HOST).iter().count() <= 1, "two hosts");
        assert!(head.uri.to_string().parse::<Uri>().is_ok(), "{} is no target", head.uri);
        message(
            format!("{} {} {:?}", head.method, head.uri, head.version),
            head.headers,
            head.framing,
            head.keep_alive,
        )
    }))
}

fn response_head(input: &mut BytesMut, scan: &mut HeadScan) -> Result<Option<Message>, ()> {
    let head = read_response(input, scan, LIMITS, false).map_err(|_| ())?;
    Ok(head.map(|head| {
        message(format!("{} {:?}", head.status, head.version), head.headers, head.framing, head.keep_alive)
    }))
}

fn message(line: String, headers: HeaderMap, framing: Framing, keep_alive: bool) -> Message {
    let (body, trailers) = (Vec::new(), HeaderMap::new());
    Message { line, headers, framing, keep_alive, body, trailers, complete: false }
}
