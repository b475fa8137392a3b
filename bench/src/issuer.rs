//! An OpenID provider that signs everybody in at once: no page, no question, one user.
//!
//! It stands in for a tenant so that the bench needs nothing but itself. Tokens are RS256 with the claims and the
//! size that Entra ID's have.

use std::collections::HashMap;
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gangplank_jose::{Algorithm, SigningKey};
use gangplank_net::{Peer, ServerLimits, Shutdown, SystemClock, serve};
use gangplank_oauth::Clock as _;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use url::Url;
use url::form_urlencoded::parse;

use crate::Failure;

/// The audience of the access tokens.
pub const AUDIENCE: &str = "api://bench";
/// The client that signs people in.
pub const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
/// A group that the user is in.
pub const GROUP: &str = "c0ffee00-0000-4000-8000-000000000001";

const KEY_ID: &str = "bench-key";
const HOUR: u64 = 3600;

/// The provider.
pub struct Issuer {
    url: String,
    key: SigningKey,
    /// The nonce of each code given out.
    codes: Mutex<HashMap<String, String>>,
}

impl Issuer {
    /// A provider at `address` with a key of its own.
    ///
    /// # Errors
    /// The key cannot be made.
    pub fn new(address: SocketAddr) -> Result<Self, Failure> {
        let key = SigningKey::generate(Algorithm::RS256)?;
        Ok(Issuer { url: format!("http://{address}"), key, codes: Mutex::default() })
    }

    /// The issuer identifier.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes `count` access tokens that differ, one a line.
    ///
    /// # Errors
    /// Signing or writing failed.
    pub fn write_tokens(&self, path: &Path, count: usize) -> Result<(), Failure> {
        let half = count / 2;
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| self.tokens(0..half));
            let second = self.tokens(half..count);
            (first.join().unwrap_or_else(|_| Err("a signing thread panicked".into())), second)
        });
        let mut file = BufWriter::new(std::fs::File::create(path)?);
        for token in first?.into_iter().chain(second?) {
            writeln!(file, "{token}")?;
        }
        Ok(file.flush()?)
    }

    /// Answers until the process ends.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let handler = move |request: Request<Incoming>, _: Peer| {
            let issuer = self.clone();
            async move { issuer.answer(request).await.unwrap_or_else(|error| failed(&error)) }
        };
        serve(listener, None, ServerLimits::default(), handler, Shutdown::new()).await;
    }

    fn tokens(&self, which: std::ops::Range<usize>) -> Result<Vec<String>, Failure> {
        which.map(|number| self.sign(AUDIENCE, &json!({ "scp": "access", "uti": format!("token-{number}") }))).collect()
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Failure> {
        match request.uri().path() {
            "/.well-known/openid-configuration" => Ok(json_response(&self.metadata())),
            "/keys" => Ok(json_response(&json!({ "keys": [self.key.public_jwk(KEY_ID)] }))),
            "/authorize" => self.authorize(request.uri().query().unwrap_or_default()),
            "/token" => self.token(&request.into_body().collect().await?.to_bytes()),
            _ => Err("no such page".into()),
        }
    }

    fn metadata(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "jwks_uri": format!("{url}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        })
    }

    fn authorize(&self, query: &str) -> Result<Response<Full<Bytes>>, Failure> {
        let asked: HashMap<_, _> = parse(query.as_bytes()).collect();
        let parameter = |name: &str| asked.get(name).ok_or_else(|| format!("{name} is missing"));
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let code = format!("code-{}", codes.len());
        codes.insert(code.clone(), parameter("nonce")?.to_string());
        let mut back = Url::parse(parameter("redirect_uri")?)?;
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", parameter("state")?);
        let away = Response::builder().status(StatusCode::FOUND).header(LOCATION, back.as_str());
        Ok(away.body(Full::default())?)
    }

    fn token(&self, form: &[u8]) -> Result<Response<Full<Bytes>>, Failure> {
        let form: HashMap<_, _> = parse(form).collect();
        let mut more = json!({});
        if let Some(code) = form.get("code") {
            let nonce = self.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(code.as_ref());
            more["nonce"] = nonce.ok_or("the code is not known")?.into();
        }
        Ok(json_response(&json!({
            "token_type": "Bearer",
            "expires_in": HOUR,
            "id_token": self.sign(CLIENT, &more)?,
            "access_token": self.sign(AUDIENCE, &json!({ "scp": "access" }))?,
            "refresh_token": "refresh",
        })))
    }

    /// A token as Entra ID writes them: about a thousand bytes of claims.
    fn sign(&self, audience: &str, more: &Value) -> Result<String, Failure> {
        let now = SystemClock.now().as_secs();
        let groups: Vec<_> = (1..=6).map(|number| format!("c0ffee00-0000-4000-8000-{number:012}")).collect();
        let mut claims = json!({
            "aud": audience, "iss": self.url, "iat": now, "nbf": now, "exp": now + HOUR,
            "azp": CLIENT, "azpacr": "1", "ver": "2.0",
            "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true,
            "preferred_username": "ada@example.com",
            "oid": "00000000-0000-4000-8000-0000000000aa", "tid": "00000000-0000-4000-8000-0000000000bb",
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ", "rh": "0.ARoAv4j5cvGGr0GRqy180BHbR.",
            "groups": groups,
        });
        if let (Some(claims), Some(more)) = (claims.as_object_mut(), more.as_object()) {
            claims.extend(more.clone());
        }
        let header = Map::from_iter([("typ".to_owned(), json!("JWT")), ("kid".to_owned(), json!(KEY_ID))]);
        Ok(self.key.sign(&header, &claims)?)
    }
}

fn json_response(value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

fn failed(error: &Failure) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(error.to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
