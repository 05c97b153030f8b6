//! `fairlead mirror bundle`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use fairlead_gomod::gosum::GoSum;
use fairlead_gomod::path::{self, Module};
use fairlead_gomod::pattern::Patterns;
use fairlead_mirror::bundle::{self, BundleError, ExportOptions, ImportOptions, Selection};
use fairlead_mirror::goenv::GoEnv;
use fairlead_mirror::proof::SumDbSpec;
use fairlead_mirror::{Mirror, Settings};
use fairlead_rt::Shutdown;
use fairlead_store::{Blobs, FileBlobs};
use fairlead_sumdb::note::VerifierKey;
use fairlead_telemetry::{Metrics, MetricsOptions};

use super::WrongUsage;
use super::progress::Progress;

/// `fairlead mirror bundle`
#[derive(Debug, Args)]
#[command(after_help = "\
With a network:     fairlead mirror bundle export --go-sum go.sum modules.tar.gz
Without one:        fairlead mirror bundle import modules.tar.gz
                    fairlead mirror serve --offline   then   GOPROXY=http://localhost:3000 go build
An unpacked bundle is a GOPROXY by itself: GOPROXY=file:///path/to/it")]
pub(super) struct Bundle {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write modules of the cache into one file, with their proofs; what is missing is fetched first
    Export(Export),
    /// Prove everything in a bundle, and put it into the cache
    Import(Import),
}

#[derive(Debug, Args)]
struct Export {
    /// The bundle; compressed when the name ends in .gz
    file: PathBuf,
    /// Everything that these go.sum files name; may come several times
    #[arg(long = "go-sum", value_name = "GO_SUM")]
    go_sums: Vec<PathBuf>,
    /// A version; may come several times
    #[arg(long = "module", value_name = "PATH@VERSION", conflicts_with = "go_sums")]
    modules: Vec<String>,
    /// Folder of the cache; default: the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Where missing modules come from, as GOPROXY; default: GOPROXY
    #[arg(long, value_name = "LIST")]
    upstreams: Option<String>,
    /// Checksum database, as GOSUMDB; default: GOSUMDB, else sum.golang.org
    #[arg(long, value_name = "NAME[+KEY][ URL]|off")]
    sumdb: Option<String>,
    /// Fetch nothing: take what the cache has
    #[arg(long)]
    offline: bool,
}

#[derive(Debug, Args)]
struct Import {
    /// The bundle
    file: PathBuf,
    /// Folder of the cache; default: the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Checksum database whose proofs count, as GOSUMDB; default: GOSUMDB, else sum.golang.org
    #[arg(long, value_name = "NAME[+KEY][ URL]|off")]
    sumdb: Option<String>,
    /// go.sum whose lines are proofs too; may come several times
    #[arg(long = "go-sum", value_name = "GO_SUM")]
    go_sums: Vec<PathBuf>,
    /// Private modules, as GOPRIVATE; default: GOPRIVATE
    #[arg(long, value_name = "PATTERNS")]
    private: Option<String>,
    /// Take what neither a database nor a go.sum proves, if it obeys the rules of the format
    #[arg(long)]
    allow_unproved: bool,
}

/// Exports or imports; 3 when something is not what its proof says.
pub(super) fn run(options: &Bundle) -> anyhow::Result<ExitCode> {
    let done = match &options.action {
        Action::Export(options) => export(options),
        Action::Import(options) => import(options),
    };
    match done {
        Err(error) if is_refusal(&error) => {
            crate::tell_error(&error);
            Ok(ExitCode::from(3))
        }
        other => other,
    }
}

fn is_refusal(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<BundleError>(),
        Some(BundleError::Refused(_) | BundleError::Untrusted { .. })
    )
}

fn export(options: &Export) -> anyhow::Result<ExitCode> {
    let folder = cache(options.cache.as_ref())?;
    let keys = keys(options.sumdb.as_ref())?;
    let selection = selection(options)?;
    let report = super::runtime()?.block_on(async {
        if !options.offline && !matches!(selection, Selection::All) {
            fill(options, &folder, &selection, &keys).await?;
        }
        let blobs: Arc<dyn Blobs> =
            Arc::new(FileBlobs::open(&folder).with_context(|| format!("cannot open {}", folder.display()))?);
        let route = own_route();
        let export_options = ExportOptions { route, keys };
        let exported = bundle::export_file(&blobs, &selection, &export_options, &options.file).await;
        exported.with_context(|| options.file.display().to_string())
    })?;
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "{}: {} versions ({} zips, {} proved), {} files, {} bytes",
        options.file.display(),
        report.versions,
        report.zips,
        report.proved,
        report.files,
        report.bytes
    )?;
    for missing in &report.missing {
        writeln!(out, "  missing: {missing}")?;
    }
    for damaged in &report.damaged {
        writeln!(out, "  left out: {damaged}")?;
    }
    let code = if !report.damaged.is_empty() { 3 } else { u8::from(!report.missing.is_empty()) };
    Ok(ExitCode::from(code))
}

/// Brings what is selected into the cache, through a mirror with the same options as one that serves.
async fn fill(
    options: &Export,
    folder: &std::path::Path,
    selection: &Selection,
    keys: &[VerifierKey],
) -> anyhow::Result<()> {
    let mut settings = Settings {
        upstreams: options.upstreams.clone(),
        sumdb: options.sumdb.clone(),
        ..Settings::default()
    };
    settings.cache.directory = Some(folder.to_owned());
    let metrics = Metrics::new(MetricsOptions::default());
    let shutdown = Shutdown::new();
    let mirror = Mirror::start(&settings, &metrics, &shutdown).map_err(|findings| {
        crate::run::refuse(&findings);
        WrongUsage("the options cannot be used".to_owned())
    })?;
    let route = mirror.routes().next().cloned().context("a mirror has a route")?;
    let progress = Progress::new("fetched", false);
    let filled =
        bundle::fill(&mirror, &route, selection, keys, &|done, total| progress.tell(done, total)).await;
    drop(progress);
    for failure in &filled.failures {
        anstream::eprintln!("fairlead: {failure}");
    }
    shutdown.stop();
    Ok(())
}

fn import(options: &Import) -> anyhow::Result<ExitCode> {
    let folder = cache(options.cache.as_ref())?;
    let mut pins = Vec::new();
    for path in &options.go_sums {
        let text = std::fs::read(path)
            .map_err(|error| WrongUsage(format!("cannot read {}: {error}", path.display())))?;
        pins.extend_from_slice(GoSum::parse(&text).0.lines());
    }
    let private = match &options.private {
        Some(patterns) => Patterns::parse(patterns),
        None => GoEnv::read().patterns("GONOSUMDB"),
    };
    let import_options = ImportOptions {
        keys: keys(options.sumdb.as_ref())?,
        go_sum: pins.into_iter().collect(),
        private,
        allow_unproved: options.allow_unproved,
        ..ImportOptions::default()
    };
    let report = super::runtime()?
        .block_on(bundle::import_file(&options.file, &folder, import_options))
        .with_context(|| format!("{} into {}", options.file.display(), folder.display()))?;
    writeln!(
        anstream::stdout().lock(),
        "{}: {} versions ({} proved, {} not), {} files added, {} there already",
        folder.display(),
        report.versions,
        report.proved,
        report.unproved,
        report.added,
        report.kept
    )?;
    Ok(ExitCode::SUCCESS)
}

fn cache(folder: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    folder.map_or_else(|| super::cache_folder("mirror"), |folder| Ok(folder.clone()))
}

/// The name of the route whose private modules belong to the exporting user: the default one.
fn own_route() -> Option<String> {
    Some("default".to_owned())
}

fn keys(sumdb: Option<&String>) -> anyhow::Result<Vec<VerifierKey>> {
    let text = sumdb.cloned().unwrap_or_else(|| GoEnv::read().effective("GOSUMDB").value);
    let spec = SumDbSpec::parse(&text).map_err(|error| WrongUsage(format!("checksum database: {error}")))?;
    Ok(spec.into_iter().map(|spec| spec.key).collect())
}

fn selection(options: &Export) -> anyhow::Result<Selection> {
    if !options.go_sums.is_empty() {
        return Ok(Selection::go_sums(&options.go_sums)?);
    }
    if options.modules.is_empty() {
        return Ok(Selection::All);
    }
    let parse = |text: &String| {
        let Some((path, version)) = text.rsplit_once('@') else {
            return Err(WrongUsage(format!("--module {text}: expected `path@version`")));
        };
        path::check(path, version)
            .map(|()| Module::new(path, version))
            .map_err(|error| WrongUsage(format!("--module {text}: {error}")))
    };
    Ok(Selection::Modules(options.modules.iter().map(parse).collect::<Result<_, _>>()?))
}
