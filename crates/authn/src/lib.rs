//! What the wire presented, and who it is: one [`Identity`], made only from evidence.
//!
//! This crate decides; it does not dial. Whatever it needs from a provider goes through the
//! [`Transport`](gangplank_oauth::Transport) it is given.

mod authenticator;
mod identity;
mod refusal;

pub use authenticator::{Authenticator, Credentials, Outcome};
pub use identity::{Authenticated, Identity, Method};
pub use refusal::Refusal;
