//! The one response body type: nothing, bytes, or a stream from an upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

/// What went wrong in the middle of a body. The connection is then broken off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A response body. Our own answers are one chunk; only what an upstream sends is a stream.
#[derive(Debug)]
pub enum Body {
    /// Our own answer, `None` once it has been given out.
    Full(Option<Bytes>),
    /// Somebody else's, passed on as it comes.
    Stream(UnsyncBoxBody<Bytes, BodyError>),
}

impl Body {
    /// No body at all.
    pub const fn empty() -> Self {
        Body::Full(None)
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        Body::Full((!bytes.is_empty()).then_some(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Body::Full(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Body::Stream(stream) => Pin::new(stream).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Full(bytes) => bytes.is_none(),
            Body::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Body::Stream(stream) => stream.size_hint(),
        }
    }
}
