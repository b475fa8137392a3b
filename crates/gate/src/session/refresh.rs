//! Asking the provider again who it is, before its last answer grows old.
//!
//! 1. Due at four fifths of the way to `fresh_until`: then a request starts it and does not wait. Past `fresh_until`, or
//!    when the rules name other groups than the session was asked about, a request waits for it, at most five seconds.
//! 2. One at a time per session, however many requests come. It runs in a task of its own, so that a client that hangs
//!    up does not take a rotated refresh token with it.
//! 3. A provider that is away, or answers something else than a verdict, is asked again after 10 s, doubling to 2 min;
//!    the session goes on as it is until its end.
//! 4. `invalid_grant`, a demand for interaction, another person, or an ID token that does not verify: the session is
//!    over.
//! 5. No ID token: the identity stays, tokens are taken. The same if groups or keys cannot be got just now, and then
//!    it is asked again after the pause. New tokens are never thrown away: the old ones may be void.

use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::session::{SessionRecord, TokenParams};
use gangplank_authn::{Denial, Refusal};
use gangplank_jose::UnixTime;
use gangplank_oauth::TokenResponse;
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

use super::Sessions;
use super::shared::{Attempt, Entry, Latest};
use crate::sign_in::{SignInClient, SignInRefusal};

/// The longest that a request waits.
const PATIENCE: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Starts a refresh of `record` unless one is running, it was just tried in vain, or it is no longer the newest.
/// The receiver closes when the refresh is done.
pub(super) fn begin(
    sessions: &Arc<Sessions>,
    entry: &Arc<Entry>,
    record: &Arc<SessionRecord>,
    now: UnixTime,
) -> Option<watch::Receiver<()>> {
    let client = sessions.clients.get(record.client())?.clone();
    let mut state = entry.lock();
    if state.over.is_some() || state.generation != record.generation() {
        return None;
    }
    let pause = match &state.attempt {
        Attempt::Running { done, .. } => return Some(done.clone()),
        Attempt::Idle { not_before, .. } if now < *not_before => return None,
        Attempt::Idle { pause, .. } => *pause,
    };
    let (sender, done) = watch::channel(());
    state.attempt = Attempt::Running { done: done.clone(), pause };
    drop(state);
    let attempt = Running { entry: entry.clone(), started: now, _done: sender };
    let (sessions, record) = (sessions.clone(), record.clone());
    tokio::spawn(async move { attempt.run(&sessions, &client, &record).await });
    Some(done)
}

/// Waits until a refresh is done, or patience ends.
pub(super) async fn wait(mut done: watch::Receiver<()>) {
    // Nothing is ever sent: the error that the sender is gone is the news.
    let _ = tokio::time::timeout(PATIENCE, done.changed()).await;
}

/// How a refresh went.
enum Renewal {
    /// The next generation. `again`: what could not be got is asked for after the pause.
    Next { record: SessionRecord, again: bool },
    /// No verdict.
    Unavailable(String),
    /// The session is over.
    Over(SignInRefusal),
}

/// A refresh that is running. Dropped without a result (a panic, the runtime's end) it counts as a failure.
struct Running {
    entry: Arc<Entry>,
    started: UnixTime,
    _done: watch::Sender<()>,
}

impl Running {
    async fn run(self, sessions: &Sessions, client: &SignInClient, record: &SessionRecord) {
        let mut renewal = renew(sessions, client, record, self.started).await;
        let now = sessions.clock.now();
        if let Renewal::Next { record: next, again } = renewal {
            renewal = match next.encode(&sessions.ring, sessions.cookie.name()) {
                Ok(cookie) => return self.settle(next, cookie, again, now),
                Err(refusal) => Renewal::Over(SignInRefusal::Session(refusal)),
            };
        }
        match renewal {
            Renewal::Over(why) => {
                tracing::info!(session = ?record.id(), reason = why.reason().name, "session not renewed: {why}");
                self.entry.end(why);
            }
            Renewal::Unavailable(cause) => {
                tracing::warn!(session = ?record.id(), client = client.name, "refresh failed, session goes on: {cause}");
                self.fail(now);
            }
            Renewal::Next { .. } => {}
        }
    }

    fn settle(&self, next: SessionRecord, cookie: String, again: bool, now: UnixTime) {
        let mut state = self.entry.lock();
        if state.over.is_some() || next.generation() <= state.generation {
            return;
        }
        let pause = state.attempt.next_pause();
        state.generation = next.generation();
        state.latest = Some(Latest { record: Arc::new(next), cookie: cookie.into(), seen: None });
        state.attempt = if again { Attempt::Idle { not_before: now + pause, pause } } else { Attempt::NEVER_FAILED };
    }

    fn fail(&self, now: UnixTime) {
        let mut state = self.entry.lock();
        if let Attempt::Running { .. } = state.attempt {
            let pause = state.attempt.next_pause();
            state.attempt = Attempt::Idle { not_before: now + pause, pause };
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.fail(self.started);
    }
}

impl Attempt {
    fn next_pause(&self) -> Duration {
        let (Attempt::Idle { pause, .. } | Attempt::Running { pause, .. }) = self;
        (*pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

async fn renew(sessions: &Sessions, client: &SignInClient, record: &SessionRecord, now: UnixTime) -> Renewal {
    let Some(refresh_token) = record.refresh_token() else {
        return Renewal::Unavailable("the session has no refresh token".to_owned());
    };
    let answer = match client.client.refresh(refresh_token, now).await {
        Ok(answer) => answer,
        Err(error) if error.is_invalid_grant() => {
            return Renewal::Over(SignInRefusal::SessionNotRenewed { cause: error.to_string() });
        }
        Err(error) => return Renewal::Unavailable(error.to_string()),
    };
    let tokens = || sessions.token_params(client, &answer);
    let Some(id_token) = &answer.id_token else {
        if !record.knows(&sessions.rule_groups) {
            return Renewal::Over(SignInRefusal::SessionRulesChanged);
        }
        return Renewal::Next { record: record.extended(tokens(), now), again: false };
    };
    let verified = client.issuer.verify_id_token(id_token.expose_secret(), client.client.id(), None, now).await;
    let signed_in = match verified {
        Ok(signed_in) => signed_in,
        Err(Denial::Rejected(refusal)) => return Renewal::Over(SignInRefusal::Session(refusal)),
        Err(Denial::Unavailable(refusal)) => return keep_identity(record, tokens(), &refusal, now),
    };
    // Before the groups: were they not to be had, nobody else's tokens may get into this session.
    let (new, old) = (signed_in.identity(), record.identity());
    if new.subject != old.subject || new.issuer_url != old.issuer_url {
        return Renewal::Over(SignInRefusal::Session(Refusal::SessionSubjectChanged { what: "an identity" }));
    }
    match sessions.complete_groups(client, signed_in, &answer, now).await {
        Ok(signed_in) => match record.renewed(&signed_in, tokens(), now) {
            Ok(record) => Renewal::Next { record, again: false },
            Err(refusal) => Renewal::Over(SignInRefusal::Session(refusal)),
        },
        Err(Denial::Unavailable(refusal) | Denial::Rejected(refusal)) => keep_identity(record, tokens(), &refusal, now),
    }
}

fn keep_identity(record: &SessionRecord, tokens: TokenParams<'_>, why: &Refusal, now: UnixTime) -> Renewal {
    tracing::warn!(session = ?record.id(), reason = why.reason().name, "identity kept as it was: {why}");
    Renewal::Next { record: record.extended(tokens, now), again: true }
}

impl Sessions {
    /// What a token response means for a session, less what no route needs.
    pub(crate) fn token_params<'s>(&'s self, client: &SignInClient, answer: &TokenResponse) -> TokenParams<'s> {
        TokenParams {
            rule_groups: &self.rule_groups,
            refresh_every: self.times.refresh_every,
            refresh_token: answer.refresh_token.clone(),
            access_token: client.keep_access_token.then(|| answer.access_token.clone()),
            expires_in: answer.expires_in,
        }
    }
}
