//! A request's body, counted as it streams: what goes beyond the limit never becomes a whole request for the upstream.
//!
//! 1. What says beforehand that it is too large is refused before anything is sent.
//! 2. What is encoded would be larger than it looks, and what it says could not be judged: it is refused.
//! 3. What turns out too large on the way breaks off, so that the upstream gets no whole request, and is told so.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use super::McpRefusal;
use crate::Body;
use crate::body::BodyError;

/// The largest body unless configured otherwise: what the MCP SDKs take.
pub(crate) const DEFAULT: u64 = 4 << 20;

/// Whether a body went beyond its limit on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exceeded(Arc<AtomicBool>);

impl Exceeded {
    /// Whether it did.
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body of at most `limit` bytes, and what tells whether it was larger.
pub(crate) fn limited<B>(headers: &HeaderMap, body: B, limit: u64) -> Result<(Body, Exceeded), McpRefusal>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let exceeded = Exceeded::default();
    if body.is_end_stream() {
        return Ok((Body::empty(), exceeded));
    }
    let identity = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(identity) {
        return Err(McpRefusal::BodyEncoded);
    }
    if body.size_hint().lower() > limit {
        return Err(McpRefusal::BodyTooLarge(limit));
    }
    let inner = UnsyncBoxBody::new(body.map_err(Into::into));
    let counted = Counted { inner, left: limit, exceeded: exceeded.clone() };
    Ok((Body::Stream(UnsyncBoxBody::new(counted)), exceeded))
}

struct Counted {
    inner: UnsyncBoxBody<Bytes, BodyError>,
    left: u64,
    exceeded: Exceeded,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)?) else { return Poll::Ready(None) };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(left) = this.left.checked_sub(length) else {
            this.exceeded.0.store(true, Ordering::Relaxed);
            return Poll::Ready(Some(Err("the body is larger than its limit".into())));
        };
        this.left = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::HeaderValue;
    use http_body_util::Full;

    use super::*;

    fn full(length: usize) -> Full<Bytes> {
        Full::from(vec![b'x'; length])
    }

    #[tokio::test]
    async fn what_says_its_size_is_refused_at_once_and_what_does_not_on_the_way() {
        let none = HeaderMap::new();
        for length in [0, 1, 99, 100] {
            let (body, exceeded) = limited(&none, full(length), 100).unwrap();
            assert_eq!(body.collect().await.unwrap().to_bytes().len(), length);
            assert!(!exceeded.happened());
        }
        assert!(matches!(limited(&none, full(101), 100), Err(McpRefusal::BodyTooLarge(100))));

        for (parts, good) in [(vec![50, 50], true), (vec![50, 50, 1], false), (vec![101], false), (vec![0; 5], true)] {
            let (body, exceeded) = limited(&none, Parts(parts.clone().into_iter()), 100).unwrap();
            assert_eq!(body.collect().await.is_ok(), good, "{parts:?}");
            assert_eq!(exceeded.happened(), !good, "{parts:?}");
        }
    }

    struct Parts(std::vec::IntoIter<usize>);

    impl http_body::Body for Parts {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.get_mut().0.next().map(|length| Ok(Frame::data(Bytes::from(vec![0; length])))))
        }
    }

    #[test]
    fn an_encoded_body_is_not_measured_but_refused() {
        for (encoding, good) in
            [("identity", true), ("gzip", false), ("Identity", true), ("", false), ("br, gzip", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            assert_eq!(limited(&headers, full(1), 100).is_ok(), good, "{encoding}");
            assert!(limited(&headers, full(0), 100).is_ok(), "no body, nothing encoded");
        }
    }
}
