//! Everything that stands in front of others: sign-in, sessions, policy, forward-auth, the reverse proxy.

pub mod body;
pub mod config;
mod context;
mod refusal;
mod session;

pub use body::Body;
pub use context::RequestContext;
pub use refusal::Refusal;
