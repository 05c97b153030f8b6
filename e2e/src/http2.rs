//! A client for one HTTP/2 exchange.

use std::future::poll_fn;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, Request};

use crate::Answer;
use crate::wire::Pipe;

/// What is sent.
pub(crate) struct Exchange {
    pub(crate) head: Request<()>,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// Sends one request on a new connection and reads the answer whole.
pub(crate) async fn exchange(stream: impl Pipe + 'static, asked: Exchange) -> anyhow::Result<Answer> {
    let (sender, connection) = h2::client::handshake(stream).await.context("no HTTP/2 connection")?;
    let conversation = Box::pin(converse(sender, asked));
    let connection = Box::pin(connection);
    match futures_util::future::select(conversation, connection).await {
        futures_util::future::Either::Left((answer, _)) => answer,
        futures_util::future::Either::Right((end, conversation)) => {
            end.context("the HTTP/2 connection broke")?;
            conversation.await
        }
    }
}

async fn converse(sender: h2::client::SendRequest<Bytes>, asked: Exchange) -> anyhow::Result<Answer> {
    let mut sender = sender.ready().await?;
    let plain = asked.body.is_empty() && asked.trailers.is_empty();
    let (mut response, mut body) = sender.send_request(asked.head, plain)?;
    if !plain {
        let last = asked.trailers.is_empty();
        body.send_data(asked.body, last)?;
        if !last {
            body.send_trailers(asked.trailers)?;
        }
    }
    let mut answer = Answer { version: "HTTP/2", ..Answer::default() };
    while let Some(interim) = poll_fn(|context| response.poll_informational(context)).await {
        let interim = interim?;
        answer.interim.push((interim.status().as_u16(), owned(interim.headers())));
    }
    let response = response.await?;
    answer.status = response.status().as_u16();
    answer.headers = owned(response.headers());
    let mut incoming = response.into_body();
    while let Some(piece) = incoming.data().await {
        let piece = piece?;
        incoming.flow_control().release_capacity(piece.len())?;
        answer.body.extend_from_slice(&piece);
    }
    if let Some(trailers) = incoming.trailers().await? {
        answer.trailers = owned(&trailers);
    }
    Ok(answer)
}

fn owned(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
