//! The catalogue: name, help and kind of every family. Texts of `traefik_…` families are Traefik's own.

/// A metric family. Other crates declare theirs as constants and ask [`Metrics`](super::Metrics) for its series.
#[derive(Debug)]
pub struct Family {
    /// Name in the exposition.
    pub(crate) name: &'static str,
    /// Text of its `# HELP` line.
    pub(crate) help: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub(crate) kind: &'static str,
}

impl Family {
    /// A number that only grows; its name ends in `_total`.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Family { name, help, kind: "counter" }
    }

    /// A level.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Family { name, help, kind: "gauge" }
    }
}

/// The five families that each kind of scope has.
#[derive(Debug)]
pub(crate) struct ScopeFamilies {
    pub(crate) duration: Family,
    pub(crate) request_bytes: Family,
    pub(crate) requests: Family,
    pub(crate) requests_tls: Family,
    pub(crate) response_bytes: Family,
}

macro_rules! scope_families {
    ($prefix:literal, $place:literal, $by:literal, $requests:literal, $tls:literal, $bytes_in:literal, $bytes_out:literal) => {
        ScopeFamilies {
            duration: Family {
                name: concat!($prefix, "_request_duration_seconds"),
                help: concat!(
                    "How long it took to process the request on ",
                    $place,
                    ", partitioned by ",
                    $by
                ),
                kind: "histogram",
            },
            request_bytes: Family::counter(
                concat!($prefix, "_requests_bytes_total"),
                concat!("The total size of requests in bytes ", $bytes_in, ", partitioned by ", $by),
            ),
            requests: Family::counter(
                concat!($prefix, "_requests_total"),
                concat!("How many HTTP requests ", $requests, ", partitioned by ", $by),
            ),
            requests_tls: Family::counter(
                concat!($prefix, "_requests_tls_total"),
                concat!("How many HTTP requests with TLS ", $tls),
            ),
            response_bytes: Family::counter(
                concat!($prefix, "_responses_bytes_total"),
                concat!("The total size of responses in bytes ", $bytes_out, ", partitioned by ", $by),
            ),
        }
    };
}

pub(crate) static ENTRY_POINT: ScopeFamilies = scope_families!(
    "traefik_entrypoint",
    "an entrypoint",
    "status code, protocol, and method.",
    "processed on an entrypoint",
    "processed on an entrypoint, partitioned by TLS Version and TLS cipher Used.",
    "handled by an entrypoint",
    "handled by an entrypoint"
);
pub(crate) static ROUTER: ScopeFamilies = scope_families!(
    "traefik_router",
    "a router",
    "service, status code, protocol, and method.",
    "are processed on a router",
    "are processed on a router, partitioned by service, TLS Version, and TLS cipher Used.",
    "handled by a router",
    "handled by a router"
);
pub(crate) static SERVICE: ScopeFamilies = scope_families!(
    "traefik_service",
    "a service",
    "status code, protocol, and method.",
    "processed on a service",
    "processed on a service, partitioned by TLS version and TLS cipher.",
    "received by a service",
    "returned by a service"
);

pub(crate) static CONFIG_RELOADS: Family = Family::counter("traefik_config_reloads_total", "Config reloads");
pub(crate) static CONFIG_LAST_RELOAD: Family =
    Family::gauge("traefik_config_last_reload_success", "Last config reload success");
pub(crate) static OPEN_CONNECTIONS: Family =
    Family::gauge("traefik_open_connections", "How many open connections exist, by entryPoint and protocol");
pub(crate) static CERTS_NOT_AFTER: Family =
    Family::gauge("traefik_tls_certs_not_after", "Certificate expiration timestamp");
pub(crate) static SERVICE_RETRIES: Family =
    Family::counter("traefik_service_retries_total", "How many request retries happened on a service.");
pub(crate) static SERVER_UP: Family =
    Family::gauge("traefik_service_server_up", "service server is up, described by gauge value of 0 or 1.");

pub(crate) static CONFIG_FAILED_RELOADS: Family = Family::counter(
    "fairlead_config_failed_reloads_total",
    "Configurations that could not be applied; the one before stays in force.",
);
pub(crate) static FINDINGS: Family =
    Family::gauge("fairlead_findings", "Findings about the configuration in force, by severity.");
pub(crate) static REJECTED_REQUESTS: Family = Family::counter(
    "fairlead_rejected_requests_total",
    "Requests that an entry point refused before routing, by reason.",
);
pub(crate) static ACCEPT_BACK_OFFS: Family = Family::counter(
    "fairlead_accept_back_offs_total",
    "Times that accepting paused because the process was out of descriptors or memory.",
);
pub(crate) static BACKEND_OPEN: Family =
    Family::gauge("fairlead_backend_connections_open", "Open connections to a server, idle ones included.");
pub(crate) static BACKEND_IDLE: Family =
    Family::gauge("fairlead_backend_connections_idle", "Idle HTTP/1 connections to a server.");
pub(crate) static DROPPED_LOG_LINES: Family = Family::gauge(
    "fairlead_log_dropped_lines",
    "Log lines dropped because the writer could not keep up, since start.",
);
