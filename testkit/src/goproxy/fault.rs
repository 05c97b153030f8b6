//! How an upstream misbehaves.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use fairlead_gomod::path::{Module, unescape_path, unescape_version};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::answer::{Answer, Manner};
use super::modules::{Modules, zip};
use super::zip::{Forged, forge};

/// What a login portal says.
const PORTAL: &str =
    "<!DOCTYPE html>\n<html><head><title>Login</title></head><body>Please log in</body></html>\n";

/// One kind of misbehaviour. Those that change the body change nothing where the path is of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 200 with an HTML page.
    Portal,
    /// 200 with an HTML page under the content type that the path has otherwise.
    HiddenPage,
    /// 302 to the same path.
    RedirectLoop,
    /// 302 to the same path at another address, without TLS.
    RedirectTo(SocketAddr),
    /// A status with a text that names it.
    Status(u16),
    /// A status with `Retry-After` in seconds.
    RetryAfter(u16, u32),
    /// Closed before the head.
    Close,
    /// Reset before the head.
    Reset,
    /// Never answered.
    Silence,
    /// Half the body, then closed; the whole length is declared.
    Truncated,
    /// Half the body in a chunk, then closed.
    ChunkedCut,
    /// Half the body, and half the length declared.
    Short,
    /// A byte of the head each second.
    SlowHead,
    /// The head, then a byte of the body each second.
    SlowBody,
    /// A body without a length, up to the end of the connection.
    NoLength,
    /// `Content-Encoding: gzip` over what is none.
    FalseGzip,
    /// Gzip whose sum is wrong.
    BadGzip,
    /// HTTP/2: half the body, then GOAWAY and the end. HTTP/1.1: as [`Fault::Truncated`].
    GoAway,
    /// HTTP/2: half the body, then RST_STREAM. HTTP/1.1: as [`Fault::Truncated`].
    ResetStream,
    /// A zip, go.mod or info that is valid and another one.
    Tampered,
    /// A zip whose files are those of another module.
    ForeignPrefix,
    /// A zip with a file outside of its prefix by `../`.
    Traversal,
    /// A zip with a file that is declared small and unfolds to 4 MiB.
    Bomb,
    /// A zip that declares 800 MiB.
    Huge,
    /// An info that is about another version.
    WrongVersion,
    /// An info that says the same with other bytes.
    Remarshalled,
    /// A list or `@latest` without the newest version.
    Stale,
    /// One bit of the body is another.
    FlippedBit,
    /// A checksum database signed with another key.
    ForeignKey,
    /// A checksum database with another history, signed with its key.
    Fork,
    /// A checksum database without its newest records.
    RolledBack,
    /// A lookup that is answered with another module's record.
    OtherModule,
}

impl Fault {
    /// The answer in place of the good one. What concerns the database was done before.
    pub(super) fn apply(self, path: &str, modules: &Modules, good: Answer) -> Answer {
        let manner = |manner| Answer { manner, ..good.clone() };
        match self {
            Fault::Portal => Answer::new(200, "text/html; charset=utf-8", PORTAL),
            Fault::HiddenPage => good.with_body(PORTAL),
            Fault::RedirectLoop => Answer::new(302, "text/plain", "").header("Location", path),
            Fault::RedirectTo(addr) => {
                Answer::new(302, "text/plain", "").header("Location", &format!("http://{addr}{path}"))
            }
            Fault::Status(status) => refusal(status),
            Fault::RetryAfter(status, seconds) => refusal(status).header("Retry-After", &seconds.to_string()),
            Fault::Close => manner(Manner::Close),
            Fault::Reset => manner(Manner::Reset),
            Fault::Silence => manner(Manner::Silence),
            Fault::Truncated => manner(Manner::Truncated),
            Fault::ChunkedCut => manner(Manner::ChunkedCut),
            Fault::Short => {
                let half = good.body.slice(..good.body.len() / 2);
                good.with_body(half)
            }
            Fault::SlowHead => manner(Manner::SlowHead),
            Fault::SlowBody => manner(Manner::SlowBody),
            Fault::NoLength => manner(Manner::NoLength),
            Fault::GoAway => manner(Manner::GoAway),
            Fault::ResetStream => manner(Manner::ResetStream),
            Fault::FalseGzip => good.header("Content-Encoding", "gzip"),
            Fault::BadGzip => {
                let body = bad_gzip(&good.body);
                good.with_body(body).header("Content-Encoding", "gzip")
            }
            Fault::FlippedBit => {
                let mut body = good.body.to_vec();
                let middle = body.len() / 2;
                body.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
                good.with_body(body)
            }
            Fault::Remarshalled if path.ends_with(".info") => {
                let value: serde_json::Value = serde_json::from_slice(&good.body).unwrap_or_default();
                good.with_body(serde_json::to_vec_pretty(&value).unwrap())
            }
            Fault::WrongVersion if path.ends_with(".info") => {
                good.with_body(r#"{"Version":"v1.99.0","Time":"2024-01-02T03:04:05Z"}"#)
            }
            Fault::Stale => match modules.stale(path.trim_start_matches('/')) {
                Some(old) => good.with_body(old),
                None => good,
            },
            other => {
                match module_of(path).and_then(|(module, ending)| other.forged(&module, ending, &good)) {
                    Some(body) => good.with_body(body),
                    None => good,
                }
            }
        }
    }

    /// Another file of a version.
    fn forged(self, module: &Module, ending: &str, good: &Answer) -> Option<Bytes> {
        let Module { path, version } = module;
        let files = || BTreeMap::from([("evil.go".to_owned(), b"package evil\n".to_vec())]);
        let own = |name: &str| Forged::new(format!("{path}@{version}/{name}"), b"package evil\n");
        let evil = match (self, ending) {
            (Fault::Tampered, "zip") => zip(path, version, &files()).0,
            (Fault::Tampered, "mod") => [&good.body, &b"\n// tampered\n"[..]].concat().into(),
            (Fault::Tampered, "info") => {
                format!("{{\"Version\":\"{version}\",\"Time\":\"2001-01-01T00:00:00Z\"}}").into()
            }
            (Fault::ForeignPrefix, "zip") => zip("foreign.example/m", version, &files()).0,
            (Fault::Traversal, "zip") => {
                forge(&[own("a.go"), Forged::new(format!("{path}@{version}/../../evil.go"), b"")]).into()
            }
            (Fault::Bomb, "zip") => {
                let bomb = Forged::new(format!("{path}@{version}/bomb.go"), &vec![0; 4 << 20]);
                forge(&[bomb.declaring(10)]).into()
            }
            (Fault::Huge, "zip") => {
                forge(&[own("a.go").declaring(400 << 20), own("b.go").declaring(400 << 20)]).into()
            }
            _ => return None,
        };
        Some(evil)
    }
}

fn refusal(status: u16) -> Answer {
    Answer::new(status, "text/plain; charset=utf-8", format!("the upstream says {status}\n"))
}

/// The module of a path that names a version, and what the file is.
fn module_of(path: &str) -> Option<(Module, &str)> {
    let (path, file) = path.trim_start_matches('/').rsplit_once("/@v/")?;
    let (version, ending) = file.rsplit_once('.')?;
    Some((Module::new(unescape_path(path).ok()?, unescape_version(version).ok()?), ending))
}

fn bad_gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    let mut gzip = encoder.finish().unwrap();
    // The sum of the content comes before its length, four bytes each.
    let sum = gzip.len() - 8;
    gzip[sum] ^= 1;
    gzip
}
