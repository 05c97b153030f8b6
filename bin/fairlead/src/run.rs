//! Running the gateway: log, workers, signals, providers.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use fairlead_diag::render::{self, TextStyle};
use fairlead_diag::{Findings, Severity};
use fairlead_gateway::{Gateway, Setup, System};
use fairlead_mirror::admin::Admin;
use fairlead_mirror::prefetch::Prefetch;
use fairlead_mirror::usage::Usage;
use fairlead_mirror::{Mirror, Settings};
use fairlead_model::statics::{LogFormat, Static};
use fairlead_provider::{FileOptions, FileProvider, Provider, Reload};
use fairlead_rt::Shutdown;
use fairlead_telemetry::{Metrics, log};

use crate::load::{self, Loaded};

/// `fairlead gateway OPTIONS…`
pub(crate) fn gateway(arguments: &[String]) -> anyhow::Result<ExitCode> {
    if arguments.iter().any(|argument| matches!(argument.as_str(), "--help" | "-h")) {
        return crate::help::print();
    }
    let loaded = load::load(arguments, std::env::vars());
    if refuse(&loaded.findings) {
        return Ok(ExitCode::FAILURE);
    }
    serve(loaded, Vec::new(), |_| {})
}

/// Prints warnings and errors on standard error, whatever the log level says; true when there is an error among them.
pub(crate) fn refuse(findings: &Findings) -> bool {
    let shown = findings.iter().filter(|finding| finding.severity >= Severity::Warning);
    let shown: Findings = shown.cloned().collect();
    if !shown.is_empty() {
        let style = TextStyle { color: std::io::stderr().is_terminal() };
        tell(&render::text(&shown, &style));
    }
    shown.has_errors()
}

/// Serves until the process is asked to stop.
pub(crate) fn serve(
    mut loaded: Loaded,
    mut providers: Vec<Box<dyn Provider>>,
    started: impl FnOnce(&Gateway),
) -> anyhow::Result<ExitCode> {
    fairlead_rt::limits::raise_open_files();
    let _log = log::init(log_options(&loaded.statics)).context("cannot open the log")?;
    let control = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(16)
        .thread_name("control")
        .enable_all()
        .build()
        .context("cannot start the control runtime")?;
    control.block_on(async {
        let shutdown = Shutdown::new();
        fairlead_rt::signal::end_on_signals(shutdown.clone())?;
        let judge = fairlead_gateway::judge::judge(&loaded.statics, "file");
        let reload = file_provider(&loaded.statics).map(|provider| {
            let provider = provider.judged_by(judge);
            let reload = provider.reload_handle();
            providers.push(Box::new(provider));
            reload
        });
        let metrics = fairlead_gateway::metrics(&loaded.statics);
        let mut systems = Vec::new();
        if let Some(settings) = &loaded.mirror {
            match mirror(settings, &metrics, &shutdown, &mut loaded.findings) {
                Ok(system) => systems.push(system),
                Err(findings) => {
                    refuse(&findings);
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        let setup = Setup {
            statics: loaded.statics,
            findings: loaded.findings,
            providers,
            systems,
            metrics,
            workers: workers(),
            shutdown: shutdown.clone(),
        };
        let gateway = match Gateway::start(setup).await {
            Ok(gateway) => gateway,
            Err(findings) => {
                refuse(&findings);
                return Ok(ExitCode::FAILURE);
            }
        };
        listen_to_signals(&gateway, reload)?;
        fairlead_rt::systemd::watchdog(shutdown);
        fairlead_rt::systemd::ready();
        for (name, address) in gateway.listening() {
            tracing::info!(entry_point = %name, %address, "listening");
        }
        started(&gateway);
        gateway.run().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// The mirror as a service of the gateway, with those who watch it.
fn mirror(
    settings: &Settings,
    metrics: &Metrics,
    shutdown: &Shutdown,
    findings: &mut Findings,
) -> Result<System, Findings> {
    let mirror = Mirror::start(settings, metrics, shutdown)?;
    findings.extend(mirror.findings().iter().cloned());
    let usage = Usage::start(&mirror, shutdown);
    let prefetch = Prefetch::new(&mirror, settings, metrics, shutdown);
    let counted = Arc::<Usage>::clone(&usage);
    mirror.observe(vec![prefetch, counted]);
    let api = Admin::new(Arc::clone(&mirror), usage, settings);
    Ok(System { name: "mirror", service: mirror, api: Some(Arc::new(api)) })
}

/// The embedded provider is not one that a static configuration can name, so its absence there is no finding.
pub(crate) fn without_provider_warning(mut loaded: Loaded) -> Loaded {
    let findings = std::mem::take(&mut loaded.findings).into_iter();
    loaded.findings =
        findings.filter(|finding| *finding.code != fairlead_model::codes::NO_PROVIDER).collect();
    loaded
}

/// SIGHUP reads the file provider's files again, SIGUSR1 opens the access log anew.
fn listen_to_signals(gateway: &Gateway, reload: Option<Reload>) -> anyhow::Result<()> {
    if let Some(reload) = reload {
        let mut hangup = fairlead_rt::signal::hangup()?;
        fairlead_rt::spawn("SIGHUP", async move {
            loop {
                hangup.next().await;
                reload.request();
            }
        });
    }
    let shared = std::sync::Arc::downgrade(gateway.shared());
    let mut user1 = fairlead_rt::signal::user1()?;
    fairlead_rt::spawn("SIGUSR1", async move {
        loop {
            user1.next().await;
            let Some(shared) = shared.upgrade() else { return };
            if let Some(log) = &shared.access_log {
                log.reopen();
            }
        }
    });
    Ok(())
}

/// The file provider of a static configuration, when it has one.
pub(crate) fn file_provider(statics: &Static) -> Option<FileProvider> {
    let options = statics.providers.file.as_ref()?;
    let path = |text: &String| (!text.is_empty()).then(|| text.into());
    Some(FileProvider::new(FileOptions {
        filename: path(&options.filename),
        directory: path(&options.directory),
        watch: options.watch,
    }))
}

/// Worker threads: one for each core, or what `FAIRLEAD_WORKERS` says.
fn workers() -> usize {
    let asked = std::env::var("FAIRLEAD_WORKERS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or_else(fairlead_rt::available_workers)
}

fn log_options(statics: &Static) -> log::LogOptions {
    let options = statics.log.clone().unwrap_or_default();
    log::LogOptions {
        level: log::level(options.level.word()).unwrap_or(log::LogOptions::default().level),
        format: match options.format {
            LogFormat::Common => log::LogFormat::Common,
            LogFormat::Json => log::LogFormat::Json,
        },
        no_color: options.no_color,
        file_path: (!options.file_path.is_empty()).then(|| options.file_path.into()),
    }
}

fn tell(text: &str) {
    anstream::eprint!("{text}");
}
