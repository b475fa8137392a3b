//! A cluster that is asked whose a token is.
//!
//! 1. With `issuers`, only a JWT whose `iss` is one of them is the cluster's; `iss` is believed for nothing else. Without,
//!    any bearer token is, and one that the cluster does not know may be another's.
//! 2. What was answered a moment ago is answered again: a good token for `remember` and not beyond its own end, a bad one for
//!    [`BAD`]. Both memories are bounded, and know tokens by their SHA-256 only.
//! 3. One question about a token is under way at a time; whoever presents it meanwhile waits for the answer. It goes on if
//!    they go away. At most [`AT_ONCE`] questions about different tokens are.
//! 4. When the cluster can't be asked, nobody asks for [`PAUSE`]: all are told at once that it can't be decided. An answer
//!    that only this token may have led to (400, 413) is no reason to leave it alone.
//! 5. The question goes to `POST /apis/authentication.k8s.io/v1/tokenreviews`, with credentials of our own that are read
//!    each time, and with `audiences`.
//! 6. 401, 403, 5xx, no answer, or one that is none: nobody is refused for that. It can't be decided.
//! 7. If audiences were asked for, one of them has to be in the answer. None at all means "for the API server", and so not
//!    for us.
//! 8. Names that begin with `system:` are the cluster's own to give, unless that was forbidden; nobody in particular,
//!    `system:anonymous` and `system:unauthenticated` are never accepted, and no name that no issuer could give either:
//!    with control or invisible characters, or endless.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use gangplank_jose::{UnixTime, Unverified};
use gangplank_oauth::{BoxFuture, SingleFlight, Transport};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;
use url::Url;

use super::ask::Asking;
use super::credential::OwnCredential;
use super::refusal::ClusterRefusal;
use crate::refusal::fact;
use crate::{Authenticated, Authenticator, BearerToken, Credentials, Outcome, SourceHealth};

/// How long a bad token is remembered: a service account's token may become good when its pod is known everywhere.
const BAD: Duration = Duration::from_secs(5);
/// How many tokens are remembered, good and bad ones each.
const ENTRIES: usize = 10_000;
/// How many questions are under way at once.
const AT_ONCE: usize = 64;
/// How long a cluster that can't be asked is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a question may wait for its turn.
const TURN: Duration = Duration::from_secs(5);

/// What the configuration says about a cluster.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// The configuration's name of it.
    pub name: String,
    /// The API server, with a path before `/apis` if there is one.
    pub server: Url,
    /// Whom a token must be for. Empty: for the API server itself.
    pub audiences: Vec<String>,
    /// The issuers whose tokens it is asked about. Empty: any token.
    pub issuers: Vec<String>,
    /// How long a good token is remembered.
    pub remember: Duration,
    /// Whether the cluster may answer with its own names.
    pub allow_reserved: bool,
}

/// See the module.
pub struct Cluster {
    asking: Arc<Asking>,
    issuers: Vec<String>,
    remembers_bad: Duration,
    good: Cache<Key, Authenticated>,
    bad: Cache<Key, (ClusterRefusal, UnixTime)>,
    flights: Arc<SingleFlight<Key, Verdict>>,
    turns: Arc<Semaphore>,
    state: Mutex<State>,
}

type Key = [u8; 32];

/// What came of a question.
#[derive(Clone)]
pub(super) enum Verdict {
    Good(Authenticated),
    Bad(ClusterRefusal),
    Undecided(ClusterRefusal),
}

/// How the cluster is.
#[derive(Default)]
struct State {
    answered: Option<UnixTime>,
    last_error: Option<String>,
    failed: Option<(ClusterRefusal, UnixTime)>,
}

impl Cluster {
    /// An authenticator that asks this cluster. Nothing is asked yet.
    pub fn new(settings: ClusterSettings, credential: OwnCredential, transport: Arc<dyn Transport>) -> Self {
        let (issuers, remembers_bad) = (settings.issuers.clone(), BAD.min(settings.remember));
        Cluster {
            asking: Arc::new(Asking { settings, credential, transport }),
            issuers,
            remembers_bad,
            good: Cache::new(ENTRIES),
            bad: Cache::new(ENTRIES),
            flights: Arc::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            state: Mutex::default(),
        }
    }

    /// How many tokens are remembered.
    pub fn remembered(&self) -> usize {
        self.good.len() + self.bad.len()
    }

    async fn verify(&self, token: &str, now: UnixTime) -> Outcome {
        if let Some(refusal) = self.is_elsewhere(token) {
            return Outcome::unknown(refusal);
        }
        match self.verdict(token, now).await {
            Verdict::Good(authenticated) => Outcome::Authenticated(authenticated),
            // Where it is asked about any token, it can't say that this one is its own and bad.
            Verdict::Bad(refusal @ ClusterRefusal::NotAuthenticated { .. }) if self.issuers.is_empty() => {
                Outcome::unknown(refusal)
            }
            Verdict::Bad(refusal) => Outcome::Rejected(refusal.into()),
            Verdict::Undecided(refusal) => Outcome::Unavailable(refusal.into()),
        }
    }

    fn is_elsewhere(&self, token: &str) -> Option<ClusterRefusal> {
        if self.issuers.is_empty() {
            return None;
        }
        let parsed = Unverified::parse(token).ok();
        let iss = parsed.as_ref().and_then(|parsed| parsed.claims_unverified().issuer());
        if iss.is_some_and(|iss| self.issuers.iter().any(|known| known == iss)) {
            return None;
        }
        let known: Vec<&str> = self.issuers.iter().take(8).map(String::as_str).collect();
        Some(ClusterRefusal::IssuerNotListed {
            cluster: self.name().to_owned(),
            found: iss.map(fact),
            known: fact(&known.join(", ")),
        })
    }

    async fn verdict(&self, token: &str, now: UnixTime) -> Verdict {
        let key = key(token);
        if let Some(known) = self.known(&key, now) {
            return known;
        }
        if let Some((refusal, _)) = self.state().failed.clone().filter(|(_, at)| now < *at + PAUSE) {
            return Verdict::Undecided(refusal);
        }
        let (asking, turns, token) =
            (self.asking.clone(), self.turns.clone(), zeroize::Zeroizing::new(token.to_owned()));
        let asked = self.flights.run_detached(key, move || async move {
            let turn = tokio::time::timeout(TURN, turns.acquire_owned()).await;
            let Ok(Ok(_turn)) = turn else { return Verdict::Undecided(asking.busy()) };
            asking.ask(&token, now).await
        });
        let verdict = asked.await.unwrap_or_else(|_| Verdict::Undecided(self.asking.busy()));
        self.remember(key, &verdict, now);
        verdict
    }

    fn known(&self, key: &Key, now: UnixTime) -> Option<Verdict> {
        if let Some(good) = self.good.get(key).filter(|good| good.holds(now)) {
            return Some(Verdict::Good(good));
        }
        self.bad.get(key).filter(|(_, until)| now < *until).map(|(refusal, _)| Verdict::Bad(refusal))
    }

    fn remember(&self, key: Key, verdict: &Verdict, now: UnixTime) {
        match verdict {
            Verdict::Good(good) => self.good.insert(key, good.clone()),
            Verdict::Bad(refusal) => self.bad.insert(key, (refusal.clone(), now + self.remembers_bad)),
            Verdict::Undecided(_) => {}
        }
        let mut state = self.state();
        match verdict {
            Verdict::Undecided(refusal) => {
                state.last_error = Some(refusal.to_string());
                let of_this_token =
                    matches!(refusal, ClusterRefusal::Busy { .. } | ClusterRefusal::AnswerUnusable { .. });
                if !of_this_token {
                    state.failed = Some((refusal.clone(), now));
                }
            }
            Verdict::Good(_) | Verdict::Bad(_) => *state = State { answered: Some(now), ..State::default() },
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(token: &str) -> Key {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}

impl Authenticator for Cluster {
    fn name(&self) -> &str {
        &self.asking.settings.name
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match BearerToken::presented(credentials.headers) {
                Ok(None) => Outcome::ABSENT,
                Ok(Some(token)) => self.verify(token.as_str(), now).await,
                Err(refusal) => Outcome::Rejected(refusal),
            }
        })
    }

    /// Always ready: there is nothing to be had beforehand, and one cluster that is away, or one strange token, must not
    /// take everything else out of service.
    fn health(&self) -> Vec<SourceHealth> {
        let state = self.state();
        vec![SourceHealth {
            name: self.name().to_owned(),
            ready: true,
            fetched_at: state.answered,
            last_error: state.last_error.clone(),
        }]
    }
}

#[cfg(test)]
mod tests;
