//! Why a credential was not accepted.

use gangplank_jose::{Reason, TokenRefusal};

/// A refusal of this crate, or of the verifier below it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The verifier refused the token.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
}

impl Refusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            Refusal::Token(token) => token.reason(),
        }
    }
}
