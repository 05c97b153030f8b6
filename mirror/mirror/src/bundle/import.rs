//! From a tar to a store: nothing is put there before all of it is proved.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fairlead_gomod::dirhash::hash_go_mod;
use fairlead_gomod::gosum::{GoSum, Kind};
use fairlead_gomod::path::Module;
use fairlead_gomod::pattern::Patterns;
use fairlead_gomod::zip;
use fairlead_store::{Blobs, FileBlobs};
use fairlead_sumdb::client::{BoxFuture, Client, Remote, RemoteError, TILE_HEIGHT};
use fairlead_sumdb::note::VerifierKey;
use futures_util::StreamExt;
use hashbrown::HashMap;
use serde::Serialize;

use super::arrange::{Made, meaning};
use super::land::{Landing, land};
use super::prove::{MAX_FILE, Overlay, folder, lines, lookup_of};
use super::spool::Spool;
use super::{BundleError, blocking, refused};
use crate::source::{MAX_DOCUMENT, MAX_ZIP};
use crate::{Wanted, proof};

/// Zips that are proved at a time.
const ABREAST: usize = 2;

/// How to import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Databases that are believed.
    pub keys: Vec<VerifierKey>,
    /// Lines that are believed before any database.
    pub go_sum: GoSum,
    /// Modules that need no proof, and that only `route` gets to see.
    pub private: Patterns,
    /// Take modules that nothing speaks about, for `route` alone. Otherwise they refuse the whole bundle.
    pub allow_unproved: bool,
    /// The route that sees what is private or not proved; `default` is the one without a tenant.
    pub route: String,
    /// Most bytes that a bundle may unpack to.
    pub max_bytes: u64,
}

impl Default for ImportOptions {
    /// Believes `sum.golang.org` and nothing else; 256 GiB.
    fn default() -> Self {
        ImportOptions {
            keys: VerifierKey::parse(crate::goenv::DEFAULT_SUMDB_KEY).into_iter().collect(),
            go_sum: GoSum::default(),
            private: Patterns::default(),
            allow_unproved: false,
            route: "default".to_owned(),
            max_bytes: 256 << 30,
        }
    }
}

/// What was imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Module versions of the bundle.
    pub versions: usize,
    /// Those that a database or a go.sum proves.
    pub proved: usize,
    /// Those that only the route gets to see.
    pub unproved: usize,
    /// Files of modules that were put into the store.
    pub added: usize,
    /// Files of modules that were there.
    pub kept: usize,
    /// Lookups and tiles that were put into the store.
    pub proofs: usize,
    /// Bytes of the bundle.
    pub bytes: u64,
}

/// A module version of the bundle.
#[derive(Default)]
pub(super) struct Version {
    /// Places in the manifest.
    pub(super) info: Option<usize>,
    pub(super) go_mod: Option<usize>,
    pub(super) zip: Option<usize>,
    /// Something speaks for its `.mod` and its `.zip`.
    pub(super) is_proved: bool,
}

/// Puts the modules of a bundle into the store in `folder`, which is made when it is not there.
///
/// # Errors
/// When anything in it is not as it should be: then nothing of it is in the store. When the store fails in the middle, what
/// is there already is whole and proved.
pub async fn import<R: Read + Send + 'static>(
    source: R,
    folder: &Path,
    options: ImportOptions,
) -> Result<Imported, BundleError> {
    let folder = folder.to_owned();
    let store = blocking(move || Ok(FileBlobs::open(folder)?)).await?;
    let staged = store.staging().begin().await?;
    let max_bytes = options.max_bytes;
    let spool = Arc::new(blocking(move || Spool::read(source, staged, max_bytes)).await?);
    let names: Vec<&str> = options.keys.iter().map(VerifierKey::name).collect();
    let mut versions = arrange(&spool, &names)?;
    let blobs: Arc<dyn Blobs> = Arc::new(store.clone());
    let databases = Databases::open(&blobs, &spool, &options.keys).await?;
    let proved = prove(&spool, &databases, &options, &versions).await?;
    for (version, is_proved) in versions.values_mut().zip(proved) {
        version.is_proved = is_proved;
    }
    let mut report = Imported {
        versions: versions.len(),
        proved: versions.values().filter(|version| version.is_proved).count(),
        bytes: spool.manifest.files.iter().map(|file| file.bytes).sum(),
        ..Imported::default()
    };
    report.unproved = report.versions - report.proved;
    let saved =
        databases.all.iter().map(|database| (database.folder.clone(), database.memory.take())).collect();
    let landing = Landing { store: &store, spool: &spool, versions: &versions, options: &options };
    land(landing, saved, &mut report).await?;
    Ok(report)
}

/// Sorts the files by version, and checks every document.
fn arrange(spool: &Spool, names: &[&str]) -> Result<BTreeMap<Module, Version>, BundleError> {
    let mut versions: BTreeMap<Module, Version> = BTreeMap::new();
    let mut documents = Vec::new();
    for (at, file) in spool.manifest.files.iter().enumerate() {
        let untrusted = |why: String| BundleError::Untrusted { path: file.path.clone(), why };
        let wanted = meaning(&file.path, names)?;
        if let Wanted::Zip(module) = wanted {
            if file.bytes > MAX_ZIP {
                return Err(untrusted(format!("it is longer than {MAX_ZIP} bytes")));
            }
            versions.entry(module).or_default().zip = Some(at);
            continue;
        }
        if let Wanted::Sumdb { .. } = wanted {
            continue;
        }
        let bytes =
            spool.slice(at).bytes(MAX_DOCUMENT as u64).map_err(|error| untrusted(error.to_string()))?;
        proof::document(&wanted, &bytes).map_err(|failure| untrusted(failure.text.into()))?;
        match wanted {
            Wanted::Info(module) => versions.entry(module).or_default().info = Some(at),
            Wanted::GoMod(module) => {
                let h1 = hash_go_mod(&bytes).to_string();
                if file.h1.as_ref() != Some(&h1) {
                    return Err(untrusted(format!("it hashes to {h1}, which is not what the manifest says")));
                }
                versions.entry(module).or_default().go_mod = Some(at);
            }
            _ => documents.push((file.path.as_str(), bytes)),
        }
    }
    check_made(spool, &versions, documents)?;
    Ok(versions)
}

/// Lists and newest versions must be what they are made from.
fn check_made(
    spool: &Spool,
    versions: &BTreeMap<Module, Version>,
    documents: Vec<(&str, bytes::Bytes)>,
) -> Result<(), BundleError> {
    let mut made = Made::new();
    versions.iter().filter(|(_, version)| version.info.is_some()).for_each(|(module, _)| made.add(module));
    let lists: HashMap<String, bytes::Bytes> = made.lists().collect();
    let latest: HashMap<String, Module> = made.latest().collect();
    for (path, bytes) in documents {
        let is_good = match (lists.get(path), latest.get(path)) {
            (Some(list), _) => *list == bytes,
            (None, Some(module)) => {
                let info = spool.find(&Wanted::Info(module.clone()).key());
                info.is_some_and(|info| info.bytes(MAX_DOCUMENT as u64).is_ok_and(|info| info == bytes))
            }
            (None, None) => false,
        };
        if !is_good {
            let why = "it is not what the versions of the bundle say".to_owned();
            return Err(BundleError::Untrusted { path: path.to_owned(), why });
        }
    }
    Ok(())
}

/// What the databases of a bundle say.
struct Databases {
    all: Vec<Database>,
}

struct Database {
    folder: String,
    client: Client,
    memory: Arc<Overlay>,
}

impl Databases {
    /// Takes the tree heads in, each as a part of the history that the store knows.
    async fn open(
        blobs: &Arc<dyn Blobs>,
        spool: &Arc<Spool>,
        keys: &[VerifierKey],
    ) -> Result<Self, BundleError> {
        let mut all = Vec::new();
        for key in keys {
            let folder = folder(key);
            let place = format!("{folder}/latest");
            let Some(latest) = spool.find(&place) else { continue };
            let memory = Arc::new(Overlay::over(blobs, key));
            let remote = Arc::new(Inside { folder: folder.clone(), spool: Arc::clone(spool) });
            let client = Client::new(key.clone(), remote, Arc::<Overlay>::clone(&memory), TILE_HEIGHT);
            let untrusted = |why: String| BundleError::Untrusted { path: place.clone(), why };
            let note = latest.bytes(MAX_FILE).map_err(|error| untrusted(error.to_string()))?;
            client.check_tree(&note).await.map_err(|error| {
                untrusted(format!("it does not go with the tree that the store knows: {error}"))
            })?;
            all.push(Database { folder, client, memory });
        }
        Ok(Databases { all })
    }

    /// The proved lines about a version.
    async fn lines(&self, spool: &Spool, module: &Module) -> Result<Option<Vec<String>>, BundleError> {
        let Some(lookup) = lookup_of(module) else { return Ok(None) };
        for database in &self.all {
            let path = format!("{}{lookup}", database.folder);
            if spool.find(&path).is_none() {
                continue;
            }
            let lines = lines(&database.client, module).await;
            if let Some(lines) = lines.map_err(|why| BundleError::Untrusted { path, why })? {
                return Ok(Some(lines));
            }
        }
        Ok(None)
    }
}

/// A database as a bundle has it.
struct Inside {
    folder: String,
    spool: Arc<Spool>,
}

impl Remote for Inside {
    fn read<'a>(&'a self, path: &'a str) -> BoxFuture<'a, Result<Vec<u8>, RemoteError>> {
        let place = format!("{}{path}", self.folder);
        let answer = match self.spool.find(&place).map(|slice| slice.bytes(MAX_FILE)) {
            Some(Ok(bytes)) => Ok(bytes.into()),
            Some(Err(error)) => Err(RemoteError { not_found: false, message: error.to_string() }),
            None => Err(RemoteError { not_found: true, message: format!("{place} is not in the bundle") }),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// Proves every version, in order; true where something speaks for it.
async fn prove(
    spool: &Arc<Spool>,
    databases: &Databases,
    options: &ImportOptions,
    versions: &BTreeMap<Module, Version>,
) -> Result<Vec<bool>, BundleError> {
    let proofs =
        versions.iter().map(|(module, version)| prove_version(spool, databases, options, module, version));
    let mut proofs = futures_util::stream::iter(proofs.collect::<Vec<_>>()).buffered(ABREAST);
    let mut proved = Vec::with_capacity(versions.len());
    while let Some(one) = proofs.next().await {
        proved.push(one?);
    }
    Ok(proved)
}

async fn prove_version(
    spool: &Arc<Spool>,
    databases: &Databases,
    options: &ImportOptions,
    module: &Module,
    version: &Version,
) -> Result<bool, BundleError> {
    let mut hashes = Vec::new();
    if let Some(at) = version.go_mod {
        // It was hashed when it was read as a document.
        hashes.push((at, Kind::GoMod, spool.manifest.files[at].h1.clone().unwrap_or_default()));
    }
    if let Some(at) = version.zip {
        hashes.push((at, Kind::Zip, zip_hash(spool, at, module).await?));
    }
    let lines = databases.lines(spool, module).await?;
    let mut is_proved = !hashes.is_empty();
    for (at, kind, h1) in hashes {
        let path = &spool.manifest.files[at].path;
        let pinned: Vec<&str> =
            options.go_sum.hashes(module, kind).filter(|hash| hash.starts_with("h1:")).collect();
        let expected = match lines.as_deref() {
            _ if !pinned.is_empty() => pinned,
            Some(lines) => proof::hash_of(lines, module, kind).into_iter().collect(),
            None => Vec::new(),
        };
        if expected.is_empty() {
            is_proved = false;
        } else if !expected.contains(&h1.as_str()) {
            let why = format!(
                "verifying {module}: checksum mismatch: it has {h1}, expected is {}",
                expected.join(", ")
            );
            return Err(BundleError::Untrusted { path: path.clone(), why });
        }
    }
    let is_private = options.private.matches(&module.path).is_some();
    if !is_proved && !is_private && !options.allow_unproved {
        return Err(refused(format!(
            "nothing proves {module}: no checksum database in the bundle, and no go.sum, speaks about all of its files"
        )));
    }
    Ok(is_proved && !is_private)
}

/// The hash of a zip that keeps every rule.
async fn zip_hash(spool: &Arc<Spool>, at: usize, module: &Module) -> Result<String, BundleError> {
    let (slice, name) = (spool.slice(at), module.clone());
    let verified = blocking(move || Ok(zip::verify(&slice, &name.path, &name.version))).await?;
    let file = &spool.manifest.files[at];
    let untrusted = |why: String| BundleError::Untrusted { path: file.path.clone(), why };
    let h1 = verified.map_err(|error| untrusted(error.to_string()))?.h1.to_string();
    if file.h1.as_ref() != Some(&h1) {
        return Err(untrusted(format!("it hashes to {h1}, which is not what the manifest says")));
    }
    Ok(h1)
}
