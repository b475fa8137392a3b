//! Every OAuth 2.0 and OpenID Connect exchange that Gangplank makes, as a pure request/response pair, plus a thin
//! driver over a [`Transport`].
//!
//! The pure half builds an [`http::Request`] and reads an [`http::Response`]; it is tested without a socket. The
//! driver ([`Provider`]) owns what has to be remembered between exchanges: the provider's metadata.

pub mod config;
mod ports;

pub use ports::{BoxFuture, Budget, Clock, Transport, TransportError};
