//! The browser's session: who signed in, until when, and what it takes to ask again.
//!
//! 1. A [`SessionRecord`] begins with a [`SignedIn`](crate::SignedIn), the evidence of a verified ID token, or comes out of the seal.
//!    Nothing else makes one, so a record is itself evidence and yields [`Authenticated`](crate::Authenticated).
//! 2. It holds those groups only that some rule names, and a digest of the list it was filtered by: after a change of
//!    the rules it is known to be incomplete.
//! 3. It travels as compact JSON, deflated, sealed for `session` and the cookie's name. Opening inflates at most
//!    16 KiB.
//! 4. Name and value of the cookie are at most 3584 bytes together; more is refused, never split.
//! 5. An ended session does not open, nor does one that starts more than a minute in the future.

mod browser;
mod record;
mod rule_groups;
#[cfg(test)]
mod tests;
mod wire;

pub use browser::{BrowserId, OpenedCookie};
pub use record::{OpenedSession, SessionId, SessionRecord, StartParams, TokenParams};
pub use rule_groups::RuleGroups;
pub use wire::MAX_COOKIE;
