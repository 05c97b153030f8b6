//! Module archives.

use fairlead_gomod::dirhash::DirHash;
use fairlead_gomod::zip::{Archive, MAX_NAME, extract_file, verify};
use sha2::{Digest, Sha256};

const MODULE: &str = "a.example/m";
const VERSION: &str = "v1.0.0";
/// Archives that unpack to more are only verified.
const MAX_UNPACKED: u64 = 4 << 20;

/// Reads the bytes as an archive.
///
/// # Panics
/// When an archive that holds has names that lead elsewhere, or another content file by file than as a whole.
pub fn run(data: &[u8]) {
    let data = data.to_vec();
    if let Ok(archive) = Archive::open(&data) {
        for entry in archive.entries() {
            assert!(!entry.name().is_empty() && entry.name().len() <= MAX_NAME);
            assert!(entry.packed_size() <= archive.size());
        }
    }
    let Ok(verified) = verify(&data, MODULE, VERSION) else { return };
    let Ok(archive) = Archive::open(&data) else { panic!("what was verified cannot be opened") };
    if verified.unpacked > MAX_UNPACKED {
        return;
    }
    let prefix = format!("{MODULE}@{VERSION}/");
    let (mut hash, mut unpacked, mut files) = (DirHash::new(), 0, 0);
    for entry in archive.entries() {
        let Ok(name) = std::str::from_utf8(entry.name()) else { panic!("a name that is no text") };
        let inside = name.strip_prefix(&prefix);
        assert!(inside.is_some_and(|inside| !inside.starts_with('/')), "{name:?} is elsewhere");
        assert!(!name.split('/').any(|part| matches!(part, "." | "..")), "{name:?} climbs");
        let Ok(bytes) = extract_file(&archive, name, MAX_UNPACKED) else { panic!("{name:?} is lost") };
        assert_eq!(bytes.len() as u64, entry.size(), "{name:?}");
        unpacked += entry.size();
        files += usize::from(!entry.is_dir());
        assert!(hash.add(name, Sha256::digest(&bytes).into()).is_ok(), "{name:?} has a newline");
    }
    assert_eq!((hash.finish(), unpacked), (verified.h1, verified.unpacked));
    assert!(files >= verified.files, "{files} files");
}
