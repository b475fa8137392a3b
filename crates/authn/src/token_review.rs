//! TokenReview: a cluster's question whose a token is, and its answer. The client that asks a cluster is here; the server
//! that answers one is the gate's.

pub mod wire;
