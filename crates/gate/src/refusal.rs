//! Everything this gate refuses, and why. Alphabetical within its section.

use gangplank_jose::Reason;

/// Why a request does not get what it asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The credential was bad, or could not be judged.
    #[error(transparent)]
    Authentication(#[from] gangplank_authn::Refusal),
}

impl Refusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            Refusal::Authentication(refusal) => refusal.reason(),
        }
    }
}
