//! `fairlead up`: everything on, no configuration needed.

use std::io::Write;
use std::process::ExitCode;

use fairlead_diag::Findings;
use fairlead_gateway::Gateway;
use fairlead_model::statics::{Log, LogLevel, Static};
use fairlead_provider::Provider;

use crate::command::Up;
use crate::embedded::Embedded;
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
            (
                run::without_provider_warning(load::from_node(node)),
                vec![Box::new(Embedded::new("up", DYNAMIC)?)],
            )
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
        for (command, what) in [
            (format!("curl http://localhost:{web}/"), "whoami, through the router"),
            (
                format!("GOPROXY=http://localhost:{web}/goproxy go mod download"),
                "Go modules, proved and cached",
            ),
            (format!("curl http://localhost:{api}/api/overview"), "what runs"),
            (format!("curl 'http://localhost:{api}/api/explain?url=http://example.com:{web}/'"), "why not?"),
        ] {
            writeln!(out, "  {command:<66} {what}")?;
        }
        writeln!(out, "\nYour own configuration: fairlead up -c traefik.yml   Stop: Ctrl-C")?;
    }
    out.flush()
}

fn uses(statics: &Static, name: &str) -> &'static str {
    let internal = name == "traefik" && statics.api.as_ref().is_some_and(|api| api.insecure);
    if internal { "   API, ping, metrics" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_configuration_has_no_findings() {
        let node = fairlead_conf::yaml::parse(STATIC, "embedded").unwrap();
        let loaded = run::without_provider_warning(load::from_node(node));
        assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
        assert!(Embedded::new("up", DYNAMIC).is_ok());
    }
}
