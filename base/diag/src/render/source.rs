//! The lines that a text report quotes.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

/// Bytes of a file beyond which nothing is quoted from it.
const LARGEST_FILE: u64 = 4 << 20;
/// Files of one report beyond which none is opened.
const MOST_FILES: usize = 32;
/// Characters of a line beyond which it is not quoted.
const LONGEST_LINE: usize = 240;
/// A line with one of these words is not quoted: its value may be a secret.
const SECRET: [&str; 6] = ["password", "secret", "token", "private", "credential", "-----begin"];

/// Reads each file once per report.
#[derive(Default)]
pub(super) struct Sources {
    files: HashMap<String, Option<String>>,
}

impl Sources {
    /// A line of a file, from 1, if it can be read and is fit to be shown.
    pub(super) fn line(&mut self, path: &str, line: u32) -> Option<&str> {
        if !self.files.contains_key(path) {
            let text = if self.files.len() < MOST_FILES { read(path) } else { None };
            self.files.insert(path.to_owned(), text);
        }
        let text = self.files.get(path)?.as_deref()?;
        let line = text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
        let lower = line.to_ascii_lowercase();
        let fit = line.chars().nth(LONGEST_LINE).is_none()
            && !line.contains(|c: char| c.is_control() && c != '\t')
            && !SECRET.iter().any(|word| lower.contains(word));
        fit.then_some(line)
    }
}

fn read(path: &str) -> Option<String> {
    // Only regular files: opening a pipe would wait for its writer.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(LARGEST_FILE).read_to_string(&mut text).ok()?;
    Some(text)
}
