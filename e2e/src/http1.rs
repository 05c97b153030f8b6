//! A client for HTTP/1 that sends bytes as they are and shows everything that comes back.

use anyhow::{Context, bail, ensure};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::Answer;

/// Reads answers from a connection, one after the other.
pub(crate) struct Reader<S> {
    stream: S,
    buffer: BytesMut,
}

/// Status and headers.
type Head = (u16, Vec<(String, String)>);

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Reader { stream, buffer: BytesMut::new() }
    }

    /// The next answer with its interim ones. `head_only` when the request was `HEAD`.
    pub(crate) async fn answer(&mut self, head_only: bool) -> anyhow::Result<Answer> {
        let mut answer = Answer { version: "HTTP/1.1", ..Answer::default() };
        loop {
            let (status, headers) = self.head().await?;
            if (100..200).contains(&status) && status != 101 {
                answer.interim.push((status, headers));
                continue;
            }
            (answer.status, answer.headers) = (status, headers);
            break;
        }
        if !head_only && !matches!(answer.status, 101 | 204 | 304) {
            self.body(&mut answer).await.with_context(|| format!("in the body after\n{answer}"))?;
        }
        Ok(answer)
    }

    /// Waits for the end of the connection.
    pub(crate) async fn end(&mut self) -> anyhow::Result<()> {
        // A reset is an end too.
        while self.more().await.unwrap_or(false) {}
        ensure!(self.buffer.is_empty(), "bytes after the answer: {:?}", self.buffer);
        Ok(())
    }

    async fn head(&mut self) -> anyhow::Result<Head> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 128];
            let mut head = httparse::Response::new(&mut headers);
            let parsed =
                head.parse(&self.buffer).with_context(|| format!("not an answer: {:?}", self.buffer))?;
            if let httparse::Status::Complete(length) = parsed {
                let status = head.code.context("no status")?;
                let headers = owned(head.headers);
                self.buffer.advance(length);
                return Ok((status, headers));
            }
            if !self.more().await? {
                bail!("closed without an answer; so far {:?}", self.buffer);
            }
        }
    }

    async fn body(&mut self, answer: &mut Answer) -> anyhow::Result<()> {
        if answer.header("transfer-encoding").any(|value| value.eq_ignore_ascii_case("chunked")) {
            return self.chunks(answer).await;
        }
        let length = answer.header("content-length").next().map(str::parse).transpose()?;
        match length {
            Some(length) => answer.body = self.exactly(length).await?,
            None => {
                while self.more().await? {}
                answer.body = self.buffer.split().to_vec();
            }
        }
        Ok(())
    }

    async fn chunks(&mut self, answer: &mut Answer) -> anyhow::Result<()> {
        loop {
            let line = self.line().await?;
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
            if size == 0 {
                break;
            }
            answer.body.extend(self.exactly(size).await?);
            ensure!(self.line().await?.is_empty(), "no line end after a chunk");
        }
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { return Ok(()) };
            answer.trailers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|end| end == b"\r\n") {
                let line = self.buffer.split_to(at);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            ensure!(self.more().await?, "closed in a line");
        }
    }

    async fn exactly(&mut self, size: usize) -> anyhow::Result<Vec<u8>> {
        while self.buffer.len() < size {
            ensure!(self.more().await?, "closed after {} of {size} bytes", self.buffer.len());
        }
        Ok(self.buffer.split_to(size).to_vec())
    }

    async fn more(&mut self) -> anyhow::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> anyhow::Result<Answer> {
        Reader::new(bytes).answer(false).await
    }

    #[tokio::test]
    async fn answers_are_read_with_everything() {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n";
        let answer = read(bytes).await.unwrap();
        assert_eq!((answer.status, answer.text().as_str(), answer.interim.len()), (200, "ab", 1));
        assert_eq!(answer.trailers, [("X-T".to_owned(), "1".to_owned())]);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nrest").await.unwrap().text(), "rest");
        assert!(read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrest").await.is_err());
        assert!(read(b"").await.is_err());
    }
}
