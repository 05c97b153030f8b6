//! Modules that a test writes, as a proxy and a checksum database know them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use fairlead_gomod::dirhash::{H1, hash_go_mod};
use fairlead_gomod::path::{escape_path, escape_version};
use fairlead_gomod::zip::{File, Mode, Origin, create};
use fairlead_gomod::{pseudo, version};
use fairlead_sumdb::log::Log;
use fairlead_sumdb::note::SignerKey;

/// Name of the database. It has a path, because names may.
pub const SUMDB: &str = "sum.test.example/db";

/// Records before those of the modules, so that the log has a full tile.
const FILLER: usize = 300;

/// The verifier key of every upstream's database.
#[must_use]
pub fn sumdb_key() -> String {
    signer(1).verifier().to_string()
}

/// The key that the seed makes.
pub(super) fn signer(seed: u8) -> SignerKey {
    SignerKey::generate(SUMDB, [seed; 32]).unwrap()
}

/// A version of a module, before it has a name.
#[derive(Clone, Debug)]
pub struct Release {
    requires: Vec<(String, String)>,
    retracts: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
    time: String,
    has_go_mod: bool,
    is_in_sumdb: bool,
}

impl Release {
    /// One with a go.mod file and nothing else.
    #[expect(clippy::new_without_default, reason = "an empty release is rarely what a test wants")]
    #[must_use]
    pub fn new() -> Release {
        Release {
            requires: Vec::new(),
            retracts: Vec::new(),
            files: BTreeMap::new(),
            time: "2024-01-02T03:04:05Z".to_owned(),
            has_go_mod: true,
            is_in_sumdb: true,
        }
    }

    /// Its go.mod requires a version.
    #[must_use]
    pub fn requires(mut self, path: &str, version: &str) -> Release {
        self.requires.push((path.to_owned(), version.to_owned()));
        self
    }

    /// Its go.mod retracts a version.
    #[must_use]
    pub fn retracts(mut self, version: &str) -> Release {
        self.retracts.push(version.to_owned());
        self
    }

    /// It has a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Release {
        self.files.insert(path.to_owned(), content.as_ref().to_vec());
        self
    }

    /// It was made then (RFC 3339).
    #[must_use]
    pub fn at(mut self, time: &str) -> Release {
        time.clone_into(&mut self.time);
        self
    }

    /// Its zip has no go.mod, as before there were modules.
    #[must_use]
    pub fn without_go_mod(mut self) -> Release {
        self.has_go_mod = false;
        self
    }

    /// The checksum database does not know it.
    #[must_use]
    pub fn private(mut self) -> Release {
        self.is_in_sumdb = false;
        self
    }

    fn go_mod(&self, path: &str) -> String {
        if !self.has_go_mod {
            return format!("module {path}\n");
        }
        let mut text = format!("module {path}\n\ngo 1.21\n");
        for (path, version) in &self.requires {
            writeln!(text, "\nrequire {path} {version}").unwrap();
        }
        for version in &self.retracts {
            writeln!(text, "\nretract {version} // broken").unwrap();
        }
        text
    }
}

/// A set of releases.
#[derive(Clone, Debug, Default)]
pub struct Modules {
    /// What is served, by escaped path without a leading slash.
    served: BTreeMap<String, Bytes>,
    /// Versions with their times, by module path.
    versions: BTreeMap<String, Vec<(String, String)>>,
    /// Records of the checksum database, in order.
    records: Vec<String>,
}

impl Modules {
    /// None.
    #[must_use]
    pub fn new() -> Modules {
        Modules::default()
    }

    /// Adds a release.
    #[must_use]
    pub fn add(mut self, path: &str, version: &str, release: &Release) -> Modules {
        let go_mod = release.go_mod(path);
        let mut files = release.files.clone();
        if release.has_go_mod {
            files.insert("go.mod".to_owned(), go_mod.clone().into_bytes());
        }
        let (zip, h1) = zip(path, version, &files);
        let info = info(version, &release.time);
        for (ending, bytes) in [("info", info.into()), ("mod", go_mod.clone().into()), ("zip", zip)] {
            self.served.insert(key(path, version, ending), bytes);
        }
        let known = self.versions.entry(path.to_owned()).or_default();
        known.push((version.to_owned(), release.time.clone()));
        known.sort_by(|a, b| version::order(&a.0, &b.0));
        if release.is_in_sumdb {
            let of_mod = hash_go_mod(go_mod.as_bytes());
            self.records.push(format!("{path} {version} {h1}\n{path} {version}/go.mod {of_mod}\n"));
        }
        self.refresh(path);
        self
    }

    /// A branch, tag or commit that is a version.
    #[must_use]
    pub fn query(mut self, path: &str, query: &str, version: &str) -> Modules {
        let info = self.served[&key(path, version, "info")].clone();
        self.served.insert(key(path, query, "info"), info);
        self
    }

    /// What a path is answered with when nothing is wrong. The path is escaped; a leading slash does not matter.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Bytes> {
        self.served.get(path.strip_prefix('/').unwrap_or(path))
    }

    /// Every path with its answer, without leading slashes.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        self.served.iter().map(|(path, bytes)| (path.as_str(), bytes))
    }

    /// Lines of `go.sum`: of every zip and go.mod that the database knows.
    #[must_use]
    pub fn sums(&self) -> String {
        self.records.concat()
    }

    /// Without the newest version of each module, in lists only.
    pub(super) fn stale(&self, path: &str) -> Option<Bytes> {
        let module = path.strip_suffix("/@v/list").or_else(|| path.strip_suffix("/@latest"))?;
        let module = fairlead_gomod::path::unescape_path(module).ok()?;
        let known = self.versions.get(&module)?;
        let (last, older) = known.split_last()?;
        if path.ends_with("@latest") {
            let (version, time) = older.last().unwrap_or(last);
            return Some(info(version, time).into());
        }
        Some(list(older).into())
    }

    /// Another module than that of the path, as a record of the database names it.
    pub(super) fn other(&self, lookup: &str) -> Option<String> {
        let names = self.records.iter().filter_map(|record| {
            let mut words = record.split(' ');
            let (path, version) = (words.next()?, words.next()?);
            Some(format!("{}@{}", escape_path(path).ok()?, escape_version(version).ok()?))
        });
        names.into_iter().find(|name| !lookup.ends_with(name.as_str()))
    }

    /// The database: `first` is the text of its first record, `limit` how many records of the modules it has.
    pub(super) fn log(&self, seed: u8, first: &str, limit: usize) -> Log {
        let mut log = Log::new(signer(seed));
        log.add(&format!("filler.example/m v0.0.0 {first}\n")).unwrap();
        for number in 1..FILLER {
            let h1 = hash_go_mod(number.to_string().as_bytes());
            log.add(&format!("filler.example/m v0.0.{number} {h1}\n")).unwrap();
        }
        for record in self.records.iter().take(limit) {
            log.add(record).unwrap();
        }
        log
    }

    fn refresh(&mut self, path: &str) {
        let (escaped, known) = (escape_path(path).unwrap(), &self.versions[path]);
        let tagged: Vec<_> =
            known.iter().filter(|(version, _)| !pseudo::is_pseudo(version)).cloned().collect();
        let best = tagged.iter().rfind(|(version, _)| version::prerelease(version).is_empty());
        let (version, time) = best.or(tagged.last()).or(known.last()).unwrap();
        self.served.insert(format!("{escaped}/@latest"), info(version, time).into());
        self.served.insert(format!("{escaped}/@v/list"), list(&tagged).into());
    }
}

/// The zip of these files, with its hash.
pub(super) fn zip(path: &str, version: &str, files: &BTreeMap<String, Vec<u8>>) -> (Bytes, H1) {
    let mut zip = Vec::new();
    let files = files.iter().map(|(path, content)| File {
        path: path.clone(),
        mode: Mode::Regular,
        size: content.len() as u64,
        open: Box::new(move || Ok(Box::new(&content[..]))),
    });
    let created = create(&mut zip, path, version, Origin::Commit, files).unwrap();
    (zip.into(), created.h1)
}

fn key(path: &str, version: &str, ending: &str) -> String {
    format!("{}/@v/{}.{ending}", escape_path(path).unwrap(), escape_version(version).unwrap())
}

fn info(version: &str, time: &str) -> String {
    format!("{{\"Version\":\"{version}\",\"Time\":\"{time}\"}}")
}

fn list(versions: &[(String, String)]) -> String {
    versions.iter().fold(String::new(), |text, (version, _)| text + version + "\n")
}
