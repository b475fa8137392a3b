//! Why a password was not accepted.

use std::time::Duration;

use gangplank_jose::{Fault, Reason};

use crate::refusal::reasons;

/// A refusal of [`Basic`](super::Basic).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// `Authorization: Basic` without a user name and a password in it.
    #[error("{problem}")]
    Malformed {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// So many passwords are being verified that this one did not get its turn.
    #[error("no turn within {waited:?}: too many passwords are being tried")]
    QueueFull {
        /// How long it waited.
        waited: Duration,
    },
    /// There is no such user, or the password is another.
    #[error("not a user of the file with this password: {user:?}")]
    Wrong {
        /// The user name that was given.
        user: String,
    },
}

reasons! {
    MALFORMED = "password-malformed", Caller,
        "The Authorization header says Basic, and does not hold a user name and a password.",
        "Send Base64 of USER:PASSWORD in UTF-8, with at most 255 bytes each (`curl -u USER` does).";
    QUEUE_FULL = "password-queue-full", Caller,
        "More passwords are tried than may be verified at a time.",
        "Try again; if it lasts, look in the log for who tries wrong passwords, and limit them in front of the gate. A hash of lower cost is quicker.";
    WRONG = "password-wrong", Caller,
        "There is no such user in the htpasswd file, or the password is another.",
        "Compare the user name; set the password anew with `htpasswd -B FILE USER`.";
}

impl PasswordRefusal {
    /// The catalogue entries.
    pub const REASONS: &'static [&'static Reason] = OWN;

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            PasswordRefusal::Malformed { .. } => &MALFORMED,
            PasswordRefusal::QueueFull { .. } => &QUEUE_FULL,
            PasswordRefusal::Wrong { .. } => &WRONG,
        }
    }
}
