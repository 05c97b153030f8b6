//! The first file of a bundle: what is in it.

use hashbrown::HashMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BundleError, refused};

/// Its name.
pub const MANIFEST: &str = "fairlead-bundle.json";
/// The only format so far.
pub(super) const FORMAT: u32 = 1;
/// Longest manifest, in bytes: some hundred thousand files.
pub(super) const MAX_MANIFEST: u64 = 128 << 20;

/// What is in a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// 1.
    pub format: u32,
    /// When it was written.
    pub created: Timestamp,
    /// Every other file, in the order in which it stands in the tar.
    pub files: Vec<ManifestFile>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestFile {
    /// Where it is, below a GOPROXY.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// As go.sum has it: for `.mod` and `.zip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h1: Option<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// When it is none, of another format, or names a file twice.
    pub fn parse(text: &[u8]) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let wrong = |error: serde_json::Error| refused(format!("{MANIFEST} cannot be read: {error}"));
        let head: Head = serde_json::from_slice(text).map_err(wrong)?;
        if head.format != FORMAT {
            return Err(refused(format!(
                "{MANIFEST} has format {}; this program knows {FORMAT}",
                head.format
            )));
        }
        let manifest: Manifest = serde_json::from_slice(text).map_err(wrong)?;
        let mut seen: HashMap<&str, ()> = HashMap::with_capacity(manifest.files.len());
        for file in &manifest.files {
            if file.path == MANIFEST || seen.insert(&file.path, ()).is_some() {
                return Err(refused(format!("{MANIFEST} names {} twice", file.path.escape_debug())));
            }
        }
        drop(seen);
        Ok(manifest)
    }
}

/// SHA-256 as the manifest has it.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_others_are_refused() {
        let file = ManifestFile { path: "a".into(), bytes: 1, sha256: hex(&[0xab, 0x01]), h1: None };
        assert_eq!(file.sha256, "ab01");
        let mut manifest =
            Manifest { format: FORMAT, created: Timestamp::UNIX_EPOCH, files: vec![file.clone()] };
        let text = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
        manifest.files.push(file);
        assert!(Manifest::parse(&serde_json::to_vec(&manifest).unwrap()).is_err());
        manifest.format = 2;
        let other = Manifest::parse(&serde_json::to_vec(&manifest).unwrap());
        assert!(other.unwrap_err().to_string().contains("format 2"));
        for text in ["", "[]", "{}", r#"{"format":1}"#] {
            assert!(Manifest::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
