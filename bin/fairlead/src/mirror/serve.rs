//! `fairlead mirror serve`: the gateway with one route, to `mirror@internal`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use fairlead_conf::{Node, Value};
use fairlead_diag::{Findings, Origin, Severity};
use fairlead_gateway::Gateway;
use fairlead_mirror::settings::RouteSettings;
use fairlead_mirror::{Mirror, Settings};

use crate::embedded::Embedded;
use crate::load::{self, Loaded};
use crate::run;

/// Everything goes to the mirror.
const DYNAMIC: &str = "http:\n  routers:\n    mirror:\n      entryPoints: [mirror]\n      rule: PathPrefix(`/`)\n      service: mirror@internal\n";

/// `fairlead mirror serve`
#[derive(Debug, Args)]
#[command(after_help = "\
The same mirror is `mirror@internal` in a gateway: put a `mirror:` section into its static configuration.
All options of that section can stand in --config FILE: docs/reference/mirror.md")]
pub(super) struct Serve {
    /// Address to listen on
    #[arg(short, long, default_value = ":3000", value_name = "[HOST]:PORT")]
    listen: String,
    /// Where modules come from, as GOPROXY; default: GOPROXY, else https://proxy.golang.org,direct
    #[arg(short, long, value_name = "LIST")]
    upstreams: Option<String>,
    /// Modules that must never be named to a public upstream, as GOPRIVATE; default: GOPRIVATE
    #[arg(long, value_name = "PATTERNS")]
    private: Option<String>,
    /// Where private modules come from, as GOPROXY
    #[arg(long, value_name = "LIST")]
    private_upstreams: Option<String>,
    /// Checksum database, as GOSUMDB; default: GOSUMDB, else sum.golang.org
    #[arg(long, value_name = "NAME[+KEY][ URL]|off")]
    sumdb: Option<String>,
    /// Folder of the cache; default: the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Answer from the cache only
    #[arg(long)]
    offline: bool,
    /// Address for API, metrics and ping; none by default
    #[arg(long, value_name = "[HOST]:PORT")]
    api: Option<String>,
    /// File with a `mirror:` section (or its content); flags above win
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Serves until the process is asked to stop.
pub(super) fn run(options: &Serve) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::new();
    let settings = settings(options, &mut findings);
    let node = fairlead_conf::yaml::parse(&statics(options), "flags of mirror serve")
        .map_err(|finding| super::WrongUsage(finding.message))?;
    let mut loaded = run::without_provider_warning(load::from_node(node));
    findings.extend(std::mem::take(&mut loaded.findings));
    // Warnings are told when it starts.
    findings
        .extend(Mirror::check(&settings).into_iter().filter(|finding| finding.severity == Severity::Error));
    if run::refuse(&findings) {
        return Ok(ExitCode::from(super::USAGE));
    }
    let loaded = Loaded { findings, mirror: Some(settings), ..loaded };
    run::serve(loaded, vec![Box::new(Embedded::new("mirror", DYNAMIC)?)], |gateway| {
        // A closed standard output is no reason to stop serving.
        let _ = greet(gateway);
    })
}

fn statics(options: &Serve) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut text =
        format!("log: {{level: WARN}}\nentryPoints:\n  mirror: {{address: {}}}\n", quoted(&options.listen));
    if let Some(api) = &options.api {
        text += &format!(
            "  traefik: {{address: {}, asDefault: false}}\napi: {{insecure: true}}\nping: {{}}\nmetrics: {{prometheus: {{}}}}\n",
            quoted(api)
        );
    }
    text
}

/// The file's settings with the flags over them.
fn settings(options: &Serve, findings: &mut Findings) -> Settings {
    let file = options.config.as_ref().map(|path| fairlead_conf::read_file(&path.display().to_string()));
    let node = match file {
        None => Node { origin: Origin::Internal, value: Value::Map(Vec::new()) },
        Some(Ok(node)) => node.at(&["mirror"]).cloned().unwrap_or(node),
        Some(Err(finding)) => {
            findings.push(finding);
            return Settings::default();
        }
    };
    let mut settings = Settings::decode(&node, findings).unwrap_or_default();
    let RouteSettings { upstreams, private, private_upstreams, sumdb, .. } = settings.route();
    settings.upstreams = options.upstreams.clone().or(upstreams);
    settings.private = options.private.clone().or(private);
    settings.private_upstreams = options.private_upstreams.clone().or(private_upstreams);
    settings.sumdb = options.sumdb.clone().or(sumdb);
    settings.offline |= options.offline;
    if let Some(folder) = &options.cache {
        settings.cache.directory = Some(folder.clone());
    }
    settings
}

/// Says where it listens and what to try first.
fn greet(gateway: &Gateway) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    for (name, address) in gateway.listening() {
        let what = if &**name == "mirror" { "GOPROXY" } else { "API, ping, metrics" };
        writeln!(out, "listening  {address}   {what}")?;
    }
    if let Some((_, address)) = gateway.listening().iter().find(|(name, _)| &**name == "mirror") {
        let host =
            if address.ip().is_unspecified() { "localhost".to_owned() } else { address.ip().to_string() };
        let host =
            if address.is_ipv6() && !address.ip().is_unspecified() { format!("[{host}]") } else { host };
        writeln!(out, "\nTry:\n  GOPROXY=http://{host}:{} go mod download\nStop: Ctrl-C", address.port())?;
    }
    out.flush()
}
