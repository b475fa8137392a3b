//! The only sockets: the HTTP client, TLS, listeners and their drain, file watching, the clock.
//!
//! Everything that decides takes its requests through [`Transport`](gangplank_oauth::Transport) and its time as an
//! argument; here is where both come from.
//!
//! | outward | inward |
//! |---|---|
//! | [`HttpClient`]: one exchange within a budget, for providers | [`bind`], [`serve`]: accept, bound, drain |
//! | [`UpstreamClient`]: streams both ways, for the reverse proxy | [`ReloadingTls`]: a certificate that can be exchanged |
//! | [`Roots`]: whom we trust | [`Shutdown`]: the word that ends it all |
//!
//! [`watch_files`] tells when certificates or configuration changed on disk.

mod ask_for_certificate;
mod bind;
mod client_authority;
mod client_certificate;
mod clock;
mod descriptors;
mod dial;
mod head_clock;
mod http_client;
mod reach;
mod roots;
mod server;
mod service;
mod shutdown;
mod socket;
mod tls;
mod upstream;
mod watch;

pub use bind::{BindError, bind};
pub use client_certificate::{ClientCertificate, ClientCertificateError};
pub use clock::SystemClock;
pub use descriptors::raise_descriptor_limit;
pub use http_client::HttpClient;
pub use roots::{Roots, RootsError};
pub use server::{DrainReport, Peer, ServerLimits, serve};
pub use shutdown::Shutdown;
pub use tls::{ReloadingTls, TlsError};
pub use upstream::{UpstreamClient, UpstreamError, UpstreamSettings};
pub use watch::{FileWatch, watch_files};
