//! What this crate needs from the world: somebody who carries requests, and the time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Request, Response};

/// A future behind a pointer, so that the ports can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What one exchange may cost. Both bounds hold whatever the other side does.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// From the first byte sent to the last byte received, connecting included.
    pub time: Duration,
    /// The largest response body that is read, in bytes.
    pub body: usize,
}

impl Budget {
    /// For metadata, key sets and token exchanges: ten seconds and one mebibyte.
    pub const DEFAULT: Budget = Budget { time: Duration::from_secs(10), body: 1 << 20 };
}

/// Carries one request to a provider. Implementations never follow redirects and never retry.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` (an absolute `http` or `https` URI) and reads the whole answer within `budget`.
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// Why there is no answer at all. `host` is the authority that was asked; no variant holds a path, query or body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection: refused, unreachable, name not found.
    #[error("cannot connect to {host}: {cause}")]
    Connect {
        /// Who was asked.
        host: String,
        /// What the system said.
        cause: String,
    },
    /// The peer's certificate was not accepted, or the handshake failed.
    #[error("TLS with {host} failed: {cause}")]
    Tls {
        /// Who was asked.
        host: String,
        /// What the TLS library said.
        cause: String,
    },
    /// The time budget ran out.
    #[error("no complete answer from {host} within {after:?}")]
    Timeout {
        /// Who was asked.
        host: String,
        /// The budget.
        after: Duration,
    },
    /// The answer was larger than the budget.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Who was asked.
        host: String,
        /// The budget.
        limit: usize,
    },
    /// The connection broke or did not speak HTTP.
    #[error("{host} broke off: {cause}")]
    Protocol {
        /// Who was asked.
        host: String,
        /// What the HTTP library said.
        cause: String,
    },
}

/// The wall clock, read at the edge and passed inward as a value.
pub trait Clock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> UnixTime;

    /// The present in nanoseconds since 1970, as finely as it is known: for traces, which decide nothing.
    fn nanos(&self) -> u64 {
        self.now().as_secs().saturating_mul(1_000_000_000)
    }
}
