//! Integration tests of the HTTP room.

#[cfg(test)]
mod client_http1;
#[cfg(test)]
mod client_http2;
#[cfg(test)]
mod client_peers;
#[cfg(test)]
mod client_tls;
#[cfg(test)]
mod fetch;
#[cfg(test)]
mod fetch_exchange;
#[cfg(test)]
mod fetch_peers;
#[cfg(test)]
mod fetch_trust;
#[cfg(test)]
mod h1_client;
#[cfg(test)]
mod h1_differential;
#[cfg(test)]
mod h1_server;
#[cfg(test)]
mod h2_peers;
#[cfg(test)]
mod h2_server;
#[cfg(test)]
mod server_protocols;
