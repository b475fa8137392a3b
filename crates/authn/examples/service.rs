//! A service of your own that knows its callers: static keys for machines, an OpenID Connect provider for everybody else.
//!
//! ```sh
//! gangplank keys new --id ci --file keys
//! cargo run -p gangplank-authn --example service -- 127.0.0.1:8080 keys https://login.example.com api://orders
//! ```

use std::sync::Arc;

use axum::{Extension, Router, routing::get};
use gangplank_authn::static_keys::StaticKeys;
use gangplank_authn::{Authenticated, AuthenticationLayer, Authenticator, BearerAuthenticator, Chain, Remembering};
use gangplank_authn::{Issuer, IssuerKind, IssuerSettings};
use gangplank_net::{HttpClient, Roots, SystemClock};
use gangplank_oauth::Clock;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("usage: service ADDRESS KEYS-FILE ISSUER AUDIENCE");
    let (address, file, url, audience) = (next()?, next()?, next()?, next()?);
    let (clock, http) = (Arc::new(SystemClock), Arc::new(HttpClient::new(&Roots::System)?));

    let keys = StaticKeys::load("keys", file.as_ref(), clock.now()).map_err(|errors| format!("{file}: {errors:?}"))?;
    let mut corp = IssuerSettings::new("corp", IssuerKind::open_id(url));
    corp.audiences = vec![audience];
    let corp = Issuer::new(corp, http, clock.clone()).map_err(|errors| format!("{errors:?}"))?;
    let chain = Chain::new("orders", vec![Arc::new(keys), Arc::new(BearerAuthenticator::new(vec![corp]))]);
    let callers = Arc::new(Remembering::new(Arc::new(chain)));
    tokio::spawn(callers.clone().keep_fresh().ok_or("nothing to keep fresh")?);

    let service = Router::new()
        .route("/whoami", get(whoami))
        .route("/healthz", get(|| async { "ok" }))
        .layer(AuthenticationLayer::new(callers, clock).open("/healthz"));
    let listener = tokio::net::TcpListener::bind(address).await?;
    Ok(axum::serve(listener, service).await?)
}

async fn whoami(Extension(caller): Extension<Authenticated>) -> String {
    caller.identity().username.clone()
}
