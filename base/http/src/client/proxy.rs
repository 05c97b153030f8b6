//! Tunnels through a proxy: `CONNECT` (RFC 9110, 9.3.6).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use fairlead_net::Stream;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use url::Url;

use super::{BadTarget, Scheme, Target};
use crate::h1::codec::{HeadScan, Limits, read_response};
use crate::{DialFault, Error, Fault};

/// Bytes and fields of a proxy's answer.
const HEAD: Limits = Limits { bytes: 64 << 10, fields: 100 };

/// A proxy that speaks HTTP/1.1, in the clear or over TLS.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(super) host: Box<str>,
    pub(super) port: u16,
    pub(super) tls: bool,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads a URL such as `http://user:password@proxy.example:3128`; its path is of no interest.
    ///
    /// # Errors
    /// When the scheme is neither http nor https, or there is no host.
    pub fn parse(url: &Url) -> Result<Self, BadTarget> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(BadTarget::Scheme(other.to_owned())),
        };
        let host = url.host_str().ok_or(BadTarget::NotAbsolute)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = url.port_or_known_default().ok_or(BadTarget::NotAbsolute)?;
        Ok(Proxy { host: bare.into(), port, tls, authorization: basic_of(url) })
    }

    /// The value of `proxy-authorization`, when the URL had a user.
    #[must_use]
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The proxy as a target, for requests in absolute form.
    ///
    /// # Errors
    /// When its host cannot stand in a URL.
    pub fn as_target(&self) -> Result<Target, BadTarget> {
        let scheme = if self.tls { "https" } else { "http" };
        let Proxy { host, port, .. } = self;
        let authority =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Target::parse(&format!("{scheme}://{authority}"))
    }

    /// Has a fresh connection to the proxy lead to `target`, within `limit`.
    pub(super) async fn tunnel(
        &self,
        mut stream: Stream,
        target: &Target,
        limit: Duration,
    ) -> Result<Stream, Error> {
        let ask = async {
            let asked = self.request(target);
            stream.write_all(&asked).await.map_err(|error| broke(&error))?;
            stream.flush().await.map_err(|error| broke(&error))?;
            read_answer(&mut stream).await
        };
        match timeout(limit, Box::pin(ask)).await {
            Ok(Ok(rest)) => Ok(stream.with_read_ahead(rest.freeze())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::dialling(
                Fault::ConnectTimeout,
                DialFault::ConnectTimeout,
                "the proxy did not answer in time",
            )),
        }
    }

    fn request(&self, target: &Target) -> Vec<u8> {
        let Target { host, port, .. } = target;
        let to = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { Scheme::Https } else { Scheme::Http };
        write!(f, "Proxy({scheme:?} {}:{})", self.host, self.port)
    }
}

/// The user and password of a URL as the value of an `authorization` header.
pub(crate) fn basic_of(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or("")));
    basic(&pair)
}

/// `Basic` with this user, colon and password.
pub(crate) fn basic(pair: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads the answer to `CONNECT`; gives what came after it.
async fn read_answer(stream: &mut Stream) -> Result<BytesMut, Error> {
    let (mut input, mut scan) = (BytesMut::new(), HeadScan::default());
    loop {
        if stream.read_buf(&mut input).await.map_err(|error| broke(&error))? == 0 {
            return Err(refused(0, "the proxy closed the connection"));
        }
        let head = read_response(&mut input, &mut scan, HEAD, true)
            .map_err(|bad| refused(0, format!("the proxy does not speak HTTP: {bad}")))?;
        match head {
            Some(head) if head.status.is_success() => return Ok(input),
            Some(head) if head.status.is_informational() => {
                return Err(refused(head.status.as_u16(), "the proxy gave no final answer"));
            }
            Some(head) => {
                let status = head.status.as_u16();
                return Err(refused(status, format!("the proxy answered {status}")));
            }
            None => {}
        }
    }
}

fn refused(status: u16, cause: impl Into<Box<str>>) -> Error {
    Error::dialling(Fault::Connect, DialFault::Proxy(status), cause)
}

fn broke(error: &std::io::Error) -> Error {
    refused(0, format!("the proxy broke the connection: {error}"))
}
