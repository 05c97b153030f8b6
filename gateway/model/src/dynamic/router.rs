//! HTTP routers.

use fairlead_conf::section;

use super::object::declared;
use crate::options::options;
use crate::statics::{RuleSyntax, TraceVerbosity};

options! {
    /// Sends the requests that its rule matches to a service.
    pub struct Router {
        /// Entry points it listens to; the default ones when empty.
        pub entry_points: Vec<String>,
        /// Middlewares in the order in which they see a request.
        pub middlewares: Vec<String>,
        /// Service that answers.
        pub service: String,
        /// Which requests it takes.
        pub rule: String,
        /// Routers in front of this one.
        pub parent_refs: Vec<String>,
        /// Rule language; the static default when absent.
        pub rule_syntax: Option<RuleSyntax>,
        /// Largest first; 0 means the length of the rule.
        pub priority: i64,
        /// Only requests over TLS, with these settings.
        #[serde(deserialize_with = "section")]
        pub tls: Option<RouterTls>,
        /// Which signals its requests give.
        #[serde(deserialize_with = "section")]
        pub observability: Option<RouterObservability>,
    }

    /// TLS of a router.
    pub struct RouterTls {
        /// Name of the TLS options.
        pub options: String,
        /// Name of the certificate resolver.
        pub cert_resolver: String,
        /// Domains to ask certificates for; those of the rule when empty.
        pub domains: Vec<Domain>,
    }

    /// The names of a certificate.
    pub struct Domain {
        /// First name.
        pub main: String,
        /// Further names.
        pub sans: Vec<String>,
    }

    /// Which signals the requests of a router give; what is absent is as on the entry point.
    pub struct RouterObservability {
        /// Lines in the access log.
        pub access_logs: Option<bool>,
        /// Metrics.
        pub metrics: Option<bool>,
        /// Spans.
        pub tracing: Option<bool>,
        /// How many spans.
        pub trace_verbosity: Option<TraceVerbosity>,
    }
}

declared!(Router);
