//! A tower layer for services that want to know who calls: axum, tonic, or plain hyper.
//!
//! 1. A path that the layer was told is open is let through as it is, and so is CORS' preflight (`OPTIONS` with `Origin` and
//!    `Access-Control-Request-Method`), which browsers send without credentials. Paths are compared exactly.
//! 2. The authenticator is asked. Who is [`Authenticated`] goes into the request's extensions, and the request goes on.
//! 3. Nothing presented, or nothing good: 401 with a challenge (RFC 6750 §3), always the same. `error="invalid_token"`
//!    says only that there was something.
//! 4. It could not be decided: 503 with `Retry-After`, never 401, and the request does not go on.
//!
//! The answer never says why; the log does, at the target `gangplank_authn`, with the name of the reason and what to do.
//! By gRPC's own mapping of HTTP statuses the two are `UNAUTHENTICATED` and `UNAVAILABLE`.
//!
//! A single link says of a token that it does not know, "nothing that I know" (`Missing`); a [`Chain`](crate::Chain), which
//! has the last word, says that it is bad (`Invalid`). Give the layer a chain.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use gangplank_oauth::Clock;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use rustls_pki_types::CertificateDer;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Authenticator, Credentials, Outcome, Refusal};

/// What a caller is told who may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// 401: nothing was presented that the authenticator knows.
    Missing,
    /// 401: what was presented is not good.
    Invalid,
    /// 503: it could not be decided now.
    Unavailable,
}

impl Denied {
    /// The status.
    pub const fn status(self) -> StatusCode {
        match self {
            Denied::Missing | Denied::Invalid => StatusCode::UNAUTHORIZED,
            Denied::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The header that goes with it.
    pub fn header(self) -> (http::HeaderName, HeaderValue) {
        match self {
            Denied::Missing => (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Denied::Invalid => (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\"")),
            Denied::Unavailable => (RETRY_AFTER, HeaderValue::from_static("5")),
        }
    }
}

/// The certificates that a request's peer has proved to hold the key of, its own first. A server that asks for client
/// certificates puts them into the request's extensions, where the layer looks for them.
#[derive(Clone, Debug)]
pub struct PeerCertificates(pub Arc<[CertificateDer<'static>]>);

/// See the module. `R` makes the body of a refusal; by default it is empty.
pub struct AuthenticationLayer<R> {
    shared: Arc<Shared<R>>,
}

struct Shared<R> {
    authenticator: Arc<dyn Authenticator>,
    clock: Arc<dyn Clock>,
    open: Vec<String>,
    body: Box<dyn Fn(Denied) -> R + Send + Sync>,
}

impl<R> AuthenticationLayer<R> {
    /// Lets through whom `authenticator` knows. Put a [`Remembering`](crate::Remembering) in front of one that takes time.
    pub fn new(authenticator: Arc<dyn Authenticator>, clock: Arc<dyn Clock>) -> Self
    where
        R: Default,
    {
        Self::answering(authenticator, clock, |_| R::default())
    }

    /// The same, with a body of the service's own kind for refusals: an envelope, a page.
    pub fn answering(
        authenticator: Arc<dyn Authenticator>,
        clock: Arc<dyn Clock>,
        body: impl Fn(Denied) -> R + Send + Sync + 'static,
    ) -> Self {
        AuthenticationLayer {
            shared: Arc::new(Shared { authenticator, clock, open: Vec::new(), body: Box::new(body) }),
        }
    }

    /// Lets everybody through to this path, `/healthz` say. To be called before the layer is used.
    #[must_use]
    pub fn open(mut self, path: impl Into<String>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.open.push(path.into());
        }
        self
    }
}

impl<R> Clone for AuthenticationLayer<R> {
    fn clone(&self) -> Self {
        AuthenticationLayer { shared: self.shared.clone() }
    }
}

impl<S, R> Layer<S> for AuthenticationLayer<R> {
    type Service = AuthenticationService<S, R>;

    fn layer(&self, inner: S) -> AuthenticationService<S, R> {
        AuthenticationService { inner, shared: self.shared.clone() }
    }
}

/// A service behind an [`AuthenticationLayer`].
pub struct AuthenticationService<S, R> {
    inner: S,
    shared: Arc<Shared<R>>,
}

impl<S: Clone, R> Clone for AuthenticationService<S, R> {
    fn clone(&self) -> Self {
        AuthenticationService { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for AuthenticationService<S, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let shared = self.shared.clone();
        Box::pin(async move {
            if shared.is_open(&request) {
                return inner.call(request).await;
            }
            match shared.judge(&mut request).await {
                Ok(()) => inner.call(request).await,
                Err(denied) => Ok(shared.answer(denied)),
            }
        })
    }
}

impl<R> Shared<R> {
    fn is_open<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let preflight = request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        preflight || self.open.iter().any(|path| path == request.uri().path())
    }

    /// The caller, put into the request; or what to answer.
    async fn judge<B>(&self, request: &mut Request<B>) -> Result<(), Denied> {
        let certificates = request.extensions().get::<PeerCertificates>().cloned();
        let credentials = Credentials {
            headers: request.headers(),
            certificates: certificates.as_ref().map_or(&[], |shown| &*shown.0),
            trusted_proxy: false,
        };
        match self.authenticator.authenticate(credentials, self.clock.now()).await {
            Outcome::Authenticated(caller) => {
                request.extensions_mut().insert(caller);
                Ok(())
            }
            Outcome::NotMine(_) => Err(Denied::Missing),
            Outcome::Rejected(refusal) => Err(log(&refusal, Denied::Invalid)),
            Outcome::Unavailable(refusal) => Err(log(&refusal, Denied::Unavailable)),
        }
    }

    fn answer(&self, denied: Denied) -> Response<R> {
        let mut response = Response::new((self.body)(denied));
        *response.status_mut() = denied.status();
        let (name, value) = denied.header();
        response.headers_mut().insert(name, value);
        response
    }
}

fn log(refusal: &Refusal, denied: Denied) -> Denied {
    let reason = refusal.reason();
    tracing::info!(
        reason = reason.name,
        fault = reason.fault.name(),
        detail = %refusal,
        remedy = reason.remedy,
        "{}",
        reason.summary
    );
    denied
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use gangplank_jose::UnixTime;
    use gangplank_oauth::BoxFuture;
    use http::header::AUTHORIZATION;

    use super::*;
    use crate::testing::{NOW, World};
    use crate::{Authenticated, BearerAuthenticator, Chain};

    /// Answers with the name of the caller.
    #[derive(Clone)]
    struct WhoAmI;
    impl Service<Request<()>> for WhoAmI {
        type Response = Response<String>;
        type Error = std::convert::Infallible;
        type Future = Ready<Result<Response<String>, std::convert::Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, request: Request<()>) -> Self::Future {
            let caller = request.extensions().get::<Authenticated>();
            ready(Ok(Response::new(caller.map_or("nobody".to_owned(), |c| c.identity().username.clone()))))
        }
    }

    struct At(UnixTime);
    impl Clock for At {
        fn now(&self) -> UnixTime {
            self.0
        }
    }

    async fn ask(authenticator: Arc<dyn Authenticator>, request: Request<()>) -> Response<String> {
        let layer = AuthenticationLayer::answering(authenticator, Arc::new(At(NOW)), |denied| format!("{denied:?}"));
        layer.open("/healthz").layer(WhoAmI).call(request).await.unwrap()
    }

    fn to(path: &str, credential: Option<&str>) -> Request<()> {
        let request = credential.iter().fold(Request::get(path), |r, value| r.header(AUTHORIZATION, *value));
        request.body(()).unwrap()
    }

    #[tokio::test]
    async fn who_is_known_goes_on_and_is_named() {
        let world = World::new();
        let bearer: Arc<dyn Authenticator> = Arc::new(BearerAuthenticator::new(vec![world.issuer.clone()]));
        let good = format!("Bearer {}", world.sign(&world.access_claims()));
        let answer = ask(bearer.clone(), to("/", Some(&good))).await;
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "ada@corp.example"));
        for (path, credential, body, challenge) in [
            ("/", None, "Missing", "Bearer"),
            ("/", Some("Basic YTpi"), "Missing", "Bearer"),
            ("/healthz/", None, "Missing", "Bearer"),
            ("//healthz", None, "Missing", "Bearer"),
            ("/", Some("Bearer x"), "Missing", "Bearer"),
            ("/", Some("Bearer"), "Invalid", "Bearer error=\"invalid_token\""),
        ] {
            let answer = ask(bearer.clone(), to(path, credential)).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path} {credential:?}");
            assert_eq!(answer.body(), body, "{path} {credential:?}");
            assert_eq!(answer.headers()[WWW_AUTHENTICATE], challenge, "{path} {credential:?}");
        }
        // At the end of a chain, what nobody knows is bad.
        let chain = Arc::new(Chain::new("service", vec![bearer]));
        assert_eq!(ask(chain, to("/", Some("Bearer x"))).await.body(), "Invalid");
    }

    #[tokio::test]
    async fn open_paths_and_preflights_are_let_through_without_a_caller() {
        let nobody: Arc<dyn Authenticator> = Arc::new(Chain::new("nobody", vec![]));
        assert_eq!(ask(nobody.clone(), to("/healthz", None)).await.body(), "nobody");
        let preflight = |header: &str| {
            let request = Request::options("/").header(ORIGIN, "https://app.example").header(header, "PUT");
            request.body(()).unwrap()
        };
        assert_eq!(ask(nobody.clone(), preflight("access-control-request-method")).await.body(), "nobody");
        assert_eq!(ask(nobody.clone(), preflight("x-other")).await.status(), StatusCode::UNAUTHORIZED);
    }

    struct Undecided;
    impl Authenticator for Undecided {
        fn name(&self) -> &str {
            "undecided"
        }
        fn authenticate<'a>(&'a self, _: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
            Box::pin(async { Outcome::Unavailable(Refusal::GraphUnavailable { cause: "down".to_owned() }) })
        }
    }

    #[tokio::test]
    async fn what_cannot_be_decided_is_503_and_goes_no_further() {
        let answer = ask(Arc::new(Undecided), to("/", None)).await;
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"));
        assert_eq!(answer.headers()[RETRY_AFTER], "5");
    }

    /// Says who showed a certificate.
    struct Shown;
    impl Authenticator for Shown {
        fn name(&self) -> &str {
            "shown"
        }
        fn authenticate<'a>(&'a self, credentials: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
            let known = credentials.certificates.len() == 1 && !credentials.trusted_proxy;
            Box::pin(async move {
                if known { Outcome::Authenticated(crate::Anonymous::authenticated()) } else { Outcome::ABSENT }
            })
        }
        fn reads_certificates(&self) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn certificates_come_from_the_server_and_not_from_headers() {
        let mut request = to("/", None);
        assert_eq!(ask(Arc::new(Shown), to("/", None)).await.status(), StatusCode::UNAUTHORIZED);
        request.extensions_mut().insert(PeerCertificates(Arc::from([CertificateDer::from(vec![1])])));
        assert_eq!(ask(Arc::new(Shown), request).await.body(), "anonymous");
    }
}
