//! Why somebody can't sign in, is no longer signed in, or is not sent where a link wanted to send them.
//!
//! `outward` is this section's part of the one match from inward to outward: the words a person sees say what can be
//! done and never why a credential was refused.

use gangplank_jose::{Fault, Reason};
use http::StatusCode;

macro_rules! reasons {
    ($($name:ident = $text:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(static $name: Reason = Reason { name: $text, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl SignInRefusal {
            /// Every entry of this section of the catalogue.
            pub(crate) const REASONS: &'static [&'static Reason] = &[$(&$name),*];
        }
    };
}

/// A refusal of sign-in, session, return target or sign-out.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum SignInRefusal {
    /// The host of the request is not one of ours.
    #[error("no route and no public_url has the host {host:?}")]
    UnknownHost {
        /// What was asked for.
        host: String,
    },
}

reasons! {
    UNKNOWN_HOST = "host-unknown", Caller,
        "A sign-in was asked for under a host that this gate does not stand for.",
        "Add a route with this host, or make the proxy in front pass the original Host.";
}

impl SignInRefusal {
    /// The catalogue entry.
    pub(crate) fn reason(&self) -> &'static Reason {
        match self {
            SignInRefusal::UnknownHost { .. } => &UNKNOWN_HOST,
        }
    }
}

/// What the person (or program) is told.
pub(crate) struct Outward {
    /// The status.
    pub(crate) status: StatusCode,
    /// The page's heading.
    pub(crate) heading: &'static str,
    /// What the person can do.
    pub(crate) text: String,
    /// Offer to start over (a link to the sign-in).
    pub(crate) again: bool,
}
