//! An API server as an upstream.

mod impersonation;
mod inbound;
mod place;
mod refusal;

pub use self::refusal::ClusterRefusal;
