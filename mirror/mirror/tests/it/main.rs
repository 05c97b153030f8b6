//! The mirror as its clients see it, in front of upstreams made for each test.

mod check;
mod fake;
mod faults;
mod mirror;
mod serve_cache;
mod serve_flights;
mod serve_lists;
mod serve_tenants;
