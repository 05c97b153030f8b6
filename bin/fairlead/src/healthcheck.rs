//! `fairlead healthcheck`: asks the ping page of a running gateway that has the same static configuration.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use fairlead_http::client::{self, Target, Transport, TransportOptions};
use fairlead_http::{Conn, Request};
use fairlead_model::statics::Static;
use fairlead_net::tls::client::{ClientTls, ClientTlsInput};
use http::{HeaderValue, Method, StatusCode, Uri, header};

use crate::load;

/// How long the answer may take.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Exit 0 when ping answers 200 within five seconds.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    if arguments.iter().any(|argument| matches!(argument.as_str(), "--help" | "-h")) {
        return crate::help::print_healthcheck();
    }
    let loaded = load::load(arguments, std::env::vars());
    if crate::run::refuse(&loaded.findings) {
        return Ok(ExitCode::FAILURE);
    }
    let url = ping_url(&loaded.statics)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async { tokio::time::timeout(TIME_LIMIT, ask(&url)).await });
    let status = asked.with_context(|| format!("no answer from {url} within 5 s"))??;
    let mut out = std::io::stdout().lock();
    if status == StatusCode::OK {
        writeln!(out, "OK: {url}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "bad healthcheck status: {status} from {url}")?;
    Ok(ExitCode::FAILURE)
}

fn ping_url(statics: &Static) -> anyhow::Result<String> {
    let Some(ping) = &statics.ping else { bail!("please enable `ping` to use the health check") };
    let Some(entry_point) = statics.entry_points.get(ping.entry_point.as_str()) else {
        bail!("missing `ping` entry point {}", ping.entry_point)
    };
    let scheme = if entry_point.http.tls.is_some() { "https" } else { "http" };
    let host = match &*entry_point.address.host {
        "" | "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Ok(format!("{scheme}://{host}:{}/ping", entry_point.address.port))
}

async fn ask(url: &str) -> anyhow::Result<StatusCode> {
    let target = Arc::new(Target::parse(url)?);
    let input = ClientTlsInput { insecure_skip_verify: true, ..ClientTlsInput::default() };
    let tls = ClientTls::build(&input).map_err(|problem| anyhow::anyhow!(problem.message))?;
    let transport = Arc::new(Transport::new(0, &tls, TransportOptions::default()));
    let conn = Conn::new("healthcheck", ([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into(), None);
    let mut request = Request::new(Method::HEAD, Uri::from_static("/ping"), Arc::new(conn));
    request.headers.insert(header::HOST, HeaderValue::try_from(&*target.authority)?);
    match client::send(&transport, &target, &mut request).await {
        Ok(response) => Ok(response.status),
        Err(failed) => bail!("{url}: {}", failed.error),
    }
}
