//! What the lines of a go.mod file say.

use std::sync::Arc;

use super::comment::{comment_text, deprecation, is_indirect};
use super::go_version::{is_go_version, leading_go_version};
use super::statement::{Line, Statement, Statements};
use super::{
    Exclude, GoLine, Godebug, Ignore, MAX_BYTES, MAX_ERRORS, ModError, ModFile, ModuleLine, Position,
    Replace, Require, Retract, Tool, Toolchain, quote,
};
use crate::path::{Module, canonical_version, check_path_major, split_path_version};
use crate::unicode::Quoted;

/// Reads a file; `strict` for a main module's.
pub(super) fn read(text: &[u8], strict: bool) -> Result<ModFile, Vec<ModError>> {
    let start = Position { line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        return Err(vec![ModError::new(
            start,
            format!("{} bytes are more than the {MAX_BYTES} that a go.mod may have", text.len()),
        )]);
    }
    // Stray bytes are tolerated where they do no harm, in comments; no path or version is valid with the character they become.
    let text = String::from_utf8_lossy(text);
    let mut reader = Reader { file: ModFile::default(), strict, block: Block::default(), errors: Vec::new() };
    reader.read(&text).map_err(|error| vec![error])?;
    if reader.errors.is_empty() { Ok(reader.file) } else { Err(reader.errors) }
}

struct Reader<'a> {
    file: ModFile,
    strict: bool,
    /// The block that is open, or was last.
    block: Block<'a>,
    errors: Vec<ModError>,
}

#[derive(Default)]
struct Block<'a> {
    /// Empty where the block's lines are skipped.
    verb: &'a str,
    comments: Vec<&'a str>,
    /// Made of the comments when first asked for, and shared: copies could fill the memory.
    rationale: Option<Arc<str>>,
}

/// Directives of which a block may consist.
const BLOCKS: [&str; 8] = ["module", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"];

/// Directives that count in the go.mod of a dependency.
const LAX: [&str; 5] = ["go", "module", "require", "retract", "ignore"];

impl<'a> Reader<'a> {
    fn read(&mut self, text: &'a str) -> Result<(), ModError> {
        let mut statements = Statements::new(text)?;
        while let Some(statement) = statements.read()? {
            let (at, outcome) = match statement {
                Statement::Block(line) => (line.at, self.open(line)),
                Statement::BlockLine(line) if self.block.verb.is_empty() => (line.at, Ok(())),
                Statement::BlockLine(line) => {
                    (line.at, self.directive(self.block.verb, &line.tokens, &line, true))
                }
                Statement::Line(line) => {
                    (line.at, self.directive(line.tokens[0], &line.tokens[1..], &line, false))
                }
            };
            if let Err(message) = outcome
                && self.errors.len() < MAX_ERRORS
            {
                self.errors.push(ModError::new(at, message));
            }
        }
        Ok(())
    }

    fn open(&mut self, line: Line<'a>) -> Result<(), String> {
        let verb = match line.tokens[..] {
            [verb] if BLOCKS.contains(&verb) => verb,
            _ => "",
        };
        self.block = Block { verb, comments: line.before, rationale: None };
        if verb.is_empty() && self.strict {
            return Err(format!("unknown block type: {}", Quoted(&line.tokens.join(" "))));
        }
        Ok(())
    }

    fn directive(
        &mut self,
        verb: &str,
        args: &[&str],
        line: &Line<'a>,
        in_block: bool,
    ) -> Result<(), String> {
        if !self.strict && !LAX.contains(&verb) {
            return Ok(());
        }
        let at = line.at;
        match verb {
            "module" => self.module(args, line, in_block)?,
            "go" => self.go(args, at)?,
            "toolchain" => self.toolchain(args, at)?,
            "godebug" => self.file.godebug.push(godebug(args, at)?),
            "require" => {
                let module = module_version(verb, args)?;
                self.file.require.push(Require {
                    module,
                    indirect: line.suffix.is_some_and(is_indirect),
                    at,
                });
            }
            "exclude" => self.file.exclude.push(Exclude { module: module_version(verb, args)?, at }),
            "replace" => self.file.replace.push(replace(args, at)?),
            "retract" => self.retract(args, line, in_block)?,
            "tool" => self.file.tool.push(Tool { path: only_string(verb, args)?, at }),
            "ignore" => self.file.ignore.push(Ignore { path: only_string(verb, args)?, at }),
            _ => return Err(format!("unknown directive: {}", Quoted(verb))),
        }
        Ok(())
    }

    fn module(&mut self, args: &[&str], line: &Line<'a>, in_block: bool) -> Result<(), String> {
        if self.file.module.is_some() {
            return Err("repeated module statement".to_owned());
        }
        let deprecated = deprecation(&self.comment(line, in_block));
        let module = self.file.module.insert(ModuleLine { path: String::new(), deprecated, at: line.at });
        let [path] = args else {
            return Err("usage: module module/path".to_owned());
        };
        module.path = string(path)?;
        Ok(())
    }

    fn go(&mut self, args: &[&str], at: Position) -> Result<(), String> {
        if self.file.go.is_some() {
            return Err("repeated go statement".to_owned());
        }
        let [written] = *args else {
            return Err("go directive expects exactly one argument".to_owned());
        };
        let version = match is_go_version(written) {
            true => Some(written),
            false if !self.strict => leading_go_version(written),
            false => None,
        };
        let version = version
            .ok_or_else(|| format!("invalid go version {}: must match format 1.23.0", Quoted(written)))?;
        self.file.go = Some(GoLine { version: version.to_owned(), at });
        Ok(())
    }

    fn toolchain(&mut self, args: &[&str], at: Position) -> Result<(), String> {
        if self.file.toolchain.is_some() {
            return Err("repeated toolchain statement".to_owned());
        }
        let [name] = *args else {
            return Err("toolchain directive expects exactly one argument".to_owned());
        };
        if !(name == "default" || name == "go1" || name.starts_with("go1.")) {
            return Err(format!(
                "invalid toolchain version {}: must match format go1.23.0 or default",
                Quoted(name)
            ));
        }
        self.file.toolchain = Some(Toolchain { name: name.to_owned(), at });
        Ok(())
    }

    fn retract(&mut self, args: &[&str], line: &Line<'a>, in_block: bool) -> Result<(), String> {
        let (low, high) = match interval(args) {
            Ok((low, high, [])) => (low, high),
            // Later releases may say more, in the file of a dependency.
            Ok((low, high, _)) if !self.strict => (low, high),
            Ok((.., rest)) => return Err(format!("unexpected token after version: {}", Quoted(rest[0]))),
            Err(_) if !self.strict => return Ok(()),
            Err(message) => return Err(message),
        };
        let rationale = self.comment(line, in_block);
        self.file.retract.push(Retract { low, high, rationale, at: line.at });
        Ok(())
    }

    /// The comment that a directive has or, in a block, inherits.
    fn comment(&mut self, line: &Line<'a>, in_block: bool) -> Arc<str> {
        if in_block && line.before.is_empty() && line.suffix.is_none() {
            let Block { comments, rationale, .. } = &mut self.block;
            return Arc::clone(rationale.get_or_insert_with(|| comment_text(comments.iter().copied())));
        }
        comment_text(line.before.iter().copied().chain(line.suffix))
    }
}

fn godebug(args: &[&str], at: Position) -> Result<Godebug, String> {
    let usage = || "usage: godebug key=value".to_owned();
    let [setting] = args else {
        return Err(usage());
    };
    let (key, value) =
        setting.split_once('=').filter(|_| !setting.contains(['"', '`', '\'', ','])).ok_or_else(usage)?;
    Ok(Godebug { key: key.to_owned(), value: value.to_owned(), at })
}

fn only_string(verb: &str, args: &[&str]) -> Result<String, String> {
    let [text] = args else {
        return Err(format!("{verb} directive expects exactly one argument"));
    };
    string(text)
}

fn module_version(verb: &str, args: &[&str]) -> Result<Module, String> {
    let [path, version] = args else {
        return Err(format!("usage: {verb} module/path v1.2.3"));
    };
    let path = string(path)?;
    let version = canonical(verb, &path, version)?;
    check_major(verb, &path, &version)?;
    Ok(Module { path, version })
}

fn replace(args: &[&str], at: Position) -> Result<Replace, String> {
    let (old, old_version, new, new_version) = match *args {
        [old, "=>", new] => (old, None, new, None),
        [old, "=>", new, version] => (old, None, new, Some(version)),
        [old, version, "=>", new] => (old, Some(version), new, None),
        [old, version, "=>", new, new_version] => (old, Some(version), new, Some(new_version)),
        _ => {
            return Err(
                "usage: replace module/path [v1.2.3] => other/module v1.4.0, or => ../local/directory"
                    .to_owned(),
            );
        }
    };
    let old = Module::new(string(old)?, "");
    let old = match old_version {
        Some(version) => Module { version: canonical("replace", &old.path, version)?, ..old },
        None => old,
    };
    check_major("replace", &old.path, &old.version)?;
    let path = string(new)?;
    let version =
        new_version.map(|version| canonical("replace", &path, version)).transpose()?.unwrap_or_default();
    check_replacement(&path, new_version.is_some())?;
    Ok(Replace { old, new: Module { path, version }, at })
}

fn check_replacement(path: &str, has_version: bool) -> Result<(), String> {
    match (is_directory(path), has_version) {
        (true, true) => {
            Err(format!("replacement module directory path {} cannot have version", Quoted(path)))
        }
        (false, false) if path.contains('@') => {
            Err("replacement module must match format 'path version', not 'path@version'".to_owned())
        }
        (false, false) => {
            Err("replacement module without version must be directory path (rooted or starting with . or ..)"
                .to_owned())
        }
        (true, false) if path.contains('\\') => {
            Err("replacement directory appears to be Windows path".to_owned())
        }
        _ => Ok(()),
    }
}

/// True for rooted paths and those that begin with `.` or `..`, as Unix or Windows write them.
fn is_directory(path: &str) -> bool {
    let first = path.split(['/', '\\']).next().unwrap_or_default();
    let drive = path.as_bytes();
    (first.is_empty() && !path.is_empty())
        || matches!(first, "." | "..")
        || (drive.len() >= 2 && drive[0].is_ascii_alphabetic() && drive[1] == b':')
}

/// An interval's ends, and the tokens behind it. Versions may be of any form: they are those of the module, which the line does not know.
fn interval<'t, 'a>(args: &'t [&'a str]) -> Result<(String, String, &'t [&'a str]), String> {
    match args {
        [] | ["(", ..] => Err("expected '[' or version".to_owned()),
        ["[", low, ",", high, "]", rest @ ..] => Ok((string(low)?, string(high)?, rest)),
        ["["] | ["[", _] | ["[", _, ","] | ["[", _, ",", _] => {
            Err("incomplete version interval, expected '[low, high]'".to_owned())
        }
        ["[", ..] => Err("malformed version interval, expected '[low, high]'".to_owned()),
        [version, rest @ ..] => {
            let version = string(version)?;
            Ok((version.clone(), version, rest))
        }
    }
}

fn canonical(verb: &str, path: &str, written: &str) -> Result<String, String> {
    let wrong = |version: &str, reason: &str| {
        format!("{verb} {}: version {} invalid: {reason}", Quoted(path), Quoted(version))
    };
    let version = string(written).map_err(|reason| wrong(written, &reason))?;
    match canonical_version(&version) {
        Some(canonical) => Ok(canonical.into_owned()),
        None => Err(wrong(&version, "must be of the form v1.2.3")),
    }
}

/// An empty version goes with every path whose own suffix is well-formed.
fn check_major(verb: &str, path: &str, version: &str) -> Result<(), String> {
    let Some((_, major)) = split_path_version(path) else {
        return Err(format!("{verb} {}: invalid module path", Quoted(path)));
    };
    if version.is_empty() {
        return Ok(());
    }
    check_path_major(version, major).map_err(|error| format!("{verb} {}: {error}", Quoted(path)))
}

/// An argument's text: as written, or unquoted.
fn string(token: &str) -> Result<String, String> {
    if token.starts_with('"') {
        return quote::unquote(token).ok_or_else(|| format!("invalid quoted string: {}", Quoted(token)));
    }
    if token.contains(['"', '\'', '`']) {
        return Err(format!("unquoted string cannot contain quotes: {}", Quoted(token)));
    }
    Ok(token.to_owned())
}
