//! `fairlead up`: everything on, no configuration needed.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use fairlead_diag::Findings;
use fairlead_gateway::Gateway;
use fairlead_http::BoxFuture;
use fairlead_model::dynamic::Dynamic;
use fairlead_model::statics::{Log, LogLevel, Static};
use fairlead_provider::{Message, Provider};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::command::Up;
use crate::load::{self, Loaded};
use crate::run;

/// The embedded static configuration.
const STATIC: &str = include_str!("up/static.yml");
/// The embedded dynamic configuration.
const DYNAMIC: &str = include_str!("up/dynamic.yml");

/// Starts with the embedded configuration, or with the file given.
pub(crate) fn run(options: &Up) -> anyhow::Result<ExitCode> {
    let (mut loaded, providers): (Loaded, Vec<Box<dyn Provider>>) = match &options.config {
        Some(path) => (load::from_file(path, Findings::new()), Vec::new()),
        None => {
            let node =
                fairlead_conf::yaml::parse(STATIC, "embedded").map_err(|f| anyhow::anyhow!(f.message))?;
            (without_provider_warning(load::from_node(node)), vec![Box::new(Embedded::new()?)])
        }
    };
    if run::refuse(&loaded.findings) {
        return Ok(ExitCode::FAILURE);
    }
    if loaded.statics.log.is_none() {
        loaded.statics.log = Some(Log { level: LogLevel::Warn, ..Log::default() });
    }
    let own = options.config.is_none();
    run::serve(loaded, providers, |gateway| {
        // A closed standard output is no reason to stop serving.
        let _ = greet(gateway, own);
    })
}

/// The embedded provider is not one that a static configuration can name, so its absence there is no finding.
fn without_provider_warning(mut loaded: Loaded) -> Loaded {
    let findings = std::mem::take(&mut loaded.findings).into_iter();
    loaded.findings =
        findings.filter(|finding| *finding.code != fairlead_model::codes::NO_PROVIDER).collect();
    loaded
}

/// Says what is listening where, and what to try first.
fn greet(gateway: &Gateway, own: bool) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let statics = &gateway.shared().statics;
    writeln!(out, "fairlead {} is up", env!("CARGO_PKG_VERSION"))?;
    for (name, address) in gateway.listening() {
        writeln!(out, "  {name:<12} {address}{}", uses(statics, name))?;
    }
    let port = |wanted: &str| {
        gateway.listening().iter().find(|(name, _)| &**name == wanted).map(|(_, address)| address.port())
    };
    if let (true, Some(web), Some(api)) = (own, port("web"), port("traefik")) {
        writeln!(out, "\nTry:")?;
        writeln!(out, "  curl http://localhost:{web}/                      whoami, through the router")?;
        writeln!(out, "  curl http://localhost:{api}/api/overview          what runs")?;
        writeln!(
            out,
            "  curl 'http://localhost:{api}/api/explain?url=http://example.com:{web}/'   why not?"
        )?;
        writeln!(out, "\nYour own configuration: fairlead up -c traefik.yml   Stop: Ctrl-C")?;
    }
    out.flush()
}

fn uses(statics: &Static, name: &str) -> &'static str {
    let internal = name == "traefik" && statics.api.as_ref().is_some_and(|api| api.insecure);
    if internal { "   API, ping, metrics" } else { "" }
}

/// The provider of the embedded dynamic configuration.
struct Embedded {
    dynamic: Arc<Dynamic>,
}

impl Embedded {
    fn new() -> anyhow::Result<Self> {
        let mut findings = Findings::new();
        let node = fairlead_conf::yaml::parse(DYNAMIC, "embedded").map_err(|f| anyhow::anyhow!(f.message))?;
        let dynamic = Arc::new(Dynamic::decode(&node, &mut findings));
        anyhow::ensure!(!findings.has_errors(), "the embedded configuration is broken");
        Ok(Embedded { dynamic })
    }
}

impl Provider for Embedded {
    fn name(&self) -> &str {
        "up"
    }

    fn run(self: Box<Self>, out: mpsc::Sender<Message>, stop: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let message = Message { provider: "up".into(), dynamic: self.dynamic, findings: Findings::new() };
            // Nobody listens any more only when the gateway is stopping.
            let _ = out.send(message).await;
            stop.cancelled().await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_configuration_has_no_findings() {
        let node = fairlead_conf::yaml::parse(STATIC, "embedded").unwrap();
        let loaded = without_provider_warning(load::from_node(node));
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        assert!(Embedded::new().is_ok());
    }
}
