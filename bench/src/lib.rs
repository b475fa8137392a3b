//! What Gangplank's figures are compared with, each as small as it can honestly be.
//!
//! * [`servers`]: hyper alone, answering or passing on, with the settings of Gangplank's own server.
//! * [`issuer`]: an OpenID provider that signs everybody in at once, and a pile of access tokens.
//! * [`verify`]: what the crypto library takes for one signature.

pub mod issuer;
pub mod servers;
pub mod verify;

/// Anything that goes wrong in a bench ends it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
