//! What a server says its branches and tags are.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fairlead_gomod::{pseudo, version};
use sha2::{Digest, Sha256};

/// Where tags stand.
pub(super) const TAGS: &str = "refs/tags/";
/// Where branches stand.
pub(super) const HEADS: &str = "refs/heads/";

/// `HEAD`, branches and tags with their commits, 40 or 64 hexadecimal digits. An annotated tag has the commit that it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refs {
    hashes: BTreeMap<String, String>,
    digest: [u8; 32],
}

impl Refs {
    /// Reads what `git ls-remote` prints. Names that no server may have are skipped.
    pub(super) fn parse(output: &[u8]) -> Self {
        let text = String::from_utf8_lossy(output);
        let mut hashes = BTreeMap::new();
        let mut peeled = Vec::new();
        for line in text.lines() {
            let Some((hash, name)) = line.split_once('\t') else { continue };
            if !is_hash(hash) {
                continue;
            }
            match name.strip_suffix("^{}") {
                Some(tag) if is_ours(tag) => peeled.push((tag.to_owned(), hash.to_owned())),
                None if is_ours(name) => drop(hashes.insert(name.to_owned(), hash.to_owned())),
                _ => {}
            }
        }
        hashes.extend(peeled);
        Refs { hashes, digest: Sha256::digest(output).into() }
    }

    /// Tells one state of the server from another.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The commit of a full name.
    pub(super) fn hash(&self, name: &str) -> Option<&str> {
        self.hashes.get(name).map(String::as_str)
    }

    /// Names and commits in the order of the names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.hashes.iter().map(|(name, hash)| (name.as_str(), hash.as_str()))
    }

    /// Tags that begin with a prefix, without `refs/tags/`, in order.
    pub(super) fn tags<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.iter()
            .filter_map(|(name, hash)| Some((name.strip_prefix(TAGS)?, hash)))
            .filter(move |(tag, _)| tag.starts_with(prefix))
    }

    /// The sum over the version tags with a prefix that Go writes into an `Origin` as `TagSum`: it changes with any of them.
    pub(super) fn tag_sum(&self, prefix: &str) -> String {
        let folder = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
        let mut hash = Sha256::new();
        for (tag, commit) in
            self.tags(prefix).filter(|(tag, _)| is_version(tag.strip_prefix(folder).unwrap_or(tag)))
        {
            hash.update(format!("\"{tag}\" {commit}\n"));
        }
        format!("t1:{}", STANDARD.encode(hash.finalize()))
    }

    /// Whether the repository counts its objects in SHA-256.
    pub(super) fn is_sha256(&self) -> bool {
        self.hashes.values().next().is_some_and(|hash| hash.len() == 64)
    }
}

/// Whether a text is all digits of a hash.
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_hex(text)
}

fn is_ours(name: &str) -> bool {
    name == "HEAD" || [TAGS, HEADS].iter().any(|place| name.strip_prefix(place).is_some_and(is_name))
}

/// The rules of `git check-ref-format`: what breaks them could mean something else in a refspec.
fn is_name(name: &str) -> bool {
    let refused = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\\"".contains(c);
    !name.is_empty()
        && name.len() <= 1024
        && !name.contains(refused)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock"))
}

/// Versions with all three numbers count, pseudo-versions do not.
fn is_version(tag: &str) -> bool {
    version::canonical(tag).is_some_and(|canonical| tag.starts_with(&*canonical)) && !pseudo::is_pseudo(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn an_annotated_tag_is_its_commit() {
        let output = format!(
            "{A}\tHEAD\n{A}\trefs/heads/main\n{B}\trefs/tags/v1.0.0\n{A}\trefs/tags/v1.0.0^{{}}\n{A}\trefs/pull/1/head\nnoise\n"
        );
        let refs = Refs::parse(output.as_bytes());
        let names: Vec<_> = refs.iter().collect();
        assert_eq!(names, [("HEAD", A), ("refs/heads/main", A), ("refs/tags/v1.0.0", A)]);
        assert_eq!(refs.tags("v").collect::<Vec<_>>(), [("v1.0.0", A)]);
    }

    #[test]
    fn names_that_could_mean_more_are_skipped() {
        for name in [
            "a:refs/heads/b",
            "-x",
            "a/-x",
            "a b",
            "*",
            "a..b",
            "a@{1}",
            "a.lock",
            "a.",
            ".a",
            "a//b",
            "",
            "\u{7f}",
        ] {
            assert_eq!(
                Refs::parse(format!("{A}\trefs/tags/{name}\n").as_bytes()).iter().count(),
                0,
                "{name}"
            );
        }
        assert_eq!(Refs::parse(format!("{}\tHEAD\n", &A[1..]).as_bytes()).iter().count(), 0);
    }

    #[test]
    fn the_sum_changes_with_version_tags_only() {
        let sum = |tags: &[&str]| {
            let output: String = tags.iter().map(|tag| format!("{A}\trefs/tags/{tag}\n")).collect();
            Refs::parse(output.as_bytes()).tag_sum("sub/")
        };
        // SHA-256 of nothing.
        assert_eq!(sum(&[]), "t1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(sum(&["v1.0.0", "sub/v1", "sub/odd"]), sum(&[]));
        assert_ne!(sum(&["sub/v1.0.0"]), sum(&[]));
    }
}
