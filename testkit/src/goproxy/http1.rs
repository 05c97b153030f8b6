//! Answers over HTTP/1.1, byte by byte where they are wrong.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::InFlight;
use super::answer::{Answer, Asked, Manner, Site};

/// Longest request head.
const MAX_HEAD: usize = 64 << 10;
/// Between two bytes of what is slow.
const SLOW: Duration = Duration::from_secs(1);

/// A connection that can be reset.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// From now on closing it resets it.
    fn reset_at_end(&self);
}

impl Wire for TcpStream {
    fn reset_at_end(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Wire for TlsStream<TcpStream> {
    fn reset_at_end(&self) {
        self.get_ref().0.reset_at_end();
    }
}

/// Answers until somebody has had enough.
pub(super) async fn serve(mut wire: impl Wire, site: &Site) {
    let mut read = Vec::new();
    while let Some(asked) = next(&mut wire, &mut read).await {
        let counted = InFlight::begin(site);
        let (answer, latency) = site.answer(&asked);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let goes_on = send(&mut wire, &asked, &answer).await;
        drop(counted);
        if !goes_on {
            return;
        }
    }
}

/// The next request.
async fn next(wire: &mut impl Wire, read: &mut Vec<u8>) -> Option<Asked> {
    loop {
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            let head: Vec<u8> = read.drain(..end + 4).collect();
            return asked(&String::from_utf8_lossy(&head));
        }
        if read.len() > MAX_HEAD || !matches!(wire.read_buf(read).await, Ok(1..)) {
            return None;
        }
    }
}

fn asked(head: &str) -> Option<Asked> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let mut asked = Asked { path: path.to_owned(), is_head: method == "HEAD", ..Asked::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.from = from(value.trim()),
            "if-none-match" => asked.if_none_match = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Some(asked)
}

/// `N` of `bytes=N-`.
pub(super) fn from(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Sends an answer; false when the connection is over.
async fn send(wire: &mut impl Wire, asked: &Asked, answer: &Answer) -> bool {
    let half = &answer.body[..answer.body.len() / 2];
    let framing = match answer.manner {
        Manner::ChunkedCut => "Transfer-Encoding: chunked\r\n".to_owned(),
        Manner::NoLength => "Connection: close\r\n".to_owned(),
        _ if answer.status == 304 => String::new(),
        _ => format!("Content-Length: {}\r\n", answer.body.len()),
    };
    let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let status = http::StatusCode::from_u16(answer.status).unwrap();
    let head = format!("HTTP/1.1 {status}\r\n{headers}{framing}\r\n").into_bytes();
    // The other side may have had enough.
    let sent = match answer.manner {
        Manner::Close => Ok(()),
        Manner::Reset => {
            wire.reset_at_end();
            return false;
        }
        Manner::Silence => std::future::pending().await,
        Manner::Whole if asked.is_head => wire.write_all(&head).await,
        Manner::Whole => wire.write_all(&[&head, &answer.body[..]].concat()).await,
        Manner::NoLength => wire.write_all(&[&head, &answer.body[..]].concat()).await,
        Manner::Truncated | Manner::GoAway | Manner::ResetStream => {
            wire.write_all(&[&head, half].concat()).await
        }
        Manner::ChunkedCut => {
            let size = format!("{:x}\r\n", half.len() + 1).into_bytes();
            wire.write_all(&[&head, &size, half].concat()).await
        }
        Manner::SlowHead => slowly(wire, &head).await,
        Manner::SlowBody => match wire.write_all(&head).await {
            Ok(()) => slowly(wire, &answer.body).await,
            failed => failed,
        },
    };
    let goes_on = sent.is_ok() && answer.manner == Manner::Whole;
    if !goes_on {
        let _ = wire.shutdown().await;
    }
    goes_on
}

async fn slowly(wire: &mut impl Wire, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        wire.write_all(&[*byte]).await?;
        wire.flush().await?;
        tokio::time::sleep(SLOW).await;
    }
    Ok(())
}
