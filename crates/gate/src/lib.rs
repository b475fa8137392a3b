//! Everything that stands in front of others: sign-in, sessions, policy, forward-auth, the reverse proxy.

pub mod body;
pub mod config;
mod context;
mod hosts;
mod pages;
mod refusal;
mod return_target;
mod session;
mod sign_in;
mod sign_out;

pub use body::Body;
pub use context::RequestContext;
pub use refusal::Refusal;
