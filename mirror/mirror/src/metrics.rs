//! What a mirror counts. Labels are upstream names and fixed words, never module names.

use fairlead_telemetry::Family;

/// Requests by what they ask for and how they were answered.
pub static REQUESTS: Family = Family::counter(
    "fairlead_mirror_requests_total",
    "Requests to the module mirror, by kind (list, latest, query, info, mod, zip, sumdb) and result (hit, miss, stale, joined, absent, denied, failed).",
);
/// Bytes given to clients.
pub static SERVED_BYTES: Family =
    Family::counter("fairlead_mirror_served_bytes_total", "Bytes of module data given to clients.");
/// Bytes taken from upstreams.
pub static UPSTREAM_BYTES: Family = Family::counter(
    "fairlead_mirror_upstream_bytes_total",
    "Bytes of module data taken from upstreams, by upstream.",
);
/// Requests to upstreams by outcome.
pub static UPSTREAM_REQUESTS: Family = Family::counter(
    "fairlead_mirror_upstream_requests_total",
    "Requests to upstreams, by upstream and outcome (ok, not_modified, or the cause of the failure).",
);
/// Time spent waiting for upstreams.
pub static UPSTREAM_SECONDS: Family = Family::counter(
    "fairlead_mirror_upstream_wait_milliseconds_total",
    "Time from asking an upstream to the head of its answer, by upstream, in milliseconds.",
);
/// State of each breaker.
pub static BREAKER_STATE: Family = Family::gauge(
    "fairlead_mirror_breaker_state",
    "State of an upstream's circuit breaker: 0 closed, 1 half-open, 2 open.",
);
/// Answers that were not what the proof says.
pub static UNTRUSTED: Family = Family::counter(
    "fairlead_mirror_untrusted_total",
    "Answers that were refused because they could not be proved, by upstream; they are in quarantine.",
);
/// What is asked ahead.
pub static PREFETCHED: Family = Family::counter(
    "fairlead_mirror_prefetched_total",
    "Files fetched ahead of being asked for, by kind and result (fetched, failed, dropped).",
);
/// Bytes in the cache.
pub static CACHE_BYTES: Family = Family::gauge(
    "fairlead_mirror_cache_bytes",
    "Bytes of verified module data in the cache, as of the last sweep.",
);
