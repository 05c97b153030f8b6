//! The signature of an index: the first gzip member is a tar with one file, `.SIGN.ALGORITHM.KEY`, which signs the bytes of the
//! members after it as they are packed. `KEY` is the name of the public key's file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaParameters, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::bufread::GzDecoder;

use super::{BLOCK, fill, header_of};
use crate::check::state::Reason;
use crate::check::trouble::Trouble;

/// Where Alpine has the keys that it trusts.
const USUAL_FOLDER: &str = "/etc/apk/keys";
/// Longest member with a signature, unpacked, and longest file of a key, in bytes.
const MAX_SMALL: u64 = 64 * 1024;
/// What stands in the name before the key's, and what it means. The first is what Alpine itself uses.
const ALGORITHMS: [(&str, &RsaParameters); 3] = [
    (".SIGN.RSA.", &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
    (".SIGN.RSA256.", &RSA_PKCS1_2048_8192_SHA256),
    (".SIGN.RSA512.", &RSA_PKCS1_2048_8192_SHA512),
];

/// A signature and what it is about.
pub(super) struct Signed<'a> {
    /// Name of the file with it.
    pub(super) name: String,
    signature: Vec<u8>,
    /// The members after it.
    pub(super) rest: &'a [u8],
}

/// Takes the signature off an index; nothing where there is none.
pub(super) fn split(packed: &[u8]) -> Option<Signed<'_>> {
    let mut rest = packed;
    let mut tar = Vec::new();
    GzDecoder::new(&mut rest).take(MAX_SMALL).read_to_end(&mut tar).ok()?;
    let mut tar = &tar[..];
    let mut block = [0; BLOCK];
    // A head with times in detail may stand before the file's own.
    while fill(&mut tar, &mut block).ok()? {
        let (name, size) = header_of(&block)?;
        let content = tar.get(..usize::try_from(size).ok()?)?;
        if name.starts_with(".SIGN.") {
            return Some(Signed { name, signature: content.to_vec(), rest });
        }
        tar = tar.get(content.len().next_multiple_of(BLOCK)..)?;
    }
    None
}

/// What became of a signature.
#[derive(Debug)]
pub(super) enum Judged {
    /// The key of this file made it.
    Good(PathBuf),
    /// There is no key to hold it against, for this reason.
    Skipped(String),
}

/// Holds the signature against the key of its name in `keys`, a folder or the key's own file; in the usual folder when the caller
/// names none.
pub(super) fn verify(signed: &Signed<'_>, keys: Option<&Path>) -> Result<Judged, Trouble> {
    let bad = |text: String| Trouble::new(Reason::BadSignature, text).with("signature", signed.name.as_str());
    let known = ALGORITHMS.iter().find_map(|(start, how)| Some((signed.name.strip_prefix(start)?, *how)));
    let Some((key, how)) = known.filter(|(key, _)| is_file_name(key)) else {
        return Err(bad(
            "the index is signed in a way that is not known: RSA with SHA-1, 256 or 512 is".to_owned()
        ));
    };
    let file = match keys {
        Some(keys) if !keys.is_dir() => keys.to_owned(),
        Some(folder) => folder.join(key),
        None => Path::new(USUAL_FOLDER).join(key),
    };
    let der = match (read(&file), keys) {
        (Ok(der), _) => der,
        (Err(_), None) => {
            let why = format!("the key {key} is not in {USUAL_FOLDER}: name the folder or file with --keys");
            return Ok(Judged::Skipped(why));
        }
        (Err(error), Some(_)) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("the index is signed by {key}, which is none of the keys that were given");
            return Err(bad(text).with("looked for", file.display().to_string()));
        }
        (Err(error), Some(_)) => {
            let text = format!("the key {} cannot be read: {error}", file.display());
            return Err(Trouble::new(Reason::Unverified, text));
        }
    };
    match UnparsedPublicKey::new(how, der).verify(signed.rest, &signed.signature) {
        Ok(()) => Ok(Judged::Good(file)),
        Err(_) => {
            Err(bad("the signature of the index is not good".to_owned())
                .with("key", file.display().to_string()))
        }
    }
}

/// The name comes from the mirror: it must not lead out of the folder.
fn is_file_name(key: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@' | b'+');
    !key.is_empty() && key.len() <= 200 && !key.starts_with('.') && key.bytes().all(is_plain)
}

/// The key of a PEM file.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let invalid = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, why);
    let mut text = String::new();
    File::open(file)?.take(MAX_SMALL).read_to_string(&mut text)?;
    let body = text
        .split_once("-----BEGIN PUBLIC KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
        .map(|(body, _)| body.split_ascii_whitespace().collect::<String>());
    STANDARD
        .decode(body.ok_or_else(|| invalid("it is no PEM public key"))?)
        .map_err(|_| invalid("bad base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index as `abuild-sign` leaves it, and the key that signed it; made by `make.sh` beside them.
    const INDEX: &[u8] = include_bytes!("../../../tests/fixtures/alpine/APKINDEX.tar.gz");
    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alpine");
    const KEY: &str = "test@fairlead.example-5f3759df.rsa.pub";

    fn judged(index: &[u8], keys: Option<&Path>) -> Result<Judged, Reason> {
        verify(&split(index).unwrap(), keys).map_err(|trouble| trouble.reason)
    }

    #[test]
    fn a_good_signature_is_good_by_folder_and_by_file() {
        let folder = Path::new(FIXTURES);
        for keys in [folder.to_owned(), folder.join(KEY)] {
            assert!(matches!(judged(INDEX, Some(&keys)), Ok(Judged::Good(_))), "{}", keys.display());
        }
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let folder = Path::new(FIXTURES);
        let begin = INDEX.len() - split(INDEX).unwrap().rest.len();
        for at in begin..INDEX.len() {
            let mut other = INDEX.to_vec();
            other[at] ^= 1;
            assert_eq!(judged(&other, Some(folder)).unwrap_err(), Reason::BadSignature, "{at}");
        }
    }

    #[test]
    fn without_the_key_nothing_is_called_good() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(judged(INDEX, Some(folder.path())).unwrap_err(), Reason::BadSignature);
        std::fs::write(folder.path().join(KEY), "no key").unwrap();
        assert_eq!(judged(INDEX, Some(folder.path())).unwrap_err(), Reason::Unverified);
        assert!(matches!(judged(INDEX, None), Ok(Judged::Skipped(_))), "Alpine has no such key");
    }

    #[test]
    fn names_do_not_lead_out_of_the_folder() {
        for name in ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", ".hidden"] {
            assert!(!is_file_name(name), "{name:?}");
        }
        assert!(is_file_name("alpine-devel@lists.alpinelinux.org-6165ee59.rsa.pub"));
    }
}
