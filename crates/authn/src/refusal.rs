//! Why a credential was not accepted.
//!
//! The facts of a refusal are for whoever runs the gate. They are bounded and free of control characters (see
//! [`fact`]), and never hold a token, a cookie or any part of a key.

use gangplank_jose::{Excerpt, Fault, Reason, TokenRefusal};

use crate::IssuerRefusal;
use crate::basic::PasswordRefusal;
use crate::kubernetes::KubernetesRefusal;
use crate::static_keys::KeyRefusal;
use crate::token_review::ClusterRefusal;
use crate::x509::CertificateRefusal;

/// A refusal of this crate, or of the verifier below it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The issuer has no audiences, so none of its bearer tokens is for us.
    #[error("issuer {issuer} has no audiences")]
    AudienceNoneConfigured {
        /// The configuration's name of the issuer.
        issuer: String,
    },
    /// More than one `Authorization` header.
    #[error("{count} Authorization headers")]
    AuthorizationRepeated {
        /// How many there are.
        count: usize,
    },
    /// `azp` of an ID token is not the client that asked for it (OpenID Connect Core §3.1.3.7).
    #[error("azp is {found:?}, the client is {expected:?}")]
    AuthorizedPartyMismatch {
        /// `azp`, if there is one.
        found: Option<String>,
        /// Our client id.
        expected: String,
    },
    /// `Authorization: Bearer` without one well-formed token (RFC 6750 §2.1).
    #[error("{problem}")]
    BearerMalformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A client certificate was refused.
    #[error(transparent)]
    Certificate(#[from] CertificateRefusal),
    /// A cluster's word on a token, or that there is none.
    #[error(transparent)]
    Cluster(#[from] ClusterRefusal),
    /// None of the claims that can name the caller is there.
    #[error("none of {wanted} is in the token")]
    ClaimMissing {
        /// The claims that were looked for.
        wanted: String,
    },
    /// A claim has another type than it must, or a value that can't be used.
    #[error("claim {claim} {problem}")]
    ClaimUnusable {
        /// Its name.
        claim: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Several authenticators were asked, and none knows the credential.
    #[error("nobody knows the credential: {tried}")]
    CredentialUnknown {
        /// What each of them said.
        tried: String,
    },
    /// The random generator or the cipher failed.
    #[error("sealing failed: {what}")]
    CryptoFailed {
        /// Which step.
        what: &'static str,
    },
    /// Microsoft Graph could not be asked for the groups.
    #[error("Microsoft Graph did not answer: {cause}")]
    GraphUnavailable {
        /// What happened.
        cause: String,
    },
    /// The token has too many groups to carry, and they could not be got otherwise.
    #[error("groups are not in the token: {cause}")]
    GroupsOverageUnresolved {
        /// Why they could not be got.
        cause: String,
    },
    /// A rule of the issuer's own.
    #[error(transparent)]
    Issuer(#[from] IssuerRefusal),
    /// A static key was refused.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// No configured issuer has this `iss`.
    #[error("iss is {found:?}, accepted here: {accepted}")]
    IssuerUnknown {
        /// `iss`, if there is one.
        found: Option<String>,
        /// What would have been accepted.
        accepted: String,
    },
    /// An entry of the API server's configuration refused the token, or none of them knows it.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesRefusal),
    /// There are no keys to verify with.
    #[error("no keys of issuer {issuer}: {cause}")]
    KeysUnavailable {
        /// The configuration's name of the issuer.
        issuer: String,
        /// Why.
        cause: String,
    },
    /// A name that Kubernetes reserves for itself came from an identity provider.
    #[error("{claim} {value:?} begins with system:")]
    NameReserved {
        /// The claim it came from.
        claim: String,
        /// The name.
        value: String,
    },
    /// `nonce` is not the one that was sent.
    #[error("the nonce {problem}")]
    NonceMismatch {
        /// Whether it is absent or another one.
        problem: &'static str,
    },
    /// A sealed value that does not decode.
    #[error("sealed {purpose}: {problem}")]
    SealedMalformed {
        /// What it was sealed for.
        purpose: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A sealed value that was altered, or was sealed for something else.
    #[error("sealed {purpose} does not authenticate")]
    SealedTampered {
        /// What it should have been sealed for.
        purpose: String,
    },
    /// A value sealed with a key that is not in the ring.
    #[error("sealed {purpose} names key {key}; the ring has {ring}")]
    SealedWithUnknownKey {
        /// What it should have been sealed for.
        purpose: String,
        /// The id of the key, in hexadecimal.
        key: String,
        /// The ids of the ring's keys.
        ring: String,
    },
    /// The session has reached its end.
    #[error("the session ended at {at}")]
    SessionExpired {
        /// Its end.
        at: gangplank_jose::UnixTime,
    },
    /// What came out of the seal is no session that this version knows.
    #[error("session content: {problem}")]
    SessionMalformed {
        /// What is wrong with it.
        problem: String,
    },
    /// The session begins in the future.
    #[error("the session starts at {at}")]
    SessionNotYetValid {
        /// Its start.
        at: gangplank_jose::UnixTime,
    },
    /// A refresh answered with another person's identity.
    #[error("the refresh returned {what} other than the session's")]
    SessionSubjectChanged {
        /// What differs: the issuer or the subject.
        what: &'static str,
    },
    /// The session does not fit one cookie.
    #[error("the cookie would be {size} bytes of {limit}; largest part: {largest} with {largest_size} bytes")]
    SessionTooLarge {
        /// Name and value together.
        size: usize,
        /// What is allowed.
        limit: usize,
        /// The largest part.
        largest: &'static str,
        /// Its size before compression.
        largest_size: usize,
    },
    /// A user name and password were refused.
    #[error(transparent)]
    Password(#[from] PasswordRefusal),
    /// `tid` is not the configured tenant.
    #[error("tid is {found:?}, the tenant is {expected:?}")]
    TenantMismatch {
        /// `tid`, if there is one.
        found: Option<String>,
        /// The configured tenant.
        expected: String,
    },
    /// `iss` is that of a tenant that is not admitted, or no tenant's.
    #[error("iss is {found:?}, admitted are {admitted}")]
    TenantNotAdmitted {
        /// `iss`.
        found: String,
        /// The configured tenants.
        admitted: String,
    },
    /// The verifier refused the token.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// An Entra ID token was presented where an access token belongs.
    #[error("neither azp nor appid is in the token")]
    TokenNotForAccess,
}

macro_rules! reasons {
    ($($const:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)+) => {
        $(static $const: Reason =
            Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)+
        /// Every entry of this table.
        static OWN: &[&Reason] = &[$(&$const),+];
    };
}
pub(crate) use reasons;

reasons! {
    AUDIENCE_NONE_CONFIGURED = "audience-none-configured", Operator,
        "The issuer has no audiences, so its bearer tokens are not accepted.",
        "List the accepted `aud` values under issuers.NAME.audiences; for Entra ID both api://… and the GUID, if both occur.";
    AUTHORIZATION_REPEATED = "authorization-repeated", Caller,
        "The request has more than one Authorization header.",
        "Send exactly one Authorization header; look for a proxy that adds its own.";
    AUTHORIZED_PARTY_MISMATCH = "authorized-party-mismatch", Token,
        "The ID token was issued to another client.",
        "Check clients.NAME.id against the registration at the provider.";
    BEARER_MALFORMED = "bearer-malformed", Caller,
        "The Authorization header does not hold one bearer token.",
        "Send `Authorization: Bearer TOKEN` with one token and nothing after it.";
    CLAIM_MISSING = "claim-missing", Token,
        "The token lacks a claim that is needed to name the caller.",
        "Let the provider emit it (Entra ID: optional claims), or set issuers.NAME.claims to one that it emits.";
    CLAIM_UNUSABLE = "claim-unusable", Token,
        "A claim has the wrong type, is empty or too long, or holds control or invisible characters.",
        "Correct what the provider emits, or choose another claim under issuers.NAME.claims.";
    CREDENTIAL_UNKNOWN = "credential-unknown", Caller,
        "None of the authenticators that were asked knows the credential.",
        "Send a credential of one of them; `gangplank token verify` says what each of them makes of a token.";
    CRYPTO_FAILED = "crypto-failed", Us,
        "The random generator or the cipher failed.",
        "Restart the process and report this with its log; the machine may be out of memory.";
    GRAPH_UNAVAILABLE = "graph-unavailable", Provider,
        "Microsoft Graph could not be asked for the caller's groups.",
        "Check that this process reaches the Graph host, and Microsoft's service health.";
    GROUPS_OVERAGE_UNRESOLVED = "groups-overage-unresolved", Operator,
        "The caller is in more groups than a token carries, and Graph did not tell them.",
        "For sign-ins, let the client ask for the Graph scope User.Read (it is among the default scopes); for bearer tokens, set issuers.NAME.entra.groups_from and grant its client permissions at Graph: User.ReadBasic.All and GroupMember.Read.All (for applications Application.Read.All) by client-credentials, User.Read on-behalf-of; or let Entra ID emit only the groups assigned to the application.";
    ISSUER_UNKNOWN = "issuer-unknown", Caller,
        "No issuer of this route has the token's `iss`.",
        "Configure the issuer and name it in the route's `accept`; an Entra v1 token comes from https://sts.windows.net/TENANT/ and needs an `entra` issuer of that tenant.";
    KEYS_UNAVAILABLE = "keys-unavailable", Provider,
        "The issuer's keys could not be fetched, or are too old to be trusted.",
        "Check that this process reaches the issuer's metadata and jwks_uri (proxy, DNS, ca_file).";
    NAME_RESERVED = "name-reserved", Token,
        "The provider gave a name that is reserved for Kubernetes' own (`system:…`).",
        "Rename the user at the provider, or choose another claim under issuers.NAME.claims.";
    NONCE_MISMATCH = "nonce-mismatch", Token,
        "The ID token does not answer the sign-in that was started.",
        "Sign in again; if it happens always, the provider ignores `nonce` and can't be used.";
    SEALED_MALFORMED = "sealed-malformed", Caller,
        "A cookie or state value is not one of this program's.",
        "Delete the cookie and sign in again; look for another program that uses the same cookie name.";
    SEALED_TAMPERED = "sealed-tampered", Caller,
        "A cookie or state value was altered, cut off, or made for another purpose.",
        "Sign in again; if it happens often, look for a proxy that cuts cookies, or for replicas with different cookies.name.";
    SEALED_WITH_UNKNOWN_KEY = "sealed-with-unknown-key", Operator,
        "A cookie or state value was sealed with a key that this process does not have.",
        "Give every replica the same cookies.keys, and keep a replaced key in the list for as long as sessions last.";
    SESSION_EXPIRED = "session-expired", Caller,
        "The session has reached its end.",
        "Sign in again; session.lifetime says how long a session may last.";
    SESSION_MALFORMED = "session-malformed", Us,
        "The session cookie opens, but its content is not known to this version.",
        "Sign in again; replicas of very different versions can't share sessions.";
    SESSION_NOT_YET_VALID = "session-not-yet-valid", Operator,
        "The session began in the future.",
        "Set the clocks of the machines that run the gate.";
    SESSION_SUBJECT_CHANGED = "session-subject-changed", Provider,
        "Refreshing the session returned another identity.",
        "Sign in again, and report it to the provider: a refresh must keep `iss` and `sub`.";
    SESSION_TOO_LARGE = "session-too-large", Operator,
        "The session does not fit one cookie.",
        "Name fewer groups in rules, drop pass.access_token or offline_access, whichever is the largest part. A route with an exchange keeps the access token, too: let the provider put fewer groups into it.";
    TENANT_MISMATCH = "tenant-mismatch", Token,
        "The token is of another Entra tenant.",
        "Sign in with an account of a configured tenant, or name its tenant under issuers.NAME.entra.";
    TENANT_NOT_ADMITTED = "tenant-not-admitted", Token,
        "The token is of an Entra tenant that is not admitted.",
        "Sign in with an account of an admitted tenant, or add its id to issuers.NAME.entra.tenants; personal accounts are admitted by the id of their tenant only.";
    TOKEN_NOT_FOR_ACCESS = "token-not-for-access", Caller,
        "An ID token was sent where an access token belongs.",
        "Send the access_token of the token response, asked for with a scope of this API; where callers have nothing but an ID token, issuers.NAME.accept_id_tokens takes it.";
}

impl Refusal {
    /// The catalogue entries of this crate's common ground. Those of the verifier ([`TokenRefusal::REASONS`]) and of
    /// single authenticators ([`KeyRefusal::REASONS`]) are with them.
    pub const REASONS: &'static [&'static Reason] = OWN;

    /// The same, and those of the rooms whose refusals are among this crate's.
    pub const TABLES: &'static [&'static [&'static Reason]] = &[
        OWN,
        IssuerRefusal::REASONS,
        KubernetesRefusal::REASONS,
        ClusterRefusal::REASONS,
        KeyRefusal::REASONS,
        PasswordRefusal::REASONS,
        CertificateRefusal::REASONS,
    ];

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            Refusal::AudienceNoneConfigured { .. } => &AUDIENCE_NONE_CONFIGURED,
            Refusal::AuthorizationRepeated { .. } => &AUTHORIZATION_REPEATED,
            Refusal::AuthorizedPartyMismatch { .. } => &AUTHORIZED_PARTY_MISMATCH,
            Refusal::BearerMalformed { .. } => &BEARER_MALFORMED,
            Refusal::Certificate(certificate) => certificate.reason(),
            Refusal::Cluster(cluster) => cluster.reason(),
            Refusal::ClaimMissing { .. } => &CLAIM_MISSING,
            Refusal::ClaimUnusable { .. } => &CLAIM_UNUSABLE,
            Refusal::CredentialUnknown { .. } => &CREDENTIAL_UNKNOWN,
            Refusal::CryptoFailed { .. } => &CRYPTO_FAILED,
            Refusal::GraphUnavailable { .. } => &GRAPH_UNAVAILABLE,
            Refusal::GroupsOverageUnresolved { .. } => &GROUPS_OVERAGE_UNRESOLVED,
            Refusal::Issuer(refusal) => refusal.reason(),
            Refusal::IssuerUnknown { .. } => &ISSUER_UNKNOWN,
            Refusal::Kubernetes(kubernetes) => kubernetes.reason(),
            Refusal::Key(key) => key.reason(),
            Refusal::KeysUnavailable { .. } => &KEYS_UNAVAILABLE,
            Refusal::NameReserved { .. } => &NAME_RESERVED,
            Refusal::NonceMismatch { .. } => &NONCE_MISMATCH,
            Refusal::SealedMalformed { .. } => &SEALED_MALFORMED,
            Refusal::SealedTampered { .. } => &SEALED_TAMPERED,
            Refusal::SealedWithUnknownKey { .. } => &SEALED_WITH_UNKNOWN_KEY,
            Refusal::SessionExpired { .. } => &SESSION_EXPIRED,
            Refusal::SessionMalformed { .. } => &SESSION_MALFORMED,
            Refusal::SessionNotYetValid { .. } => &SESSION_NOT_YET_VALID,
            Refusal::SessionSubjectChanged { .. } => &SESSION_SUBJECT_CHANGED,
            Refusal::SessionTooLarge { .. } => &SESSION_TOO_LARGE,
            Refusal::Password(password) => password.reason(),
            Refusal::TenantMismatch { .. } => &TENANT_MISMATCH,
            Refusal::TenantNotAdmitted { .. } => &TENANT_NOT_ADMITTED,
            Refusal::Token(token) => token.reason(),
            Refusal::TokenNotForAccess => &TOKEN_NOT_FOR_ACCESS,
        }
    }
}

/// A refusal, and whether it is a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It was judged, and it is bad.
    Rejected(Refusal),
    /// It could not be judged: 503 outward, never 401.
    Unavailable(Refusal),
}

impl Denial {
    /// The refusal, whichever it is.
    pub fn refusal(&self) -> &Refusal {
        match self {
            Denial::Rejected(refusal) | Denial::Unavailable(refusal) => refusal,
        }
    }
}

/// Most refusals are verdicts; what is not says so by hand.
impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Denial::Rejected(refusal)
    }
}

impl From<crate::IssuerRefusal> for Denial {
    fn from(refusal: IssuerRefusal) -> Self {
        Denial::Rejected(Refusal::Issuer(refusal))
    }
}

impl From<TokenRefusal> for Denial {
    fn from(refusal: TokenRefusal) -> Self {
        Denial::Rejected(Refusal::Token(refusal))
    }
}

impl From<KubernetesRefusal> for Denial {
    fn from(refusal: KubernetesRefusal) -> Self {
        Denial::Rejected(Refusal::Kubernetes(refusal))
    }
}

/// What a stranger wrote, made fit for a log: bounded and without anything that could forge a line.
pub(crate) fn fact(text: &str) -> String {
    Excerpt::of(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gangplank_oauth::{CallbackError, ExchangeError};

    use super::*;

    #[test]
    fn the_table_is_complete_and_its_names_are_unique() {
        let below = [TokenRefusal::REASONS, ExchangeError::REASONS, CallbackError::REASONS];
        let all: Vec<&Reason> = below.iter().chain(Refusal::TABLES).copied().flatten().copied().collect();
        let names: BTreeSet<&str> = all.iter().map(|r| r.name).collect();
        assert_eq!(names.len(), all.len(), "two entries share a name");
        for reason in &all {
            assert!(
                reason.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                reason.name
            );
            assert!(!reason.summary.is_empty() && !reason.remedy.is_empty(), "{}", reason.name);
        }
        // One line per variant of the enum in `reason()`: as many as there are entries; those of others have no `&`.
        let source = include_str!("refusal.rs");
        let arms = source.lines().filter(|l| l.trim_start().starts_with("Refusal::") && l.contains("=> &")).count();
        assert_eq!(arms, Refusal::REASONS.len());
        assert!(Refusal::REASONS.is_sorted_by_key(|r| r.name), "the table is alphabetical");
    }

    #[test]
    fn facts_are_bounded_and_printable() {
        assert_eq!(fact("a\r\nb"), "a\\r\\nb");
        assert!(fact(&"x".repeat(5_000)).len() < 200);
    }
}
