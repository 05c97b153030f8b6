//! Static configuration: what is read once, when the program starts.
//!
//! One file for each section. [`Static::decode`] reads a tree, adds the entry points that Traefik adds by itself and
//! reports what cannot work.

pub mod access_log;
pub mod address;
pub mod api;
pub mod certificates_resolver;
mod check;
pub mod entry_point;
pub mod entry_point_http;
pub mod experimental;
mod implicit;
pub mod log;
pub mod metrics;
pub mod otlp;
pub mod providers;
pub mod providers_catalog;
pub mod providers_docker;
pub mod providers_kubernetes;
pub mod providers_kv;
pub mod providers_nginx;
mod removed;
pub mod servers_transport;
pub mod tls_client;
pub mod tracing;

use std::borrow::Cow;

use fairlead_conf::{Node, Value, section};
use fairlead_diag::Findings;

pub use self::access_log::{AccessLog, AccessLogFields, AccessLogFilters, AccessLogFormat, FieldMode};
pub use self::address::{Address, AddressError, Protocol};
pub use self::api::{Api, INTERNAL_ENTRY_POINT, Ping};
pub use self::certificates_resolver::{Acme, CertificatesResolver, CertificatesResolvers};
pub use self::entry_point::{
    EntryPoint, EntryPoints, ForwardedHeaders, Http2, Http3, LifeCycle, Observability, ProxyProtocol,
    RespondingTimeouts, TraceVerbosity, Transport, UdpOptions,
};
pub use self::entry_point_http::{
    EncodedCharacters, EntryPointTls, HttpOptions, MAX_PRIORITY, RedirectEntryPoint, Redirections,
    UnderscoreHeaders,
};
pub use self::experimental::{Core, Experimental, Global, HostResolver, Ocsp, RuleSyntax};
pub use self::log::{Log, LogFormat, LogLevel};
pub use self::metrics::{Metrics, Prometheus};
pub use self::providers::Providers;
pub use self::servers_transport::{ForwardingTimeouts, ServersTransport, SpiffeClient, TcpServersTransport};
pub use self::tracing::Tracing;
use crate::options::{is_extension, options};

/// Every static option by its flag with its default, one on a line, for help and tests; lines with `#` are remarks.
pub const OPTION_LIST: &str = include_str!("statics/options.txt");

options! {
    /// The whole static configuration.
    pub struct Static {
        /// What holds everywhere.
        pub global: Global,
        /// Default transport to HTTP backends.
        pub servers_transport: ServersTransport,
        /// Default transport to TCP backends.
        #[serde(rename = "tcpServersTransport")]
        pub tcp_servers_transport: TcpServersTransport,
        /// Where clients connect.
        #[serde(deserialize_with = "entry_point::named")]
        pub entry_points: EntryPoints,
        /// Where dynamic configuration comes from.
        pub providers: Providers,
        /// The API and the dashboard.
        #[serde(deserialize_with = "section")]
        pub api: Option<Api>,
        /// Metrics exporters.
        #[serde(deserialize_with = "section")]
        pub metrics: Option<Metrics>,
        /// The page `/ping`.
        #[serde(deserialize_with = "section")]
        pub ping: Option<Ping>,
        /// The program's own log.
        #[serde(deserialize_with = "section")]
        pub log: Option<Log>,
        /// The access log.
        #[serde(deserialize_with = "section")]
        pub access_log: Option<AccessLog>,
        /// Tracing.
        #[serde(deserialize_with = "section")]
        pub tracing: Option<Tracing>,
        /// Follows CNAME records when a host is matched.
        #[serde(deserialize_with = "section")]
        pub host_resolver: Option<HostResolver>,
        /// Who issues certificates.
        #[serde(deserialize_with = "crate::options::sections")]
        pub certificates_resolvers: CertificatesResolvers,
        /// Experimental options.
        pub experimental: Experimental,
        /// Rules of routers.
        pub core: Core,
        /// The program's own SPIFFE identity.
        #[serde(deserialize_with = "section")]
        pub spiffe: Option<SpiffeClient>,
        /// OCSP stapling.
        #[serde(deserialize_with = "section")]
        pub ocsp: Option<Ocsp>,
    }
}

impl Static {
    /// Reads a tree, adds the implicit entry points and reports what cannot work.
    ///
    /// `None` when the root is not a map at all. Otherwise the result holds whatever could be read; whether to go on
    /// in spite of error findings is the caller's choice.
    pub fn decode(node: &Node, findings: &mut Findings) -> Option<Static> {
        let node = without_extensions(removed::without_removed(node, findings));
        let mut decoded: Static = fairlead_conf::decode(&node, findings)?;
        implicit::add_entry_points(&mut decoded);
        check::check(&decoded, &node, findings);
        Some(decoded)
    }

    /// The entry points of routers that name none: those marked as default, else all TCP ones but the internal one.
    #[must_use]
    pub fn default_entry_points(&self) -> Vec<&str> {
        let marked = |point: &EntryPoint| point.as_default;
        let any_marked = self.entry_points.values().any(marked);
        let chosen = |name: &str, point: &EntryPoint| match any_marked {
            true => point.as_default,
            false => point.address.protocol == Protocol::Tcp && name != INTERNAL_ENTRY_POINT,
        };
        let points = self.entry_points.iter().filter(|(name, point)| chosen(name, point));
        points.map(|(name, _)| &**name).collect()
    }
}

fn without_extensions(mut node: Cow<'_, Node>) -> Cow<'_, Node> {
    if node.entries().iter().any(|entry| is_extension(&entry.key))
        && let Value::Map(entries) = &mut node.to_mut().value
    {
        entries.retain(|entry| !is_extension(&entry.key));
    }
    node
}
