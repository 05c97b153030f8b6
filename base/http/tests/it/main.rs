//! Integration tests of the HTTP room.

#[cfg(test)]
mod h2_peers;
#[cfg(test)]
mod h2_server;
