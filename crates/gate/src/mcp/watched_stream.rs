//! The body of a GET's event stream, on which an upstream could tell an endpoint ([`endpoint_event`](super::endpoint_event)).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;

use super::McpRefusal;
use super::endpoint_event::{Endpoints, Watched};
use super::session::{Sessions, Whose};
use crate::Body;
use crate::body::BodyError;
use crate::decision::Decision;

/// What makes the URLs of one stream.
pub(super) struct Told {
    /// `None` if there are to be none.
    pub(super) sessions: Option<Arc<Sessions>>,
    /// Whose stream it is.
    pub(super) decision: Arc<Decision>,
    /// The path of its request.
    pub(super) at: String,
    /// Who sends it.
    pub(super) upstream: String,
}

impl Endpoints for Told {
    fn of(&self, told: &str) -> Result<String, McpRefusal> {
        let caller = self.decision.caller();
        let whose = Whose::of(caller.identity(), caller.method());
        self.sessions.as_ref().and_then(|sessions| sessions.endpoint(told, &self.at, &whose)).ok_or_else(|| self.none())
    }

    fn none(&self) -> McpRefusal {
        McpRefusal::LegacyTransport(self.upstream.clone())
    }
}

/// Whether an answer is an event stream that can be read as it comes.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/event-stream")
}

/// The answer with its stream watched.
pub(super) fn watch(answer: Response<Body>, told: Told) -> Result<Response<Body>, McpRefusal> {
    let (mut head, body) = answer.into_parts();
    let identity = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !head.headers.get_all(CONTENT_ENCODING).iter().all(identity) {
        return Err(McpRefusal::EventsEncoded(told.upstream));
    }
    // What is rewritten has another length.
    head.headers.remove(CONTENT_LENGTH);
    let stream = WatchedStream { inner: body, watched: Watched::new(told), ended: false };
    Ok(Response::from_parts(head, Body::Stream(UnsyncBoxBody::new(stream))))
}

struct WatchedStream {
    inner: Body,
    watched: Watched<Told>,
    ended: bool,
}

impl http_body::Body for WatchedStream {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        while !this.ended {
            let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)?) else {
                this.ended = true;
                let rest = this.watched.rest();
                return Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))));
            };
            let Ok(data) = frame.into_data() else { continue };
            match this.watched.pass(data) {
                Ok(passed) if passed.is_empty() => {}
                Ok(passed) => return Poll::Ready(Some(Ok(Frame::data(passed)))),
                Err(refusal) => {
                    this.ended = true;
                    let reason = refusal.reason();
                    tracing::warn!(reason = reason.name, detail = %refusal, remedy = reason.remedy, "{}", reason.summary);
                    return Poll::Ready(Some(Err(refusal.into())));
                }
            }
        }
        Poll::Ready(None)
    }
}
