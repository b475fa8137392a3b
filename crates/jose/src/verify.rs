//! The judgement on a well-formed token (RFC 7519 §7.2, RFC 8725 §3), in this order:
//!
//! 1. `alg` is among the rules' algorithms (RFC 8725 §3.1).
//! 2. `typ` suits the purpose (RFC 8725 §3.11): compared without case, `application/` may be left out.
//! 3. `iss` is one of the rules' issuers, or the one that the caller names in their place, byte for byte. It comes before
//!    the keys because it says whose keys they must be (RFC 8725 §3.8), and so that a stranger's token is called that and
//!    not "unknown key". Of a JWT-SVID it is the trust domain of `sub` that says so, which must be a workload's SPIFFE ID;
//!    its `iss` is not read.
//! 4. The keys: those with the token's `kid`, of the algorithm's type and curve. Keys or addresses of keys inside the
//!    token (`jwk`, `jku`, `x5c`, `x5u`) are never read (RFC 8725 §3.10). A JWT-SVID must have a `kid`.
//! 5. The signature, over the octets as they were sent. Everything that is said below about the claims is about
//!    claims that the issuer made.
//! 6. `aud` holds one of the rules' audiences, exactly (RFC 8725 §3.9).
//! 7. `exp` is there and `now < exp + leeway.expiry`: at `exp` itself the token has expired (RFC 7519 §4.1.4).
//! 8. `nbf ≤ now + leeway.start` and `iat ≤ now + leeway.start`, if they are there.
//! 9. `sub` is there and not empty, except in a token for Kubernetes, where another claim may be the name.
//! 10. No `cnf`: such a token is good only together with a proof of possession (RFC 7800), and there is none to check.
//! 11. An access token bears no mark of an ID token: `nonce`, `at_hash`, `c_hash` (RFC 8725 §3.12).

use crate::excerpt::Excerpt;
use crate::key_set::Selection;
use crate::token::{Header, Unverified};
use crate::{Claims, KeySet, Purpose, Rules, SpiffeId, TokenRefusal, UnixTime};

/// A value that came through the verifier. There is no other way to make one.
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The verified value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The verified value, as a plain one: from here on nothing vouches for it.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Judges a token by all rules.
pub(crate) fn judge(
    token: Unverified<'_>,
    keys: &KeySet,
    rules: &Rules,
    from: Option<&str>,
    now: UnixTime,
) -> Result<Verified<Claims>, TokenRefusal> {
    algorithm(&token.header, rules)?;
    media_type(&token.header, rules.purpose)?;
    issuer(&token.claims, rules, from)?;
    key_id(&token.header, keys, rules.purpose)?;
    signature(&token.header, token.signing_input.as_bytes(), &token.signature, keys)?;
    audience(&token.claims, rules)?;
    times(&token.claims, rules, now)?;
    subject(&token.claims, rules.purpose)?;
    possession(&token.claims)?;
    marks(&token.claims, rules.purpose)?;
    Ok(Verified(token.claims))
}

fn algorithm(header: &Header, rules: &Rules) -> Result<(), TokenRefusal> {
    if rules.algorithms.contains(&header.algorithm) {
        return Ok(());
    }
    Err(TokenRefusal::AlgorithmNotAllowed { found: header.algorithm, allowed: rules.algorithms.clone() })
}

fn media_type(header: &Header, purpose: Purpose) -> Result<(), TokenRefusal> {
    let Some(typ) = header.typ.as_deref() else { return Ok(()) };
    let subtype = match typ.split_at_checked("application/".len()) {
        Some((prefix, subtype)) if prefix.eq_ignore_ascii_case("application/") => subtype,
        _ => typ,
    };
    let fits = purpose.types().iter().any(|accepted| subtype.eq_ignore_ascii_case(accepted));
    if fits { Ok(()) } else { Err(TokenRefusal::TypeMismatch { found: Excerpt::of(typ), purpose }) }
}

fn issuer(claims: &Claims, rules: &Rules, from: Option<&str>) -> Result<(), TokenRefusal> {
    if rules.purpose == Purpose::JwtSvid {
        return trust_domain(claims, rules);
    }
    let found = claims.issuer().ok_or(TokenRefusal::IssuerMissing)?;
    if let Some(only) = from {
        let accepted = || vec![Excerpt::of(only)];
        let refusal = || TokenRefusal::IssuerMismatch { found: Excerpt::of(found), accepted: accepted() };
        return if only == found { Ok(()) } else { Err(refusal()) };
    }
    if rules.issuers.iter().any(|accepted| accepted == found) {
        return Ok(());
    }
    if let Some(other) = rules.issuers.iter().find(|accepted| differ_in_entra_version(found, accepted)) {
        return Err(TokenRefusal::IssuerVersion { found: Excerpt::of(found), accepted: Excerpt::of(other) });
    }
    Err(TokenRefusal::IssuerMismatch { found: Excerpt::of(found), accepted: Excerpt::of_each(&rules.issuers) })
}

fn trust_domain(claims: &Claims, rules: &Rules) -> Result<(), TokenRefusal> {
    let subject = claims.subject().ok_or(TokenRefusal::SubjectMissing)?;
    let id = SpiffeId::parse(subject).filter(|id| !id.path().is_empty());
    let id = id.ok_or(TokenRefusal::ClaimMalformed { claim: "sub", wanted: "the SPIFFE ID of a workload" })?;
    let found = id.trust_domain_id();
    if rules.issuers.iter().any(|accepted| accepted == found) {
        return Ok(());
    }
    Err(TokenRefusal::TrustDomainMismatch { found: Excerpt::of(found), accepted: Excerpt::of_each(&rules.issuers) })
}

/// Whether both are issuers of one Entra tenant, one of v1 (`https://sts.windows.net/TENANT/`) and one of v2
/// (`https://login.microsoftonline.com/TENANT/v2.0`) tokens. The hosts differ from cloud to cloud and are not compared.
fn differ_in_entra_version(a: &str, b: &str) -> bool {
    let v1 = |iss: &str| iss.strip_suffix('/').and_then(|iss| iss.rsplit('/').next()).map(str::to_owned);
    let v2 = |iss: &str| iss.strip_suffix("/v2.0").and_then(|iss| iss.rsplit('/').next()).map(str::to_owned);
    let one_each = |old: &str, new: &str| v1(old).is_some_and(|tenant| !tenant.is_empty() && v2(new) == Some(tenant));
    one_each(a, b) || one_each(b, a)
}

fn key_id(header: &Header, keys: &KeySet, purpose: Purpose) -> Result<(), TokenRefusal> {
    if purpose == Purpose::JwtSvid && header.kid.is_none() {
        return Err(TokenRefusal::KeyIdMissing { candidates: keys.len() });
    }
    Ok(())
}

fn signature(header: &Header, signed: &[u8], signature: &[u8], keys: &KeySet) -> Result<(), TokenRefusal> {
    let algorithm = header.algorithm;
    let kid = header.kid.as_deref();
    let excerpt = || kid.map(Excerpt::of);
    let candidates = match keys.select(kid, algorithm) {
        Selection::Candidates(candidates) => candidates,
        Selection::OtherAlgorithm => return Err(TokenRefusal::AlgorithmKeyMismatch { algorithm, kid: excerpt() }),
        Selection::Skipped(problem) => {
            return Err(TokenRefusal::KeyUnusable { kid: excerpt(), problem: Box::new(problem.clone()) });
        }
        Selection::TooMany(candidates) => return Err(TokenRefusal::KeyIdMissing { candidates }),
        Selection::Unknown => return Err(TokenRefusal::KeyUnknown { kid: excerpt() }),
    };
    if candidates.iter().any(|key| key.verify_sig(signed, signature).is_ok()) {
        return Ok(());
    }
    Err(TokenRefusal::SignatureInvalid { algorithm, kid: excerpt() })
}

fn audience(claims: &Claims, rules: &Rules) -> Result<(), TokenRefusal> {
    if claims.audiences().is_empty() {
        return Err(TokenRefusal::AudienceMissing);
    }
    if claims.audiences().iter().any(|found| rules.audiences.contains(found)) {
        return Ok(());
    }
    Err(TokenRefusal::AudienceMismatch {
        found: Excerpt::of_each(claims.audiences()),
        accepted: Excerpt::of_each(&rules.audiences),
    })
}

fn times(claims: &Claims, rules: &Rules, now: UnixTime) -> Result<(), TokenRefusal> {
    let expires = claims.expires().ok_or(TokenRefusal::ExpiryMissing)?;
    if now >= expires + rules.leeway.expiry {
        return Err(TokenRefusal::Expired { at: expires, ago: now.since(expires) });
    }
    let latest = now + rules.leeway.start;
    if let Some(at) = claims.not_before().filter(|at| *at > latest) {
        return Err(TokenRefusal::NotYetValid { at, ahead: at.since(now) });
    }
    if let Some(at) = claims.issued_at().filter(|at| *at > latest) {
        return Err(TokenRefusal::IssuedInFuture { at, ahead: at.since(now) });
    }
    Ok(())
}

fn subject(claims: &Claims, purpose: Purpose) -> Result<(), TokenRefusal> {
    let present = claims.subject().is_some_and(|subject| !subject.is_empty());
    if present || purpose == Purpose::KubernetesToken { Ok(()) } else { Err(TokenRefusal::SubjectMissing) }
}

fn possession(claims: &Claims) -> Result<(), TokenRefusal> {
    if claims.has("cnf") { Err(TokenRefusal::ProofRequired) } else { Ok(()) }
}

fn marks(claims: &Claims, purpose: Purpose) -> Result<(), TokenRefusal> {
    let mark = ["nonce", "at_hash", "c_hash"].into_iter().find(|mark| claims.has(mark));
    match mark {
        Some(mark) if purpose == Purpose::AccessToken => Err(TokenRefusal::IdTokenPresented { mark }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod wycheproof;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Algorithm, encoding};

    /// The examples of the standards: RFC 7515 appendix A and RFC 8037 appendix A. Their payloads are not claims that
    /// would pass (some are no JSON at all), so this goes in at the signature.
    #[test]
    fn the_examples_of_the_standards() {
        let vectors: Vec<Value> = serde_json::from_str(include_str!("../tests/data/rfc_vectors.json")).unwrap();
        assert_eq!(vectors.len(), 4);
        for vector in vectors {
            let keys = KeySet::parse(json!({"keys": [vector["jwk"]]}).to_string().as_bytes()).unwrap();
            let algorithm = Algorithm::from_name(vector["alg"].as_str().unwrap()).unwrap();
            let (signing_input, sig) = vector["token"].as_str().unwrap().rsplit_once('.').unwrap();
            let header = Header { algorithm, kid: None, typ: None };
            let mut octets = encoding::decode(sig).unwrap();
            assert_eq!(signature(&header, signing_input.as_bytes(), &octets, &keys), Ok(()), "{}", vector["name"]);
            octets[10] ^= 1;
            assert!(signature(&header, signing_input.as_bytes(), &octets, &keys).is_err(), "{}", vector["name"]);
        }
    }
}
