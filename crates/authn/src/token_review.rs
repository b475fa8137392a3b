//! TokenReview: a cluster's question whose a token is, and its answer. The client that asks a cluster is here
//! ([`Cluster`]); the server that answers one is the gate's.

mod ask;
mod cluster;
mod credential;
mod refusal;
mod wire;

pub use self::cluster::{Cluster, ClusterSettings};
pub use self::credential::OwnCredential;
pub use self::refusal::ClusterRefusal;
pub use self::wire::{NotAReview, ReviewVersion, TokenReviewRequest, TokenReviewStatus};
