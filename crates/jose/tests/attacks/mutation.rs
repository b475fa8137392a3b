//! Whatever is done to the octets of a token or a key set: no panic, and never an accepted token that the issuer has
//! not signed. The mutations are the same in every run.

use gangplank_jose::KeySet;
use serde_json::json;

use crate::support::*;

struct Mutations(u64);

impl Mutations {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    /// One to three characters replaced, removed, doubled, or parts swapped.
    fn of(&mut self, text: &str) -> String {
        const SPICE: &[char] = &['.', '=', 'A', '_', '-', '{', '"', '\\', '\0', 'é', '0', '9', 'n', ' ', '[', ',', ':'];
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=self.next(3) {
            if chars.len() < 2 {
                break;
            }
            let at = self.next(chars.len());
            match self.next(5) {
                0 => chars[at] = SPICE[self.next(SPICE.len())],
                1 => drop(chars.remove(at)),
                2 => chars.insert(at, SPICE[self.next(SPICE.len())]),
                3 => chars.swap(at, at / 2),
                _ => chars.truncate(at),
            }
        }
        chars.into_iter().collect()
    }
}

#[test]
fn no_mutated_token_is_accepted() {
    let mut mutations = Mutations(0x9e37_79b9_7f4a_7c15);
    for token in [
        with_claims(json!({"nbf": 1.5, "nested": {"a": [1, null, "é\u{1F6A2}"]}})),
        with_header(json!({"alg": "RS256", "kid": "rsa", "typ": "at+jwt"})),
        forge(&ED, r#"{"alg":"EdDSA","kid":"ed"}"#, claims().to_string()),
    ] {
        assert_eq!(verdict(&token), "accepted");
        for _ in 0..4000 {
            let mutated = mutations.of(&token);
            if mutated != token {
                assert_ne!(verdict(&mutated), "accepted", "{mutated}");
            }
        }
    }
}

#[test]
fn mutated_claims_never_panic() {
    let mut mutations = Mutations(0x2545_f491_4f6c_dd1d);
    let payload = claims().to_string();
    for _ in 0..1500 {
        let header = mutations.of(r#"{"alg":"ES256","kid":"p256","typ":"JWT"}"#);
        let changed = mutations.of(&payload);
        let _ =
            judge(&forge(&P256, r#"{"alg":"ES256","kid":"p256"}"#, changed)).map_err(|e| (e.to_string(), e.reason()));
        let _ = judge(&forge(&P256, header, &payload)).map_err(|e| (e.to_string(), e.reason()));
    }
}

#[test]
fn mutated_key_sets_never_panic() {
    let mut mutations = Mutations(0xda94_2042_e4dd_58b5);
    let document = json!({"keys": [RSA.public_jwk("rsa"), P256.public_jwk("p256"), ED.public_jwk("ed")]}).to_string();
    for _ in 0..2000 {
        let _ = KeySet::parse(mutations.of(&document).as_bytes()).map(|keys| format!("{keys:?}"));
    }
}
