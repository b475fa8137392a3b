//! Why a review says no, or is none.

use gangplank_jose::{Fault, Reason};
use http::StatusCode;

/// See the module.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenReviewRefusal {
    // It is no review.
    /// Another method than POST.
    #[error("{0} instead of POST")]
    Method(String),
    /// Another path than the configured one.
    #[error("reviews are at {0}")]
    Path(String),
    /// Encoded, or of another type than JSON.
    #[error("the body is {0}")]
    NotJson(&'static str),
    /// More than any token and its envelope can be.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The body broke off, or took too long.
    #[error("the body broke off or took too long")]
    Broken,
    /// JSON, and no TokenReview.
    #[error(transparent)]
    Malformed(#[from] gangplank_authn::token_review::NotAReview),

    // Who is it?
    /// The token is larger than any that is judged.
    #[error("the token has {found} bytes, at most {limit} are judged")]
    TokenTooLarge {
        /// Its size.
        found: usize,
        /// The largest.
        limit: usize,
    },
    /// No authenticator of the webhook reads bearer tokens.
    #[error("no authenticator reads bearer tokens")]
    NobodyReadsTokens,
    /// The token was judged, and is bad.
    #[error(transparent)]
    Authentication(gangplank_authn::Refusal),
    /// Whether it is good could not be decided.
    #[error("undecided: {0}")]
    Undecided(gangplank_authn::Refusal),

    // May the API server take it?
    /// It is good, and for somebody else.
    #[error("asked for {wanted:?}, the token is for {found:?}")]
    Audience {
        /// What was asked for.
        wanted: Vec<String>,
        /// What it is for.
        found: Vec<String>,
    },
    /// A name that only the API server gives.
    #[error("the {what} {value:?} is reserved")]
    NameReserved {
        /// The user name or a group.
        what: &'static str,
        /// The name.
        value: String,
    },
    /// Nobody in particular.
    #[error("the authenticator names nobody")]
    Nobody,
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(const $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl TokenReviewRefusal {
            /// This room's entries of the catalogue.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    METHOD = "review-method", Caller, "The webhook was asked with another method than POST.",
        "Send the TokenReview by POST, as kube-apiserver does.";
    PATH = "review-path", Operator, "The webhook was asked at another path than token_review.path.",
        "Give the server in the API server's kubeconfig the path of token_review.path, or leave that out.";
    NOT_JSON = "review-not-json", Caller, "The body of the review is not plain JSON.",
        "Send application/json without Content-Encoding.";
    TOO_LARGE = "review-too-large", Caller, "The review is larger than any token and its envelope.",
        "Send tokens of at most 64 KiB.";
    BROKEN = "review-broken", Caller, "The body of the review broke off, or took too long.", "Send it again.";
    MALFORMED = "review-malformed", Caller,
        "The body is no TokenReview of authentication.k8s.io/v1 or v1beta1 with a token.",
        "Set --authentication-token-webhook-version to v1 or v1beta1, and see that it is an API server that asks.";
    TOKEN_TOO_LARGE = "review-token-too-large", Token, "The token is larger than 64 KiB.",
        "Let the provider put fewer groups into it.";
    NOBODY_READS = "review-nobody-reads-tokens", Operator, "None of the authenticators in token_review.accept reads bearer tokens.",
        "Name an issuer, or an authenticator for bearer tokens, in token_review.accept.";
    AUDIENCE = "review-audience-mismatch", Token, "The token is good, but not for the audiences that the API server asks for.",
        "Add an audience of the token to the API server's --api-audiences, or name one of those in token_review.audiences (--audience) if every accepted token is meant for that API server.";
    NAME_RESERVED = "review-name-reserved", Token, "The token's user name or a group is reserved for Kubernetes' own (`system:…`).",
        "Give the names of the provider a prefix; token_review.allow_reserved (--allow-reserved) allows them, all but system:masters and those of anonymous and authenticated users.";
    NOBODY = "review-nobody", Operator, "The authenticator answered with nobody in particular.",
        "Map a claim to the user name that every token has; the webhook never answers with an anonymous user.";
}

impl TokenReviewRefusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            TokenReviewRefusal::Method(_) => &METHOD,
            TokenReviewRefusal::Path(_) => &PATH,
            TokenReviewRefusal::NotJson(_) => &NOT_JSON,
            TokenReviewRefusal::TooLarge(_) => &TOO_LARGE,
            TokenReviewRefusal::Broken => &BROKEN,
            TokenReviewRefusal::Malformed(_) => &MALFORMED,
            TokenReviewRefusal::TokenTooLarge { .. } => &TOKEN_TOO_LARGE,
            TokenReviewRefusal::NobodyReadsTokens => &NOBODY_READS,
            TokenReviewRefusal::Authentication(refusal) | TokenReviewRefusal::Undecided(refusal) => refusal.reason(),
            TokenReviewRefusal::Audience { .. } => &AUDIENCE,
            TokenReviewRefusal::NameReserved { .. } => &NAME_RESERVED,
            TokenReviewRefusal::Nobody => &NOBODY,
        }
    }

    /// What the caller is told: the status of the answer. 200 is "not authenticated".
    pub(super) fn status(&self) -> StatusCode {
        match self {
            TokenReviewRefusal::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            TokenReviewRefusal::Path(_) => StatusCode::NOT_FOUND,
            TokenReviewRefusal::NotJson(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            TokenReviewRefusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            TokenReviewRefusal::Broken | TokenReviewRefusal::Malformed(_) => StatusCode::BAD_REQUEST,
            TokenReviewRefusal::Undecided(_) => StatusCode::SERVICE_UNAVAILABLE,
            TokenReviewRefusal::TokenTooLarge { .. }
            | TokenReviewRefusal::NobodyReadsTokens
            | TokenReviewRefusal::Authentication(_)
            | TokenReviewRefusal::Audience { .. }
            | TokenReviewRefusal::NameReserved { .. }
            | TokenReviewRefusal::Nobody => StatusCode::OK,
        }
    }
}
