//! One connection to somebody else: name, TCP, TLS, within one time limit.
//!
//! 1. Only `http` and `https`. No proxy is taken from the environment.
//! 2. The cryptography is aws-lc-rs, passed explicitly: a process default could be anybody's.
//! 3. Only addresses within reach are dialed ([`reach`](crate::reach)).
//! 4. The protocol is what ALPN settles; without TLS it is HTTP/1.1, or HTTP/2 if the client knows so beforehand.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use gangplank_oauth::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use crate::client_certificate::ClientCertificate;
use crate::reach::{Reach, Resolver, not_public};
use crate::roots::{PreparedRoots, RootsError};

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Tls(String),
    #[error("not connected within {0:?}")]
    Timeout(Duration),
    #[error(transparent)]
    Roots(#[from] RootsError),
}

/// The protocols offered over TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Offer {
    Http1,
    Http2AndHttp1,
}

/// The connector below both clients.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    tcp: HttpConnector<Resolver>,
    reach: Reach,
    tls: Arc<ClientTls>,
    limit: Duration,
}

#[derive(Debug)]
struct ClientTls {
    roots: PreparedRoots,
    offer: Offer,
    own: Option<ClientCertificate>,
    /// Who the other end must be, if not the host that is dialed.
    expected: Option<ServerName<'static>>,
    config: OnceCell<Arc<ClientConfig>>,
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Dialer {
    pub(crate) fn new(roots: PreparedRoots, offer: Offer, limit: Duration) -> Self {
        let tls = ClientTls { roots, offer, own: None, expected: None, config: OnceCell::new() };
        let reach = Reach::default();
        Dialer { tcp: connector(reach), reach, tls: Arc::new(tls), limit }
    }

    /// The same, which dials nothing but what is within `reach`.
    pub(crate) fn within(self, reach: Reach) -> Self {
        Dialer { tcp: connector(reach), reach, ..self }
    }

    /// The same, showing a certificate of its own and expecting another name than the host's.
    pub(crate) fn known_as(self, own: Option<ClientCertificate>, expected: Option<ServerName<'static>>) -> Self {
        let (roots, offer) = (self.tls.roots.clone(), self.tls.offer);
        Dialer { tls: Arc::new(ClientTls { roots, offer, own, expected, config: OnceCell::new() }), ..self }
    }
}

impl tower_service::Service<Uri> for Dialer {
    type Response = Stream;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Stream, DialError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        self.tcp.poll_ready(cx).map_err(|e| DialError::Unreachable(innermost(&e)))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        if !self.reach.admits_host(&to) {
            return Box::pin(std::future::ready(Err(DialError::Unreachable(not_public().to_string()))));
        }
        let (tls, limit) = (self.tls.clone(), self.limit);
        let secure = to.scheme() == Some(&Scheme::HTTPS);
        let name = secure.then(|| tls.expected.clone().map_or_else(|| server_name(&to), Ok));
        let tcp = self.tcp.call(to);
        Box::pin(async move {
            let dialed = tokio::time::timeout(limit, async move {
                let tcp = tcp.await.map_err(|e| DialError::Unreachable(innermost(&e)))?;
                match name {
                    None => Ok(MaybeHttpsStream::Http(tcp)),
                    Some(name) => tls.handshake(name?, tcp).await,
                }
            });
            dialed.await.unwrap_or(Err(DialError::Timeout(limit)))
        })
    }
}

impl ClientTls {
    async fn handshake(&self, name: ServerName<'static>, tcp: TokioIo<TcpStream>) -> Result<Stream, DialError> {
        let config = self.config.get_or_try_init(|| self.configure()).await?;
        let connector = TlsConnector::from(config.clone());
        let stream = connector.connect(name, TokioIo::new(tcp)).await.map_err(|e| DialError::Tls(e.to_string()))?;
        Ok(MaybeHttpsStream::Https(TokioIo::new(stream)))
    }

    /// Reads the roots, if they are not, off the threads that serve.
    async fn configure(&self) -> Result<Arc<ClientConfig>, DialError> {
        let roots = self.roots.clone();
        let roots = tokio::task::spawn_blocking(move || roots.load())
            .await
            .map_err(|e| DialError::Tls(format!("reading the certificate authorities was broken off: {e}")))??;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| DialError::Tls(e.to_string()))?
            .with_root_certificates(roots);
        let mut config = match &self.own {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_cert_resolver(own.resolver()),
        };
        config.alpn_protocols = match self.offer {
            Offer::Http1 => vec![b"http/1.1".to_vec()],
            Offer::Http2AndHttp1 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(Arc::new(config))
    }
}

fn connector(reach: Reach) -> HttpConnector<Resolver> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(reach));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    tcp
}

fn server_name(to: &Uri) -> Result<ServerName<'static>, DialError> {
    let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(|e| DialError::Tls(format!("{e}: {host}")))
}

/// Who the other end is told to be.
pub(crate) fn expected_name(name: Option<&str>) -> Result<Option<ServerName<'static>>, RootsError> {
    let parse =
        |name: &str| ServerName::try_from(name.to_owned()).map_err(|_| RootsError::NotAName { name: name.to_owned() });
    name.map(parse).transpose()
}

/// What the last error in the chain says: the ones before it only say that there is a next one.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

/// What the dialer said, if it was the dialer.
pub(crate) fn dial_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a DialError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Host and port, without a user or password that somebody may have written before them.
pub(crate) fn host_of(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
