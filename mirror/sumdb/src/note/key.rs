//! The two halves of a note's key: what signs, and what checks.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use crate::base64;

/// The only algorithm notes know so far: the first byte of an encoded key.
const ED25519_ALGORITHM: u8 = 1;

/// What is wrong with a written key. The key itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `name+hash+key`, or not `PRIVATE+KEY+name+hash+key`.
    #[error("malformed key")]
    Malformed,
    /// The key is of an algorithm other than Ed25519.
    #[error("unknown key algorithm")]
    Algorithm,
    /// The hash does not belong to this name and key.
    #[error("key hash does not match name and key")]
    Hash,
}

/// A public key with the name it signs under, written `name+hash+key`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    hash: u32,
    key: [u8; 32],
}

impl VerifierKey {
    /// Reads `name+hash+key`: hash in eight hex digits, key as base64 of an algorithm byte and 32 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, hash, algorithm, bytes) = split_key(text)?;
        if hash != key_hash(name, algorithm, &bytes) {
            return Err(KeyError::Hash);
        }
        Ok(Self { name: name.to_owned(), hash, key: ed25519_bytes(algorithm, &bytes)? })
    }

    /// The server's name, such as `sum.golang.org`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, newline, algorithm and key, which a signature repeats.
    pub fn hash(&self) -> u32 {
        self.hash
    }

    /// Whether `signature` (64 bytes) is this key's over `text`.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(text, signature).is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.hash, base64::encode(tagged(&self.key)))
    }
}

/// A private key with the name it signs under.
pub struct SignerKey {
    verifier: VerifierKey,
    pair: Ed25519KeyPair,
    seed: [u8; 32],
}

impl SignerKey {
    /// Reads `PRIVATE+KEY+name+hash+key`, where the hash is that of the public key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_prefix("PRIVATE+KEY+").ok_or(KeyError::Malformed)?;
        let (name, hash, algorithm, bytes) = split_key(text)?;
        let signer = Self::generate(name, ed25519_bytes(algorithm, &bytes)?)?;
        if signer.verifier.hash == hash { Ok(signer) } else { Err(KeyError::Hash) }
    }

    /// The key that `seed` determines. The seed must come from a source fit for keys.
    pub fn generate(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Malformed);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Malformed)?;
        let key: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Malformed)?;
        let hash = key_hash(name, ED25519_ALGORITHM, &key);
        Ok(Self { verifier: VerifierKey { name: name.to_owned(), hash, key }, pair, seed })
    }

    /// The public half, to be given to those who check.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The key in writing, as [`parse`](Self::parse) reads it. A secret.
    pub fn to_secret(&self) -> String {
        let Self { verifier: VerifierKey { name, hash, .. }, seed, .. } = self;
        format!("PRIVATE+KEY+{name}+{hash:08x}+{}", base64::encode(tagged(seed)))
    }

    /// The 64 bytes that sign `text`.
    pub(super) fn signature(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

impl std::fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignerKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// Whether `name` may stand in a key or a signature: not empty, no Unicode white space, no plus.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// Name, hash, algorithm and key bytes of `name+hash+key`.
fn split_key(text: &str) -> Result<(&str, u32, u8, Vec<u8>), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Malformed);
    };
    if !is_name(name) || hash.len() != 8 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(KeyError::Malformed);
    }
    let hash = u32::from_str_radix(hash, 16).map_err(|_| KeyError::Malformed)?;
    let key = base64::decode(key).ok_or(KeyError::Malformed)?;
    let (&algorithm, bytes) = key.split_first().ok_or(KeyError::Malformed)?;
    Ok((name, hash, algorithm, bytes.to_vec()))
}

fn ed25519_bytes(algorithm: u8, bytes: &[u8]) -> Result<[u8; 32], KeyError> {
    if algorithm != ED25519_ALGORITHM {
        return Err(KeyError::Algorithm);
    }
    bytes.try_into().map_err(|_| KeyError::Malformed)
}

fn key_hash(name: &str, algorithm: u8, key: &[u8]) -> u32 {
    let sum = Sha256::new().chain_update(name).chain_update([b'\n', algorithm]).chain_update(key).finalize();
    u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]])
}

fn tagged(key: &[u8; 32]) -> [u8; 33] {
    let mut bytes = [ED25519_ALGORITHM; 33];
    bytes[1..].copy_from_slice(key);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLANG: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

    #[test]
    fn the_public_database_key_parses_and_writes_back() {
        let key = VerifierKey::parse(GOLANG).unwrap();
        assert_eq!((key.name(), key.hash()), ("sum.golang.org", 0x033d_e0ae));
        assert_eq!(key.to_string(), GOLANG);
    }

    #[test]
    fn a_key_with_any_bit_flipped_is_refused() {
        let same = VerifierKey::parse(GOLANG).unwrap();
        for at in 0..GOLANG.len() * 8 {
            let mut bytes = GOLANG.as_bytes().to_vec();
            bytes[at / 8] ^= 1 << (at % 8);
            let Ok(text) = std::str::from_utf8(&bytes) else { continue };
            // Hex digits may change their case and still spell the same key.
            let is_same = VerifierKey::parse(text).is_ok_and(|key| key == same);
            assert!(
                VerifierKey::parse(text).is_err() || is_same && text[15..23].eq_ignore_ascii_case("033de0ae"),
                "{text}"
            );
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let bad = |text: &str| VerifierKey::parse(text).unwrap_err();
        for text in [
            "",
            "name",
            "name+01234567",
            "+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "sum golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "sum.golang.org+33de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "sum.golang.org+0x3de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "sum.golang.org+033de0ae+",
            "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8\n",
            "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn",
        ] {
            assert_eq!(bad(text), KeyError::Malformed, "{text:?}");
        }
        assert_eq!(
            bad("sum.golang.org+033de0af+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"),
            KeyError::Hash
        );
        assert_eq!(
            bad("sum.golang.com+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"),
            KeyError::Hash
        );
    }

    #[test]
    fn right_hash_does_not_excuse_algorithm_or_length() {
        let written = |algorithm: u8, key: &[u8]| {
            let hash = key_hash("n", algorithm, key);
            format!("n+{hash:08x}+{}", base64::encode([&[algorithm], key].concat()))
        };
        assert_eq!(VerifierKey::parse(&written(2, &[7; 32])), Err(KeyError::Algorithm));
        assert_eq!(VerifierKey::parse(&written(1, &[7; 31])), Err(KeyError::Malformed));
        assert_eq!(VerifierKey::parse(&written(1, &[7; 33])), Err(KeyError::Malformed));
        assert!(VerifierKey::parse(&written(1, &[7; 32])).is_ok());
    }

    #[test]
    fn a_signer_writes_and_reads_back() {
        let signer = SignerKey::generate("sums.example.com/db", [7; 32]).unwrap();
        let again = SignerKey::parse(&signer.to_secret()).unwrap();
        assert_eq!(again.verifier(), signer.verifier());
        assert_eq!(&VerifierKey::parse(&signer.verifier().to_string()).unwrap(), signer.verifier());
        assert!(!format!("{signer:?}").contains(&base64::encode(tagged(&[7; 32]))));
    }

    #[test]
    fn a_signer_with_a_wrong_part_is_refused() {
        let secret = SignerKey::generate("db", [7; 32]).unwrap().to_secret();
        let error = |text: &str| SignerKey::parse(text).err();
        assert_eq!(error(&secret.replace("+db+", "+dc+")), Some(KeyError::Hash));
        assert_eq!(error(&secret.replace("PRIVATE+KEY+", "PRIVATE+")), Some(KeyError::Malformed));
        assert_eq!(error(secret.trim_start_matches("PRIVATE+KEY+")), Some(KeyError::Malformed));
        assert_eq!(SignerKey::generate("d b", [7; 32]).err(), Some(KeyError::Malformed));
        assert_eq!(SignerKey::generate("d+b", [7; 32]).err(), Some(KeyError::Malformed));
        assert_eq!(SignerKey::generate("", [7; 32]).err(), Some(KeyError::Malformed));
    }

    #[test]
    fn a_key_verifies_what_rfc_8032_signed() {
        // RFC 8032, section 7.1, test 2.
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let signer = SignerKey::generate("rfc", seed.try_into().unwrap()).unwrap();
        let signature = hex(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ));
        assert_eq!(signer.signature(&[0x72]), signature);
        assert!(signer.verifier().verifies(&[0x72], &signature));
        assert!(!signer.verifier().verifies(&[0x73], &signature));
        assert!(!signer.verifier().verifies(&[0x72], &signature[..63]));
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }
}
