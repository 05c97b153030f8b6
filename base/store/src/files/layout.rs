//! Where the file of a key is.
//!
//! A segment is its own file name, unless it is too long for one (255 bytes) or looks like a name that was made here. Then
//! its name is `START~~SHA256` and the segment itself is kept in `.fairlead/names/SHA256`, for listing.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::key::{RESERVED, check_segment};

/// Longest file name.
const MAX_NAME: usize = 255;
/// How much of a long segment can still be read in its file name.
const START: usize = 128;
const MARK: &str = "~~";
const HEX: usize = 64;

/// Paths of a store.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    own: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        let own = root.join(RESERVED);
        Layout { root, own }
    }

    /// The folder of the store.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where files are while they are written.
    pub(crate) fn staging(&self) -> PathBuf {
        self.own.join("staging")
    }

    /// The lock that guards `key`, among others: there are 256.
    pub(crate) fn lock(&self, key: &str) -> PathBuf {
        self.own.join("locks").join(&sha256(key)[..2])
    }

    /// The file, or folder, of a key that was checked. No key at all is the root.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        let mut path = self.root.clone();
        for segment in key.split('/').filter(|segment| !segment.is_empty()) {
            path.push(&*file_name(segment));
        }
        path
    }

    /// The segments of `key` that are not their own file names, each with the place that keeps it.
    pub(crate) fn long_segments<'a>(&self, key: &'a str) -> impl Iterator<Item = (&'a str, PathBuf)> {
        key.split('/')
            .filter(|segment| is_long(segment))
            .map(|segment| (segment, self.kept_at(&sha256(segment))))
    }

    /// The segment behind a file name; `None` when the name cannot be part of a key.
    pub(crate) fn segment(&self, name: &str) -> Option<String> {
        let segment = match made(name) {
            None => name.to_owned(),
            Some(hash) => {
                let kept = std::fs::read_to_string(self.kept_at(hash)).ok()?;
                (file_name(&kept) == name).then_some(kept)?
            }
        };
        check_segment(&segment).ok()?;
        Some(segment)
    }

    fn kept_at(&self, hash: &str) -> PathBuf {
        self.own.join("names").join(hash)
    }
}

fn is_long(segment: &str) -> bool {
    segment.len() > MAX_NAME || made(segment).is_some()
}

fn file_name(segment: &str) -> Cow<'_, str> {
    if !is_long(segment) {
        return Cow::Borrowed(segment);
    }
    let start = &segment[..segment.floor_char_boundary(START)];
    Cow::Owned(format!("{start}{MARK}{}", sha256(segment)))
}

/// The hash in a name that [`file_name`] made, or could have.
fn made(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(HEX)?;
    let hash = name.get(at..)?;
    let hex = hash.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    (hex && name[..at].ends_with(MARK)).then_some(hash)
}

fn sha256(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(HEX), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_key_is_its_own_path() {
        let layout = Layout::new("/r".into());
        for key in [
            "a",
            "github.com/!azure/sdk/@v/v1.2.3+incompatible.zip",
            "sumdb/sum.golang.org/tile/8/0/x001/067.p/1",
        ] {
            assert_eq!(layout.path(key), Path::new("/r").join(key));
        }
        assert_eq!(layout.path(&"k".repeat(MAX_NAME)).file_name().unwrap().len(), MAX_NAME);
    }

    #[test]
    fn a_long_segment_has_a_short_name_of_its_own() {
        let name = |segment: &str| file_name(segment).into_owned();
        let (long, other) = (format!("{}1", "v".repeat(300)), format!("{}2", "v".repeat(300)));
        assert!(name(&long).len() <= MAX_NAME && name(&long).starts_with("vvv"));
        assert_ne!(name(&long), name(&other));
        // A name in the shape of a made one is no way to reach another's file.
        assert_ne!(name(&name(&long)), name(&long));
        assert!(name(&"é".repeat(200)).len() <= MAX_NAME);
    }

    #[test]
    fn the_file_name_of_a_long_segment_does_not_change() {
        assert_eq!(
            file_name(&"v".repeat(256)),
            format!("{}~~{}", "v".repeat(START), sha256(&"v".repeat(256)))
        );
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
