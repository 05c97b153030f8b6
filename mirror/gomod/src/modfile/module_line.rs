//! The module path alone, from files of any sort.

use super::{MAX_BYTES, quote};

/// The path that the first `module` line names, whatever else is wrong with the file; how go tells what a go.mod belongs to.
///
/// Looks at lines alone: a line of a `module ( … )` block is not found. None where there is no such line or its quoting is wrong.
pub fn module_path(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_BYTES)]);
    let argument = text.split('\n').find_map(|line| {
        let line = line.split_once("//").map_or(line, |(code, _)| code).trim();
        let rest = line.strip_prefix("module")?;
        let argument = rest.trim_start();
        (argument.len() < rest.len() && !argument.is_empty()).then_some(argument)
    })?;
    if argument.starts_with(['"', '`']) {
        return quote::unquote(argument);
    }
    Some(argument.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_module_line_counts() {
        for (text, expected) in [
            ("module x.y/z", Some("x.y/z")),
            ("// c\n\n\tmodule\tx.y/z // why\r\nmodule other", Some("x.y/z")),
            ("go 1.21\nmodule \"x.y/\\u007a\"\n", Some("x.y/z")),
            ("module `x.y/z`", Some("x.y/z")),
            ("what ( is this\nmodule x y\n", Some("x y")),
            ("modulex\nmodule\nmodule // c\nmodule a", Some("a")),
            ("module \"x.y\nmodule a", None),
            ("module \"http://x\"", None),
            ("module (\n\tx.y/z\n)", Some("(")),
            ("", None),
            ("<html><body>module x</body></html>", None),
        ] {
            assert_eq!(module_path(text.as_bytes()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn stray_bytes_elsewhere_do_no_harm() {
        assert_eq!(module_path(b"// caf\xe9\nmodule x.y/z\n").as_deref(), Some("x.y/z"));
        assert_eq!(module_path(b"module x.y/\xe9\n").as_deref(), Some("x.y/\u{fffd}"));
    }
}
