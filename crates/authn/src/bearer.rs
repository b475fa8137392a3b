//! Bearer tokens: `Authorization: Bearer` (RFC 6750 §2.1), and no other way to present one.
//!
//! 1. No `Authorization` header with the scheme `Bearer` (in any case): not ours. Two `Authorization` headers of which
//!    one is: refused, since who stands behind would perhaps read the other.
//! 2. After the scheme one token of the characters that RFC 6750 gives it, and nothing else.
//! 3. Whose token it is says its `iss`, which is believed only to choose the judge. An unknown one is refused. Of two
//!    issuers with the same `iss`, the first that has one of the token's audiences judges.
//! 4. A token that was verified is remembered by its SHA-256, for as long as it is valid and its issuer's key set
//!    stays the same. What was refused is not remembered: it would let a flood push the good ones out. What has the
//!    digest of a verified token is that token, so the second rule is not asked again.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use gangplank_jose::{Claims, UnixTime, Unverified};
use gangplank_oauth::BoxFuture;
use http::{HeaderMap, HeaderValue, header};
use quick_cache::sync::Cache;

use crate::refusal::fact;
use crate::{Authenticated, Authenticator, Credentials, Issuer, Outcome, Refusal};

/// How many verified tokens are remembered.
const REMEMBERED: usize = 10_000;

/// Accepts access tokens of its issuers.
pub struct BearerAuthenticator {
    by_iss: HashMap<String, Vec<Arc<Issuer>>>,
    remembered: Cache<[u8; 32], Remembered>,
}

/// What stands after `Bearer`, and its SHA-256. That it is one token is for [`token`](Self::token) to say.
#[derive(Clone, Copy)]
pub struct PresentedToken<'r> {
    bytes: &'r [u8],
    digest: [u8; 32],
}

impl<'r> PresentedToken<'r> {
    fn of(bytes: &'r [u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        PresentedToken { bytes, digest }
    }

    /// The key under which a verified token is remembered.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The one token that it is.
    pub fn token(&self) -> Result<&'r str, Refusal> {
        one_token(self.bytes)
    }
}

#[derive(Clone)]
struct Remembered {
    authenticated: Authenticated,
    issuer: Arc<Issuer>,
    generation: u64,
}

impl BearerAuthenticator {
    /// For these issuers, which tokens name by `iss`.
    pub fn new(issuers: Vec<Arc<Issuer>>) -> Self {
        let mut by_iss: HashMap<String, Vec<Arc<Issuer>>> = HashMap::new();
        for issuer in issuers {
            for iss in issuer.accepted_issuers() {
                by_iss.entry(iss.clone()).or_default().push(Arc::clone(&issuer));
            }
        }
        BearerAuthenticator { by_iss, remembered: Cache::new(REMEMBERED) }
    }

    /// What a request presents as its one bearer token, if it presents any.
    pub fn presented(headers: &HeaderMap) -> Result<Option<PresentedToken<'_>>, Refusal> {
        let mut bearer = None;
        let mut count = 0;
        for value in headers.get_all(header::AUTHORIZATION) {
            count += 1;
            if is_bearer(value) {
                bearer = Some(value);
            }
        }
        match bearer {
            None => Ok(None),
            Some(_) if count > 1 => Err(Refusal::AuthorizationRepeated { count }),
            Some(value) => Ok(Some(PresentedToken::of(without_spaces(&value.as_bytes()[SCHEME.len()..])))),
        }
    }

    /// What a token with this digest proved before, if it still does.
    pub fn cached(&self, digest: &[u8; 32], now: UnixTime) -> Option<Authenticated> {
        let Remembered { authenticated, issuer, generation } = self.remembered.get(digest)?;
        let holds = authenticated.expires().is_some_and(|end| now < end) && issuer.keys_generation() == generation;
        if !holds {
            self.remembered.remove(digest);
        }
        holds.then_some(authenticated)
    }

    /// Judges a token, remembered or not.
    pub async fn verify(&self, token: &str, now: UnixTime) -> Outcome {
        self.judge(&PresentedToken::of(token.as_bytes()), now).await
    }

    /// Judges what a request presents, remembered or not.
    pub async fn judge(&self, presented: &PresentedToken<'_>, now: UnixTime) -> Outcome {
        if let Some(authenticated) = self.cached(&presented.digest, now) {
            return Outcome::Authenticated(authenticated);
        }
        match presented.token() {
            Ok(token) => self.verify_new(token, presented.digest, now).await,
            Err(refusal) => Outcome::Rejected(refusal),
        }
    }

    async fn verify_new(&self, token: &str, digest: [u8; 32], now: UnixTime) -> Outcome {
        let parsed = match Unverified::parse(token) {
            Ok(parsed) => parsed,
            Err(refusal) => return Outcome::Rejected(refusal.into()),
        };
        let issuer = match self.judge_of(parsed.claims_unverified()) {
            Ok(issuer) => issuer,
            Err(refusal) => return Outcome::Rejected(refusal),
        };
        match issuer.judge_access_token(token, parsed, now).await {
            Ok((authenticated, generation)) => {
                let entry = Remembered { authenticated: authenticated.clone(), issuer: Arc::clone(issuer), generation };
                self.remembered.insert(digest, entry);
                Outcome::Authenticated(authenticated)
            }
            Err(denial) => denial.into(),
        }
    }

    fn judge_of(&self, claims: &Claims) -> Result<&Arc<Issuer>, Refusal> {
        let candidates = claims.issuer().and_then(|iss| self.by_iss.get(iss)).map_or(&[][..], Vec::as_slice);
        let fits = |issuer: &&Arc<Issuer>| claims.audiences().iter().any(|aud| issuer.audiences().contains(aud));
        candidates.iter().find(fits).or(candidates.first()).ok_or_else(|| self.unknown(claims.issuer()))
    }

    fn unknown(&self, iss: Option<&str>) -> Refusal {
        let mut accepted: Vec<&str> = self.by_iss.keys().map(String::as_str).collect();
        accepted.sort_unstable();
        accepted.truncate(8);
        Refusal::IssuerUnknown { found: iss.map(fact), accepted: accepted.join(", ") }
    }
}

impl Authenticator for BearerAuthenticator {
    fn name(&self) -> &str {
        "bearer"
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match Self::presented(credentials.headers) {
                Ok(None) => Outcome::NotMine,
                Ok(Some(presented)) => self.judge(&presented, now).await,
                Err(refusal) => Outcome::Rejected(refusal),
            }
        })
    }
}

const SCHEME: &[u8] = b"bearer";

fn is_bearer(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    let (scheme, rest) = value.split_at_checked(SCHEME.len()).unwrap_or((value, &[]));
    scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_none_or(|b| matches!(b, b' ' | b'\t' | b','))
}

fn one_token(token: &[u8]) -> Result<&str, Refusal> {
    let malformed = |problem| Refusal::BearerMalformed { problem };
    if token.is_empty() {
        return Err(malformed("there is no token after Bearer"));
    }
    let padding = token.iter().rev().take_while(|b| **b == b'=').count();
    let bare = &token[..token.len() - padding];
    match std::str::from_utf8(token) {
        Ok(text) if !bare.is_empty() && is_token68(bare) => Ok(text),
        Ok(text) if text.is_ascii() => Err(malformed("what follows Bearer is not one token")),
        _ => Err(malformed("the header holds other than visible ASCII")),
    }
}

fn without_spaces(mut bytes: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = bytes {
        bytes = rest;
    }
    bytes
}

/// Looks at all bytes whatever it finds, without a branch: the compiler then looks at many at once, and each request
/// with a token comes by here.
fn is_token68(bytes: &[u8]) -> bool {
    let within = |b: u8, first: u8, last: u8| b.wrapping_sub(first) <= last - first;
    let fits = |b: u8| {
        // `a` to `z` and `A` to `Z`; then `-`, `.`, `/` and the digits in a row; then the others.
        within(b | 0x20, b'a', b'z') | within(b, b'-', b'9') | (b == b'_') | (b == b'~') | (b == b'+')
    };
    bytes.iter().fold(true, |all, b| all & fits(*b))
}

#[cfg(test)]
mod tests;
