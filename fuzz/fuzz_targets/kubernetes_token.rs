//! The claims of a token that is then signed properly, judged by the API server's own file.
//!
//! No panic; whoever is let in has a name that can stand in a header and a log, and none that Kubernetes reserves; a
//! refusal is bounded and prints no control character; nobody but the issuer's own host is asked.

#![no_main]

use std::sync::{Arc, LazyLock};

use gangplank_authn::Outcome;
use gangplank_authn::kubernetes::{AuthenticationConfiguration, KubernetesAuthenticator, Policy, Ports};
use gangplank_fuzz::{NOW, Still};
use gangplank_jose::{Algorithm, SigningKey};
use gangplank_oauth::{BoxFuture, Budget, Transport, TransportError};
use http::{Request, Response};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

const HOST: &str = "login.microsoftonline.com";
const FILE: &str = r#"
apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer: {url: 'https://login.microsoftonline.com', audiences: [k]}
  claimMappings:
    username: {claim: name, prefix: ''}
    groups: {claim: groups, prefix: ''}
    uid: {claim: id}
- issuer: {url: 'https://login.microsoftonline.com/cel', audiences: [k]}
  claimValidationRules:
  - {claim: hd, requiredValue: x}
  - expression: "claims.?level.orValue(1.0) == 1.0 && size(claims) < 100"
  claimMappings:
    username: {expression: "claims.email_verified == true ? claims.email.lowerAscii() : string(claims.name)"}
    groups: {expression: "claims.?groups.orValue([]).map(g, 'g:' + g)"}
    uid: {expression: "string(int(claims.?n.orValue(0)))"}
    extra:
    - {key: example.com/a, valueExpression: "claims.?kubernetes__dot__io.?a.orValue('')"}
    - {key: example.com/b, valueExpression: "claims.?b.orValue(null)"}
  userValidationRules:
  - expression: "user.groups.all(g, g.startsWith('g:')) && user.username.size() < 200"
"#;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());
static JUDGE: LazyLock<Arc<KubernetesAuthenticator>> = LazyLock::new(|| {
    let configuration = AuthenticationConfiguration::parse(FILE.as_bytes(), &[]).unwrap();
    let connect = |_: Option<&str>| Ok(Arc::new(Issuers) as Arc<dyn Transport>);
    let ports = Ports { connect: &connect, clock: Arc::new(Still), groups: None };
    KubernetesAuthenticator::new("fuzz", &configuration, Policy::default(), ports, None).unwrap()
});

/// Both issuers, and a place for groups at any other address of theirs.
struct Issuers;

impl Transport for Issuers {
    fn send(
        &self,
        request: Request<bytes::Bytes>,
        _: Budget,
    ) -> BoxFuture<'_, Result<Response<bytes::Bytes>, TransportError>> {
        assert_eq!((request.uri().scheme_str(), request.uri().authority().unwrap().as_str()), (Some("https"), HOST));
        let keys = format!("https://{HOST}/jwks");
        let body = match request.uri().path() {
            "/.well-known/openid-configuration" => {
                json!({"issuer": format!("https://{HOST}"), "jwks_uri": keys}).to_string()
            }
            "/cel/.well-known/openid-configuration" => {
                json!({"issuer": format!("https://{HOST}/cel"), "jwks_uri": keys}).to_string()
            }
            "/jwks" => json!({"keys": [KEY.public_jwk("k")]}).to_string(),
            _ => signed(
                &json!({"iss": format!("https://{HOST}"), "aud": "k", "exp": 4_000_000_000_u64, "groups": ["far"]}),
            ),
        };
        Box::pin(std::future::ready(Ok(Response::new(bytes::Bytes::from(body)))))
    }
}

fn signed(claims: &Value) -> String {
    KEY.sign(json!({"kid": "k"}).as_object().unwrap(), claims).unwrap()
}

fuzz_target!(|data: &[u8]| {
    let Ok(Value::Object(mut claims)) = serde_json::from_slice(data) else { return };
    let cel = claims.contains_key("hd");
    claims.insert("iss".into(), json!(format!("https://{HOST}{}", if cel { "/cel" } else { "" })));
    claims.insert("aud".into(), json!("k"));
    claims.insert("exp".into(), json!(4_000_000_000_u64));
    match RUNTIME.block_on(JUDGE.verify(&signed(&Value::Object(claims)), NOW)) {
        Outcome::Authenticated(who) => {
            let identity = who.identity();
            let names = identity.groups.iter().chain(&identity.uid).chain([&identity.username]);
            for name in names {
                assert!(!name.is_empty() && name.len() <= 1024 && name.trim() == name, "{name:?}");
                assert!(!name.chars().any(char::is_control), "{name:?}");
            }
            let named = identity.groups.iter().chain([&identity.username]);
            assert!(named.into_iter().all(|name| !name.starts_with("system:")));
            assert!(identity.extra.values().flatten().all(|value| value.len() <= 4096));
            assert!(who.holds(NOW));
        }
        Outcome::Rejected(refusal) | Outcome::Unavailable(refusal) => {
            let text = format!("{refusal} {refusal:?}");
            assert!(text.len() < 8192 && !text.chars().any(char::is_control), "{text:?}");
            assert!(!refusal.reason().name.is_empty());
        }
        Outcome::NotMine(why) => panic!("its issuer is listed: {why:?}"),
    }
});
