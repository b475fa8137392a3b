//! A JWK set (RFC 7517 §5): the keys an issuer signs with, parsed once and shared.
//!
//! 1. At most 1 MiB and 256 keys; strict JSON (no member twice).
//! 2. A key that cannot be used is passed over and reported, it does not spoil the others (RFC 7517 §5).
//! 3. The same key under the same id counts once. Two different keys with the same id *and* algorithm are ambiguous:
//!    neither is used for that algorithm. (The same id for keys of different algorithms is fine: they cannot be mixed up.)
//! 4. A token with `kid` is checked with the keys of exactly that id, and with no other. A token without is checked with
//!    every key of its algorithm, unless there are more than eight.
//! 5. The bundle of a SPIFFE trust domain (SPIFFE Trust Domain and Bundle §4) is a set in which `use` says which kind of
//!    document a key is for: its `jwt-svid` keys are used, its `x509-svid` keys are for others and left out in silence.
//!    Neither passes in an issuer's set, nor an issuer's keys in a bundle.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::{Map, Value};

use crate::Algorithm;
use crate::excerpt::Excerpt;
use crate::json;
use crate::jwk::{self, KeyProblem, Origin, PublicKey};

/// A JWK set, its keys parsed once and shared: cloning it is cheap.
#[derive(Clone, Default)]
pub struct KeySet {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    keys: Vec<PublicKey>,
    by_id: HashMap<String, Vec<usize>>,
    skipped: Vec<SkippedKey>,
}

/// A key of the set that is not used, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {} is not used: {problem}", DisplayKeyId(kid.as_ref()))]
pub struct SkippedKey {
    /// Its `kid`, if it has a readable one.
    pub kid: Option<Excerpt>,
    /// Why it is not used.
    pub problem: KeyProblem,
}

/// Why a JWK set was not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with an array `keys` of objects.
    #[error("not a JWK set: {0}")]
    Malformed(String),
    /// More octets than any provider needs.
    #[error("a JWK set of {0} octets; at most {max} are read", max = KeySet::MAX_OCTETS)]
    TooLarge(usize),
    /// More keys than any provider needs.
    #[error("a JWK set of {0} keys; at most {max} are read", max = KeySet::MAX_KEYS)]
    TooMany(usize),
}

impl KeySet {
    /// The largest document that is read.
    pub const MAX_OCTETS: usize = 1 << 20;
    /// The most keys a document may hold.
    pub const MAX_KEYS: usize = 256;
    /// With how many keys a token without `kid` is tried.
    pub const MAX_TRIES: usize = 8;

    /// Parses a JWK set. Keys that cannot be used are passed over; a set without any usable key is empty, not an error.
    pub fn parse(json: &[u8]) -> Result<KeySet, KeySetError> {
        Self::parse_from(json, Origin::Jwks)
    }

    /// Parses the bundle of a SPIFFE trust domain: the keys that vouch for its JWT-SVIDs (rule 5).
    pub fn parse_spiffe_bundle(json: &[u8]) -> Result<KeySet, KeySetError> {
        Self::parse_from(json, Origin::SpiffeBundle)
    }

    fn parse_from(json: &[u8], origin: Origin) -> Result<KeySet, KeySetError> {
        if json.len() > Self::MAX_OCTETS {
            return Err(KeySetError::TooLarge(json.len()));
        }
        let document = json::object(json).map_err(|e| KeySetError::Malformed(e.to_string()))?;
        let Some(Value::Array(members)) = document.get("keys") else {
            return Err(KeySetError::Malformed("no array `keys`".to_owned()));
        };
        if members.len() > Self::MAX_KEYS {
            return Err(KeySetError::TooMany(members.len()));
        }
        let mut inner = Inner::default();
        for member in members {
            let Value::Object(member) = member else {
                return Err(KeySetError::Malformed("a member of `keys` is not an object".to_owned()));
            };
            inner.add(member, origin);
        }
        inner.refuse_ambiguous();
        inner.index();
        Ok(KeySet { inner: Arc::new(inner) })
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.inner.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a usable key has this key id.
    pub fn contains(&self, kid: &str) -> bool {
        self.inner.by_id.contains_key(kid)
    }

    /// The keys that are not used, with reasons.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.inner.skipped
    }

    /// The keys that may verify a token with this `kid` and algorithm (rule 4).
    pub(crate) fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Selection<'_> {
        let keys = &self.inner.keys;
        let Some(kid) = kid else {
            let candidates: Vec<_> = keys.iter().filter_map(|key| key.verifier(algorithm)).collect();
            return match candidates.len() {
                0 => Selection::Unknown,
                1..=Self::MAX_TRIES => Selection::Candidates(candidates),
                many => Selection::TooMany(many),
            };
        };
        let Some(indices) = self.inner.by_id.get(kid) else {
            return match self.inner.skipped.iter().find(|key| key.kid == Some(Excerpt::of(kid))) {
                Some(skipped) => Selection::Skipped(&skipped.problem),
                None => Selection::Unknown,
            };
        };
        let candidates: Vec<_> = indices.iter().filter_map(|i| keys[*i].verifier(algorithm)).collect();
        if candidates.is_empty() { Selection::OtherAlgorithm } else { Selection::Candidates(candidates) }
    }
}

/// Names the key ids; the keys themselves are public but long.
impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<_> = self.inner.keys.iter().map(|key| key.kid.as_deref().map(Excerpt::of)).collect();
        f.debug_struct("KeySet").field("keys", &ids).field("skipped", &self.inner.skipped).finish()
    }
}

/// What the set has for a token.
pub(crate) enum Selection<'k> {
    /// Keys to check the signature with, never none.
    Candidates(Vec<&'k ParsedPublicKey>),
    /// The key with this id verifies other algorithms.
    OtherAlgorithm,
    /// The key with this id is not usable.
    Skipped(&'k KeyProblem),
    /// No key id, and more keys than may be tried.
    TooMany(usize),
    /// There is no such key.
    Unknown,
}

impl Inner {
    fn add(&mut self, member: &Map<String, Value>, origin: Origin) {
        if origin == Origin::SpiffeBundle && member.get("use").is_some_and(|value| value == "x509-svid") {
            return;
        }
        match jwk::public_key(member, origin) {
            Ok(key) => self.keys.push(key),
            Err(problem) => {
                let kid = member.get("kid").and_then(Value::as_str).map(Excerpt::of);
                self.skipped.push(SkippedKey { kid, problem });
            }
        }
    }

    /// Rule 3.
    fn refuse_ambiguous(&mut self) {
        let mut first: HashMap<(String, Algorithm), Vec<u8>> = HashMap::new();
        let mut ambiguous: Vec<(String, Algorithm)> = Vec::new();
        for key in &mut self.keys {
            let Some(kid) = key.kid.clone() else { continue };
            key.verifiers.retain(|(algorithm, parsed)| {
                let slot = (kid.clone(), *algorithm);
                match first.get(&slot) {
                    None => {
                        first.insert(slot, parsed.as_ref().to_vec());
                        true
                    }
                    Some(same) if same == parsed.as_ref() => false,
                    Some(_) => {
                        ambiguous.push(slot);
                        false
                    }
                }
            });
        }
        for (kid, algorithm) in ambiguous {
            for key in self.keys.iter_mut().filter(|key| key.kid.as_ref() == Some(&kid)) {
                key.verifiers.retain(|(a, _)| *a != algorithm);
            }
            let skipped = SkippedKey { kid: Some(Excerpt::of(&kid)), problem: KeyProblem::Ambiguous };
            if !self.skipped.contains(&skipped) {
                self.skipped.push(skipped);
            }
        }
        self.keys.retain(|key| !key.verifiers.is_empty());
    }

    fn index(&mut self) {
        for (i, key) in self.keys.iter().enumerate() {
            if let Some(kid) = &key.kid {
                self.by_id.entry(kid.clone()).or_default().push(i);
            }
        }
    }
}

struct DisplayKeyId<'a>(Option<&'a Excerpt>);

impl std::fmt::Display for DisplayKeyId<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(kid) => write!(f, "“{kid}”"),
            None => f.write_str("without kid"),
        }
    }
}
