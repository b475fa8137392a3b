//! Requests to providers, as parts of the trace that they are made for.

use std::sync::Arc;

use bytes::Bytes;
use gangplank_oauth::{BoxFuture, Budget, Transport, TransportError};
use http::{Request, Response};

use super::call::{call_provider, called};

/// `inner`, whose requests are parts of the current trace. Where there is none it is `inner` and nothing more.
pub(crate) fn observed(inner: Arc<dyn Transport>) -> Arc<dyn Transport> {
    Arc::new(Observed(inner))
}

struct Observed(Arc<dyn Transport>);

impl Transport for Observed {
    fn send(
        &self,
        mut request: Request<Bytes>,
        budget: Budget,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let span = call_provider(&mut request);
        let sending = self.0.send(request, budget);
        if span.context().is_none() {
            return sending;
        }
        Box::pin(async move {
            let answer = sending.await;
            called(span, answer.as_ref().map_err(why));
            answer
        })
    }
}

fn why(error: &TransportError) -> &'static str {
    match error {
        TransportError::Connect { .. } => "connect",
        TransportError::Tls { .. } => "tls",
        TransportError::Timeout { .. } => "timeout",
        TransportError::TooLarge { .. } => "too-large",
        TransportError::Protocol { .. } => "protocol",
    }
}
