//! A cache carried to places without a network: one tar file, proved again where it arrives.
//!
//! A bundle is a folder in the layout of Go's `cache/download` (so that, unpacked, it is a `file://` GOPROXY): `.info`,
//! `.mod` and `.zip` of each version, an `@v/list` and `@latest` of each path made from them, and under `sumdb/NAME` the
//! lookups, tiles and the tree head that prove them. Its first file is [`manifest`], which names every other with length,
//! SHA-256 and, where there is one, `h1:`. Modules are sorted by path; the same cache gives the same bytes but for the date.
//!
//! [`export`] reads a store, checks what it reads, and writes the tar ([`tape`]). [`import`] reads a tar that nobody needs
//! to trust: it is spooled to one staged file, held against its manifest, then every go.mod and zip against the database or
//! a go.sum, and only when all of it holds is anything put into the store. What is not proved goes where only one route
//! looks for it, or is refused. [`fill`] brings what a bundle is to have into a mirror's cache first.

mod arrange;
mod export;
mod fill;
mod import;
mod land;
mod manifest;
mod prove;
mod select;
mod spool;
mod tape;

use std::io;
use std::path::Path;

use fairlead_gomod::path::Module;
use fairlead_store::StoreError;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

pub use export::{ExportOptions, Exported, export};
pub use fill::{Filled, fill};
pub use import::{ImportOptions, Imported, import};
pub use manifest::{MANIFEST, Manifest, ManifestFile};
pub use select::Selection;

/// Why a bundle was not written or not taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file, or the place that it is written to.
    #[error("failed to {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The store.
    #[error("failed to use the store: {0}")]
    Store(#[from] StoreError),
    /// What came is no bundle: broken off, changed, or with more in it than it says.
    #[error("refused the bundle: {0}")]
    Refused(String),
    /// A file of the bundle is not what the proof says.
    #[error("refused the bundle: {path}: {why}")]
    Untrusted {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The runtime is ending.
    #[error("interrupted")]
    Interrupted,
}

/// [`export`] into a file, compressed when its name ends in `.gz`. The file appears when it is whole.
///
/// # Errors
/// As [`export`].
pub async fn export_file(
    blobs: &std::sync::Arc<dyn fairlead_store::Blobs>,
    selection: &Selection,
    options: &ExportOptions,
    path: &Path,
) -> Result<Exported, BundleError> {
    let part = path.with_extension("part");
    let file = std::fs::File::create(&part).map_err(failed("make the bundle"))?;
    let out = io::BufWriter::new(file);
    let written = if is_gzip(path) {
        let gzip = GzEncoder::new(out, Compression::default());
        match export(blobs, selection, options, gzip).await {
            Ok((report, gzip)) => gzip.finish().map(|out| (report, out)).map_err(failed("write the bundle")),
            Err(error) => Err(error),
        }
    } else {
        export(blobs, selection, options, out).await
    };
    let kept = written.and_then(|(report, out)| {
        let file = out.into_inner().map_err(|error| failed("write the bundle")(error.into_error()))?;
        file.sync_all().and_then(|()| std::fs::rename(&part, path)).map_err(failed("keep the bundle"))?;
        Ok(report)
    });
    if kept.is_err() {
        // What was written so far is of no use.
        drop(std::fs::remove_file(&part));
    }
    kept
}

/// [`import`] from a file, which is unpacked when its name ends in `.gz`.
///
/// # Errors
/// As [`import`].
pub async fn import_file(
    path: &Path,
    folder: &Path,
    options: ImportOptions,
) -> Result<Imported, BundleError> {
    let file = std::fs::File::open(path).map_err(failed("open the bundle"))?;
    if is_gzip(path) {
        import(GzDecoder::new(io::BufReader::new(file)), folder, options).await
    } else {
        import(io::BufReader::new(file), folder, options).await
    }
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "gz" || ending == "tgz")
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> BundleError {
    move |source| BundleError::Io { action, source }
}

fn refused(why: impl Into<String>) -> BundleError {
    BundleError::Refused(why.into())
}

/// Runs work that blocks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BundleError> + Send + 'static,
) -> Result<T, BundleError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(BundleError::Interrupted))
}

/// `PATH@VERSION`, for reports.
fn name(module: &Module) -> String {
    module.to_string()
}
