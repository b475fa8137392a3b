//! Streams that know when to end: with the session or token that opened them, and, on the way up, how long ago
//! anything came. What a client sends after a body is judged as what it sends before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use gangplank_oauth::Clock;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::body::BodyError;
use crate::headers;
use crate::session::Life;

/// An answer's body, broken off when its caller's session or token ends. Broken off and not ended: a half file must
/// not look like a whole one.
pub(super) struct Mortal {
    inner: Incoming,
    life: Arc<Life>,
    clock: Arc<dyn Clock>,
    /// Made when the body first has to be waited for: most answers are there at once.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Mortal {
    /// `inner`, for as long as `life` lasts.
    pub(super) fn new(inner: Incoming, life: Arc<Life>, clock: Arc<dyn Clock>) -> Self {
        Mortal { inner, life, clock, end: None }
    }
}

impl Body for Mortal {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            // A stream that never pauses must end, too.
            let over = frame.is_some() && this.life.is_ended(this.clock.now());
            return Poll::Ready(if over { Some(Err(ended())) } else { frame.map(|f| f.map_err(Into::into)) });
        }
        let end = this.end.get_or_insert_with(|| {
            let (life, clock) = (this.life.clone(), this.clock.clone());
            Box::pin(async move { life.until_end(&*clock).await })
        });
        ready!(end.as_mut().poll(cx));
        Poll::Ready(Some(Err(ended())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn ended() -> BodyError {
    "the caller's session or token ended".into()
}

/// When something of a request's body last arrived.
#[derive(Debug)]
pub(super) struct Progress {
    start: Instant,
    millis: AtomicU64,
}

impl Progress {
    /// Just now.
    pub(super) fn new() -> Self {
        Progress { start: Instant::now(), millis: AtomicU64::new(0) }
    }

    /// When.
    pub(super) fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn now(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }
}

/// A request's body, whose progress is noted.
pub(super) struct Upload<B> {
    inner: Pin<Box<B>>,
    progress: Arc<Progress>,
}

impl<B> Upload<B> {
    /// `inner`, noted in `progress`.
    pub(super) fn new(inner: Pin<Box<B>>, progress: Arc<Progress>) -> Self {
        Upload { inner, progress }
    }
}

impl<B: Body<Data = Bytes, Error = BodyError>> Body for Upload<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let mut frame = ready!(this.inner.as_mut().poll_frame(cx));
        this.progress.now();
        if let Some(trailers) = frame.as_mut().and_then(|f| f.as_mut().ok()).and_then(Frame::trailers_mut) {
            headers::clean_trailers(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
