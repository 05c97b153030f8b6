//! Go's own variables, read as the go command reads them: the environment, then the file that `go env -w` writes, then defaults.
//!
//! An empty variable counts as unset. `GOENV=off` leaves the file aside
//! (<https://pkg.go.dev/cmd/go#hdr-Environment_variables>).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use fairlead_gomod::pattern::Patterns;

/// What the go command does without any setting.
pub const DEFAULT_GOPROXY: &str = "https://proxy.golang.org,direct";
/// The checksum database that the go command asks without any setting.
pub const DEFAULT_GOSUMDB: &str = "sum.golang.org";
/// The verifier key of that database.
pub const DEFAULT_SUMDB_KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
/// Longest file of `go env -w` that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The variables that decide where modules come from and what is verified.
pub const NAMES: [&str; 10] = [
    "GOPROXY",
    "GOPRIVATE",
    "GONOPROXY",
    "GONOSUMDB",
    "GOSUMDB",
    "GOINSECURE",
    "GOFLAGS",
    "GOAUTH",
    "GOVCS",
    "GO111MODULE",
];

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The process's environment.
    Environment,
    /// The file of `go env -w`.
    File(PathBuf),
    /// Go's default, or what follows from another variable.
    Default,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Environment => f.write_str("environment"),
            Found::File(path) => write!(f, "{}", path.display()),
            Found::Default => f.write_str("default"),
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The value, never empty unless it is the default.
    pub value: String,
    /// Where it was found.
    pub found: Found,
}

/// The variables as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoEnv {
    set: BTreeMap<&'static str, Setting>,
}

impl GoEnv {
    /// Reads the process's environment and the file of `go env -w`.
    #[must_use]
    pub fn read() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let file = file_path(&variable);
        let text = file.as_deref().and_then(read_file).unwrap_or_default();
        Self::from_parts(variable, file.as_deref().unwrap_or(Path::new("")), &text)
    }

    /// Variables from elsewhere: a lookup of the environment, and the file of `go env -w` with its text.
    #[must_use]
    pub fn from_parts(variable: impl Fn(&str) -> Option<String>, file: &Path, text: &str) -> Self {
        let mut set = BTreeMap::new();
        for line in text.lines() {
            let Some((name, value)) = line.split_once('=') else { continue };
            let known = NAMES.iter().find(|known| **known == name.trim());
            if let (Some(name), false) = (known, value.is_empty()) {
                let setting = Setting { value: value.to_owned(), found: Found::File(file.to_owned()) };
                set.insert(*name, setting);
            }
        }
        for name in NAMES {
            if let Some(value) = variable(name).filter(|value| !value.is_empty()) {
                set.insert(name, Setting { value, found: Found::Environment });
            }
        }
        GoEnv { set }
    }

    /// A variable that somebody set.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&Setting> {
        self.set.get(name)
    }

    /// A variable as it counts: set, or following from another, or Go's default.
    #[must_use]
    pub fn effective(&self, name: &str) -> Setting {
        if let Some(setting) = self.set.get(name) {
            return setting.clone();
        }
        let default = |value: &str| Setting { value: value.to_owned(), found: Found::Default };
        match name {
            "GOPROXY" => default(DEFAULT_GOPROXY),
            "GOSUMDB" => default(DEFAULT_GOSUMDB),
            "GONOPROXY" | "GONOSUMDB" => {
                let private = self.set.get("GOPRIVATE").map_or("", |setting| &setting.value);
                default(private)
            }
            "GO111MODULE" => default("on"),
            "GOAUTH" => default("netrc"),
            "GOVCS" => default("public:git|hg,private:all"),
            _ => default(""),
        }
    }

    /// Patterns of a variable such as `GONOPROXY`, as they count. `none` matches nothing.
    #[must_use]
    pub fn patterns(&self, name: &str) -> Patterns {
        let value = self.effective(name).value;
        Patterns::parse(if value == "none" { "" } else { &value })
    }
}

/// Where `go env -w` writes.
fn file_path(variable: &impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    match variable("GOENV") {
        Some(off) if off == "off" => return None,
        Some(path) => return Some(path.into()),
        None => {}
    }
    let folder = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")))?;
    Some(folder.join("go/env"))
}

fn read_file(path: &Path) -> Option<String> {
    let small = std::fs::metadata(path).ok()?.len() <= MAX_FILE;
    small.then(|| std::fs::read_to_string(path).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(set: &[(&str, &str)], file: &str) -> GoEnv {
        let lookup = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        GoEnv::from_parts(lookup, Path::new("/home/me/.config/go/env"), file)
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let env = env(&[("GOPROXY", "off"), ("GOSUMDB", "")], "GOPROXY=direct\nGOSUMDB=off\nOTHER=1\n");
        assert_eq!(env.effective("GOPROXY").value, "off");
        assert_eq!(env.effective("GOPROXY").found, Found::Environment);
        let sumdb = env.effective("GOSUMDB");
        assert_eq!(
            (sumdb.value.as_str(), sumdb.found.to_string().as_str()),
            ("off", "/home/me/.config/go/env")
        );
    }

    #[test]
    fn goprivate_is_the_default_of_two_others() {
        let env = env(&[("GOPRIVATE", "*.corp.example"), ("GONOSUMDB", "none")], "");
        assert!(env.patterns("GONOPROXY").matches("git.corp.example/x").is_some());
        assert!(env.patterns("GONOSUMDB").matches("git.corp.example/x").is_none());
        assert_eq!(env.effective("GOPROXY").value, DEFAULT_GOPROXY);
    }
}
