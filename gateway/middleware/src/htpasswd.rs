//! Password hashes of `htpasswd` lines: bcrypt, MD5 crypt (`$apr1$`, `$1$`) and `{SHA}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Alphabet of crypt's own base 64.
const CRYPT64: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A kind of hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bcrypt,
    Md5,
    Sha1,
}

/// The kind of a hash; `None` when no password can match it.
pub(crate) fn scheme(hash: &str) -> Option<Scheme> {
    match hash {
        _ if hash.starts_with("{SHA}") => Some(Scheme::Sha1),
        _ if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| hash.starts_with(prefix)) => Some(Scheme::Bcrypt),
        _ if md5_parts(hash).is_some() => Some(Scheme::Md5),
        _ => None,
    }
}

/// Whether a password gives a hash. Slow by design for bcrypt and MD5: not for a worker's thread.
pub(crate) fn verify(password: &[u8], hash: &str) -> bool {
    match scheme(hash) {
        Some(Scheme::Bcrypt) => bcrypt::verify(password, hash).unwrap_or(false),
        Some(Scheme::Md5) => md5_parts(hash).is_some_and(|(magic, salt)| {
            let computed = md5_crypt(password, magic, salt);
            computed.as_bytes().ct_eq(hash.as_bytes()).into()
        }),
        Some(Scheme::Sha1) => {
            let computed = STANDARD.encode(Sha1::digest(password));
            computed.as_bytes().ct_eq(&hash.as_bytes()["{SHA}".len()..]).into()
        }
        None => false,
    }
}

/// Magic without dollar signs, and salt, of `$magic$salt$hash`.
fn md5_parts(hash: &str) -> Option<(&str, &str)> {
    let mut parts = hash.strip_prefix('$')?.splitn(3, '$');
    let (magic, salt, _) = (parts.next()?, parts.next()?, parts.next()?);
    matches!(magic, "apr1" | "1").then_some((magic, salt))
}

/// MD5 crypt by Poul-Henning Kamp, as `openssl passwd -apr1` and `-1` compute it.
fn md5_crypt(password: &[u8], magic: &str, salt: &str) -> String {
    let salt = &salt.as_bytes()[..salt.len().min(8)];
    let magic_bytes = [b"$", magic.as_bytes(), b"$"].concat();
    let mut inner: [u8; 16] =
        Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize().into();
    let mut first = Md5::new().chain_update(password).chain_update(&magic_bytes).chain_update(salt);
    for left in (1..=password.len()).rev().step_by(16) {
        first.update(&inner[..left.min(16)]);
    }
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
        bits >>= 1;
    }
    inner = first.finalize().into();
    for round in 0..1000 {
        inner = md5_round(round, password, salt, &inner);
    }
    format!("${magic}${}${}", String::from_utf8_lossy(salt), crypt64(&inner))
}

fn md5_round(round: u32, password: &[u8], salt: &[u8], last: &[u8; 16]) -> [u8; 16] {
    let odd = round & 1 == 1;
    let mut hash = Md5::new().chain_update(if odd { password } else { &last[..] });
    if !round.is_multiple_of(3) {
        hash.update(salt);
    }
    if !round.is_multiple_of(7) {
        hash.update(password);
    }
    hash.update(if odd { &last[..] } else { password });
    hash.finalize().into()
}

/// The 16 bytes in crypt's order and alphabet.
fn crypt64(bytes: &[u8; 16]) -> String {
    let mut out = String::with_capacity(22);
    let mut push = |mut value: u32, count: usize| {
        for _ in 0..count {
            out.push(char::from(CRYPT64[(value & 63) as usize]));
            value >>= 6;
        }
    };
    for [high, middle, low] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        push(u32::from(bytes[high]) << 16 | u32::from(bytes[middle]) << 8 | u32::from(bytes[low]), 4);
    }
    push(u32::from(bytes[11]), 2);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Made with `openssl passwd -apr1 -salt SALT PASSWORD`, and `-1` for the last one.
    const MD5_VECTORS: &[(&str, &str)] = &[
        ("myPassword", "$apr1$abcdefgh$EfExgQSMBXioDhIVk8IOb1"),
        ("", "$apr1$x$tMwYqBfQwi3FYAr0aJc8M/"),
        ("a", "$apr1$r31.....$s7OSk4uJoyS8elmZY5Ru40"),
        ("0123456789abcdef", "$apr1$saltsalt$noZiBycUL1t9WTQEO7/nr1"),
        ("0123456789abcdefg", "$apr1$saltsalt$zEghXWGhM0psocYwTG.hX1"),
        ("a much longer password than sixteen bytes", "$apr1$Zz9./aB3$liRK/6D.WP5xZsvviLcEr1"),
        ("pässword", "$apr1$abcdefgh$rRdIxwY5XRHT4TMtBPZn.0"),
        ("pw", "$1$abcdefgh$IQtUouv7y7Q9dRWkQEPCc."),
    ];

    #[test]
    fn md5_crypt_agrees_with_openssl() {
        for (password, hash) in MD5_VECTORS {
            assert!(verify(password.as_bytes(), hash), "{hash}");
            assert!(!verify(format!("{password}x").as_bytes(), hash), "{hash}");
        }
    }

    #[test]
    fn sha1_and_bcrypt() {
        assert!(verify(b"password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="));
        assert!(!verify(b"passwort", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="));
        let hash = bcrypt::hash_with_result("pw", 4).unwrap();
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            let hash = hash.format_for_version(version);
            assert!(verify(b"pw", &hash) && !verify(b"pv", &hash), "{hash}");
        }
    }

    #[test]
    fn other_hashes_match_nothing() {
        for hash in [
            "",
            "plain",
            "$apr1$salt",
            "$5$salt$hash",
            "$2y$",
            "$2y$05$short",
            "{SHA}",
            "{SSHA}x",
            "$$apr1$$x$$y",
        ] {
            assert!(!verify(b"", hash) && !verify(b"plain", hash), "{hash}");
        }
        assert_eq!(scheme("plain"), None);
    }

    proptest! {
        // A thousand rounds of MD5 each.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn only_the_password_matches(password in "[ -~é]{0,40}", other in "[ -~]{0,20}", salt in "[a-zA-Z0-9./]{1,8}") {
            let hash = md5_crypt(password.as_bytes(), "apr1", &salt);
            prop_assert_eq!(scheme(&hash), Some(Scheme::Md5));
            prop_assert!(verify(password.as_bytes(), &hash));
            prop_assert_eq!(verify(other.as_bytes(), &hash), other == password);
        }

        #[test]
        fn any_hash_gives_an_answer(hash in "[${}a-zA-Z0-9./:é]{0,40}") {
            if scheme(&hash) != Some(Scheme::Bcrypt) {
                verify(b"password", &hash);
            }
        }
    }
}
