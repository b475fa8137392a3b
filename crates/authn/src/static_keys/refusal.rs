//! Why a static key was not accepted.

use gangplank_jose::{Fault, Reason, UnixTime};

use crate::refusal::reasons;

/// A refusal of [`StaticKeys`](super::StaticKeys).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// It is past its end.
    #[error("key {id} expired at {at}")]
    Expired {
        /// Its id in the file.
        id: String,
        /// Its end.
        at: UnixTime,
    },
    /// It has the form of a key that `gangplank keys new` made, and its checksum is wrong.
    #[error("the key's checksum is wrong: it was mistyped or cut off")]
    Mistyped,
    /// The file does not have it.
    #[error("the key is not in the file")]
    Unknown,
}

reasons! {
    EXPIRED = "key-expired", Caller,
        "The static key is past its end.",
        "Make another with `gangplank keys new`, and give it to whoever used this one; or correct `expires` in the keys file.";
    MISTYPED = "key-mistyped", Caller,
        "The static key has the form of one of ours, and its checksum is wrong.",
        "Copy the key whole: it is gpk_ and 49 letters and digits.";
    UNKNOWN = "key-unknown", Caller,
        "The static key is not in the file of keys.",
        "Compare the output of `gangplank keys hash` for the key with the file; it may have been withdrawn.";
}

impl KeyRefusal {
    /// The catalogue entries.
    pub const REASONS: &'static [&'static Reason] = OWN;

    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            KeyRefusal::Expired { .. } => &EXPIRED,
            KeyRefusal::Mistyped => &MISTYPED,
            KeyRefusal::Unknown => &UNKNOWN,
        }
    }
}
