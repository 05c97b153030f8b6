//! Signatures of releases, by the `gpgv` program.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use crate::check::cache::blocking;
use crate::check::state::Reason;
use crate::check::trouble::Trouble;

/// How long the program may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Most of its words that are kept, in bytes.
const MAX_SAID: u64 = 4096;
/// What tells a keyring from anything else stands in its first bytes.
const BEGINNING: u64 = 12;

/// Whether bytes begin as a keyring that `gpgv` reads: with a public key (RFC 9580, section 4.2), or as a keybox. It takes an
/// armoured key for a keyring without keys, and would find nobody's signature good.
#[must_use]
pub fn is_keyring(bytes: &[u8]) -> bool {
    let has_key = bytes.first().is_some_and(|tag| *tag == 0xc6 || tag & 0xfc == 0x98);
    has_key || bytes.get(8..12) == Some(b"KBXf")
}

/// Who signed a clear-signed text with a key of the keyring.
///
/// Needs `gpgv`; without it the signature is not known to be good or bad.
pub(super) async fn verify(keyring: &Path, text: Bytes) -> Result<String, Trouble> {
    let unverified = |why: String| Trouble::new(Reason::Unverified, format!("gpgv: {why}"));
    let path = keyring.to_owned();
    let start = blocking(move || beginning(&path)).await;
    let start = start.unwrap_or_else(|| Err(std::io::ErrorKind::Interrupted.into()));
    let start = start.map_err(|error| unverified(format!("the keyring cannot be read: {error}")))?;
    if !is_keyring(&start) {
        return Err(unverified("what is given is no keyring".to_owned()));
    }
    let ran = tokio::time::timeout(LIMIT, run(keyring, text)).await;
    let (is_good, status) = ran
        .map_err(|_| unverified("it took too long".to_owned()))?
        .map_err(|error| unverified(error.to_string()))?;
    judge(is_good, status)
}

fn beginning(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the program's words mean.
fn judge(is_good: bool, status: String) -> Result<String, Trouble> {
    let has = |word: &str| status.lines().any(|line| said(line).is_some_and(|said| said.starts_with(word)));
    let refused = |text: &str| Trouble::new(Reason::BadSignature, text).with("gpgv", status.as_str());
    if has("BADSIG ") {
        return Err(refused("the release's signature is not good"));
    }
    // A release has several signatures; that a keyring does not know all of them is usual, and a failure to the program.
    let is_good = (is_good || has("NO_PUBKEY ")) && has("VALIDSIG ");
    let good = status.lines().find_map(|line| said(line)?.strip_prefix("GOODSIG "));
    if let Some(good) = good.filter(|_| is_good) {
        return Ok(good.to_owned());
    }
    if ["NO_PUBKEY ", "ERRSIG ", "EXPKEYSIG ", "REVKEYSIG "].into_iter().any(has) {
        return Err(refused("no good key of the keyring has signed the release"));
    }
    let text = "gpgv: it says neither good nor bad";
    Err(Trouble::new(Reason::Unverified, text).with("gpgv", status.as_str()))
}

/// What a status line says.
fn said(line: &str) -> Option<&str> {
    line.strip_prefix("[GNUPG:] ")
}

/// Whether the program was content, and its machine-readable words.
async fn run(keyring: &Path, text: Bytes) -> std::io::Result<(bool, String)> {
    // A path without a slash would be looked for in the home folder.
    let keyring = std::path::absolute(keyring)?;
    let mut child = Command::new("gpgv")
        .arg("--status-fd=1")
        .arg("--keyring")
        .arg(keyring)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // It may have seen enough before the end.
            let _ = stdin.write_all(&text).await;
        }
    };
    let read = async {
        let mut said = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(MAX_SAID).read_to_end(&mut said).await?;
        }
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&said).into_owned())
    };
    let ((), said) = tokio::join!(write, read);
    let status = child.wait().await?;
    Ok((status.success(), said?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(is_good: bool, words: &[&str]) -> Result<String, Reason> {
        let status: String = words.iter().map(|word| format!("[GNUPG:] {word}\n")).collect();
        judge(is_good, status).map_err(|trouble| trouble.reason)
    }

    #[test]
    fn keyrings_are_told_from_armour_and_rubbish() {
        for good in [&b"\x98\x33"[..], b"\x99\x01\x0d", b"\xc6\x33", b"\0\0\0\x20\x01\x01\0\x02KBXf"] {
            assert!(is_keyring(good), "{good:?}");
        }
        for bad in
            [&b""[..], b"-----BEGIN PGP PUBLIC KEY BLOCK-----", b"<html>", b"\x88\x33", b"\0\0\0\x20KBXf"]
        {
            assert!(!is_keyring(bad), "{bad:?}");
        }
    }

    #[test]
    fn one_good_signature_is_enough_and_one_bad_one_too_much() {
        let good = ["GOODSIG AB Archive", "VALIDSIG ABAB 2024"];
        assert_eq!(judged(true, &good), Ok("AB Archive".to_owned()));
        assert_eq!(judged(false, &[good[0], good[1], "NO_PUBKEY CD"]), Ok("AB Archive".to_owned()));
        assert_eq!(judged(true, &[good[0], good[1], "BADSIG CD Other"]), Err(Reason::BadSignature));
        assert_eq!(judged(false, &["ERRSIG CD", "NO_PUBKEY CD"]), Err(Reason::BadSignature));
        assert_eq!(judged(false, &["EXPKEYSIG AB Archive", "VALIDSIG ABAB"]), Err(Reason::BadSignature));
        assert_eq!(judged(false, &good), Err(Reason::Unverified), "the program was not content");
        assert_eq!(judged(true, &[good[0]]), Err(Reason::Unverified));
        assert_eq!(judged(true, &[]), Err(Reason::Unverified));
        assert_eq!(judge(true, "GOODSIG AB me".to_owned()).unwrap_err().reason, Reason::Unverified);
    }
}
