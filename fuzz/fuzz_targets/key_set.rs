//! JWK sets: no panic, the bounds hold, and a token checked with whatever keys come out is not accepted.

#![no_main]

use gangplank_jose::{Algorithm, KeySet, Purpose, Rules, UnixTime, Unverified};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let keys = match KeySet::parse(data) {
        Ok(keys) => keys,
        Err(error) => {
            assert!(error.to_string().len() < 2048);
            return;
        }
    };
    assert!(keys.len() <= KeySet::MAX_KEYS);
    let _ = format!("{keys:?}");
    for skipped in keys.skipped() {
        assert!(!skipped.to_string().chars().any(char::is_control));
    }
    let rules = Rules {
        issuers: vec!["i".into()],
        audiences: vec!["a".into()],
        algorithms: Algorithm::ALL.to_vec(),
        purpose: Purpose::AccessToken,
        leeway: Rules::LEEWAY,
    };
    for token in TOKENS {
        let token = Unverified::parse(token).unwrap();
        assert!(token.verify(&keys, &rules, UnixTime::from_secs(1_800_000_000)).is_err());
    }
});

/// `{"iss":"i"}` under headers without `kid`, with signatures of zeros: RS256, ES256, EdDSA.
const TOKENS: [&str; 3] = [
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIn0.AAAA",
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJpIn0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJpIn0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];
