//! Looking up TXT records.
//!
//! Addresses are the system's to resolve ([`resolve`](crate::dial::resolve)); what it has no call for is asked of a name
//! server directly: of the one given, or of those that the system is configured with.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Answered, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData};

/// Queries of one look-up.
const ATTEMPTS: usize = 2;

/// Why there are no records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The name does not exist.
    #[error("no such name")]
    NxDomain,
    /// The name exists and has no such record.
    #[error("no such record")]
    NoData,
    /// The server failed.
    #[error("the name server failed")]
    ServFail,
    /// No answer in time.
    #[error("the name server did not answer in time")]
    Timeout,
    /// Anything else, in words: not a name, refused, no route.
    #[error("{0}")]
    Other(String),
}

/// The TXT records of `name`, each with its strings joined (RFC 7208, 3.3), in the server's order. The name is absolute; a
/// search list is not applied. `limit` is for the whole look-up.
///
/// # Errors
/// As [`DnsError`] says.
pub async fn txt(name: &str, server: Option<SocketAddr>, limit: Duration) -> Result<Vec<String>, DnsError> {
    let mut name = Name::from_utf8(name).map_err(|error| DnsError::Other(format!("not a name: {error}")))?;
    name.set_fqdn(true);
    let resolver = resolver(server, limit)?;
    let found = tokio::time::timeout(limit, Box::pin(resolver.txt_lookup(name)))
        .await
        .map_err(|_| DnsError::Timeout)?
        .map_err(|error| translate(&error))?;
    let texts = found.answers().iter().filter_map(|record| match &record.data {
        RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
        _ => None,
    });
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() { Err(DnsError::NoData) } else { Ok(texts) }
}

fn resolver(server: Option<SocketAddr>, limit: Duration) -> Result<TokioResolver, DnsError> {
    let unusable = |error: NetError| DnsError::Other(format!("no usable resolver: {error}"));
    let mut builder = match server {
        Some(server) => {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = server.port();
            }
            let server = NameServerConfig::new(server.ip(), true, connections);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            builder.with_options(ResolverOpts::default())
        }
        None => TokioResolver::builder_tokio().map_err(unusable)?,
    };
    let options = builder.options_mut();
    options.timeout = limit / u32::try_from(ATTEMPTS).unwrap_or(1);
    options.attempts = ATTEMPTS - 1;
    options.cache_size = 0;
    builder.build().map_err(unusable)
}

fn translate(error: &NetError) -> DnsError {
    match error {
        NetError::Timeout => DnsError::Timeout,
        NetError::Dns(Answered::NoRecordsFound(none)) if none.response_code == ResponseCode::NXDomain => {
            DnsError::NxDomain
        }
        NetError::Dns(Answered::NoRecordsFound(none)) if none.response_code == ResponseCode::NoError => {
            DnsError::NoData
        }
        NetError::Dns(Answered::ResponseCode(ResponseCode::ServFail)) => DnsError::ServFail,
        error => DnsError::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A name server that gives every query the same code and TXT records, each of some strings.
    async fn server(code: u8, records: &'static [&'static [&'static [u8]]]) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::task::spawn_local(async move {
            let mut query = [0; 1500];
            while let Ok((len, from)) = socket.recv_from(&mut query).await {
                socket.send_to(&answer(&query[..len], code, records), from).await.unwrap();
            }
        });
        address
    }

    fn answer(query: &[u8], code: u8, records: &[&[&[u8]]]) -> Vec<u8> {
        // The question: labels up to the empty one, then type and class.
        let mut end = 12;
        while query[end] != 0 {
            end += 1 + usize::from(query[end]);
        }
        end += 5;
        let mut answer = query[..2].to_vec();
        answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
        answer.extend(&query[12..end]);
        for strings in records {
            let len = strings.iter().map(|string| string.len() + 1).sum::<usize>();
            answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
            answer.extend(u16::try_from(len).unwrap().to_be_bytes());
            for string in *strings {
                answer.push(u8::try_from(string.len()).unwrap());
                answer.extend(*string);
            }
        }
        answer
    }

    async fn ask(code: u8, records: &'static [&'static [&'static [u8]]]) -> Result<Vec<String>, DnsError> {
        let local = tokio::task::LocalSet::new();
        local.run_until(async { txt("mirror.test", Some(server(code, records).await), SOON).await }).await
    }

    #[tokio::test]
    async fn the_strings_of_a_record_are_joined() {
        let found = ask(0, &[&[b"v=mirror1 ", b"url=https://m.test"], &[b"other"]]).await.unwrap();
        assert_eq!(found, ["v=mirror1 url=https://m.test", "other"]);
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        assert_eq!(ask(3, &[]).await, Err(DnsError::NxDomain));
        assert_eq!(ask(0, &[]).await, Err(DnsError::NoData));
        assert_eq!(ask(2, &[]).await, Err(DnsError::ServFail));
        assert!(matches!(ask(5, &[]).await, Err(DnsError::Other(_))));
    }

    #[tokio::test]
    async fn a_silent_server_is_a_time_out() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let silent = socket.local_addr().unwrap();
        let result = txt("mirror.test", Some(silent), Duration::from_millis(200)).await;
        assert_eq!(result, Err(DnsError::Timeout));
        assert!(matches!(txt("a..b", Some(silent), SOON).await, Err(DnsError::Other(_))));
    }
}
