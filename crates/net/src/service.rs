//! The handler as hyper wants to see it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;

use crate::head_clock::HeadClock;
use crate::server::Peer;

/// One connection's handler.
pub(crate) struct Service<H> {
    pub(crate) handler: H,
    pub(crate) peer: Peer,
    pub(crate) clock: HeadClock,
}

impl<H, F, B> hyper::service::Service<Request<Incoming>> for Service<H>
where
    H: Fn(Request<Incoming>, Peer) -> F,
    F: Future<Output = Response<B>>,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Answer<F>;

    fn call(&self, request: Request<Incoming>) -> Answer<F> {
        self.clock.busy();
        Answer { future: (self.handler)(request, self.peer.clone()) }
    }
}

pin_project_lite::pin_project! {
    /// The handler's future, told never to fail. Not an `async` block: that would hold the future twice.
    pub(crate) struct Answer<F> {
        #[pin]
        future: F,
    }
}

impl<F, B> Future for Answer<F>
where
    F: Future<Output = Response<B>>,
{
    type Output = Result<Response<B>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map(Ok)
    }
}
