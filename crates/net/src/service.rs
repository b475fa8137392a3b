//! The handler as hyper wants to see it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;

use crate::server::Peer;

/// One connection's handler.
pub(crate) struct Service<H> {
    handler: H,
    peer: Peer,
    asked: Asked,
}

/// Whether a connection has brought a request yet.
#[derive(Clone)]
pub(crate) struct Asked(Arc<AtomicBool>);

impl<H> Service<H> {
    pub(crate) fn new(handler: H, peer: Peer) -> Self {
        Service { handler, peer, asked: Asked(Arc::new(AtomicBool::new(false))) }
    }

    pub(crate) fn asked(&self) -> Asked {
        self.asked.clone()
    }
}

impl Asked {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
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
        self.asked.0.store(true, Ordering::Relaxed);
        Answer { future: (self.handler)(request, self.peer) }
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
