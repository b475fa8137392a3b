//! What a new gate takes over from the one before. (Reloads under load: `app/tests/e2e/reload.rs`. While a provider is
//! away: `provider`.)

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_jose::{Algorithm, SigningKey, UnixTime};
use gangplank_oauth::Clock;
use http::StatusCode;
use serde_json::json;

use crate::local::Dir;
use crate::support::{Answer, STRANGER, head, peer_of, request};

struct Standing(AtomicU64);

impl Clock for Standing {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[tokio::test]
async fn a_key_set_that_changes_while_a_gate_is_built_is_read_by_the_next_one() {
    let dir = Dir::new();
    let keys = [(); 2].map(|()| SigningKey::generate(Algorithm::ES256).unwrap());
    let [old, new] = [&keys[0], &keys[1]].map(|key| json!({"keys": [key.public_jwk("one")]}).to_string());
    let file = dir.write("keys.json", &old);
    let document = head("")
        + &format!(
            "[issuers.file]\nurl = \"https://issuer.test\"\naudiences = [\"api://app\"]\njwks = {{ file = {file:?} }}\n\
             [[routes]]\npath = \"/\"\naccept = [\"file\"]\nallow.signed_in = true\n"
        );
    let config: Config = toml::from_str(&document).unwrap();
    let (clock, shared) = (Arc::new(Standing(AtomicU64::new(1_800_000_000))), Shared::new());
    // A client's secret is read after the issuers: the file changes in between.
    let build = |changed: bool| {
        let environment = |_: &str| {
            if changed {
                dir.write("keys.json", &new);
            }
            Some("a secret of a client".to_owned())
        };
        let deps = Deps { clock: clock.clone(), environment: &environment, shared: shared.clone(), transport: None };
        Gate::build(&config, deps).unwrap_or_else(|errors| panic!("{errors:#?}"))
    };
    let now = clock.now().as_secs();
    let claims = json!({
        "iss": "https://issuer.test", "aud": "api://app", "sub": "s", "iat": now, "exp": now + 600,
    });
    let [old, new] = [&keys[0], &keys[1]].map(|key| {
        let token = key.sign(json!({"kid": "one"}).as_object().unwrap(), &claims).unwrap();
        format!("Bearer {token}")
    });
    let ask = async |gate: &Arc<Gate>, bearer: &str| {
        let request = request("GET", "https://app.example.com/oauth2/auth", &[("authorization", bearer)]);
        Answer::read(gate.handle(request, peer_of(STRANGER)).await).await.status
    };
    let first = build(true);
    assert_eq!(ask(&first, &old).await, StatusCode::ACCEPTED);
    assert_eq!(ask(&first, &new).await, StatusCode::UNAUTHORIZED);
    let second = build(false);
    assert_eq!(ask(&second, &new).await, StatusCode::ACCEPTED);
    assert_eq!(ask(&second, &old).await, StatusCode::UNAUTHORIZED);
}
