//! The accept loop: HTTP/1.1 and HTTP/2 on one port, bounded in every direction, drained at the end.
//!
//! 1. At most `connections` at once: further ones wait in the kernel's backlog. When accepting fails (no descriptors
//!    left) the loop waits a little instead of spinning.
//! 2. TLS handshakes, request heads and the silence between requests are limited in time ([`HeadClock`]).
//! 3. Request heads are limited in bytes and in the number of headers (100): 431 for what is too large, 400 for what
//!    is not HTTP, and the connection closes.
//! 4. A panic in the handler ends its connection (over HTTP/2 its stream) and nothing else.
//! 5. When `shutdown` is triggered no connection is accepted any more, idle ones are closed, the others finish the
//!    requests they have. What is left after `drain` is cut off.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

use crate::head_clock::HeadClock;
use crate::service::Service;
use crate::shutdown::Shutdown;
use crate::socket::{Socket, Stream};
use crate::tls::ReloadingTls;

/// What one listener allows.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections open at the same time, tunnels included.
    pub connections: u32,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a request's head: from the connection or, later on it, from the head's first byte.
    pub head: Duration,
    /// For the silence between two requests on an HTTP/1.1 connection.
    pub idle: Duration,
    /// Bytes of a request's head, at least 8 KiB.
    pub head_bytes: u32,
    /// Requests at the same time on one HTTP/2 connection.
    pub streams: u32,
    /// For the requests in flight when the end comes.
    pub drain: Duration,
}

impl Default for ServerLimits {
    /// 10 s for a handshake or a head. 75 s of silence, as proxies in front keep idle connections for 60 s and must be
    /// the ones to close them: a request would else meet our closing. 64 KiB, as nginx lets 32 KiB through and proxies
    /// add to it. 256 streams. 20 s to drain, within the 30 s that Kubernetes gives.
    fn default() -> Self {
        ServerLimits {
            connections: 16_384,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            head_bytes: 64 << 10,
            streams: 256,
            drain: Duration::from_secs(20),
        }
    }
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address: a proxy's, if there is one in front.
    pub remote: SocketAddr,
    /// Whether it speaks TLS with us.
    pub tls: bool,
    /// The certificates that it showed, its own first, if it was asked for any. It has proved that it holds the key of
    /// the first; nobody has judged who vouches for it.
    pub certificates: Option<Arc<[CertificateDer<'static>]>>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that were open at the signal and ended by themselves.
    pub finished: usize,
    /// Connections cut off because the time was up, tunnels included.
    pub cut: usize,
}

/// Answers requests on `listener` with `handler` until `shutdown` is triggered and the connections are drained.
///
/// The handler is cloned per connection and called per request: give it one `Arc` to clone. Upgrades work: what the
/// handler makes of [`hyper::upgrade::on`] is its own task, which holds its place among the connections. The drain
/// waits for it, but cannot cut it off: it ends with the process or when its owner ends it.
pub async fn serve<H, F, B>(
    listener: TcpListener,
    tls: Option<Arc<ReloadingTls>>,
    limits: ServerLimits,
    handler: H,
    shutdown: Shutdown,
) -> DrainReport
where
    H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let slots = Arc::new(Semaphore::new(limits.connections as usize));
    let setup = Arc::new(Setup { http: http(&limits), tls, limits, shutdown });
    let mut connections = JoinSet::new();
    let mut stop = pin!(setup.shutdown.wait());
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = connections.join_next() => report(ended),
            (tcp, remote, slot) = accept(&listener, &slots) => {
                let (setup, handler) = (setup.clone(), handler.clone());
                connections.spawn(async move { setup.connection(tcp, remote, slot, handler).await });
            }
        }
    }
    drop(listener);
    drain(&slots, connections, &setup.limits).await
}

/// What all connections of a listener share.
struct Setup {
    http: auto::Builder<TokioExecutor>,
    tls: Option<Arc<ReloadingTls>>,
    limits: ServerLimits,
    shutdown: Shutdown,
}

impl Setup {
    async fn connection<H, F, B>(&self, tcp: TcpStream, remote: SocketAddr, slot: OwnedSemaphorePermit, handler: H)
    where
        H: Fn(Request<Incoming>, Peer) -> F + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut stop = pin!(self.shutdown.wait());
        let stream = tokio::select! {
            biased;
            stream = self.handshake(tcp, remote) => stream,
            () = &mut stop => None,
        };
        let Some(stream) = stream else { return };
        let clock = HeadClock::start(self.limits.head, self.limits.idle);
        let service = Service {
            handler,
            peer: Peer { remote, tls: self.tls.is_some(), certificates: stream.certificates() },
            clock: clock.clone(),
        };
        let io = TokioIo::new(Socket::new(stream, clock.clone(), slot));
        let mut http = self.http.clone();
        http.http1().timer(clock.clone());
        let mut http = pin!(http.serve_connection_with_upgrades(io, service));
        let mut look = pin!(sleep_until(clock.next_look()));
        let mut stopping = false;
        loop {
            tokio::select! {
                biased;
                ended = http.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%remote, %error, "connection ended");
                    }
                    return;
                }
                () = &mut stop, if !stopping => {
                    stopping = true;
                    http.as_mut().graceful_shutdown();
                }
                () = &mut look => {
                    if clock.expired() {
                        tracing::debug!(%remote, "connection closed: no request in time");
                        return;
                    }
                    look.as_mut().reset(clock.next_look());
                }
            }
        }
    }

    async fn handshake(&self, tcp: TcpStream, remote: SocketAddr) -> Option<Stream> {
        let Some(tls) = &self.tls else { return Some(Stream::Plain(tcp)) };
        match timeout(self.limits.handshake, TlsAcceptor::from(tls.config()).accept(tcp)).await {
            Ok(Ok(stream)) => return Some(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) if is_about_the_certificate(&error) => {
                tracing::info!(%remote, %error, "a client's certificate was not accepted");
            }
            Ok(Err(error)) => tracing::debug!(%remote, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%remote, "TLS handshake not completed in time"),
        }
        None
    }
}

fn http(limits: &ServerLimits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // The number of headers stays at hyper's 100: with any other number hyper allocates them per request.
    // Each connection sets a timer of its own.
    http.http1().header_read_timeout(limits.idle).max_buf_size(limits.head_bytes.max(8 << 10) as usize);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes)
        // Per stream: what a slow reader can make us hold.
        .max_send_buf_size(64 << 10);
    http
}

/// The next connection, as soon as there is room for it.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    // A semaphore that is never closed always gives.
    let slot = loop {
        if let Ok(slot) = slots.clone().acquire_owned().await {
            break slot;
        }
    };
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok((tcp, remote)) => {
                if let Err(error) = tcp.set_nodelay(true) {
                    tracing::debug!(%remote, %error, "TCP_NODELAY not set");
                }
                return (tcp, remote, slot);
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, wait = ?pause, "cannot accept connections (too many open files? raise the limit)");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

/// Whether a handshake ended because of what the client showed, or did not show: somebody has to mend that, and the other
/// side may have been told no more than that the connection broke.
fn is_about_the_certificate(error: &std::io::Error) -> bool {
    let tls = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}

/// The peer was gone before it was accepted: the next one may be fine.
fn is_of_the_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn drain(slots: &Semaphore, mut connections: JoinSet<()>, limits: &ServerLimits) -> DrainReport {
    let open = connections.len();
    let started = Instant::now();
    let cut = match timeout(limits.drain, slots.acquire_many(limits.connections)).await {
        Ok(_) => 0,
        Err(_) => limits.connections as usize - slots.available_permits(),
    };
    connections.abort_all();
    let mut aborted = 0;
    while let Some(ended) = connections.join_next().await {
        aborted += usize::from(ended.as_ref().is_err_and(JoinError::is_cancelled));
        report(ended);
    }
    let drained = DrainReport { finished: open - aborted, cut };
    tracing::debug!(?drained, took = ?started.elapsed(), "all connections have ended");
    drained
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("a request's handler panicked: its connection was closed");
    }
}
