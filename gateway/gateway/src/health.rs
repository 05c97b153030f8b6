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

/// What a probe needs, from what the configuration says; `None` for probes that this version does not send, which the model
/// reports.
///
/// # Errors
/// What cannot be used, in words.
pub(crate) fn options(check: &HealthCheck, service: &str) -> Result<Option<Arc<ProbeOptions>>, String> {
    if check.mode == HealthMode::Grpc {
        return Ok(None);
    }
    let method = if check.method.is_empty() { "GET" } else { &check.method };
    let method = Method::try_from(method.to_ascii_uppercase().as_str())
        .map_err(|_| format!("service `{service}`: health check method `{method}` is not a method"))?;
    let text = |text: &str| (!text.is_empty()).then(|| Box::<str>::from(text));
    let defaults = HealthCheck::default();
    let interval = pause(check.interval.into(), defaults.interval.into());
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
    Ok(Some(Arc::new(ProbeOptions {
        scheme: text(&check.scheme),
        port: (check.port != 0).then_some(check.port),
        path: check.path.as_str().into(),
        method,
        status: (check.status != 0).then_some(check.status),
        hostname,
        follow_redirects: check.follow_redirects,
        headers,
        interval,
        unhealthy_interval: check.unhealthy_interval.map_or(interval, |given| pause(given.into(), interval)),
        timeout: if Duration::from(check.timeout).is_zero() { defaults.timeout } else { check.timeout }
            .into(),
    })))
}

/// The pause that is given, or the default for none, and not too short.
fn pause(given: Duration, default: Duration) -> Duration {
    if given.is_zero() { default } else { given.max(SHORTEST_INTERVAL) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_at_all_means_the_default() {
        let zero = fairlead_conf::Duration::from_secs(0);
        let check = HealthCheck {
            interval: zero,
            unhealthy_interval: Some(zero),
            timeout: zero,
            ..Default::default()
        };
        let options = options(&check, "s@file").unwrap().unwrap();
        assert_eq!((options.interval, options.timeout), (Duration::from_secs(30), Duration::from_secs(5)));
        assert_eq!(options.unhealthy_interval, Duration::from_secs(30));
    }
}
