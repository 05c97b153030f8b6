//! An entry point: where clients connect, and what holds for every connection and request that arrives there.

use fairlead_conf::{Duration, section};

use super::address::Address;
use super::entry_point_http::HttpOptions;
use crate::options::{Empty, Named, options, sections, words};

/// The entry points by name.
pub type EntryPoints = Named<EntryPoint>;

options! {
    /// One entry point.
    pub struct EntryPoint {
        /// Where it listens; required.
        pub address: Address,
        /// Lets requests for ACME challenges reach routers of the user's own.
        #[serde(rename = "allowACMEByPass")]
        pub allow_acme_bypass: bool,
        /// Sets `SO_REUSEPORT`, so that several processes may listen on the same address.
        pub reuse_port: bool,
        /// Makes it one of the entry points of routers that name none.
        pub as_default: bool,
        /// Time limits of connections and of stopping.
        pub transport: Transport,
        /// Reads the PROXY protocol header (v1 and v2) from peers that are trusted.
        #[serde(deserialize_with = "section")]
        pub proxy_protocol: Option<ProxyProtocol>,
        /// Whose `X-Forwarded-*` headers are believed.
        pub forwarded_headers: ForwardedHeaders,
        /// What holds for every HTTP request.
        pub http: HttpOptions,
        /// HTTP/2.
        pub http2: Http2,
        /// HTTP/3; off unless declared.
        #[serde(deserialize_with = "section")]
        pub http3: Option<Http3>,
        /// UDP.
        pub udp: UdpOptions,
        /// Which signals its requests give, unless a router says otherwise.
        pub observability: Observability,
    }

    /// Time limits of connections and of stopping.
    pub struct Transport {
        /// What happens between the signal to stop and the end.
        pub life_cycle: LifeCycle,
        /// Time limits of a request.
        pub responding_timeouts: RespondingTimeouts,
        /// Longest age of a keep-alive connection; 0 means no limit.
        pub keep_alive_max_time: Duration,
        /// Most requests on one connection; 0 means no limit.
        pub keep_alive_max_requests: u64,
    }

    /// What happens between the signal to stop and the end.
    pub struct LifeCycle {
        /// How long requests are still accepted, so that a balancer in front can notice.
        pub request_accept_grace_timeout: Duration,
        /// How long running requests may take to finish after that.
        pub grace_time_out: Duration = Duration::from_secs(10),
    }

    /// Time limits of a request; 0 means no limit.
    pub struct RespondingTimeouts {
        /// For reading the whole request, body included.
        pub read_timeout: Duration = Duration::from_secs(60),
        /// For writing the answer, from the end of the request's head.
        pub write_timeout: Duration,
        /// For a keep-alive connection without a request.
        pub idle_timeout: Duration = Duration::from_secs(180),
    }

    /// From whom the PROXY protocol is read. From anybody else its header is ignored.
    pub struct ProxyProtocol {
        /// From everybody.
        pub insecure: bool,
        /// From these addresses and networks (CIDR).
        #[serde(rename = "trustedIPs")]
        pub trusted_ips: Vec<String>,
    }

    /// Whose `X-Forwarded-*` headers are believed. Those of anybody else are dropped.
    pub struct ForwardedHeaders {
        /// Everybody's.
        pub insecure: bool,
        /// Those of these addresses and networks (CIDR).
        #[serde(rename = "trustedIPs")]
        pub trusted_ips: Vec<String>,
        /// Headers that `Connection` may name and that still reach the middlewares.
        pub connection: Vec<String>,
        /// Leaves `X-Forwarded-For` as it came.
        pub not_append_x_forwarded_for: bool,
        /// Sends `X-Forwarded-Scheme` and `X-Scheme` too.
        pub add_x_forwarded_scheme_headers: bool,
    }

    /// HTTP/2.
    pub struct Http2 {
        /// Most streams at once on a connection.
        pub max_concurrent_streams: u32 = 250,
        /// HPACK table for reading headers, in bytes.
        pub max_decoder_header_table_size: u32 = 4096,
        /// HPACK table for writing headers, in bytes.
        pub max_encoder_header_table_size: u32 = 4096,
    }

    /// HTTP/3.
    pub struct Http3 {
        /// Port in `Alt-Svc`; 0 means the port of the entry point.
        pub advertised_port: u16,
    }

    /// UDP.
    pub struct UdpOptions {
        /// A session without datagrams ends after this.
        pub timeout: Duration = Duration::from_secs(3),
    }
}

/// Which signals the requests of an entry point give.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Observability {
    /// Lines in the access log.
    pub access_logs: bool,
    /// Metrics.
    pub metrics: bool,
    /// Spans.
    pub tracing: bool,
    /// How many spans.
    pub trace_verbosity: TraceVerbosity,
}

impl Default for Observability {
    fn default() -> Self {
        Observability {
            access_logs: true,
            metrics: true,
            tracing: true,
            trace_verbosity: TraceVerbosity::Minimal,
        }
    }
}

/// The API shows it only when it says something else than the default.
impl Empty for Observability {
    fn is_empty(&self) -> bool {
        *self == Observability::default()
    }
}

words! {
    /// How many spans a request gives.
    pub enum TraceVerbosity {
        /// The entry point's and the backend's.
        Minimal = "minimal",
        /// One for each step.
        Detailed = "detailed",
    }
}

/// Decodes the entry points.
pub(super) fn named<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<EntryPoints, D::Error> {
    sections(deserializer)
}
