//! The dev tenant on a socket: what a pure function can't do is done here.

use std::sync::Arc;

use bytes::Bytes;
use gangplank_gate::Body;
use gangplank_idp::{Reply, ShownCertificate, Tenant};
use gangplank_net::{Peer, ReloadingTls, ServerLimits, Shutdown, SystemClock, serve};
use gangplank_oauth::Clock;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::net::TcpListener;

/// The largest form that is read.
const LARGEST: usize = 1 << 20;

/// Serves the tenant until `shutdown`.
pub(crate) async fn run(
    tenant: Arc<Tenant>,
    listener: TcpListener,
    tls: Option<Arc<ReloadingTls>>,
    shutdown: Shutdown,
) {
    let limits = ServerLimits { drain: std::time::Duration::from_millis(500), ..ServerLimits::default() };
    let answer = move |request: Request<Incoming>, peer: Peer| answer(tenant.clone(), request, peer);
    serve(listener, tls, limits, answer, shutdown).await;
}

async fn answer(tenant: Arc<Tenant>, request: Request<Incoming>, peer: Peer) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    if let Some(shown) = peer.certificates.iter().flat_map(|chain| chain.first()).next() {
        head.extensions.insert(ShownCertificate(shown.to_vec()));
    }
    let Ok(body) = Limited::new(body, LARGEST).collect().await else {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return refused;
    };
    let Reply { response, delay, hang_up } =
        tenant.handle(Request::from_parts(head, body.to_bytes()), SystemClock.now());
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if hang_up { Response::new(broken()) } else { response.map(Body::from) }
}

/// A body that fails before its first byte: the connection is closed without an answer.
fn broken() -> Body {
    Body::Stream(UnsyncBoxBody::new(Broken))
}

struct Broken;

impl http_body::Body for Broken {
    type Data = Bytes;
    type Error = gangplank_gate::body::BodyError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(Some(Err("hung up, as told".into())))
    }
}
