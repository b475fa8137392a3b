//! The body of an event stream, tools taken out of it as it comes. When it cannot be read any further it breaks off, and
//! the log says why: the head of the answer is long gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;

use super::cut::Shows;
use super::events::Events;
use crate::Body;
use crate::body::BodyError;
use crate::mcp::ToolRefusal;

/// See the module.
pub(super) struct Cutting<S> {
    inner: Body,
    events: Events<S>,
    over: bool,
    /// What comes after the last part: trailers.
    last: Option<Frame<Bytes>>,
}

impl<S: Shows + Send + Unpin + 'static> Cutting<S> {
    /// `inner`, with what is shown.
    pub(super) fn body(inner: Body, shown: S) -> Body {
        Body::Stream(UnsyncBoxBody::new(Cutting { inner, events: Events::new(shown), over: false, last: None }))
    }

    /// The next part of the stream, or its end.
    fn part(&mut self, part: Option<Frame<Bytes>>) -> Result<Option<Frame<Bytes>>, ToolRefusal> {
        let mut out = Vec::new();
        match part.map(Frame::into_data) {
            Some(Ok(octets)) => self.events.feed(&octets, &mut out)?,
            Some(Err(trailers)) => {
                self.over = true;
                self.last = Some(trailers);
                self.events.finish(&mut out)?;
            }
            None => {
                self.over = true;
                self.events.finish(&mut out)?;
            }
        }
        Ok(if out.is_empty() { self.last.take() } else { Some(Frame::data(out.into())) })
    }
}

impl<S: Shows + Send + Unpin + 'static> http_body::Body for Cutting<S> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            if this.over {
                return Poll::Ready(this.last.take().map(Ok));
            }
            let part = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Err(error)) => {
                    this.over = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Ok(frame)) => Some(frame),
                None => None,
            };
            match this.part(part) {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) => {}
                Err(refusal) => {
                    this.over = true;
                    let reason = refusal.reason();
                    tracing::warn!(reason = reason.name, detail = %refusal, remedy = reason.remedy, "{}", reason.summary);
                    return Poll::Ready(Some(Err(Box::new(refusal))));
                }
            }
        }
    }
}
