//! Configuration files.

use std::io::Read;
use std::path::Path;

use fairlead_diag::{Finding, Origin};

use crate::bounds::MAX_BYTES;
use crate::{Node, codes, json, toml, yaml};

/// Parses the text of a file by the extension of its path: `.yml`, `.yaml`, `.toml` or `.json`.
///
/// # Errors
/// An unknown extension, and what the parsers say.
pub fn parse_file_text(path: &str, text: &str) -> Result<Node, Finding> {
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "yml" | "yaml" => yaml::parse(text, path),
        "toml" => toml::parse(text, path),
        "json" => json::parse(text, path),
        _ => Err(Finding::new(
            &codes::UNKNOWN_FORMAT,
            format!("the format of {path} is not known by its extension"),
        )
        .at(&Origin::file(path))
        .help("name the file .yml, .yaml, .toml or .json")),
    }
}

/// Reads a file as text, within bounds.
///
/// # Errors
/// It cannot be read, is too large, or is not UTF-8.
pub fn read_file_text(path: &str) -> Result<String, Finding> {
    let unreadable = |why: String, help: &str| {
        Finding::new(&codes::UNREADABLE, format!("cannot read {path}: {why}"))
            .at(&Origin::file(path))
            .help(help)
    };
    let file = std::fs::File::open(path)
        .map_err(|error| unreadable(error.to_string(), "check the path and the permissions of the file"))?;
    let mut content = Vec::new();
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut content)
        .map_err(|error| unreadable(error.to_string(), "name a regular file"))?;
    if content.len() > MAX_BYTES {
        return Err(unreadable(format!("larger than {MAX_BYTES} bytes"), "split the file"));
    }
    String::from_utf8(content).map_err(|_| unreadable("not UTF-8 text".to_owned(), "save the file as UTF-8"))
}

/// Reads and parses a file.
///
/// # Errors
/// As [`read_file_text`] and [`parse_file_text`].
pub fn read_file(path: &str) -> Result<Node, Finding> {
    parse_file_text(path, &read_file_text(path)?)
}
