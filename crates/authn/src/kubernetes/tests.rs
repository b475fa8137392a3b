//! Whole files against a provider without sockets.

mod claims;
mod elsewhere;
mod expressions;
mod issuers;
mod reload;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::Transport;
use serde_json::{Value, json};

use super::*;
use crate::testing::{FakeClock, FakeWeb, NOW, jwks, new_key, sign_as};
use crate::{Authenticated, NotMine, Outcome};

const URL: &str = "https://login.example.com";

fn after(seconds: u64) -> UnixTime {
    NOW + Duration::from_secs(seconds)
}

/// A web with the issuer [`URL`], which has one key, `one`.
struct World {
    web: Arc<FakeWeb>,
    key: SigningKey,
    policy: Policy,
    groups: Option<Arc<dyn GroupsElsewhere>>,
}

impl World {
    fn new() -> World {
        let world = World { web: Arc::default(), key: new_key(), policy: Policy::default(), groups: None };
        world.serve(URL, &[("one", &world.key)]);
        world
    }

    /// Lets the web know an issuer.
    fn serve(&self, url: &str, keys: &[(&str, &SigningKey)]) {
        let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") });
        self.web.answer(&discovery(url), 200, metadata.to_string());
        self.web.answer(&format!("{url}/jwks"), 200, jwks(keys));
    }

    fn authenticator(&self, jwt: &Value) -> Arc<KubernetesAuthenticator> {
        self.reloaded(jwt, None)
    }

    fn reloaded(&self, jwt: &Value, before: Option<&KubernetesAuthenticator>) -> Arc<KubernetesAuthenticator> {
        let connect = |_: Option<&str>| Ok(Arc::clone(&self.web) as Arc<dyn Transport>);
        let clock = Arc::new(FakeClock(AtomicU64::new(NOW.as_secs())));
        let ports = Ports { connect: &connect, clock, groups: self.groups.clone() };
        KubernetesAuthenticator::new("cluster", &configuration(jwt), self.policy.clone(), ports, before).unwrap()
    }

    /// What becomes of these claims by this entry.
    async fn judge(&self, entry: &Value, claims: &Value) -> Result<Authenticated, String> {
        let authenticator = self.authenticator(&json!([entry]));
        judged(authenticator.verify(&sign_as("one", &self.key, claims), NOW).await)
    }
}

fn discovery(url: &str) -> String {
    format!("{}/.well-known/openid-configuration", url.trim_end_matches('/'))
}

fn configuration(jwt: &Value) -> AuthenticationConfiguration {
    let file = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": jwt,
    });
    AuthenticationConfiguration::parse(file.to_string().as_bytes(), &[]).unwrap()
}

/// The simplest entry: `sub` is the user name.
fn entry(url: &str) -> Value {
    json!({
        "issuer": { "url": url, "audiences": ["kubernetes"] },
        "claimMappings": { "username": { "claim": "sub", "prefix": "" } },
    })
}

/// The same with other mappings.
fn mapped(mappings: Value) -> Value {
    let mut entry = entry(URL);
    entry["claimMappings"] = mappings;
    entry
}

fn claims() -> Value {
    json!({
        "iss": URL, "aud": "kubernetes", "exp": NOW.as_secs() + 3600, "sub": "ada", "groups": ["dev", "ops"],
        "email": "ada@example.com",
    })
}

/// Who it is, or the name of the refusal.
fn judged(outcome: Outcome) -> Result<Authenticated, String> {
    match outcome {
        Outcome::Authenticated(who) => Ok(who),
        Outcome::Rejected(refusal) => Err(refusal.reason().name.to_owned()),
        Outcome::Unavailable(refusal) => Err(format!("unavailable: {}", refusal.reason().name)),
        Outcome::NotMine(NotMine::Absent) => Err("absent".to_owned()),
        Outcome::NotMine(NotMine::Unknown(refusal)) => Err(format!("unknown: {}", refusal.reason().name)),
    }
}

fn name(judged: Result<Authenticated, String>) -> String {
    judged.map_or_else(|refusal| refusal, |_| "accepted".to_owned())
}

fn new_key_of(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}
