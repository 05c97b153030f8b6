//! Reading an object piece by piece, held to the version that was opened.

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetResult, ObjectStore};

use super::{collect, failed};
use crate::blob::{Remote, RemoteChunks};
use crate::{BoxFuture, StoreError};

/// An object as it was when it was opened.
pub(super) struct Object {
    pub(super) store: Arc<AmazonS3>,
    pub(super) path: Path,
    pub(super) e_tag: Option<String>,
}

type Answer = Result<GetResult, Error>;

impl Object {
    fn ask(&self, range: Range<u64>) -> BoxFuture<'static, Answer> {
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let options =
            GetOptions { if_match: self.e_tag.clone(), range: Some(range.into()), ..GetOptions::default() };
        Box::pin(async move { store.get_opts(&path, options).await })
    }
}

impl Remote for Object {
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        Box::pin(async move {
            let wanted = range.end - range.start;
            let got = self.ask(range).await.map_err(|error| failed(&error))?;
            collect(got, wanted).await
        })
    }

    fn stream(&self, range: Range<u64>) -> Box<dyn RemoteChunks> {
        let left = range.end - range.start;
        Box::new(Streaming { left, state: State::Asking(self.ask(range)) })
    }
}

struct Streaming {
    /// Bytes still to come.
    left: u64,
    state: State,
}

enum State {
    Asking(BoxFuture<'static, Answer>),
    Reading(BoxStream<'static, Result<Bytes, Error>>),
}

impl RemoteChunks for Streaming {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StoreError>>> {
        loop {
            let body = match &mut self.state {
                State::Reading(body) => body,
                State::Asking(asking) => match ready!(asking.as_mut().poll(cx)) {
                    Ok(got) => {
                        self.state = State::Reading(got.into_stream());
                        continue;
                    }
                    Err(error) => return Poll::Ready(Some(Err(failed(&error)))),
                },
            };
            return Poll::Ready(match ready!(body.poll_next_unpin(cx)) {
                None if self.left > 0 => Some(Err(StoreError::Corrupt("the object store sent too little"))),
                None => None,
                Some(Err(error)) => Some(Err(failed(&error))),
                Some(Ok(bytes)) if bytes.is_empty() => continue,
                Some(Ok(bytes)) => match self.left.checked_sub(bytes.len() as u64) {
                    None => Some(Err(StoreError::Corrupt("the object store sent too much"))),
                    Some(left) => {
                        self.left = left;
                        Some(Ok(bytes))
                    }
                },
            });
        }
    }
}
