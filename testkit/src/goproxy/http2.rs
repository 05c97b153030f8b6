//! Answers over HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Method, Request, Response, header};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use super::InFlight;
use super::answer::{Answer, Asked, Manner, Site};
use super::http1::from;

/// Between two bytes of what is slow.
const SLOW: Duration = Duration::from_secs(1);
/// Between the last bytes of a stream that breaks off and its end.
const LINGER: Duration = Duration::from_millis(20);

/// Answers until somebody has had enough.
pub(super) async fn serve(stream: TlsStream<TcpStream>, site: Arc<Site>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let (leave, mut leaving) = mpsc::unbounded_channel();
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                answers.spawn(answer(request, respond, Arc::clone(&site), leave.clone()));
            }
            Some(()) = leaving.recv() => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            Some(_) = answers.join_next() => {}
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    site: Arc<Site>,
    leave: mpsc::UnboundedSender<()>,
) {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let asked = Asked {
        path: request.uri().path().to_owned(),
        is_head: request.method() == Method::HEAD,
        from: text(header::RANGE).and_then(from),
        if_none_match: text(header::IF_NONE_MATCH).map(str::to_owned),
    };
    let _counted = InFlight::begin(&site);
    let (answer, latency) = site.answer(&asked);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    // An error is the other side's end.
    let _ = send(respond, &asked, answer, &leave).await;
}

async fn send(
    mut respond: SendResponse<Bytes>,
    asked: &Asked,
    answer: Answer,
    leave: &mpsc::UnboundedSender<()>,
) -> Result<(), h2::Error> {
    let half = answer.body.slice(..answer.body.len() / 2);
    match answer.manner {
        Manner::Close | Manner::Reset => {
            respond.send_reset(Reason::REFUSED_STREAM);
            return Ok(());
        }
        Manner::Silence | Manner::SlowHead => std::future::pending().await,
        _ => {}
    }
    let mut head = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        head = head.header(*name, value);
    }
    if !matches!(answer.manner, Manner::ChunkedCut | Manner::NoLength) && answer.status != 304 {
        head = head.header(header::CONTENT_LENGTH, answer.body.len());
    }
    let is_whole = matches!(answer.manner, Manner::Whole | Manner::NoLength);
    let is_empty = is_whole && (asked.is_head || answer.body.is_empty());
    let mut stream = respond.send_response(head.body(()).unwrap(), is_empty)?;
    match answer.manner {
        _ if is_empty => {}
        Manner::Whole | Manner::NoLength => stream.send_data(answer.body, true)?,
        Manner::SlowBody => {
            for at in 0..answer.body.len() {
                stream.send_data(answer.body.slice(at..=at), false)?;
                tokio::time::sleep(SLOW).await;
            }
        }
        manner => {
            stream.send_data(half, false)?;
            // So that head and first bytes leave before the end comes.
            tokio::time::sleep(LINGER).await;
            if manner == Manner::GoAway {
                let _ = leave.send(());
            } else {
                stream.send_reset(Reason::INTERNAL_ERROR);
            }
        }
    }
    Ok(())
}
