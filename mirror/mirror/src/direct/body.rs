//! The body of a zip that is in a file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use fairlead_http::{Error, Fault};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::archive::Zip;

/// Bytes that are read at once.
const CHUNK: u64 = 256 << 10;

/// Reads a file from its start, one chunk at a time.
pub(super) struct FileBody {
    file: Arc<File>,
    at: u64,
    len: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    pub(super) fn new(zip: Zip) -> Self {
        FileBody { file: Arc::new(zip.file), at: 0, len: zip.len, reading: None }
    }
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let (at, count) = (self.at, CHUNK.min(self.len - self.at));
        if count == 0 {
            return Poll::Ready(None);
        }
        let file = Arc::clone(&self.file);
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || {
                let mut chunk = vec![0; usize::try_from(count).unwrap_or_default()];
                file.read_exact_at(&mut chunk, at).map(|()| Bytes::from(chunk))
            })
        });
        let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).flatten();
        self.reading = None;
        self.at += count;
        Poll::Ready(Some(
            read.map(Frame::data)
                .map_err(|error| Error::new(Fault::Internal, format!("read a zip: {error}"))),
        ))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.len
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len - self.at)
    }
}
