//! One checksum database as the mirror uses it: lookups for proofs, and its files passed on to clients.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fairlead_gomod::path::{Module, unescape_path, unescape_version};
use fairlead_gomod::pattern::Patterns;
use fairlead_http::fetch::{Fetcher, RetryPolicy};
use fairlead_store::Blobs;
use fairlead_sumdb::client::{Client, Memory, SumError, TILE_HEIGHT};
use fairlead_sumdb::note::{KeyError, VerifierKey};
use fairlead_sumdb::tile::Tile;
use parking_lot::Mutex;
use tokio::time::Instant;
use url::Url;

use super::remembered::Remembered;
use super::remote::{Place, Places};
use crate::goenv::DEFAULT_SUMDB_KEY;
use crate::{Cause, Failure};

/// How long a tree head that was asked for is passed on before it is asked for again.
const HEAD_KEPT: Duration = Duration::from_secs(30);

/// Which database, from a text in the syntax of `GOSUMDB`.
#[derive(Clone, Debug)]
pub struct SumDbSpec {
    /// Who signs.
    pub key: VerifierKey,
    /// Where it is, when the text says so: then nobody else is asked.
    pub url: Option<Url>,
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
pub enum BadSumDb {
    /// More than a key and a URL, or nothing.
    #[error("expected `name`, `name+key` or `name+key URL`")]
    Shape,
    /// A bare name that is not known.
    #[error("the key of {0} is not known: write `{0}+HASH+KEY`")]
    UnknownName(String),
    /// A key that does not parse.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// A URL that does not parse.
    #[error("bad URL: {0}")]
    Url(#[from] url::ParseError),
}

impl SumDbSpec {
    /// Reads `GOSUMDB` syntax; `off` is `None`. `sum.golang.google.cn` is `sum.golang.org` at another address.
    ///
    /// # Errors
    /// When the text names no database.
    pub fn parse(text: &str) -> Result<Option<Self>, BadSumDb> {
        let mut words = text.split_whitespace();
        let (name, url) = (words.next().ok_or(BadSumDb::Shape)?, words.next());
        if words.next().is_some() {
            return Err(BadSumDb::Shape);
        }
        let mut url = url.map(|text| Url::parse(&with_scheme(text))).transpose()?;
        let key = match name {
            "off" => return Ok(None),
            "sum.golang.org" => DEFAULT_SUMDB_KEY,
            "sum.golang.google.cn" => {
                url = url.or(Some(Url::parse("https://sum.golang.google.cn")?));
                DEFAULT_SUMDB_KEY
            }
            bare if !bare.contains('+') => return Err(BadSumDb::UnknownName(bare.to_owned())),
            key => key,
        };
        Ok(Some(SumDbSpec { key: VerifierKey::parse(key)?, url }))
    }
}

fn with_scheme(text: &str) -> String {
    if text.contains("://") { text.to_owned() } else { format!("https://{text}") }
}

/// What a client that asked for a database's file gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The bytes.
    pub bytes: Bytes,
    /// Whether they will never change.
    pub immutable: bool,
}

/// One database.
pub struct SumDb {
    name: Arc<str>,
    client: Client,
    memory: Arc<Remembered>,
    head_asked: Mutex<Option<Instant>>,
}

impl SumDb {
    /// The database of `spec`, reached through `proxies` and then at its own address, remembered in `blobs`.
    ///
    /// # Errors
    /// When its name makes no URL.
    pub fn new(
        spec: SumDbSpec,
        proxies: &[Url],
        fetcher: Fetcher,
        retry: RetryPolicy,
        blobs: Arc<dyn Blobs>,
        offline: bool,
    ) -> Result<Self, BadSumDb> {
        let name: Arc<str> = spec.key.name().into();
        let places = match spec.url {
            Some(url) => vec![Place::own(url)],
            None => {
                let own = Place::own(Url::parse(&format!("https://{name}"))?);
                let web = proxies.iter().filter(|url| url.scheme() != "file");
                web.map(|url| Place::proxy(url, &name)).chain([own]).collect()
            }
        };
        let memory = Arc::new(Remembered::new(blobs, &name));
        let remote = Arc::new(Places::new(places, fetcher, retry, offline));
        let remembered: Arc<dyn Memory> = Arc::<Remembered>::clone(&memory);
        let client = Client::new(spec.key, remote, remembered, TILE_HEIGHT);
        Ok(SumDb { name, client, memory, head_asked: Mutex::new(None) })
    }

    /// Its name, which may contain slashes.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The proved go.sum lines of a version: of its zip and of its go.mod.
    ///
    /// # Errors
    /// [`Cause::NotFound`] when the database knows no such version, [`Cause::Unavailable`] when it cannot be asked, and
    /// [`Cause::Untrusted`] when it says something that does not hold: then nothing of it is believed.
    pub async fn lookup(&self, module: &Module) -> Result<Vec<String>, Failure> {
        let lines = Box::pin(self.client.lookup(&module.path, &module.version)).await;
        lines.map_err(|error| self.failure(&format!("verifying {module}"), &error))
    }

    /// The size of the newest tree that is known.
    ///
    /// # Errors
    /// As [`SumDb::lookup`].
    pub async fn size(&self) -> Result<u64, Failure> {
        let latest =
            self.client.latest().await.map_err(|error| self.failure("reading the newest tree", &error))?;
        Ok(latest.map_or(0, |(tree, _)| tree.size))
    }

    /// Asks for the newest tree and holds it against what is remembered: the probe of a database.
    ///
    /// # Errors
    /// As [`SumDb::lookup`].
    pub async fn refresh(&self) -> Result<u64, Failure> {
        let tree = Box::pin(self.client.refresh()).await;
        tree.map(|tree| tree.size).map_err(|error| self.failure("reading the newest tree", &error))
    }

    /// Answers a request for one of its files, proved: `/supported`, `/latest`, `/lookup/…`, `/tile/…`. Modules that match `private`
    /// are not asked for.
    ///
    /// # Errors
    /// As [`SumDb::lookup`]; [`Cause::Denied`] for private modules.
    pub async fn pass(&self, path: &str, private: &Patterns) -> Result<Passed, Failure> {
        if path == "/supported" {
            return Ok(Passed { bytes: Bytes::new(), immutable: false });
        }
        if path == "/latest" {
            return self.pass_latest().await;
        }
        if let Some(name) = path.strip_prefix("/lookup/") {
            let module = lookup_name(name).ok_or_else(|| {
                Failure::new(Cause::NotFound, "not found: no module version can have this name")
            })?;
            return self.pass_lookup(path, &module, private).await;
        }
        let tile = Tile::parse_path(path.trim_start_matches('/'))
            .ok_or_else(|| Failure::new(Cause::NotFound, "not found: no such file in a checksum database"))?;
        let bytes = Box::pin(self.client.tile(tile)).await;
        let bytes = bytes.map_err(|error| self.failure("reading a tile", &error))?;
        Ok(Passed { bytes: bytes.into(), immutable: true })
    }

    /// The newest head, asked for now and then; the remembered one when nobody answers.
    async fn pass_latest(&self) -> Result<Passed, Failure> {
        let due = self.head_asked.lock().is_none_or(|at| at.elapsed() > HEAD_KEPT);
        if due {
            let asked = Box::pin(self.client.refresh()).await;
            match asked {
                Ok(_) | Err(SumError::Unreachable(_)) => *self.head_asked.lock() = Some(Instant::now()),
                Err(error) => return Err(self.failure("reading the newest tree", &error)),
            }
        }
        let latest =
            self.client.latest().await.map_err(|error| self.failure("reading the newest tree", &error))?;
        let (_, note) = latest.ok_or_else(|| {
            Failure::new(
                Cause::Unavailable,
                format!("{} cannot be reached, and no tree of it is known", self.name),
            )
        })?;
        Ok(Passed { bytes: note.into(), immutable: false })
    }

    async fn pass_lookup(&self, path: &str, module: &Module, private: &Patterns) -> Result<Passed, Failure> {
        if private.matches(&module.path).is_some() {
            let text =
                format!("{module} is private: the checksum database is not asked about it (set GONOSUMDB)");
            return Err(Failure::new(Cause::Denied, text));
        }
        self.lookup(module).await?;
        let answer = self.memory.cached(path).await.ok_or_else(|| {
            Failure::new(Cause::Unavailable, "the checksum database's answer could not be kept")
        })?;
        Ok(Passed { bytes: answer.into(), immutable: true })
    }

    fn failure(&self, doing: &str, error: &SumError) -> Failure {
        let cause = match error {
            SumError::NotFound(_) => Cause::NotFound,
            SumError::BadName(_) => Cause::BadRequest,
            SumError::Unreachable(_) | SumError::Memory(_) => Cause::Unavailable,
            SumError::Malformed(_)
            | SumError::BadSignature(_)
            | SumError::Inclusion(_)
            | SumError::Fork(_) => Cause::Untrusted,
        };
        Failure::new(cause, format!("{doing}: {}: {error}", self.name))
    }
}

/// `PATH@VERSION`, escaped, as in a lookup.
fn lookup_name(name: &str) -> Option<Module> {
    let (path, version) = name.rsplit_once('@')?;
    let module = Module { path: unescape_path(path).ok()?, version: unescape_version(version).ok()? };
    fairlead_gomod::path::check(&module.path, &module.version).is_ok().then_some(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gosumdb_names_a_database() {
        let known = SumDbSpec::parse("sum.golang.org").unwrap().unwrap();
        assert_eq!((known.key.name(), known.url), ("sum.golang.org", None));
        let china = SumDbSpec::parse("sum.golang.google.cn").unwrap().unwrap();
        assert_eq!(china.key.name(), "sum.golang.org");
        assert_eq!(china.url.unwrap().host_str(), Some("sum.golang.google.cn"));
        assert!(SumDbSpec::parse("off").unwrap().is_none());
        let own = SumDbSpec::parse(&format!("{DEFAULT_SUMDB_KEY} http://127.0.0.1:1/db")).unwrap().unwrap();
        assert_eq!(own.url.unwrap().as_str(), "http://127.0.0.1:1/db");
    }

    #[test]
    fn what_names_no_database_is_refused() {
        for text in ["", "sum.example.org", "a+b+c", "sum.golang.org x y", "sum.golang.org http://"] {
            assert!(SumDbSpec::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lookups_name_a_version() {
        let module = lookup_name("github.com/!azure/x@v1.0.0").unwrap();
        assert_eq!(module.path, "github.com/Azure/x");
        for bad in ["x", "github.com/Azure/x@v1.0.0", "a.example/x@main", "a.example/../x@v1.0.0"] {
            assert!(lookup_name(bad).is_none(), "{bad}");
        }
    }
}
