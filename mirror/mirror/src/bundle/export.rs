//! From a store to a tar.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use fairlead_gomod::dirhash::{H1, hash_go_mod};
use fairlead_gomod::path::Module;
use fairlead_gomod::zip;
use fairlead_store::{Blob, Blobs, MAX_PAGE};
use fairlead_sumdb::note::VerifierKey;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use super::arrange::Made;
use super::manifest::{FORMAT, MANIFEST, Manifest, ManifestFile, hex};
use super::prove::Exporting;
use super::tape::Writer;
use super::{BundleError, Selection, blocking, failed, name, refused};
use crate::source::MAX_DOCUMENT;
use crate::{Wanted, proof};

/// Files that are read and checked at a time.
const ABREAST: usize = 4;
/// Most bytes of a `.ziphash`.
const MAX_HASH: u64 = 128;

/// How to export.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The route whose own modules, private ones above all, are taken too; `None` takes only what is shared by all.
    pub route: Option<String>,
    /// Databases whose proofs are put in.
    pub keys: Vec<VerifierKey>,
}

/// What was exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// Module versions.
    pub versions: usize,
    /// Zips among their files.
    pub zips: usize,
    /// Files in all, without the manifest.
    pub files: usize,
    /// Bytes of the files.
    pub bytes: u64,
    /// Versions whose proof by a database is in the bundle.
    pub proved: usize,
    /// Selected, and not in the cache: `PATH@VERSION`, or with what is missing of it.
    pub missing: Vec<String>,
    /// Left out, because they are not what they should be: paths with the reason.
    pub damaged: Vec<String>,
}

/// A file on its way into the bundle.
struct Source {
    file: ManifestFile,
    from: From,
}

enum From {
    Key(String),
    Made(Bytes),
}

/// A file of the store, with where it is.
struct Found {
    wanted: Wanted,
    key: String,
}

/// Writes the selected modules of a store as a tar to `out`, which is given back. What is damaged is left out and reported.
///
/// # Errors
/// When the store or `out` fails, or when a file changes while it is exported.
pub async fn export<W: Write + Send + 'static>(
    blobs: &Arc<dyn Blobs>,
    selection: &Selection,
    options: &ExportOptions,
    out: W,
) -> Result<(Exported, W), BundleError> {
    let mut report = Exported::default();
    let found = find(blobs, selection, options, &mut report).await?;
    let mut sources = BTreeMap::new();
    let (mut made, mut versions) = (Made::new(), BTreeMap::<Module, ()>::new());
    let checks = found.into_iter().map(|found| async move {
        let checked = check(blobs, &found).await;
        (found, checked)
    });
    let mut checks = futures_util::stream::iter(checks).buffered(ABREAST);
    while let Some((Found { wanted, key }, checked)) = checks.next().await {
        match checked? {
            Ok((bytes, sha256, h1)) => {
                let Some(module) = wanted.module() else { continue };
                if let Wanted::Info(module) = &wanted {
                    made.add(module);
                }
                report.zips += usize::from(matches!(wanted, Wanted::Zip(_)));
                versions.insert(module.clone(), ());
                let file =
                    ManifestFile { path: wanted.key(), bytes, sha256, h1: h1.map(|h1| h1.to_string()) };
                sources.insert(file.path.clone(), Source { file, from: From::Key(key) });
            }
            Err(why) => report.damaged.push(format!("{wanted}: {why}")),
        }
    }
    drop(checks);
    report.versions = versions.len();
    for (path, bytes) in made.lists() {
        add(&mut sources, path, bytes);
    }
    for (path, module) in made.latest() {
        let info = sources.get(&Wanted::Info(module).key()).map(|source| match &source.from {
            From::Key(key) => (source.file.clone(), key.clone()),
            From::Made(_) => (source.file.clone(), String::new()),
        });
        if let Some((file, key)) = info {
            sources
                .insert(path.clone(), Source { file: ManifestFile { path, ..file }, from: From::Key(key) });
        }
    }
    for key in &options.keys {
        let proofs = Exporting::new(blobs, key).prove(versions.keys()).await?;
        report.proved += proofs.proved;
        for (path, bytes) in proofs.files {
            add(&mut sources, path, bytes);
        }
    }
    report.files = sources.len();
    report.bytes = sources.values().map(|source| source.file.bytes).sum();
    let blobs = Arc::clone(blobs);
    let runtime = Handle::current();
    let out = blocking(move || write(&*blobs, &runtime, sources.into_values().collect(), out)).await?;
    Ok((report, out))
}

fn add(sources: &mut BTreeMap<String, Source>, path: String, bytes: Bytes) {
    let sha256 = hex(&Sha256::digest(&bytes));
    let file = ManifestFile { path: path.clone(), bytes: bytes.len() as u64, sha256, h1: None };
    sources.insert(path, Source { file, from: From::Made(bytes) });
}

/// The files of the selection that the store has, sorted by path.
async fn find(
    blobs: &Arc<dyn Blobs>,
    selection: &Selection,
    options: &ExportOptions,
    report: &mut Exported,
) -> Result<Vec<Found>, BundleError> {
    let own = options.route.iter().map(|route| format!("own/{route}/mod"));
    let folders: Vec<String> = own.chain(["mod".to_owned()]).collect();
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let Some(wanted) = selection.wanted() else {
        for folder in &folders {
            list(&**blobs, folder, &mut found).await?;
        }
        return Ok(found.into_values().collect());
    };
    for (module, zip) in wanted {
        let mut lacks = Vec::new();
        let files =
            [Wanted::Info(module.clone()), Wanted::GoMod(module.clone()), Wanted::Zip(module.clone())];
        for wanted in files.into_iter().filter(|wanted| zip || !matches!(wanted, Wanted::Zip(_))) {
            match place(&**blobs, &folders, &wanted).await? {
                Some(key) => drop(found.insert(wanted.key(), Found { wanted, key })),
                None => lacks.push(wanted.word()),
            }
        }
        if !lacks.is_empty() {
            report.missing.push(format!("{} ({})", name(&module), lacks.join(", ")));
        }
    }
    Ok(found.into_values().collect())
}

/// Where the first folder that has a file has it. A zip counts only with its hash.
async fn place(
    blobs: &dyn Blobs,
    folders: &[String],
    wanted: &Wanted,
) -> Result<Option<String>, BundleError> {
    for folder in folders {
        let key = format!("{folder}/{}", wanted.key());
        let is_there = blobs.open(&key).await?.is_some();
        if is_there
            && (!matches!(wanted, Wanted::Zip(_)) || blobs.open(&format!("{key}hash")).await?.is_some())
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

async fn list(
    blobs: &dyn Blobs,
    folder: &str,
    found: &mut BTreeMap<String, Found>,
) -> Result<(), BundleError> {
    let mut after: Option<String> = None;
    loop {
        let page = blobs.list(folder, after.as_deref(), MAX_PAGE).await?;
        let is_last = page.len() < MAX_PAGE;
        after = page.last().map(|entry| entry.key.clone());
        for entry in page {
            let Some(path) = entry.key.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            let Ok(wanted) = super::arrange::meaning(path, &[]) else { continue };
            if wanted.is_immutable() && !found.contains_key(path) {
                found.insert(path.to_owned(), Found { wanted, key: entry.key });
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Length, SHA-256 and `h1:`; inside, why the file is no good.
type Checked = Result<(u64, String, Option<H1>), String>;

async fn check(blobs: &Arc<dyn Blobs>, found: &Found) -> Result<Checked, BundleError> {
    let Found { wanted, key } = found;
    if let Wanted::Zip(module) = wanted {
        let Some(hash) = blobs.read(&format!("{key}hash"), MAX_HASH).await? else {
            return Ok(Err("its hash is missing".to_owned()));
        };
        let Ok(h1) = String::from_utf8_lossy(&hash).trim().parse::<H1>() else {
            return Ok(Err("its hash is damaged".to_owned()));
        };
        let Some(blob) = blobs.open(key).await? else { return Ok(Err("it went away".to_owned())) };
        return check_zip(module, h1, blob).await;
    }
    let Some(bytes) = blobs.read(key, MAX_DOCUMENT as u64).await? else {
        return Ok(Err("it went away".to_owned()));
    };
    if let Err(failure) = proof::document(wanted, &bytes) {
        return Ok(Err(failure.text.into()));
    }
    let h1 = matches!(wanted, Wanted::GoMod(_)).then(|| hash_go_mod(&bytes));
    Ok(Ok((bytes.len() as u64, hex(&Sha256::digest(&bytes)), h1)))
}

/// Holds a zip against its hash again where that needs no network: disks forget.
async fn check_zip(module: &Module, h1: H1, blob: Blob) -> Result<Checked, BundleError> {
    if let Some(file) = blob.as_file() {
        let module = module.clone();
        let verified = blocking(move || Ok(zip::verify(&*file, &module.path, &module.version))).await?;
        match verified {
            Ok(verified) if verified.h1 == h1 => {}
            Ok(verified) => return Ok(Err(format!("it hashes to {}, not to {h1}", verified.h1))),
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    let (mut chunks, mut digest) = (blob.chunks(), Sha256::new());
    while let Some(chunk) = chunks.next().await {
        digest.update(&chunk?);
    }
    Ok(Ok((blob.len, hex(&digest.finalize()), Some(h1))))
}

fn write<W: Write>(
    blobs: &dyn Blobs,
    runtime: &Handle,
    sources: Vec<Source>,
    out: W,
) -> Result<W, BundleError> {
    let (files, from): (Vec<ManifestFile>, Vec<From>) =
        sources.into_iter().map(|source| (source.file, source.from)).unzip();
    let manifest = Manifest { format: FORMAT, created: Timestamp::now(), files };
    let text = serde_json::to_vec(&manifest).map_err(|error| refused(error.to_string()))?;
    let mut tape = Writer::new(out);
    let io = failed("write the bundle");
    tape.begin(MANIFEST, text.len() as u64).and_then(|()| tape.data(&text)).map_err(&io)?;
    tape.end(text.len() as u64).map_err(&io)?;
    for (file, from) in manifest.files.iter().zip(from) {
        tape.begin(&file.path, file.bytes).map_err(&io)?;
        match from {
            From::Made(bytes) => tape.data(&bytes).map_err(&io)?,
            From::Key(key) => runtime.block_on(copy(blobs, &key, file, &mut tape))?,
        }
        tape.end(file.bytes).map_err(&io)?;
    }
    tape.finish().map_err(io)
}

async fn copy<W: Write>(
    blobs: &dyn Blobs,
    key: &str,
    file: &ManifestFile,
    tape: &mut Writer<W>,
) -> Result<(), BundleError> {
    let changed = || refused(format!("{} changed while it was exported", file.path));
    let blob = blobs.open(key).await?.filter(|blob| blob.len == file.bytes).ok_or_else(changed)?;
    let (mut chunks, mut digest) = (blob.chunks(), Sha256::new());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        digest.update(&chunk);
        tape.data(&chunk).map_err(failed("write the bundle"))?;
    }
    if hex(&digest.finalize()) == file.sha256 { Ok(()) } else { Err(changed()) }
}
