//! `fairlead check`: all findings of a configuration without running it.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use fairlead_conf::Node;
use fairlead_diag::render::{self, TextStyle};
use fairlead_diag::{Finding, Findings, Origin, Severity};
use fairlead_gateway::offline;
use fairlead_gateway::snapshot::Snapshot;
use fairlead_mirror::Mirror;
use fairlead_model::dynamic::Dynamic;
use fairlead_model::statics::{EntryPoint, Static};
use fairlead_provider::{FileOptions, FileProvider};

use crate::command::{Check, Format};
use crate::load::{self, DYNAMIC_KEYS, Loaded};
use crate::{codes, run};

/// Prints all findings; exit 1 when there is an error.
pub(crate) fn run(options: &Check) -> anyhow::Result<ExitCode> {
    let (statics, findings) = match (&options.config_file, options.files.as_slice()) {
        (None, []) => {
            let loaded = load::load(&[], std::env::vars());
            anyhow::ensure!(
                loaded.declared,
                "nothing to check: name files, or --configFile=FILE (see `fairlead check --help`)"
            );
            offline_with(loaded, &[])?
        }
        (Some(file), files) => offline_with(load::from_file(file, Findings::new()), files)?,
        (None, files) => check_files(files)?,
    };
    drop(statics);
    print(&findings, options.format)?;
    let worst = findings.iter().map(|finding| finding.severity).max();
    let bad = match worst {
        Some(Severity::Error) => true,
        Some(Severity::Warning) => options.strict,
        _ => false,
    };
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Builds what these files would run: the static configuration with its file provider, and further dynamic files.
pub(crate) fn offline_with(loaded: Loaded, dynamic: &[PathBuf]) -> anyhow::Result<(Arc<Static>, Findings)> {
    let (statics, snapshot) = snapshot(loaded, dynamic)?;
    Ok((statics, Findings::clone(&snapshot.findings)))
}

/// The snapshot that these files would run.
pub(crate) fn snapshot(loaded: Loaded, dynamic: &[PathBuf]) -> anyhow::Result<(Arc<Static>, Snapshot)> {
    let mut findings = loaded.findings;
    let mut providers: Vec<(&str, Arc<Dynamic>)> = Vec::new();
    if let Some(provider) = run::file_provider(&loaded.statics) {
        let message = provider.read_once();
        findings.extend(message.findings);
        providers.push(("file", message.dynamic));
    }
    for (place, path) in dynamic.iter().enumerate() {
        let message = FileProvider::new(source(path)).read_once();
        findings.extend(message.findings);
        let name = if providers.is_empty() && place == 0 { "file" } else { "more" };
        providers.push((name, message.dynamic));
    }
    findings.extend(loaded.mirror.iter().flat_map(Mirror::check));
    let systems: Vec<&'static str> = loaded.mirror.iter().map(|_| "mirror").collect();
    let statics = Arc::new(loaded.statics);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let snapshot = offline::snapshot(&statics, &providers, &systems, findings);
    Ok((statics, snapshot))
}

/// Files that are static or dynamic by their keys. Without a static one, every entry point that routers name exists.
fn check_files(files: &[PathBuf]) -> anyhow::Result<(Arc<Static>, Findings)> {
    let mut findings = Findings::new();
    let mut statics = None;
    let mut dynamic = Vec::new();
    for file in files {
        match kind(file) {
            Ok(Kind::Static(node)) => statics = Some(load::from_node(node)),
            Ok(Kind::Dynamic) => dynamic.push(file.clone()),
            Err(finding) => findings.push(*finding),
        }
    }
    let mut loaded = statics.unwrap_or_else(|| any_entry_point(&dynamic));
    findings.extend(std::mem::take(&mut loaded.findings));
    loaded.findings = findings;
    offline_with(loaded, &dynamic)
}

/// A file, or a directory as the file provider reads it.
fn source(path: &Path) -> FileOptions {
    let path_buf = Some(path.to_owned());
    let (filename, directory) = if path.is_dir() { (None, path_buf) } else { (path_buf, None) };
    FileOptions { filename, directory, watch: false }
}

enum Kind {
    Static(Node),
    Dynamic,
}

fn kind(file: &Path) -> Result<Kind, Box<Finding>> {
    if file.is_dir() {
        return Ok(Kind::Dynamic);
    }
    let path = file.display().to_string();
    let text = fairlead_conf::read_file_text(&path)?;
    if text.contains("{{") {
        return Ok(Kind::Dynamic);
    }
    let node = fairlead_conf::parse_file_text(&path, &text)?;
    let has = |keys: &[&str]| keys.iter().any(|key| node.entry(key).is_some());
    if has(&DYNAMIC_KEYS) {
        return Ok(Kind::Dynamic);
    }
    if node.entries().is_empty() {
        let message = format!("{path} holds no configuration");
        return Err(Box::new(Finding::new(&codes::NOT_CONFIGURATION, message).at(&Origin::file(path))));
    }
    Ok(Kind::Static(node))
}

/// A static configuration with every entry point that the routers of these files name.
pub(crate) fn any_entry_point(dynamic: &[PathBuf]) -> Loaded {
    let mut statics = Static::default();
    for path in dynamic {
        let message = FileProvider::new(source(path)).read_once();
        for object in message.dynamic.http.routers.values() {
            for name in &object.value.entry_points {
                statics.entry_points.entry(name.as_str().into()).or_insert_with(EntryPoint::default);
            }
        }
    }
    if statics.entry_points.is_empty() {
        statics.entry_points.insert("web".into(), EntryPoint::default());
    }
    Loaded { statics, mirror: None, findings: Findings::new(), declared: true }
}

fn print(findings: &Findings, format: Format) -> anyhow::Result<()> {
    let text = match format {
        Format::Text if findings.is_empty() => "no findings\n".to_owned(),
        Format::Text => render::text(findings, &TextStyle { color: std::io::stdout().is_terminal() }),
        Format::Json => render::json(findings) + "\n",
        Format::Sarif => render::sarif(findings, env!("CARGO_PKG_VERSION")),
    };
    let mut out = anstream::stdout().lock();
    write!(out, "{text}")?;
    Ok(out.flush()?)
}
