//! What can go wrong between a provider and us.
//!
//! No variant holds a token, code, secret or assertion. What the provider says about an error is its own free text: it
//! is bounded, escaped, and rid of every secret that we had sent, before it gets here.

use std::fmt;
use std::time::Duration;

use gangplank_jose::Reason;

use crate::{ClaimsChallenge, CredentialError, TransportError, aadsts, reasons};

/// Which of the provider's endpoints was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/.well-known/openid-configuration`.
    Discovery,
    /// `token_endpoint`.
    Token,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Endpoint::Discovery => "the provider's metadata",
            Endpoint::Token => "the token endpoint",
        })
    }
}

/// An OAuth error answer (RFC 6749 §5.2), with what Entra ID adds to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// The HTTP status of the answer.
    pub status: u16,
    /// `error`: `invalid_grant`.
    pub error: String,
    /// `error_description`, at most 1024 characters, on one line.
    pub description: Option<String>,
    /// The numbers of the `AADSTS` codes, most telling first; empty elsewhere than at Entra ID.
    pub codes: Vec<u32>,
    /// `claims`, if it is a challenge: it belongs back to the client that the person uses.
    pub claims: Option<ClaimsChallenge>,
    /// `suberror`.
    pub suberror: Option<String>,
    /// `Retry-After`, in seconds: how long it wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// Why an exchange with a provider did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// No answer at all.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The provider refused, in OAuth's terms.
    #[error("{0}")]
    Provider(Box<ProviderError>),
    /// The provider refused until the person meets a challenge: another factor, another device.
    #[error("{error}; it sent a claims challenge")]
    StepUp {
        /// To be passed back to the client that the person uses.
        challenge: ClaimsChallenge,
        /// The refusal as a whole.
        error: Box<ProviderError>,
    },
    /// A status that the endpoint may not answer with, and no OAuth error in it.
    #[error("{endpoint} answered with status {status}")]
    Status {
        /// Which endpoint.
        endpoint: Endpoint,
        /// Its answer's status.
        status: u16,
        /// As in [`ProviderError`].
        retry_after: Option<Duration>,
    },
    /// A success that is none: not what the protocol says a good answer holds.
    #[error("{endpoint} gave an unusable answer: {problem}")]
    Malformed {
        /// Which endpoint.
        endpoint: Endpoint,
        /// What is wrong with it, without quoting from it.
        problem: String,
    },
    /// The metadata speak of another issuer than the one that was asked.
    #[error("asked the issuer {expected}, and its metadata say they are of {found}")]
    IssuerMismatch {
        /// The configured issuer.
        expected: String,
        /// The issuer in the metadata, escaped and bounded.
        found: String,
    },
    /// Our own client credential could not be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl ExchangeError {
    /// Whether it may well succeed later without anybody changing anything: nothing was decided about the caller.
    pub fn is_unavailable(&self) -> bool {
        match self {
            ExchangeError::Transport(_) | ExchangeError::Malformed { .. } => true,
            ExchangeError::Status { status, .. } => is_transient(*status),
            ExchangeError::Provider(error) => error.is_transient(),
            ExchangeError::StepUp { .. } | ExchangeError::IssuerMismatch { .. } | ExchangeError::Credential(_) => false,
        }
    }

    /// Whether the provider says that this grant (code or refresh token) is spent, revoked, or wants the person again.
    /// The session that lives on it is over.
    pub fn is_invalid_grant(&self) -> bool {
        self.provider().is_some_and(|error| {
            !error.is_transient()
                && (error.error == "invalid_grant" || aadsts::INTERACTION.contains(&error.error.as_str()))
        })
    }

    /// Whether it would be the same for everybody who asks now. Not so an answer about one person that is too large or can't be
    /// read, nor a provider that had enough of one (AADSTS50196), which it says with a status of its own.
    pub fn is_everybodys(&self) -> bool {
        let of_one = match self {
            ExchangeError::Transport(TransportError::TooLarge { .. }) => true,
            ExchangeError::Malformed { endpoint, .. } => *endpoint == Endpoint::Token,
            _ => self.provider().is_some_and(|error| error.codes.contains(&aadsts::LOOP)),
        };
        self.is_unavailable() && !of_one
    }

    /// Whether nobody consented to what was asked for: the person, or an administrator, can.
    pub fn is_consent_missing(&self) -> bool {
        self.reason() == &reasons::CONSENT
    }

    /// Whether the sign-in that all of it rests on was revoked or has expired: the person can only sign in anew.
    pub fn is_sign_in_over(&self) -> bool {
        self.reason() == &reasons::REFRESH_EXPIRED
    }

    /// Whether a caller's token would do if it were newer.
    pub fn is_assertion_over(&self) -> bool {
        self.reason() == &reasons::ASSERTION_EXPIRED
    }

    /// What the person has to bring from the provider first, if that is why it refused.
    pub fn challenge(&self) -> Option<&ClaimsChallenge> {
        match self {
            ExchangeError::StepUp { challenge, .. } => Some(challenge),
            _ => None,
        }
    }

    /// How long the provider wants to be left alone, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ExchangeError::Status { retry_after, .. } => *retry_after,
            _ => self.provider().and_then(|error| error.retry_after),
        }
    }

    /// The answer of the provider, if it is one.
    pub fn provider(&self) -> Option<&ProviderError> {
        match self {
            ExchangeError::Provider(error) | ExchangeError::StepUp { error, .. } => Some(error),
            _ => None,
        }
    }

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            ExchangeError::Transport(TransportError::Connect { .. }) => &reasons::UNREACHABLE,
            ExchangeError::Transport(TransportError::Tls { .. }) => &reasons::TLS,
            ExchangeError::Transport(TransportError::Timeout { .. }) => &reasons::TIMEOUT,
            ExchangeError::Transport(TransportError::TooLarge { .. }) => &reasons::TOO_LARGE,
            ExchangeError::Transport(TransportError::Protocol { .. }) => &reasons::BROKE_OFF,
            ExchangeError::Provider(error) | ExchangeError::StepUp { error, .. } => error.reason(),
            ExchangeError::Status { status, .. } if is_transient(*status) => &reasons::OVERLOADED,
            ExchangeError::Status { endpoint: Endpoint::Discovery, .. } => &reasons::NO_METADATA,
            ExchangeError::Status { endpoint: Endpoint::Token, .. } => &reasons::STATUS,
            ExchangeError::Malformed { .. } => &reasons::MALFORMED,
            ExchangeError::IssuerMismatch { .. } => &reasons::ISSUER_MISMATCH,
            ExchangeError::Credential(_) => &reasons::CREDENTIAL,
        }
    }

    /// Every entry that [`reason`](Self::reason) can give.
    pub const REASONS: &'static [&'static Reason] = reasons::EXCHANGE;
}

impl ProviderError {
    /// The catalogue entry: by the most telling `AADSTS` code, else by `error`.
    pub fn reason(&self) -> &'static Reason {
        if self.is_transient() { &reasons::OVERLOADED } else { aadsts::reason(&self.error, &self.codes) }
    }

    fn is_transient(&self) -> bool {
        is_transient(self.status)
            || matches!(self.error.as_str(), "temporarily_unavailable" | "server_error")
            || self.codes.iter().any(|code| aadsts::TRANSIENT.contains(code))
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the provider answered {} with status {}", self.error, self.status)?;
        if let Some(description) = &self.description {
            write!(f, ": {description}")?;
        }
        Ok(())
    }
}

impl From<ProviderError> for ExchangeError {
    fn from(error: ProviderError) -> Self {
        match &error.claims {
            // A provider that is down challenges nobody.
            Some(challenge) if !error.is_transient() => {
                ExchangeError::StepUp { challenge: challenge.clone(), error: Box::new(error) }
            }
            _ => ExchangeError::Provider(Box::new(error)),
        }
    }
}

fn is_transient(status: u16) -> bool {
    status >= 500 || matches!(status, 408 | 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(status: u16, error: &str, codes: &[u32]) -> ExchangeError {
        ProviderError {
            status,
            error: error.into(),
            description: None,
            codes: codes.into(),
            claims: None,
            suberror: None,
            retry_after: None,
        }
        .into()
    }

    #[test]
    fn only_a_provider_that_decided_challenges_anybody() {
        for (status, error, stepped_up) in [
            (400, "interaction_required", true),
            (401, "invalid_grant", true),
            (503, "interaction_required", false),
            (429, "interaction_required", false),
            (400, "temporarily_unavailable", false),
        ] {
            let ExchangeError::Provider(mut answer) = provider(status, error, &[50076]) else { unreachable!() };
            answer.claims = ClaimsChallenge::parse("{}");
            let error = ExchangeError::from(*answer);
            assert_eq!(error.challenge().is_some(), stepped_up, "{error}");
            assert_eq!(error.is_unavailable(), !stepped_up, "{error}");
            assert!(error.provider().is_some());
        }
    }

    #[test]
    fn what_is_one_persons_is_not_everybodys() {
        for (error, everybodys) in [
            (provider(503, "server_error", &[]), true),
            (provider(400, "invalid_request", &[90033]), true),
            (provider(400, "invalid_grant", &[50196]), false),
            (provider(400, "invalid_grant", &[65001]), false),
            (TransportError::TooLarge { host: "idp".into(), limit: 1 }.into(), false),
            (TransportError::Timeout { host: "idp".into(), after: Duration::from_secs(1) }.into(), true),
            (ExchangeError::Malformed { endpoint: Endpoint::Token, problem: "x".into() }, false),
            (ExchangeError::Malformed { endpoint: Endpoint::Discovery, problem: "x".into() }, true),
        ] {
            assert_eq!(error.is_everybodys(), everybodys, "{error}");
        }
    }

    #[test]
    fn consent_is_missing_by_its_code_alone() {
        assert!(provider(400, "invalid_grant", &[65001]).is_consent_missing());
        for other in [provider(400, "invalid_grant", &[65004]), provider(503, "invalid_grant", &[65001])] {
            assert!(!other.is_consent_missing(), "{other}");
        }
    }

    #[test]
    fn unavailable_and_refused_are_told_apart() {
        let host = || "idp".to_owned();
        let (connect, timeout) = (
            TransportError::Connect { host: host(), cause: "refused".into() },
            TransportError::Timeout { host: host(), after: Duration::from_secs(1) },
        );
        for (error, unavailable, invalid_grant) in [
            (ExchangeError::from(connect), true, false),
            (ExchangeError::from(timeout), true, false),
            (ExchangeError::Malformed { endpoint: Endpoint::Token, problem: String::new() }, true, false),
            (ExchangeError::Status { endpoint: Endpoint::Token, status: 503, retry_after: None }, true, false),
            (ExchangeError::Status { endpoint: Endpoint::Token, status: 429, retry_after: None }, true, false),
            (ExchangeError::Status { endpoint: Endpoint::Token, status: 404, retry_after: None }, false, false),
            (provider(400, "invalid_grant", &[]), false, true),
            (provider(400, "interaction_required", &[50076]), false, true),
            (provider(503, "invalid_grant", &[]), true, false),
            (provider(429, "slow_down", &[]), true, false),
            (provider(400, "temporarily_unavailable", &[]), true, false),
            (provider(401, "invalid_client", &[7000215]), false, false),
            (provider(400, "invalid_request", &[90033]), true, false),
            (provider(400, "invalid_grant", &[50196]), true, false),
            (ExchangeError::IssuerMismatch { expected: host(), found: host() }, false, false),
        ] {
            assert_eq!(error.is_unavailable(), unavailable, "{error}");
            assert_eq!(error.is_invalid_grant(), invalid_grant, "{error}");
            assert!(ExchangeError::REASONS.contains(&error.reason()), "{error}");
        }
    }
}
