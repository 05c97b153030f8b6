//! The mirror as its clients see it, in front of upstreams made for each test.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod check;
#[cfg(test)]
mod direct;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fuzz_bodies;
#[cfg(test)]
mod mirror;
#[cfg(test)]
mod prefetch;
#[cfg(test)]
mod serve_cache;
#[cfg(test)]
mod serve_flights;
#[cfg(test)]
mod serve_lists;
#[cfg(test)]
mod serve_tenants;
