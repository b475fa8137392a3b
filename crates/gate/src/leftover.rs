//! What is left of a request's body when it is answered: read to its end, within bounds, so that the connection stays of use.
//!
//! 1. Many a client sends a head and its body apart, the first request of an MCP client among them, which gets a 401. Were the
//!    body just dropped, the connection would end, and with it what the client sends next on it.
//! 2. Up to 64 KiB and for 5 s. What is larger or slower ends the connection.
//! 3. Who asks first whether to send a body (`Expect`) is not made to.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::header::{EXPECT, HeaderMap};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::time::timeout;

const MOST: u64 = 64 << 10;
const LONGEST: Duration = Duration::from_secs(5);

/// A body whose rest is read when it is dropped.
pub(crate) struct Leftover<B: Body<Data = Bytes> + Send + 'static> {
    /// None once it has ended.
    body: Option<Pin<Box<B>>>,
    /// Whether rule 3 holds.
    awaited: bool,
}

impl<B: Body<Data = Bytes> + Send + 'static> Leftover<B> {
    /// The body of a request with these headers.
    pub(crate) fn of(body: B, headers: &HeaderMap) -> Self {
        let body = (!body.is_end_stream()).then(|| Box::pin(body));
        Leftover { body, awaited: headers.contains_key(EXPECT) }
    }
}

impl<B: Body<Data = Bytes> + Send + 'static> Body for Leftover<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(body.as_mut().poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), |body| body.size_hint())
    }
}

impl<B: Body<Data = Bytes> + Send + 'static> Drop for Leftover<B> {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !self.awaited && !body.is_end_stream());
        let (Some(rest), Ok(runtime)) = (rest.filter(|rest| rest.size_hint().lower() <= MOST), Handle::try_current())
        else {
            return;
        };
        runtime.spawn(timeout(LONGEST, finish(rest)));
    }
}

async fn finish<B: Body<Data = Bytes>>(mut rest: Pin<Box<B>>) {
    let mut read = 0;
    while let Some(Ok(frame)) = rest.frame().await {
        read += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        if read > MOST {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;

    /// So many pieces of this size, each told when it is read; or nothing, for ever.
    struct Pieces {
        left: Option<usize>,
        size: usize,
        tell: UnboundedSender<()>,
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let Some(left) = self.left else { return Poll::Pending };
            self.left = Some(left.saturating_sub(1));
            let piece = (left > 0).then(|| Ok(Frame::data(Bytes::from(vec![0; self.size]))));
            if piece.is_some() {
                self.tell.send(()).expect("the test listens");
            }
            Poll::Ready(piece)
        }
    }

    /// How many pieces were read until the body was let go of, when this many were read by whom it was for.
    async fn read_of(left: Option<usize>, size: usize, headers: &HeaderMap, before: usize) -> usize {
        let (tell, mut told) = unbounded_channel();
        let mut body = Leftover::of(Pieces { left, size, tell }, headers);
        for _ in 0..before {
            body.frame().await;
        }
        drop(body);
        let mut read = 0;
        while told.recv().await.is_some() {
            read += 1;
        }
        read
    }

    #[tokio::test]
    async fn what_is_left_is_read_within_bounds() {
        let none = HeaderMap::new();
        for (pieces, size, before, read) in [(3, 10, 0, 3), (3, 10, 2, 3), (3, 10, 4, 3), (100, 16 << 10, 0, 5)] {
            assert_eq!(read_of(Some(pieces), size, &none, before).await, read, "{pieces} of {size}, {before} before");
        }
        let asks = HeaderMap::from_iter([(EXPECT, http::HeaderValue::from_static("100-continue"))]);
        assert_eq!(read_of(Some(3), 10, &asks, 0).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_longer_than_five_seconds() {
        let began = tokio::time::Instant::now();
        assert_eq!(read_of(None, 0, &HeaderMap::new(), 0).await, 0);
        assert!(began.elapsed() >= LONGEST && began.elapsed() < LONGEST * 2, "{:?}", began.elapsed());
    }
}
