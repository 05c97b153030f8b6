//! The `h1:` hash over named files, as go.sum and the checksum database record it.
//!
//! Each file contributes the line `hex(sha256(content))  name\n`; the lines, in bytewise order of the names, are hashed
//! once more. A module archive uses its entry names with their `path@version/` prefix, a go.mod file the single name `go.mod`.
//! Callers feed digests, not contents: a file of any size can be hashed while it streams by.
//! (golang.org/x/mod/sumdb/dirhash, `Hash1`.)

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "h1:";

/// A hash of the kind `h1:`. Two are equal exactly when their texts are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct H1([u8; 32]);

impl H1 {
    /// The hash of an empty go.mod file; the go command drops it from go.sum as a sign of a broken download.
    pub const EMPTY_GO_MOD: Self = Self([
        0x1b, 0xb9, 0x80, 0x61, 0x8c, 0x60, 0x99, 0x2d, 0x25, 0x56, 0x41, 0xf2, 0xcb, 0x68, 0x44, 0x38, 0xb4,
        0x02, 0x14, 0x1d, 0x03, 0x95, 0x01, 0x53, 0x30, 0xb5, 0xa0, 0x83, 0x29, 0x2b, 0xc9, 0xd6,
    ]);

    /// The hash whose SHA-256 value is known.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256 value.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for H1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for H1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for H1 {
    type Err = NotH1;

    /// Reads the one canonical spelling: padded standard base64 of 32 bytes, spare bits zero, no blanks.
    fn from_str(text: &str) -> Result<Self, NotH1> {
        let encoded = text.strip_prefix(PREFIX).ok_or(NotH1)?;
        let mut digest = [0; 32];
        match STANDARD.decode_slice(encoded, &mut digest) {
            Ok(32) => Ok(Self(digest)),
            _ => Err(NotH1),
        }
    }
}

/// The text is not `h1:` and the base64 of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an h1: hash in canonical base64")]
pub struct NotH1;

/// A name with a newline: it could forge a second line of the hashed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("file names with newlines have no hash")]
pub struct NewlineInName;

/// The hash that go.sum lists as `version/go.mod`, from the bytes of the go.mod file.
#[must_use]
pub fn hash_go_mod(content: &[u8]) -> H1 {
    hash_list(&[("go.mod".into(), Sha256::digest(content).into())])
}

/// Collects files and gives the hash over all of them. Order of adding does not matter.
#[derive(Debug, Default)]
pub struct DirHash<'n> {
    files: Vec<(Cow<'n, str>, [u8; 32])>,
}

impl<'n> DirHash<'n> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one file by its name and the SHA-256 of its content.
    ///
    /// # Errors
    /// When the name has a newline.
    pub fn add(&mut self, name: impl Into<Cow<'n, str>>, digest: [u8; 32]) -> Result<(), NewlineInName> {
        let name = name.into();
        if name.contains('\n') {
            return Err(NewlineInName);
        }
        self.files.push((name, digest));
        Ok(())
    }

    /// The hash over what was added.
    #[must_use]
    pub fn finish(mut self) -> H1 {
        self.files.sort_by(|a, b| a.0.cmp(&b.0));
        hash_list(&self.files)
    }
}

/// The hash over files that are sorted already.
fn hash_list(files: &[(Cow<'_, str>, [u8; 32])]) -> H1 {
    let mut list = Sha256::new();
    for (name, digest) in files {
        list.update(hex(digest));
        list.update(b"  ");
        list.update(name.as_bytes());
        list.update(b"\n");
    }
    H1(list.finalize().into())
}

fn hex(digest: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_go_mod_has_the_hash_that_the_go_command_knows() {
        assert_eq!(hash_go_mod(b""), H1::EMPTY_GO_MOD);
        assert_eq!(H1::EMPTY_GO_MOD.to_string(), "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=");
    }

    #[test]
    fn the_list_is_what_sha256sum_prints() {
        let mut hash = DirHash::new();
        hash.add("b", Sha256::digest(b"two").into()).unwrap();
        hash.add("a", Sha256::digest(b"one").into()).unwrap();
        let list = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a\n\
                    3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3  b\n";
        assert_eq!(hash.finish(), H1(Sha256::digest(list).into()));
    }

    #[test]
    fn newlines_in_names_are_refused() {
        assert_eq!(DirHash::new().add("a\nb", [0; 32]), Err(NewlineInName));
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        let good = "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=";
        assert_eq!(good.parse(), Ok(H1::EMPTY_GO_MOD));
        for bad in [
            "",
            "h1:",
            "h2:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=",
            "G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=",
            "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY",
            "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydZ=",
            "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykryd==",
            "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=\n",
            "h1:G7mAYYxgmS0lVkHyy2hEOLQ\nCFB0DlQFTMLWggykrydY=",
            "h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=AAAA",
        ] {
            assert_eq!(bad.parse::<H1>(), Err(NotH1), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_value_are_one_to_one(digest: [u8; 32]) {
            let h1 = H1(digest);
            prop_assert_eq!(h1.to_string().parse::<H1>(), Ok(h1));
        }

        #[test]
        fn order_of_adding_does_not_matter(mut names in proptest::collection::vec("[a-z/.]{1,9}", 0..9)) {
            let hash = |names: &[String]| {
                let mut hash = DirHash::new();
                for name in names {
                    hash.add(name.as_str(), Sha256::digest(name).into()).unwrap();
                }
                hash.finish()
            };
            let forwards = hash(&names);
            names.reverse();
            prop_assert_eq!(forwards, hash(&names));
        }
    }
}
