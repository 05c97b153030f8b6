//! Modules to serve, generated, the same in every run: small ones, one that is large, and a graph.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::Result;
use fairlead_gomod::zip::Writer;

/// The version of every module.
pub(crate) const VERSION: &str = "v1.0.0";

const TIME: &str = "2024-05-06T07:08:09Z";
/// What a module of the graph requires: so many that come after it.
const FAN_OUT: usize = 3;
const MIB: usize = 1 << 20;

/// What a path of a GOPROXY is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `.info`
    Info,
    /// `.mod`
    GoMod,
    /// `.zip`
    Zip,
    /// `@v/list`
    List,
    /// `@latest`
    Latest,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Kind; 5] = [Kind::Info, Kind::GoMod, Kind::Zip, Kind::List, Kind::Latest];

    /// The path of this file of a module.
    pub(crate) fn path(self, module: &str) -> String {
        let end = match self {
            Kind::Info => "@v/v1.0.0.info",
            Kind::GoMod => "@v/v1.0.0.mod",
            Kind::Zip => "@v/v1.0.0.zip",
            Kind::List => "@v/list",
            Kind::Latest => "@latest",
        };
        format!("/{module}/{end}")
    }

    fn content_type(self) -> &'static str {
        match self {
            Kind::Info | Kind::Latest => "application/json",
            Kind::Zip => "application/zip",
            Kind::GoMod | Kind::List => "text/plain; charset=UTF-8",
        }
    }
}

/// A file of an upstream.
#[derive(Debug)]
pub(crate) struct Served {
    /// What it is.
    pub(crate) kind: Kind,
    /// The whole answer.
    pub(crate) answer: Vec<u8>,
    body: usize,
}

impl Served {
    /// The bytes of the file.
    pub(crate) fn body(&self) -> &[u8] {
        &self.answer[self.body..]
    }
}

/// A set of modules.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    /// Their paths.
    pub(crate) paths: Vec<String>,
    /// What there is to ask for, by path.
    pub(crate) files: HashMap<String, Served>,
}

impl Modules {
    /// Modules without requirements: 55 bytes of `.mod`, some 1.8 kB of zip.
    pub(crate) fn small(count: usize) -> Result<Modules> {
        let mut modules = Modules::default();
        for number in 0..count {
            let path = format!("mirror.example.com/benchmarks/small-{number:02}");
            let content = noise(number, 2300);
            modules.add(&path, &[], &[("small.go", &content)])?;
        }
        Ok(modules)
    }

    /// One module whose zip has 20 MB.
    pub(crate) fn large() -> Result<Modules> {
        let mut modules = Modules::default();
        let files: Vec<(String, Vec<u8>)> =
            (0..19).map(|number| (format!("data{number:02}.bin"), random(number, MIB))).collect();
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        modules.add("mirror.example.com/benchmarks/large", &[], &files)?;
        Ok(modules)
    }

    /// A graph like a chain: each module requires the next three.
    pub(crate) fn graph(count: usize) -> Result<Modules> {
        let mut modules = Modules::default();
        let path = |number: usize| format!("mirror.example.com/graph/m{number:03}");
        for number in 0..count {
            let required: Vec<String> = (number + 1..count).take(FAN_OUT).map(path).collect();
            let content: Vec<Vec<u8>> = (0..4).map(|part| noise(number * 4 + part, 3000)).collect();
            let files = [("a.go", 0), ("b.go", 1), ("c/c.go", 2), ("d/d.go", 3)]
                .map(|(name, part): (&str, usize)| (name, content[part].as_slice()));
            modules.add(&path(number), &required, &files)?;
        }
        Ok(modules)
    }

    /// The go.mod of a program that requires all of them.
    pub(crate) fn main_go_mod(&self) -> String {
        go_mod("mirror.example.com/program", &self.paths)
    }

    fn add(&mut self, path: &str, required: &[String], files: &[(&str, &[u8])]) -> Result<()> {
        let go_mod = go_mod(path, required);
        let mut zip = Vec::new();
        let mut writer = Writer::new(&mut zip, path, VERSION)?;
        for (name, content) in [("go.mod", go_mod.as_bytes())].iter().chain(files) {
            writer.add(name, content.len() as u64, &mut &**content)?;
        }
        writer.finish()?;
        let info = format!("{{\"Version\":\"{VERSION}\",\"Time\":\"{TIME}\"}}").into_bytes();
        let older = (0..19).map(|minor| format!("v0.{minor}.0\n"));
        let list: String = older.chain([format!("{VERSION}\n")]).collect();
        for kind in Kind::ALL {
            let body = match kind {
                Kind::Info | Kind::Latest => &info,
                Kind::GoMod => go_mod.as_bytes(),
                Kind::Zip => &zip,
                Kind::List => list.as_bytes(),
            };
            self.files.insert(kind.path(path), served(kind, body));
        }
        self.paths.push(path.to_owned());
        Ok(())
    }
}

fn served(kind: Kind, body: &[u8]) -> Served {
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: Mon, 06 Jan 2025 10:00:00 GMT\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        kind.content_type(),
        body.len()
    );
    Served { kind, body: head.len(), answer: [head.as_bytes(), body].concat() }
}

fn go_mod(path: &str, required: &[String]) -> String {
    let mut text = format!("module {path}\n\ngo 1.21\n");
    if !required.is_empty() {
        text += "\nrequire (\n";
        for path in required {
            let _ = writeln!(text, "\t{path} {VERSION}");
        }
        text += ")\n";
    }
    text
}

/// A Go file of about so many bytes that halves when it is compressed.
fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut text = String::from("// Package p holds nothing.\npackage p\n\n");
    for bytes in random(seed, len / 2).chunks(32) {
        text += "// ";
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// Bytes that cannot be compressed: SplitMix64.
fn random(seed: usize, len: usize) -> Vec<u8> {
    let mut state = 0x5851_f42d_4c95_7f2d_u64.wrapping_mul(seed as u64 + 1);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_have_the_sizes_that_the_report_names() {
        let small = Modules::small(2).unwrap();
        let len = |modules: &Modules, kind: Kind| modules.files[&kind.path(&modules.paths[0])].body().len();
        assert_eq!(len(&small, Kind::GoMod), 55);
        assert!((1700..1900).contains(&len(&small, Kind::Zip)), "{}", len(&small, Kind::Zip));
        let large = Modules::large().unwrap();
        assert!((19_900_000..20_100_000).contains(&len(&large, Kind::Zip)), "{}", len(&large, Kind::Zip));
    }

    #[test]
    fn a_graph_requires_only_what_is_there() {
        let graph = Modules::graph(5).unwrap();
        assert_eq!(graph.files.len(), 25);
        let first = &graph.files["/mirror.example.com/graph/m000/@v/v1.0.0.mod"];
        let text = String::from_utf8_lossy(first.body()).into_owned();
        assert_eq!(text.matches(VERSION).count(), FAN_OUT, "{text}");
        let last = &graph.files["/mirror.example.com/graph/m004/@v/v1.0.0.mod"];
        assert!(!String::from_utf8_lossy(last.body()).contains("require"));
    }
}
