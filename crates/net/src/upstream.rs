//! The client below the reverse proxy: streams both ways, keeps connections, lets upgrades through.
//!
//! 1. `http://` is HTTP/1.1, `https://` is what ALPN settles, `h2c://` is HTTP/2 without TLS, known beforehand.
//! 2. A request that asks for an upgrade goes over HTTP/1.1: HTTP/2 has no `Upgrade`.
//!    [`hyper::upgrade::on`] the response gives the tunnel after a 101. A request over `https://` whose `Host` is not
//!    the upstream's own goes over HTTP/1.1, too: HTTP/2 has one place for both.
//! 3. Nothing is buffered and nothing that the upstream may have seen is sent again.
//! 4. Headers are the caller's business. Only a missing `Host` is set, from the URI.
//! 5. Only connecting is timed here: how long an answer may take depends on the route.
//! 6. An upstream may be shown a certificate of ours, and expected under another name than its host's. Without `http2`,
//!    `https://` is HTTP/1.1 always: over HTTP/2 all callers share one connection, and one of them that does not read what
//!    it asked for holds up the others.

use std::time::Duration;

use http::header::{HOST, UPGRADE};
use http::uri::Scheme;
use http::{Request, Response, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::client_certificate::ClientCertificate;
use crate::dial::{DialError, Dialer, Offer, dial_error, expected_name, innermost};
use crate::roots::{Roots, RootsError};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How connections to upstreams are made and kept.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// Name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub idle_timeout: Duration,
    /// How many unused connections are kept per upstream.
    pub idle_per_host: usize,
    /// Whether HTTP/2 is offered over TLS.
    pub http2: bool,
}

impl Default for UpstreamSettings {
    /// 5 s to connect: an upstream is near. 90 s idle. 128 idle connections: a burst's connections are worth keeping,
    /// and each costs some kilobytes. HTTP/2 where the upstream has it.
    fn default() -> Self {
        UpstreamSettings {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(90),
            idle_per_host: 128,
            http2: true,
        }
    }
}

/// Why there is no answer from the upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No connection: refused, unreachable, name not found.
    #[error("cannot connect: {cause}")]
    Connect {
        /// What the system said.
        cause: String,
    },
    /// The upstream's certificate was not accepted, or the handshake failed.
    #[error("TLS failed: {cause}")]
    Tls {
        /// What the TLS library said.
        cause: String,
    },
    /// No connection in time.
    #[error("not connected within {after:?}")]
    ConnectTimeout {
        /// The limit.
        after: Duration,
    },
    /// The request's own body failed: the client went away while sending it.
    #[error("the request's body broke off: {cause}")]
    RequestBody {
        /// What the body said.
        cause: String,
    },
    /// The connection broke before an answer, or what came is not HTTP.
    #[error("the upstream broke off: {cause}")]
    Broken {
        /// What the HTTP library said.
        cause: String,
    },
    /// The URI is not one that can be asked.
    #[error("not an upstream's URI: {cause}")]
    Uri {
        /// What is wrong with it.
        cause: String,
    },
}

/// Carries requests with bodies of type `B` to upstreams. Cheap to clone, the connections are shared.
#[derive(Debug)]
pub struct UpstreamClient<B> {
    negotiated: Client<Dialer, B>,
    http1: Client<Dialer, B>,
    http2: Client<Dialer, B>,
}

impl<B> Clone for UpstreamClient<B> {
    fn clone(&self) -> Self {
        UpstreamClient { negotiated: self.negotiated.clone(), http1: self.http1.clone(), http2: self.http2.clone() }
    }
}

impl<B> UpstreamClient<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// A client that trusts `roots`.
    ///
    /// # Errors
    /// The file named in `roots` cannot be read or holds no certificate.
    pub fn new(roots: &Roots, settings: &UpstreamSettings) -> Result<Self, RootsError> {
        Self::known_as(roots, settings, None, None)
    }

    /// The same, showing a certificate of its own, and expecting upstreams to be `server_name` instead of the host in the
    /// URI.
    ///
    /// # Errors
    /// As [`new`](Self::new); or `server_name` is none.
    pub fn known_as(
        roots: &Roots,
        settings: &UpstreamSettings,
        own: Option<ClientCertificate>,
        server_name: Option<&str>,
    ) -> Result<Self, RootsError> {
        let roots = roots.prepare()?;
        let expected = expected_name(server_name)?;
        let client = |offer, http2_only| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(settings.idle_timeout)
                .pool_max_idle_per_host(settings.idle_per_host)
                .http2_only(http2_only)
                // A dead peer is noticed while requests wait for it.
                .http2_keep_alive_interval(Duration::from_secs(20))
                .http2_keep_alive_timeout(Duration::from_secs(10))
                .build(
                    Dialer::new(roots.clone(), offer, settings.connect_timeout).known_as(own.clone(), expected.clone()),
                )
        };
        let negotiated = if settings.http2 { Offer::Http2AndHttp1 } else { Offer::Http1 };
        Ok(UpstreamClient {
            negotiated: client(negotiated, false),
            http1: client(Offer::Http1, false),
            http2: client(Offer::Http2AndHttp1, true),
        })
    }

    /// Sends `request` (an absolute `http`, `https` or `h2c` URI) and returns the answer's head as soon as it is
    /// there; the body streams.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(&self, mut request: Request<B>) -> Result<Response<Incoming>, UpstreamError> {
        *request.version_mut() = Version::HTTP_11;
        let client = match request.uri().scheme_str() {
            Some("http") => &self.negotiated,
            Some("https") if request.headers().contains_key(UPGRADE) || other_host(&request) => &self.http1,
            Some("https") => &self.negotiated,
            Some("h2c") => {
                without_tls(request.uri_mut())?;
                &self.http2
            }
            scheme => return Err(UpstreamError::Uri { cause: format!("scheme {}", scheme.unwrap_or("missing")) }),
        };
        client.request(request).await.map_err(|e| upstream_error(&e))
    }
}

/// Whether the `Host` is another than the one to connect to.
fn other_host<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map_or("", |a| a.as_str());
    request.headers().get(HOST).is_some_and(|host| !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()))
}

fn without_tls(uri: &mut Uri) -> Result<(), UpstreamError> {
    let mut parts = std::mem::take(uri).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    *uri = Uri::from_parts(parts).map_err(|e| UpstreamError::Uri { cause: e.to_string() })?;
    Ok(())
}

fn upstream_error(error: &Error) -> UpstreamError {
    match dial_error(error) {
        Some(DialError::Unreachable(cause)) => UpstreamError::Connect { cause: cause.clone() },
        Some(DialError::Tls(cause)) => UpstreamError::Tls { cause: cause.clone() },
        Some(DialError::Roots(e)) => UpstreamError::Tls { cause: e.to_string() },
        Some(DialError::Timeout(after)) => UpstreamError::ConnectTimeout { after: *after },
        None if is_request_body(error) => UpstreamError::RequestBody { cause: innermost(error) },
        None => UpstreamError::Broken { cause: innermost(error) },
    }
}

/// hyper's "user" errors are the ones of what we handed to it: here that is only the body.
fn is_request_body(error: &Error) -> bool {
    std::error::Error::source(error).and_then(|e| e.downcast_ref::<hyper::Error>()).is_some_and(hyper::Error::is_user)
}
