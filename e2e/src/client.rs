//! One request, as a case or a test words it.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use crate::http1::Reader;
use crate::{Answer, Hello, connect, http2};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is spoken to the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1
    #[default]
    #[serde(rename = "http/1.1")]
    Http1,
    /// HTTP/2 over TLS, or with prior knowledge
    #[serde(rename = "h2")]
    Http2,
}

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Method.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port as the client names them.
    pub authority: String,
    /// Path and query, as they are.
    pub target: String,
    /// Headers in order, `Host` apart.
    pub headers: Vec<(String, String)>,
    /// Body; its length is sent unless it is empty.
    pub body: Vec<u8>,
    /// Headers after the body (HTTP/2).
    pub trailers: Vec<(String, String)>,
    /// Protocol.
    pub protocol: Protocol,
    /// Bytes to send in place of a request (HTTP/1).
    pub raw: Option<Vec<u8>>,
    /// Answers to read; the last one counts.
    pub answers: usize,
    /// Wait for the end of the connection after the answer.
    pub to_the_end: bool,
    /// What TLS says; the host's name without certificate when absent.
    pub hello: Option<Hello>,
}

impl Ask {
    /// From `METHOD http://host[:port]/path`, or from a URL alone, which is a `GET`.
    ///
    /// # Errors
    /// No URL.
    pub fn parse(text: &str) -> anyhow::Result<Ask> {
        let (method, url) = text.split_once(' ').unwrap_or(("GET", text));
        let (scheme, rest) = url.split_once("://").with_context(|| format!("`{text}` has no scheme"))?;
        let (authority, target) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        Ok(Ask {
            method: method.into(),
            scheme: scheme.into(),
            authority: authority.into(),
            target: target.into(),
            answers: 1,
            ..Ask::default()
        })
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What is sent over HTTP/1.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            let _ = write!(head, "Host: {}\r\n", self.authority);
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn hello(&self) -> Option<Hello> {
        let mut hello = self.hello.clone().or_else(|| {
            let host = self.authority.split(':').next().unwrap_or_default();
            (self.scheme == "https").then(|| Hello { sni: host.to_owned(), ..Hello::default() })
        })?;
        if hello.alpn.is_empty() {
            hello.alpn = vec![if self.protocol == Protocol::Http2 { "h2" } else { "http/1.1" }];
        }
        Some(hello)
    }

    fn exchange(&self) -> anyhow::Result<http2::Exchange> {
        let uri = format!("{}://{}{}", self.scheme, self.authority, self.target);
        let mut head =
            Request::builder().method(self.method.as_str()).uri(uri).version(http::Version::HTTP_2);
        for (name, value) in &self.headers {
            head = head.header(name, value);
        }
        let mut trailers = HeaderMap::new();
        for (name, value) in &self.trailers {
            trailers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        Ok(http2::Exchange { head: head.body(())?, body: Bytes::from(self.body.clone()), trailers })
    }
}

/// Sends the request on a new connection to `addr` and reads the answer.
///
/// # Errors
/// No connection, no handshake, no whole answer within 20 seconds.
pub async fn ask(addr: SocketAddr, asked: &Ask) -> anyhow::Result<Answer> {
    tokio::time::timeout(PATIENCE, Box::pin(converse(addr, asked))).await.context("no answer in time")?
}

async fn converse(addr: SocketAddr, asked: &Ask) -> anyhow::Result<Answer> {
    let wire = connect(addr, asked.hello().as_ref()).await?;
    let mut answer = match asked.protocol {
        Protocol::Http2 => http2::exchange(wire.stream, asked.exchange()?).await?,
        Protocol::Http1 => {
            let (read, mut write) = tokio::io::split(wire.stream);
            let bytes = asked.bytes();
            let head_only = bytes.starts_with(b"HEAD ");
            let mut reader = Reader::new(read);
            // A server may refuse before it has read everything.
            let (_, answer) = tokio::join!(write.write_all(&bytes), answers(&mut reader, asked, head_only));
            answer?
        }
    };
    answer.certificate = wire.certificate;
    Ok(answer)
}

async fn answers<S>(reader: &mut Reader<S>, asked: &Ask, head_only: bool) -> anyhow::Result<Answer>
where
    S: tokio::io::AsyncRead + Unpin,
{
    let mut answer = reader.answer(head_only).await?;
    for _ in 1..asked.answers {
        answer = reader.answer(head_only).await?;
    }
    if asked.to_the_end {
        reader.end().await?;
    }
    Ok(answer)
}
