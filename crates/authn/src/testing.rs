//! A provider without sockets, for this crate's tests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::{Request, Response, header};
use serde_json::{Value, json};

use crate::{Issuer, IssuerKind, IssuerSettings};

pub(crate) const TENANT: &str = "dca11c8d-0000-4000-8000-00000000000a";
pub(crate) const AUTHORITY: &str = "https://login.microsoftonline.com";
pub(crate) const CLIENT: &str = "11111111-0000-4000-8000-000000000001";
pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_795_305_600);

/// What was asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: http::Method,
    pub(crate) url: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Bytes,
}

type Answer = Result<(u16, String), ()>;

/// Answers by address; what it does not know is a refused connection.
#[derive(Default)]
pub(crate) struct FakeWeb {
    answers: Mutex<HashMap<String, Answer>>,
    pub(crate) asked: Mutex<Vec<Asked>>,
    pub(crate) delay: Mutex<Duration>,
}

impl FakeWeb {
    pub(crate) fn answer(&self, url: &str, status: u16, body: impl Into<String>) {
        self.answers.lock().unwrap().insert(url.to_owned(), Ok((status, body.into())));
    }

    pub(crate) fn down(&self, url: &str) {
        self.answers.lock().unwrap().insert(url.to_owned(), Err(()));
    }

    pub(crate) fn count(&self, url: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.url == url).count()
    }
}

impl Transport for FakeWeb {
    fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let url = request.uri().to_string();
        let authorization = request.headers().get(header::AUTHORIZATION).map(|v| v.to_str().unwrap().to_owned());
        let asked =
            Asked { method: request.method().clone(), url: url.clone(), authorization, body: request.into_body() };
        self.asked.lock().unwrap().push(asked);
        let answer = self.answers.lock().unwrap().get(&url).cloned().unwrap_or(Err(()));
        let delay = *self.delay.lock().unwrap();
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            let (status, body) =
                answer.map_err(|()| TransportError::Connect { host: "idp".into(), cause: "refused".into() })?;
            Ok(Response::builder().status(status).body(Bytes::from(body)).unwrap())
        })
    }
}

pub(crate) struct FakeClock(pub(crate) AtomicU64);

impl Clock for FakeClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(SeqCst))
    }
}

/// An Entra tenant, its web and its keys.
pub(crate) struct World {
    pub(crate) web: Arc<FakeWeb>,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) key: SigningKey,
}

pub(crate) fn v2_issuer() -> String {
    format!("{AUTHORITY}/{TENANT}/v2.0")
}

pub(crate) fn jwks_url() -> String {
    format!("{AUTHORITY}/{TENANT}/discovery/v2.0/keys")
}

pub(crate) fn discovery_url() -> String {
    format!("{AUTHORITY}/{TENANT}/v2.0/.well-known/openid-configuration")
}

pub(crate) fn jwks(keys: &[(&str, &SigningKey)]) -> String {
    let keys: Vec<Value> = keys.iter().map(|(kid, key)| key.public_jwk(kid)).collect();
    json!({ "keys": keys }).to_string()
}

pub(crate) fn new_key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

impl World {
    /// With one key, `one`.
    pub(crate) fn new() -> World {
        Self::with(IssuerKind::tenant(TENANT), &["api://podinfo", "22222222-0000-4000-8000-000000000002"])
    }

    pub(crate) fn with(kind: IssuerKind, audiences: &[&str]) -> World {
        let audiences = audiences.iter().map(|a| (*a).to_owned()).collect();
        Self::of(IssuerSettings { audiences, ..IssuerSettings::new("corp", kind) })
    }

    pub(crate) fn of(settings: IssuerSettings) -> World {
        let web = Arc::new(FakeWeb::default());
        let clock = Arc::new(FakeClock(AtomicU64::new(NOW.as_secs())));
        let issuer = Issuer::new(settings, web.clone(), clock).unwrap();
        let key = new_key();
        let metadata = json!({
            "issuer": v2_issuer(),
            "authorization_endpoint": format!("{AUTHORITY}/{TENANT}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{AUTHORITY}/{TENANT}/oauth2/v2.0/token"),
            "jwks_uri": jwks_url(),
        });
        web.answer(&discovery_url(), 200, metadata.to_string());
        web.answer(&jwks_url(), 200, jwks(&[("one", &key)]));
        World { web, issuer, key }
    }

    /// The claims of an ID token for [`CLIENT`].
    pub(crate) fn id_claims(&self) -> Value {
        json!({
            "iss": v2_issuer(), "sub": "sub-1", "aud": CLIENT, "exp": NOW.as_secs() + 3600, "iat": NOW.as_secs(),
            "nbf": NOW.as_secs(), "nonce": "n-1", "tid": TENANT, "oid": "oid-1", "ver": "2.0",
            "preferred_username": "ada@corp.example", "name": "Ada", "email": "ada@corp.example", "groups": ["g1", "g2"],
        })
    }

    /// The claims of an access token.
    pub(crate) fn access_claims(&self) -> Value {
        json!({
            "iss": v2_issuer(), "sub": "sub-1", "aud": "api://podinfo", "exp": NOW.as_secs() + 3600,
            "iat": NOW.as_secs(), "tid": TENANT, "oid": "oid-1", "ver": "2.0", "azp": CLIENT, "scp": "read write",
            "preferred_username": "ada@corp.example", "groups": ["g1"], "roles": ["Admin"],
        })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        sign_as("one", &self.key, claims)
    }
}

pub(crate) fn sign_as(kid: &str, key: &SigningKey, claims: &Value) -> String {
    let header = json!({ "kid": kid, "typ": "JWT" });
    key.sign(header.as_object().unwrap(), claims).unwrap()
}

/// `claims` with one member set, or taken out with null.
pub(crate) fn with(mut claims: Value, member: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(member)),
        value => claims[member] = value,
    }
    claims
}

/// A directory that is gone when the test is.
pub(crate) struct TempDir(std::path::PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("gangplank-authn-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> std::path::PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
