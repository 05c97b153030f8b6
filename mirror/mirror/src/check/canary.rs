//! Modules that a mirror is asked for, chosen so that each finds another kind of broken mirror.

use fairlead_gomod::dirhash::H1;
use fairlead_gomod::gosum::{GoSum, Kind};
use fairlead_gomod::path::{self, Module};

/// One module that a mirror is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A version that must be there.
    Present {
        /// Which.
        module: Module,
        /// Hash of its go.mod file, where it is known.
        go_mod: Option<H1>,
        /// Hash of its zip, where it is known. A zip is downloaded only to be compared.
        zip: Option<H1>,
    },
    /// A version that exists nowhere, and must be a 404 or 410.
    Absent(Module),
}

/// Why a text is no canary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCanary {
    /// Neither `PATH@VERSION` nor `!PATH@VERSION`.
    #[error("expected `path@version`, or `!path@version` for one that must be absent")]
    Shape,
    /// Not a module path and a version of it.
    #[error("{0}")]
    Module(String),
}

impl Canary {
    /// Reads `PATH@VERSION`, or `!PATH@VERSION` for a version that must be absent. Hashes come from `pins`, where they are.
    ///
    /// # Errors
    /// When there is no such module version.
    pub fn parse(text: &str, pins: &GoSum) -> Result<Self, BadCanary> {
        let (is_absent, name) = match text.strip_prefix('!') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let (path, version) = name.rsplit_once('@').ok_or(BadCanary::Shape)?;
        path::check(path, version).map_err(|error| BadCanary::Module(error.to_string()))?;
        let module = Module::new(path, version);
        if is_absent {
            return Ok(Canary::Absent(module));
        }
        let pin = |kind| pins.hashes(&module, kind).find_map(|hash| hash.parse().ok());
        let (go_mod, zip) = (pin(Kind::GoMod), pin(Kind::Zip));
        Ok(Canary::Present { module, go_mod, zip })
    }

    /// Which module version it is about.
    #[must_use]
    pub fn module(&self) -> &Module {
        match self {
            Canary::Present { module, .. } | Canary::Absent(module) => module,
        }
    }
}

/// The usual set. The hashes are those of the checksum database; the zips have 2 to 105 kB.
#[must_use]
pub fn defaults() -> Vec<Canary> {
    let pins = GoSum::parse(PINS.as_bytes()).0;
    NAMES.iter().filter_map(|name| Canary::parse(name, &pins).ok()).collect()
}

/// A stable module, one with capitals, one without a go.mod of its own, one without tags, one with a major version in its
/// path, one whose path has the version after a dot, and one that does not exist.
const NAMES: [&str; 7] = [
    "golang.org/x/sync@v0.7.0",
    "github.com/PuerkitoBio/purell@v1.1.1",
    "github.com/evanphx/json-patch@v4.12.0+incompatible",
    "golang.org/x/xerrors@v0.0.0-20191204190536-9bdfabe68543",
    "rsc.io/quote/v3@v3.1.0",
    "gopkg.in/yaml.v3@v3.0.1",
    "!golang.org/x/known-absent-module@v1.0.0",
];

const PINS: &str = "\
github.com/PuerkitoBio/purell v1.1.1 h1:WEQqlqaGbrPkxLJWfBwQmfEAE1Z7ONdDLqrN38tNFfI=
github.com/PuerkitoBio/purell v1.1.1/go.mod h1:c11w/QuzBsJSee3cPx9rAFu61PvFxuPbtSwDGJws/X0=
github.com/evanphx/json-patch v4.12.0+incompatible h1:4onqiflcdA9EOZ4RxV643DvftH5pOlLGNtQ5lPWQu84=
github.com/evanphx/json-patch v4.12.0+incompatible/go.mod h1:50XU6AFN0ol/bzJsmQLiYLvXMP4fmwYFNcr97nuDLSk=
golang.org/x/sync v0.7.0 h1:YsImfSBoP9QPYL0xyKJPq0gcaJdG3rInoqxTWbfQu9M=
golang.org/x/sync v0.7.0/go.mod h1:Czt+wKu1gCyEFDUtn0jG5QVvpJ6rzVqr5aXyt9drQfk=
golang.org/x/xerrors v0.0.0-20191204190536-9bdfabe68543 h1:E7g+9GITq07hpfrRu66IVDexMakfv52eLZ2CXBWiKr4=
golang.org/x/xerrors v0.0.0-20191204190536-9bdfabe68543/go.mod h1:I/5z698sn9Ka8TeJc9MKroUUfqBBauWjQqLJ2OPfmY0=
gopkg.in/yaml.v3 v3.0.1 h1:fxVm/GzAzEWqLHuvctI91KS9hhNmmWOoWu0XTYJS7CA=
gopkg.in/yaml.v3 v3.0.1/go.mod h1:K4uyk7z7BCEPqu6E+C64Yfv1cQ7kz7rIZviUmN+EgEM=
rsc.io/quote/v3 v3.1.0 h1:9JKUTTIUgS6kzR9mK1YuGKv6Nl+DijDNIc0ghT58FaY=
rsc.io/quote/v3 v3.1.0/go.mod h1:yEA65RcK8LyAZtP9Kv3t0HmxON59tX3rD+tICJqUlj0=
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_set_is_whole_and_pinned() {
        let set = defaults();
        assert_eq!(set.len(), NAMES.len());
        for canary in &set {
            match canary {
                Canary::Present { module, go_mod, zip } => {
                    assert!(go_mod.is_some() && zip.is_some(), "{module}");
                }
                Canary::Absent(module) => assert_eq!(module.path, "golang.org/x/known-absent-module"),
            }
        }
    }

    #[test]
    fn what_is_no_version_is_no_canary() {
        let none = GoSum::default();
        assert_eq!(Canary::parse("golang.org/x/sync", &none), Err(BadCanary::Shape));
        assert!(matches!(Canary::parse("x@v1.0.0", &none), Err(BadCanary::Module(_))));
        assert!(matches!(Canary::parse("a.example/m@v2.0.0", &none), Err(BadCanary::Module(_))));
        assert!(matches!(Canary::parse("!a.example/m@v1.0.0", &none), Ok(Canary::Absent(_))));
    }
}
