//! Why a token was refused. Every way of refusing has a name, a fault and a remedy of its own; the answer that goes out
//! has none of them (it would be an oracle), the log and `gangplank explain` have all.
//!
//! The facts that a refusal prints are excerpts of what was sent, bounded and escaped, and never a claim about a person.

use std::time::Duration;

use crate::reason::catalogue as reasons;
use crate::{Algorithm, Excerpt, KeyProblem, Purpose, Reason, UnixTime};

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// The key with the token's `kid` is of another type, curve or `alg` than the token's.
    #[error("the key {} does not verify {}", key_id(kid.as_ref()), algorithm.name())]
    AlgorithmKeyMismatch {
        /// `alg`.
        algorithm: Algorithm,
        /// `kid`.
        kid: Option<Excerpt>,
    },
    /// No `alg`, or not a string.
    #[error("the header has no alg")]
    AlgorithmMissing,
    /// `alg` is `none`, in whatever case.
    #[error("alg is none")]
    AlgorithmNone,
    /// `alg` is known, but the rules do not allow it.
    #[error("alg is {}, allowed are {}", found.name(), algorithm_names(allowed))]
    AlgorithmNotAllowed {
        /// `alg`.
        found: Algorithm,
        /// The rules' algorithms.
        allowed: Vec<Algorithm>,
    },
    /// `alg` is not a known asymmetric algorithm.
    #[error("alg is “{found}”")]
    AlgorithmUnknown {
        /// `alg`.
        found: Excerpt,
    },
    /// No member of `aud` is an accepted audience.
    #[error("aud is {}, accepted are {}", list(found), list(accepted))]
    AudienceMismatch {
        /// The members of `aud`, the first few.
        found: Vec<Excerpt>,
        /// The accepted audiences, the first few.
        accepted: Vec<Excerpt>,
    },
    /// No `aud`, or an empty array.
    #[error("there is no aud, or it is empty")]
    AudienceMissing,
    /// A registered claim has a type that RFC 7519 does not give it.
    #[error("the claim {claim} is not {wanted}")]
    ClaimMalformed {
        /// Its name.
        claim: &'static str,
        /// The type it must have.
        wanted: &'static str,
    },
    /// `crit` is present.
    #[error("the header has crit")]
    CriticalExtension,
    /// Five parts: a JWE.
    #[error("five parts: a JWE")]
    Encrypted,
    /// `exp` has passed.
    #[error("expired at {at}, {} s before now", ago.as_secs())]
    Expired {
        /// `exp`.
        at: UnixTime,
        /// How long ago.
        ago: Duration,
    },
    /// No `exp`.
    #[error("there is no exp")]
    ExpiryMissing,
    /// The header is not one strict JSON object, or a member has the wrong type.
    #[error("the header is malformed: {problem}")]
    HeaderMalformed {
        /// What is wrong.
        problem: Excerpt,
    },
    /// An ID token was presented as an access token.
    #[error("it bears {mark}, as ID tokens do")]
    IdTokenPresented {
        /// The claim that gives it away.
        mark: &'static str,
    },
    /// `iat` is in the future.
    #[error("issued at {at}, {} s after now", ahead.as_secs())]
    IssuedInFuture {
        /// `iat`.
        at: UnixTime,
        /// How far in the future.
        ahead: Duration,
    },
    /// `iss` is not an accepted issuer.
    #[error("iss is “{found}”, accepted are {}", list(accepted))]
    IssuerMismatch {
        /// `iss`.
        found: Excerpt,
        /// The accepted issuers, the first few.
        accepted: Vec<Excerpt>,
    },
    /// No `iss`.
    #[error("there is no iss")]
    IssuerMissing,
    /// `iss` is the configured Entra tenant, but of the other token version.
    #[error("iss is “{found}”, accepted is “{accepted}”: the same tenant, but another version of Entra tokens")]
    IssuerVersion {
        /// `iss`.
        found: Excerpt,
        /// The issuer of the same tenant that is accepted.
        accepted: Excerpt,
    },
    /// No `kid`, and too many keys to try.
    #[error("there is no kid, and {candidates} keys could be meant")]
    KeyIdMissing {
        /// How many keys could be meant.
        candidates: usize,
    },
    /// `kid` is longer than 1 KiB.
    #[error("kid has {octets} octets")]
    KeyIdTooLong {
        /// Its length.
        octets: usize,
    },
    /// The issuer's key set has no such key.
    #[error("the issuer has no key {}", key_id(kid.as_ref()))]
    KeyUnknown {
        /// `kid`.
        kid: Option<Excerpt>,
    },
    /// The issuer's key set has the key, but it must not be used.
    #[error("the key {} of the issuer is not used: {problem}", key_id(kid.as_ref()))]
    KeyUnusable {
        /// `kid`.
        kid: Option<Excerpt>,
        /// What is wrong with the key.
        problem: Box<KeyProblem>,
    },
    /// A part is not canonical base64url.
    #[error("the {part} is not canonical base64url")]
    NotBase64Url {
        /// Which part.
        part: &'static str,
    },
    /// Not the three parts of a compact JWS.
    #[error("parts: {parts}")]
    NotCompact {
        /// How many parts there are.
        parts: usize,
    },
    /// `nbf` has not come yet.
    #[error("not valid before {at}, {} s after now", ahead.as_secs())]
    NotYetValid {
        /// `nbf`.
        at: UnixTime,
        /// How long until then.
        ahead: Duration,
    },
    /// `zip` is present.
    #[error("the header has zip")]
    PayloadCompressed,
    /// The payload is not one strict JSON object.
    #[error("the payload is malformed: {problem}")]
    PayloadMalformed {
        /// What is wrong.
        problem: Excerpt,
    },
    /// `cty` says that the payload is another token.
    #[error("cty is “{content_type}”")]
    PayloadNested {
        /// `cty`.
        content_type: Excerpt,
    },
    /// `b64` is present (RFC 7797).
    #[error("the header has b64")]
    PayloadUnencoded,
    /// `cnf` is present (RFC 7800), and no proof can be checked.
    #[error("it bears cnf")]
    ProofRequired,
    /// The signature does not match.
    #[error("the {} signature does not match the key {}", algorithm.name(), key_id(kid.as_ref()))]
    SignatureInvalid {
        /// `alg`.
        algorithm: Algorithm,
        /// `kid`.
        kid: Option<Excerpt>,
    },
    /// The third part is empty.
    #[error("the signature is empty")]
    SignatureMissing,
    /// No `sub`, or an empty one.
    #[error("there is no sub, or it is empty")]
    SubjectMissing,
    /// Longer than 64 KiB.
    #[error("{octets} octets")]
    TooLarge {
        /// Its length.
        octets: usize,
    },
    /// `sub` is in a SPIFFE trust domain that is not accepted.
    #[error("the trust domain of sub is “{found}”, accepted are {}", list(accepted))]
    TrustDomainMismatch {
        /// The trust domain of `sub`.
        found: Excerpt,
        /// The accepted trust domains, the first few.
        accepted: Vec<Excerpt>,
    },
    /// `typ` is that of another kind of token.
    #[error("typ is “{found}”, presented as {purpose}")]
    TypeMismatch {
        /// `typ`.
        found: Excerpt,
        /// What it was presented as.
        purpose: Purpose,
    },
}

impl TokenRefusal {
    /// All entries of the catalogue, in the order of the variants.
    pub const REASONS: &'static [&'static Reason] = &[
        &reasons::ALGORITHM_KEY_MISMATCH,
        &reasons::ALGORITHM_MISSING,
        &reasons::ALGORITHM_NONE,
        &reasons::ALGORITHM_NOT_ALLOWED,
        &reasons::ALGORITHM_UNKNOWN,
        &reasons::AUDIENCE_MISMATCH,
        &reasons::AUDIENCE_MISSING,
        &reasons::CLAIM_MALFORMED,
        &reasons::CRITICAL_EXTENSION,
        &reasons::ENCRYPTED,
        &reasons::EXPIRED,
        &reasons::EXPIRY_MISSING,
        &reasons::HEADER_MALFORMED,
        &reasons::ID_TOKEN_PRESENTED,
        &reasons::ISSUED_IN_FUTURE,
        &reasons::ISSUER_MISMATCH,
        &reasons::ISSUER_MISSING,
        &reasons::ISSUER_VERSION,
        &reasons::KEY_ID_MISSING,
        &reasons::KEY_ID_TOO_LONG,
        &reasons::KEY_UNKNOWN,
        &reasons::KEY_UNUSABLE,
        &reasons::NOT_BASE64URL,
        &reasons::NOT_COMPACT,
        &reasons::NOT_YET_VALID,
        &reasons::PAYLOAD_COMPRESSED,
        &reasons::PAYLOAD_MALFORMED,
        &reasons::PAYLOAD_NESTED,
        &reasons::PAYLOAD_UNENCODED,
        &reasons::PROOF_REQUIRED,
        &reasons::SIGNATURE_INVALID,
        &reasons::SIGNATURE_MISSING,
        &reasons::SUBJECT_MISSING,
        &reasons::TOO_LARGE,
        &reasons::TRUST_DOMAIN_MISMATCH,
        &reasons::TYPE_MISMATCH,
    ];

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            TokenRefusal::AlgorithmKeyMismatch { .. } => &reasons::ALGORITHM_KEY_MISMATCH,
            TokenRefusal::AlgorithmMissing => &reasons::ALGORITHM_MISSING,
            TokenRefusal::AlgorithmNone => &reasons::ALGORITHM_NONE,
            TokenRefusal::AlgorithmNotAllowed { .. } => &reasons::ALGORITHM_NOT_ALLOWED,
            TokenRefusal::AlgorithmUnknown { .. } => &reasons::ALGORITHM_UNKNOWN,
            TokenRefusal::AudienceMismatch { .. } => &reasons::AUDIENCE_MISMATCH,
            TokenRefusal::AudienceMissing => &reasons::AUDIENCE_MISSING,
            TokenRefusal::ClaimMalformed { .. } => &reasons::CLAIM_MALFORMED,
            TokenRefusal::CriticalExtension => &reasons::CRITICAL_EXTENSION,
            TokenRefusal::Encrypted => &reasons::ENCRYPTED,
            TokenRefusal::Expired { .. } => &reasons::EXPIRED,
            TokenRefusal::ExpiryMissing => &reasons::EXPIRY_MISSING,
            TokenRefusal::HeaderMalformed { .. } => &reasons::HEADER_MALFORMED,
            TokenRefusal::IdTokenPresented { .. } => &reasons::ID_TOKEN_PRESENTED,
            TokenRefusal::IssuedInFuture { .. } => &reasons::ISSUED_IN_FUTURE,
            TokenRefusal::IssuerMismatch { .. } => &reasons::ISSUER_MISMATCH,
            TokenRefusal::IssuerMissing => &reasons::ISSUER_MISSING,
            TokenRefusal::IssuerVersion { .. } => &reasons::ISSUER_VERSION,
            TokenRefusal::KeyIdMissing { .. } => &reasons::KEY_ID_MISSING,
            TokenRefusal::KeyIdTooLong { .. } => &reasons::KEY_ID_TOO_LONG,
            TokenRefusal::KeyUnknown { .. } => &reasons::KEY_UNKNOWN,
            TokenRefusal::KeyUnusable { .. } => &reasons::KEY_UNUSABLE,
            TokenRefusal::NotBase64Url { .. } => &reasons::NOT_BASE64URL,
            TokenRefusal::NotCompact { .. } => &reasons::NOT_COMPACT,
            TokenRefusal::NotYetValid { .. } => &reasons::NOT_YET_VALID,
            TokenRefusal::PayloadCompressed => &reasons::PAYLOAD_COMPRESSED,
            TokenRefusal::PayloadMalformed { .. } => &reasons::PAYLOAD_MALFORMED,
            TokenRefusal::PayloadNested { .. } => &reasons::PAYLOAD_NESTED,
            TokenRefusal::PayloadUnencoded => &reasons::PAYLOAD_UNENCODED,
            TokenRefusal::ProofRequired => &reasons::PROOF_REQUIRED,
            TokenRefusal::SignatureInvalid { .. } => &reasons::SIGNATURE_INVALID,
            TokenRefusal::SignatureMissing => &reasons::SIGNATURE_MISSING,
            TokenRefusal::SubjectMissing => &reasons::SUBJECT_MISSING,
            TokenRefusal::TooLarge { .. } => &reasons::TOO_LARGE,
            TokenRefusal::TrustDomainMismatch { .. } => &reasons::TRUST_DOMAIN_MISMATCH,
            TokenRefusal::TypeMismatch { .. } => &reasons::TYPE_MISMATCH,
        }
    }
}

fn key_id(kid: Option<&Excerpt>) -> String {
    kid.map_or_else(|| "(no kid)".to_owned(), |kid| format!("“{kid}”"))
}

fn list(excerpts: &[Excerpt]) -> String {
    excerpts.iter().map(|e| format!("“{e}”")).collect::<Vec<_>>().join(", ")
}

fn algorithm_names(algorithms: &[Algorithm]) -> String {
    algorithms.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_complete_and_its_names_unique() {
        let entries = include_str!("reason/catalogue.rs").matches("const ").count();
        assert_eq!(TokenRefusal::REASONS.len(), entries);
        let mut names: Vec<_> = TokenRefusal::REASONS.iter().map(|reason| reason.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        names.dedup();
        assert_eq!(names.len(), entries);
        // One entry for every variant: `reason` is exhaustive, so it is enough that it uses no entry twice.
        let arms = include_str!("refusal.rs").matches("=> &reasons::").count() - 1;
        assert_eq!(arms, entries);
    }

    #[test]
    fn every_entry_can_be_read_and_acted_upon() {
        for reason in TokenRefusal::REASONS {
            let well_named = reason.name.starts_with("token-");
            assert!(well_named && reason.name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '0'..='9')));
            for sentence in [reason.summary, reason.remedy] {
                assert!(
                    sentence.starts_with(|c: char| c.is_ascii_uppercase()) && sentence.ends_with('.'),
                    "{sentence}"
                );
            }
            assert!(reason.remedy.len() > 40, "{}", reason.name);
        }
    }

    #[test]
    fn a_refusal_stays_small() {
        assert!(size_of::<TokenRefusal>() <= 64);
    }
}
