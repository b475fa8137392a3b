//! hyper alone: a hello and a reverse proxy.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gangplank_net::{ServerLimits, Shutdown, bind, serve};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;

/// Answers `hello` to everything, with hyper directly.
///
/// # Errors
/// Accepting failed.
pub async fn hello(listener: TcpListener) -> Result<(), Failure> {
    let http = builder();
    loop {
        let tcp = accepted(&listener).await?;
        let http = http.clone();
        tokio::spawn(async move {
            let service = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello"))) });
            let _ = http.serve_connection_with_upgrades(TokioIo::new(tcp), service).await;
        });
    }
}

/// Answers `hello` to everything, through Gangplank's server: what the accept loop, its bounds and its drain cost.
pub async fn net_hello(listener: TcpListener) {
    let handler = |_, _| async { Response::new(Full::<Bytes>::from("hello")) };
    serve(listener, None, ServerLimits::default(), handler, Shutdown::new()).await;
}

/// Passes everything on to `upstream` (scheme and authority), with hyper's client directly.
///
/// # Errors
/// Accepting failed.
pub async fn proxy(listener: TcpListener, upstream: &Uri) -> Result<(), Failure> {
    let authority = upstream.authority().ok_or("the upstream's URL has no host")?.clone();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(90))
        .pool_max_idle_per_host(128)
        .build(connector);
    let http = builder();
    loop {
        let tcp = accepted(&listener).await?;
        let (http, client, authority) = (http.clone(), client.clone(), authority.clone());
        tokio::spawn(async move {
            let service = service_fn(move |mut request: Request<Incoming>| {
                let (client, authority) = (client.clone(), authority.clone());
                async move {
                    let mut parts = std::mem::take(request.uri_mut()).into_parts();
                    parts.scheme = Some(Scheme::HTTP);
                    parts.authority = Some(authority);
                    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
                    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
                    Ok::<_, Infallible>(client.request(request).await.map_or_else(|_| bad_gateway(), passed_on))
                }
            });
            let _ = http.serve_connection_with_upgrades(TokioIo::new(tcp), service).await;
        });
    }
}

/// Listens on a free port of the loopback interface.
///
/// # Errors
/// The port cannot be had.
pub fn listen() -> Result<TcpListener, Failure> {
    Ok(bind(SocketAddr::from(([127, 0, 0, 1], 0)))?)
}

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

fn passed_on(response: Response<Incoming>) -> Response<Body> {
    response.map(BodyExt::boxed_unsync)
}

fn bad_gateway() -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

async fn accepted(listener: &TcpListener) -> Result<TcpStream, Failure> {
    let (tcp, _) = listener.accept().await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// The same settings as `gangplank_net::serve` has by default.
fn builder() -> auto::Builder<TokioExecutor> {
    let limits = ServerLimits::default();
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(limits.head_bytes as usize);
    http.http2().timer(TokioTimer::new()).max_concurrent_streams(limits.streams);
    http
}
