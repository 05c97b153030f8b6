//! What a database's answers look like, whoever signed them.

use crate::note::MAX_NOTE;
use crate::tile::{Level, Tile};

/// Whether `answer` looks like what a database has at `path` (`/latest`, `/lookup/…` or `/tile/…`).
///
/// This says nothing of its truth. It tells a database that lies from a server that answers with something else altogether,
/// such as a portal: the first is a reason to trust nobody, the second one to ask somewhere else.
pub fn has_shape(path: &str, answer: &[u8]) -> bool {
    if path == "/latest" {
        return has_signatures(answer);
    }
    if path.starts_with("/lookup/") {
        let id = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
        return !id.is_empty() && id.iter().all(u8::is_ascii_digit) && has_signatures(answer);
    }
    match Tile::parse_path(path.trim_start_matches('/')) {
        Some(tile) if tile.l == Level::Data => !answer.is_empty(),
        Some(tile) => answer.len() == tile.size(),
        None => true,
    }
}

/// Text, a blank line, and lines that begin as signatures do.
fn has_signatures(answer: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(answer) else { return false };
    let lines = text
        .rsplit_once("\n\n")
        .map(|(_, lines)| lines)
        .filter(|_| answer.len() <= MAX_NOTE && text.ends_with('\n'));
    lines.is_some_and(|lines| !lines.is_empty() && lines.lines().all(|line| line.starts_with("— ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use crate::note::SignerKey;

    #[test]
    fn every_answer_of_a_database_has_its_shape_and_no_other_has_it() {
        let mut log = Log::new(SignerKey::generate("sum.example", [1; 32]).unwrap());
        log.add("a.example/x v1.0.0 h1:x\na.example/x v1.0.0/go.mod h1:x\n").unwrap();
        let paths = ["/latest", "/lookup/a.example/x@v1.0.0", "/tile/8/0/000.p/1"];
        let answers = paths.map(|path| log.answer(path).unwrap());
        for (at, path) in paths.iter().enumerate() {
            assert!(has_shape(path, &answers[at]), "{path}");
            for garbage in
                [&b""[..], b"Hostname: vm\nGET / HTTP/1.1\n\n", b"{}", b"<html>", b"\n\n", b"\xff\n\n"]
            {
                assert!(!has_shape(path, garbage), "{path}: {garbage:?}");
            }
            let half = &answers[at][..answers[at].len() / 2];
            assert!(!has_shape(path, half), "{path}: {half:?}");
        }
        assert!(!has_shape("/lookup/a.example/x@v1.0.0", &answers[0]));
        assert!(!has_shape("/latest", &answers[2]));
    }
}
