//! A tar in memory, to be changed.

use std::path::Path;

use fairlead_mirror::bundle::{MANIFEST, Manifest, ManifestFile};
use sha2::{Digest as _, Sha256};

#[derive(Clone)]
pub(super) struct Tar {
    pub(super) files: Vec<(String, Vec<u8>)>,
}

impl Tar {
    /// Reads a tar of short names.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let (mut files, mut at) = (Vec::new(), 0);
        while bytes[at] != 0 {
            let text = |from: usize, len: usize| {
                let field = bytes[at + from..at + from + len].split(|byte| *byte == 0).next().unwrap();
                String::from_utf8(field.to_vec()).unwrap()
            };
            let len = usize::from_str_radix(&text(124, 12), 8).unwrap();
            files.push((text(0, 100), bytes[at + 512..at + 512 + len].to_vec()));
            at += 512 + len.next_multiple_of(512);
        }
        Tar { files }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        for (name, bytes) in &self.files {
            let mut head = [0; 512];
            head[..name.len()].copy_from_slice(name.as_bytes());
            head[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
            head[148..156].copy_from_slice(b"        ");
            head[156] = b'0';
            head[257..265].copy_from_slice(b"ustar\x0000");
            let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
            head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            tar.extend(head);
            tar.extend(bytes);
            tar.resize(tar.len().next_multiple_of(512), 0);
        }
        tar.resize(tar.len() + 1024, 0);
        tar
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    pub(super) fn file(&self, name: &str) -> Vec<u8> {
        self.files.iter().find(|(known, _)| known == name).unwrap().1.clone()
    }

    /// Puts a file there, or in the place of one, and makes the manifest say so.
    pub(super) fn put(&mut self, name: &str, bytes: Vec<u8>, h1: Option<String>) {
        let mut manifest = self.manifest();
        let file = ManifestFile {
            path: name.into(),
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(&bytes)),
            h1,
        };
        match manifest.files.iter().position(|known| known.path == name) {
            Some(at) => {
                manifest.files[at] = file;
                self.files[at + 1].1 = bytes;
            }
            None => {
                manifest.files.push(file);
                self.files.push((name.into(), bytes));
            }
        }
        self.set_manifest(&manifest);
    }

    /// Takes a file away, also from the manifest.
    pub(super) fn remove(&mut self, name: &str) {
        let mut manifest = self.manifest();
        manifest.files.retain(|file| file.path != name);
        self.files.retain(|(known, _)| known != name);
        self.set_manifest(&manifest);
    }

    pub(super) fn unpack(&self, folder: &Path) {
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    fn manifest(&self) -> Manifest {
        assert_eq!(self.files[0].0, MANIFEST);
        Manifest::parse(&self.files[0].1).unwrap()
    }

    fn set_manifest(&mut self, manifest: &Manifest) {
        self.files[0].1 = serde_json::to_vec(manifest).unwrap();
    }
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
