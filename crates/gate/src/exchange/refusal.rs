//! Why a caller's token did not become another one. There is no call then.

use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::Method;
use gangplank_jose::{Fault, Reason};
use gangplank_oauth::ExchangeError;

use super::Outcome;

/// See the module.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExchangeRefusal {
    /// The caller was known by something that is no token.
    #[error("{exchange}: the caller was known by {by}, and that is no token that could be exchanged")]
    NoSubject {
        /// The exchange.
        exchange: String,
        /// What the caller was known by.
        by: &'static str,
    },
    /// An application's own token.
    #[error("{exchange}: the token is an application's own, on behalf of nobody")]
    AppOnly {
        /// The exchange.
        exchange: String,
    },
    /// The session goes on, and its token has ended.
    #[error("{exchange}: the caller's token has ended")]
    Ended {
        /// The exchange.
        exchange: String,
    },
    /// The provider could not answer a moment ago.
    #[error("{exchange}: the provider could not answer, and is asked again in {after:?}")]
    Resting {
        /// The exchange.
        exchange: String,
        /// When it is asked again.
        after: Duration,
    },
    /// The provider refused, or there was no answer of it.
    #[error("{exchange}: {error}")]
    Provider {
        /// The exchange.
        exchange: String,
        /// What it said.
        error: Arc<ExchangeError>,
    },
    /// The provider refused a session's token, and would refuse the next one as well.
    #[error(
        "{exchange}: the session's token can't be exchanged, and a new sign-in would bring another like it: {error}"
    )]
    SessionUnfit {
        /// The exchange.
        exchange: String,
        /// What the provider said.
        error: Arc<ExchangeError>,
    },
    /// What came back is not what was asked for.
    #[error("{exchange}: the token that came back can't be used: {problem}")]
    Unfit {
        /// The exchange.
        exchange: String,
        /// Why.
        problem: String,
    },
    /// Nobody knows.
    #[error("{exchange}: the request to the provider ended without a result")]
    Lost {
        /// The exchange.
        exchange: String,
    },
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(const $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl ExchangeRefusal {
            /// This room's entries of the catalogue. What a provider refuses has an entry of its own.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    NO_SUBJECT = "exchange-without-token", Caller, "The route exchanges the caller's token, and the caller was known by something else.",
        "Call with a token of one of the route's issuers; a static key, a password or a certificate can't be exchanged.";
    APP_ONLY = "exchange-app-only", Caller, "An application's own token can't be exchanged on behalf of anybody.",
        "Call with a token that a person got for this application (it has scp), or use an exchange with client-credentials for applications.";
    ENDED = "exchange-token-ended", Token, "The caller's token has ended, so there is nothing left to exchange.",
        "Sign in again, or call with a new token. A session whose client gets a refresh token (offline_access) has it renewed in time.";
    REVOKED = "exchange-sign-in-revoked", Token, "The sign-in that the caller's token came of was revoked or has expired (AADSTS50173, AADSTS70008, AADSTS700082).",
        "Sign in again, or call with a token of a new sign-in.";
    SESSION_UNFIT = "exchange-session-unfit", Operator, "The token of the session is not one that the exchanging client can exchange.",
        "Let the scopes of the client at which people sign in name the exchanging client, CLIENT-ID/access_as_user: its tokens are then for that client.";
    RESTING = "exchange-resting", Provider, "The provider could not answer a moment ago, and is left alone for now.",
        "Look for the reason that was logged before this one; callers may try again.";
    UNFIT = "exchange-token-unfit", Provider, "The token that the provider gave is not the one that was asked for.",
        "Compare the token's audience with the exchange: if it is the right one, name it in exchanges.NAME.token_audiences; set opaque_tokens for a provider whose tokens are no JWTs.";
    LOST = "exchange-lost", Us, "A request to the provider ended without a result.", "Report it, with the log lines before this one.";
}

impl ExchangeRefusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            ExchangeRefusal::NoSubject { .. } => &NO_SUBJECT,
            ExchangeRefusal::AppOnly { .. } => &APP_ONLY,
            ExchangeRefusal::Ended { .. } => &ENDED,
            ExchangeRefusal::Resting { .. } => &RESTING,
            // Nobody showed the provider a refresh token, so this is not about one of ours.
            ExchangeRefusal::Provider { error, .. } if error.is_sign_in_over() => &REVOKED,
            ExchangeRefusal::Provider { error, .. } => error.reason(),
            ExchangeRefusal::SessionUnfit { .. } => &SESSION_UNFIT,
            ExchangeRefusal::Unfit { .. } => &UNFIT,
            ExchangeRefusal::Lost { .. } => &LOST,
        }
    }

    /// The same for somebody known by `method`. A program is told to bring another token; who comes with a session can't
    /// choose the token, and would be sent to sign in for ever. Only what a new sign-in mends remains as it is.
    pub(super) fn met_by(self, method: Method) -> Self {
        match self {
            ExchangeRefusal::Provider { exchange, error }
                if method == Method::Session
                    && error.challenge().is_none()
                    && !error.is_unavailable()
                    && error.reason().fault == Fault::Token
                    && !error.is_assertion_over() =>
            {
                ExchangeRefusal::SessionUnfit { exchange, error }
            }
            same => same,
        }
    }

    /// How it is counted.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            ExchangeRefusal::NoSubject { .. } | ExchangeRefusal::AppOnly { .. } | ExchangeRefusal::Ended { .. } => {
                Outcome::Refused
            }
            ExchangeRefusal::Resting { .. } | ExchangeRefusal::Lost { .. } => Outcome::Unavailable,
            ExchangeRefusal::Provider { error, .. } if error.challenge().is_some() => Outcome::StepUp,
            ExchangeRefusal::Provider { error, .. } if error.is_unavailable() => Outcome::Unavailable,
            ExchangeRefusal::Provider { .. } | ExchangeRefusal::SessionUnfit { .. } => Outcome::Refused,
            ExchangeRefusal::Unfit { .. } => Outcome::Unfit,
        }
    }
}
