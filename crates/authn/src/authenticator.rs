//! The one question every authenticator answers.

use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::HeaderMap;

use crate::{Authenticated, Denial, Refusal};

/// What a request presents. Borrowed: nothing is copied to ask.
#[derive(Clone, Copy)]
pub struct Credentials<'r> {
    /// The request's headers.
    pub headers: &'r HeaderMap,
}

/// An authenticator's answer. `NotMine` and `Rejected` differ on purpose: a credential that somebody recognised and
/// found bad is never handed to the next authenticator, and never becomes anonymous.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing here that this authenticator knows; another may.
    NotMine,
    /// It is this caller.
    Authenticated(Authenticated),
    /// A credential of ours, and a bad one. Stop.
    Rejected(Refusal),
    /// It could not be decided: 503 outward, never 401, never open.
    Unavailable(Refusal),
}

impl From<Denial> for Outcome {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Rejected(refusal) => Outcome::Rejected(refusal),
            Denial::Unavailable(refusal) => Outcome::Unavailable(refusal),
        }
    }
}

/// Decides who presented something.
pub trait Authenticator: Send + Sync + 'static {
    /// The name in logs and metrics: bounded, from the configuration.
    fn name(&self) -> &str;

    /// Judges what was presented, at `now`.
    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome>;
}
