//! The wire format of HTTP/1.x (RFC 9112), pure and synchronous: bytes in, messages out, and back.
//!
//! A head is first found ([`HeadScan`]), which already refuses line ends other than CRLF, and then parsed once as a
//! whole, so that a slow sender costs no repeated work. Header values share the head's bytes. Bodies pass through a
//! [`BodyDecoder`] that hands out what is there. Wherever two readers of the same bytes could disagree (bare CR or LF,
//! folded lines, spaces around names, doubled or mixed framing), the message is refused.

mod body;
mod encode;
mod head;
mod names;
mod request;
mod response;

pub use body::{BodyDecoder, BrokenBody, Decoded, Framing};
pub use encode::{
    BodyPlan, ResponseFacts, encode_chunk_start, encode_interim, encode_last_chunk, encode_refusal,
    encode_request, encode_response,
};
pub use head::HeadScan;
pub use request::{Limits, Reject, RequestHead, read_request};
pub use response::{BadResponse, ResponseHead, read_response};

pub(crate) use encode::CHUNK_END;

use bytes::{Bytes, BytesMut};

/// Takes the first `count` bytes. The last bytes take the buffer with them, so that an empty one holds no memory.
pub(crate) fn take_front(input: &mut BytesMut, count: usize) -> Bytes {
    if count == input.len() {
        return std::mem::take(input).freeze();
    }
    input.split_to(count).freeze()
}
