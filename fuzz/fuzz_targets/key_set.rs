//! JWK sets and bundles of SPIFFE: no panic, the bounds hold, no key is good for both, and a token checked with whatever
//! keys come out is not accepted.

#![no_main]

use gangplank_jose::{Algorithm, KeySet, Purpose, Rules, UnixTime, Unverified};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (set, bundle) = (KeySet::parse(data), KeySet::parse_spiffe_bundle(data));
    assert_eq!(set.is_ok(), bundle.is_ok());
    match (set, bundle) {
        (Ok(set), Ok(bundle)) => {
            assert!(set.len() + bundle.len() <= KeySet::MAX_KEYS);
            judge(&set, Purpose::AccessToken, "i");
            judge(&bundle, Purpose::JwtSvid, "spiffe://i");
        }
        (set, _) => assert!(set.is_err_and(|error| error.to_string().len() < 2048)),
    }
});

fn judge(keys: &KeySet, purpose: Purpose, issuer: &str) {
    assert!(keys.len() <= KeySet::MAX_KEYS);
    let _ = format!("{keys:?}");
    for skipped in keys.skipped() {
        assert!(!skipped.to_string().chars().any(char::is_control));
    }
    let rules = Rules {
        issuers: vec![issuer.into()],
        audiences: vec!["a".into()],
        algorithms: Algorithm::ALL.to_vec(),
        purpose,
        leeway: Rules::LEEWAY,
    };
    for token in TOKENS {
        let token = Unverified::parse(token).unwrap();
        assert!(token.verify(keys, &rules, UnixTime::from_secs(1_800_000_000)).is_err());
    }
}

/// `{"iss":"i"}` under headers without `kid`, with signatures of zeros: RS256, ES256, EdDSA.
const TOKENS: [&str; 3] = [
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIn0.AAAA",
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJpIn0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJpIn0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];
