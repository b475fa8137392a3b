//! The one question every authenticator answers.

use std::sync::Arc;

use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use rustls_pki_types::CertificateDer;

use crate::{Authenticated, Challenge, Denial, Refusal};

/// What a request presents. Borrowed: nothing is copied to ask.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'r> {
    /// The request's headers.
    pub headers: &'r HeaderMap,
    /// The certificates that the peer of our own TLS listener showed, its own first. It has proved that it holds the
    /// key of the first; whether anybody vouches for that certificate is for an authenticator to judge.
    pub certificates: &'r [CertificateDer<'static>],
    /// Whether a proxy that the configuration trusts hands the request over: only then may a header speak of a
    /// certificate that the proxy was shown.
    pub trusted_proxy: bool,
}

impl<'r> Credentials<'r> {
    /// What stands in the headers of a request, and nothing else.
    pub fn headers(headers: &'r HeaderMap) -> Self {
        Credentials { headers, certificates: &[], trusted_proxy: false }
    }
}

/// An authenticator's answer. `NotMine` and `Rejected` differ on purpose: a credential that somebody recognised and
/// found bad is never handed to the next authenticator, and never becomes anonymous.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Nothing here that this authenticator knows; another may.
    NotMine(NotMine),
    /// It is this caller.
    Authenticated(Authenticated),
    /// A credential of ours, and a bad one. Stop.
    Rejected(Refusal),
    /// It could not be decided: 503 outward, never 401, never open.
    Unavailable(Refusal),
}

/// Why an authenticator has nothing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotMine {
    /// Nothing of the kind that it reads was presented.
    Absent,
    /// Something of its kind was presented, but none that it knows: a token of another issuer, a key that is not in
    /// its file. If nobody else knows it, it is a bad one, for this reason.
    Unknown(Refusal),
}

impl Outcome {
    /// Nothing of the authenticator's kind was presented.
    pub const ABSENT: Outcome = Outcome::NotMine(NotMine::Absent);

    /// Something of its kind, which it does not know.
    pub fn unknown(why: impl Into<Refusal>) -> Self {
        Outcome::NotMine(NotMine::Unknown(why.into()))
    }
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

    /// The headers that its answer depends on.
    fn reads(&self) -> &[HeaderName] {
        &[AUTHORIZATION]
    }

    /// Whether its answer depends on the peer's certificates.
    fn reads_certificates(&self) -> bool {
        false
    }

    /// What a client without a credential could present to it.
    fn challenges(&self) -> Vec<Challenge> {
        if self.reads().contains(&AUTHORIZATION) { vec![Challenge::Bearer] } else { Vec::new() }
    }

    /// How what it depends on is: keys of issuers, files, clusters.
    fn health(&self) -> Vec<SourceHealth> {
        Vec::new()
    }

    /// What keeps that fresh, for ever, if there is such work. To be spawned once.
    fn keep_fresh(self: Arc<Self>) -> Option<BoxFuture<'static, ()>> {
        None
    }
}

/// How something is that an authenticator depends on, for metrics and readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceHealth {
    /// The configuration's name of it.
    pub name: String,
    /// Whether it was had once: before, nobody can be judged by it.
    pub ready: bool,
    /// When it was last fetched or read.
    pub fetched_at: Option<UnixTime>,
    /// Why the last attempt failed, if it did.
    pub last_error: Option<String>,
}
