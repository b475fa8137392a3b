//! What is signed here is verified here, for every algorithm and every form of a private key.

use std::time::Duration;

use gangplank_jose::{Algorithm, KeySet, Purpose, Rules, SigningKey, TokenRefusal, UnixTime, Unverified};
use serde_json::{Map, json};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn rules(algorithm: Algorithm) -> Rules {
    Rules {
        issuers: vec!["https://issuer.example".into()],
        audiences: vec!["api://app".into()],
        algorithms: vec![algorithm],
        purpose: Purpose::AccessToken,
        leeway: Duration::ZERO,
    }
}

fn claims() -> serde_json::Value {
    json!({"iss": "https://issuer.example", "aud": "api://app", "sub": "s", "exp": NOW.as_secs() + 60})
}

#[test]
fn every_algorithm_verifies_its_own_signatures() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let kid = key.thumbprint();
        let keys = KeySet::parse(json!({"keys": [key.public_jwk(&kid)]}).to_string().as_bytes()).unwrap();
        assert!(keys.contains(&kid), "{keys:?}");
        let header: Map<_, _> =
            [("kid".to_owned(), kid.into()), ("typ".to_owned(), "at+jwt".into())].into_iter().collect();
        let token = key.sign(&header, &claims()).unwrap();
        let verified = Unverified::parse(&token).unwrap().verify(&keys, &rules(algorithm), NOW).unwrap();
        assert_eq!(verified.get().subject(), Some("s"));
        let other = Algorithm::ALL.into_iter().find(|a| *a != algorithm).unwrap();
        let refusal = Unverified::parse(&token).unwrap().verify(&keys, &rules(other), NOW).unwrap_err();
        assert!(matches!(refusal, TokenRefusal::AlgorithmNotAllowed { .. }));
    }
}
