//! Standard base64 as notes and trees write it: padded, no line breaks, no spare bits.
//!
//! Go's decoder skips `\r` and `\n` and ignores spare bits. Refusing both leaves one spelling for each value, so a stored
//! note cannot be altered in any byte and still verify.

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

/// The bytes that `text` spells, or `None` if it is not canonical base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// The only spelling of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}
