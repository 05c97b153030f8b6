//! Health checks of services: from configuration to probes on the control runtime.

use std::sync::Arc;
use std::time::Duration;

use fairlead_http::client::Transport;
use fairlead_model::dynamic::http_service::{HealthCheck, HealthMode};
use fairlead_telemetry::Gauge;
use fairlead_upstream::Endpoint;
use fairlead_upstream::probe::{self, ProbeOptions};
use http::header::{HeaderName, HeaderValue};
use http::{Method, header};

use crate::shared::Shared;

/// Shortest pause between probes, whatever the configuration says.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// What a probe needs, from what the configuration says.
///
/// # Errors
/// What cannot be used, in words.
pub(crate) fn options(check: &HealthCheck, service: &str) -> Result<Arc<ProbeOptions>, String> {
    if check.mode == HealthMode::Grpc {
        return Err(format!(
            "service `{service}`: health checks in grpc mode are not supported by this version"
        ));
    }
    let method = if check.method.is_empty() { "GET" } else { &check.method };
    let method = Method::try_from(method.to_ascii_uppercase().as_str())
        .map_err(|_| format!("service `{service}`: health check method `{method}` is not a method"))?;
    let text = |text: &str| (!text.is_empty()).then(|| Box::<str>::from(text));
    let interval = Duration::from(check.interval).max(SHORTEST_INTERVAL);
    let mut hostname = text(&check.hostname);
    let mut headers = Vec::new();
    for (name, value) in &check.headers {
        let bad = || format!("service `{service}`: health check header `{name}` is not valid");
        let key = HeaderName::try_from(&**name).map_err(|_| bad())?;
        if key == header::HOST {
            hostname = text(value);
            continue;
        }
        headers.push((key, HeaderValue::try_from(value).map_err(|_| bad())?));
    }
    Ok(Arc::new(ProbeOptions {
        scheme: text(&check.scheme),
        port: (check.port != 0).then_some(check.port),
        path: check.path.as_str().into(),
        method,
        status: (check.status != 0).then_some(check.status),
        hostname,
        follow_redirects: check.follow_redirects,
        headers,
        interval,
        unhealthy_interval: check
            .unhealthy_interval
            .map_or(interval, |pause| Duration::from(pause).max(SHORTEST_INTERVAL)),
        timeout: check.timeout.into(),
    }))
}

/// Starts the probe of a new endpoint. It ends when nobody holds the endpoint any more.
pub(crate) fn watch(
    shared: &Shared,
    service: &Arc<str>,
    endpoint: &Arc<Endpoint>,
    transport: &Arc<Transport>,
    options: &Arc<ProbeOptions>,
) {
    let gauge = shared.metrics.server_up(service, &endpoint.target().url);
    show(&gauge, true);
    let service = Arc::clone(service);
    let probe = probe::run(
        Arc::downgrade(endpoint),
        Arc::clone(transport),
        Arc::clone(options),
        move |endpoint: &Endpoint| {
            let health = endpoint.health();
            show(&gauge, health.up);
            let server = &endpoint.target().url;
            if health.up {
                tracing::info!(%service, %server, "server is up again");
            } else {
                let reason = health.reason.as_deref().unwrap_or_default();
                tracing::warn!(%service, %server, reason, "server is down");
            }
        },
    );
    fairlead_rt::spawn("health probe", probe);
}

fn show(gauge: &Gauge, up: bool) {
    gauge.set(f64::from(u8::from(up)));
}
