//! Sending a response.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body as HttpBody, Frame};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Connection;
use crate::h1::codec::{BodyPlan, ResponseFacts, encode_last_chunk, encode_response};
use crate::h1::spare;
use crate::h1::tunnel::{Way, poll_join};
use crate::h1::wire::Output;
use crate::{Body, Done, Error, Response, Sent, Tunnel};

/// A response body on its way out.
struct Sending {
    body: Body,
    plan: BodyPlan,
    /// Bytes still due when the length was declared.
    left: u64,
    sent: u64,
    /// More of the body may come.
    open: bool,
    failed: bool,
}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<'_, IO> {
    /// Sends a response to its end; false when the connection has ended with it.
    pub(super) async fn send(&mut self, response: Response, facts: ResponseFacts) -> bool {
        let Response { status, headers, body, tunnel, done, .. } = response;
        let may_switch = !facts.http10 && self.shared.0.lock().decoder.is_done();
        if let Some(tunnel) = tunnel
            && status == StatusCode::SWITCHING_PROTOCOLS
            && may_switch
        {
            return Box::pin(self.tunnel(&headers, tunnel, done)).await;
        }
        let (mut sending, keep_alive) = self.start(status, headers, body, facts);
        poll_fn(|cx| self.poll_send(&mut sending, cx)).await;
        let Sending { sent, failed, .. } = sending;
        if let Some(done) = done {
            let request_bytes = self.shared.0.lock().request_bytes;
            done.finish(Sent { body_bytes: sent, request_bytes, complete: !failed });
        }
        if failed {
            return false;
        }
        if keep_alive && self.finish_request().await {
            return true;
        }
        // Where the client may have sent more, closing at once could cost it our answer.
        if facts.keep_alive || !self.shared.0.lock().decoder.is_done() {
            Box::pin(self.linger()).await;
        } else {
            Box::pin(self.close()).await;
        }
        false
    }

    /// Writes the head. An interim status that cannot be final here becomes an error of ours.
    fn start(
        &mut self,
        status: StatusCode,
        headers: HeaderMap,
        body: Body,
        facts: ResponseFacts,
    ) -> (Sending, bool) {
        let (status, headers, body) = if status.is_informational() {
            (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), Body::Empty)
        } else {
            (status, headers, body)
        };
        let may_continue = self.may_continue();
        let mut state = self.shared.0.lock();
        // A client that still waits for `100 Continue` may or may not send its body: the next bytes could be either.
        let undecided = state.expects_continue && !state.decoder.is_done();
        let may_continue = may_continue && !undecided && state.fault.is_none();
        let facts = ResponseFacts { keep_alive: facts.keep_alive && may_continue, ..facts };
        state.answered = true;
        let out = state.wire.output.buffer();
        let (plan, keep_alive) = encode_response(out, status, &headers, body.exact_len(), facts);
        spare::give(headers);
        let left = if let BodyPlan::Length(length) = plan { length } else { 0 };
        (Sending { body, plan, left, sent: 0, open: plan != BodyPlan::None, failed: false }, keep_alive)
    }

    fn poll_send(&mut self, sending: &mut Sending, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.shared.0.lock().wire.poll_turn(cx));
        loop {
            let waits = self.pull(sending, cx);
            match self.shared.0.lock().wire.poll_flush(cx) {
                Poll::Ready(Ok(())) if !sending.open => return Poll::Ready(()),
                Poll::Ready(Ok(())) if waits => break,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    sending.failed = true;
                    return Poll::Ready(());
                }
                Poll::Pending => break,
            }
        }
        self.poll_watch(cx).map(|()| sending.failed = true)
    }

    /// Takes frames while there is room; true when the body has none at the moment.
    fn pull(&mut self, sending: &mut Sending, cx: &mut Context<'_>) -> bool {
        let mut room = sending.open && self.shared.0.lock().wire.output.has_room();
        while room && sending.open {
            // The body may be the request's own, which takes the lock.
            let Poll::Ready(frame) = Pin::new(&mut sending.body).poll_frame(cx) else {
                return true;
            };
            let mut state = self.shared.0.lock();
            sending.add(frame, &mut state.wire.output);
            room = state.wire.output.has_room();
        }
        false
    }

    /// Joins the client to the far side of an upgrade. The connection always ends with it.
    async fn tunnel(&mut self, headers: &HeaderMap, mut far: Box<dyn Tunnel>, done: Option<Done>) -> bool {
        let facts = ResponseFacts { http10: false, to_head: false, keep_alive: false };
        self.clock.read_by = None;
        self.clock.write_by = None;
        let (mut out, mut back) = {
            let mut state = self.shared.0.lock();
            state.answered = true;
            encode_response(
                state.wire.output.buffer(),
                StatusCode::SWITCHING_PROTOCOLS,
                headers,
                None,
                facts,
            );
            (Way::new(std::mem::take(&mut state.wire.input)), Way::default())
        };
        let flushed = poll_fn(|cx| self.shared.0.lock().wire.poll_flush(cx)).await;
        let joined = match flushed {
            Ok(()) => {
                poll_fn(|cx| {
                    let mut state = self.shared.0.lock();
                    poll_join(&mut state.wire.io, &mut *far, &mut out, &mut back, cx)
                })
                .await
            }
            Err(error) => Err(error),
        };
        if let Some(done) = done {
            done.finish(Sent { body_bytes: back.count, request_bytes: out.count, complete: joined.is_ok() });
        }
        false
    }
}

impl Sending {
    /// Adds a frame, or the end, to the output.
    fn add(&mut self, frame: Option<Result<Frame<Bytes>, Error>>, output: &mut Output) {
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(data))) => self.add_data(data, output),
            Some(Ok(Err(frame))) => self.end(frame.into_trailers().ok().as_ref(), output),
            None => self.end(None, output),
            Some(Err(_)) => self.fail(),
        }
    }

    fn add_data(&mut self, mut data: Bytes, output: &mut Output) {
        if self.plan == BodyPlan::Chunked {
            if !data.is_empty() {
                self.sent += data.len() as u64;
                output.push_chunk(data);
            }
            return;
        }
        if matches!(self.plan, BodyPlan::Length(_)) {
            if data.len() as u64 > self.left {
                data.truncate(self.left as usize);
                self.fail();
            }
            self.left -= data.len() as u64;
        }
        self.sent += data.len() as u64;
        output.push(data);
    }

    fn end(&mut self, trailers: Option<&HeaderMap>, output: &mut Output) {
        self.open = false;
        match self.plan {
            BodyPlan::Chunked => encode_last_chunk(output.buffer(), trailers),
            BodyPlan::Length(_) => self.failed |= self.left > 0,
            BodyPlan::None | BodyPlan::UntilClose => {}
        }
    }

    /// Nothing more is sent: the client learns from the missing rest that the body is not complete.
    fn fail(&mut self) {
        self.open = false;
        self.failed = true;
    }
}
