//! The client that talks to providers: one request, one answer, within a budget.
//!
//! 1. `http` and `https`, HTTP/1.1 and HTTP/2; redirects are answers like any other.
//! 2. What may have reached the peer is never sent again. (A request that found its pooled connection closed before
//!    the first byte was written is put on another one: nobody has seen it.)
//! 3. The time limit covers everything from the name look-up to the last byte of the body.
//! 4. A body that says it is too large is not read; one that does not say is read up to the limit.
//! 5. Errors name the host, never path, query, headers or body.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gangplank_oauth::{BoxFuture, Budget, Transport, TransportError};
use http::{Request, Response, Version};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::client_certificate::ClientCertificate;
use crate::dial::{DialError, Dialer, Offer, dial_error, expected_name, host_of, innermost};
use crate::reach::Reach;
use crate::roots::{Roots, RootsError};

const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 4;

/// Carries requests to providers over real sockets. Cheap to clone, the connections are shared.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<Dialer, Full<Bytes>>,
}

impl HttpClient {
    /// A client that trusts `roots`.
    ///
    /// # Errors
    /// The file named in `roots` cannot be read or holds no certificate.
    pub fn new(roots: &Roots) -> Result<Self, RootsError> {
        Ok(Self::over(Dialer::new(roots.prepare()?, Offer::Http2AndHttp1, CONNECT)))
    }

    /// A client that trusts `roots`, shows a certificate of its own, and expects the servers it asks to be
    /// `server_name` instead of the host in the URL.
    ///
    /// # Errors
    /// As [`new`](Self::new); or `server_name` is none.
    pub fn known_as(
        roots: &Roots,
        own: Option<ClientCertificate>,
        server_name: Option<&str>,
    ) -> Result<Self, RootsError> {
        let expected = expected_name(server_name)?;
        let dialer = Dialer::new(roots.prepare()?, Offer::Http2AndHttp1, CONNECT);
        Ok(Self::over(dialer.known_as(own, expected)))
    }

    /// A client that trusts `roots` and connects to public addresses only, whatever a name resolves to: for what is asked
    /// because a stranger said so.
    ///
    /// # Errors
    /// The file named in `roots` cannot be read or holds no certificate.
    pub fn public_only(roots: &Roots) -> Result<Self, RootsError> {
        Ok(Self::over(Dialer::new(roots.prepare()?, Offer::Http2AndHttp1, CONNECT).within(Reach::Public)))
    }

    fn over(dialer: Dialer) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(dialer);
        HttpClient { client }
    }

    async fn exchange(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, TransportError> {
        let host = host_of(request.uri());
        if !matches!(request.uri().scheme_str(), Some("http" | "https")) {
            return Err(TransportError::Protocol { host, cause: "only http and https URLs can be asked".to_owned() });
        }
        let mut request = request.map(Full::new);
        *request.version_mut() = Version::HTTP_11;
        let response = self.client.request(request).await.map_err(|e| transport_error(&host, &e))?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, read(body, limit, &host).await?))
    }
}

impl Transport for HttpClient {
    fn send(&self, request: Request<Bytes>, budget: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let host = host_of(request.uri());
            tokio::time::timeout(budget.time, self.exchange(request, budget.body))
                .await
                .unwrap_or(Err(TransportError::Timeout { host, after: budget.time }))
        })
    }
}

async fn read(mut body: Incoming, limit: usize, host: &str) -> Result<Bytes, TransportError> {
    let too_large = || TransportError::TooLarge { host: host.to_owned(), limit };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| TransportError::Protocol { host: host.to_owned(), cause: innermost(&e) })?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - read.len() {
            return Err(too_large());
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

fn transport_error(host: &str, error: &Error) -> TransportError {
    let host = host.to_owned();
    match dial_error(error) {
        Some(DialError::Unreachable(cause)) => TransportError::Connect { host, cause: cause.clone() },
        Some(DialError::Tls(cause)) => TransportError::Tls { host, cause: cause.clone() },
        Some(DialError::Roots(e)) => TransportError::Tls { host, cause: e.to_string() },
        Some(DialError::Timeout(after)) => TransportError::Timeout { host, after: *after },
        None => TransportError::Protocol { host, cause: innermost(error) },
    }
}
