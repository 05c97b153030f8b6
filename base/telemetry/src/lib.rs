//! What Fairlead tells about itself: metrics, the access log and the application log.
//!
//! [`Metrics`] counts on the request path in one shard per thread and merges the shards when it is asked for text.
//! The crate opens no socket: whoever serves `/metrics` calls [`Metrics::text`].

pub mod access;
pub mod log;
pub mod metrics;

pub use access::{AccessLog, AccessLogFilters, AccessLogFormat, AccessLogOptions};
pub use metrics::{
    CertificateInfo, Counter, Family, Gauge, Held, Metrics, MetricsOptions, Observation, Protocol, Scope,
    UpDown,
};
