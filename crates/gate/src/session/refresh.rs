//! Asking the provider again who it is, before its last answer grows old.
//!
//! 1. Due at four fifths of the way to `fresh_until`: then a request starts it, and waits no longer than a proxy in
//!    front would not notice (150 ms; Envoy gives up after 200). That is often enough for the new cookie to leave with
//!    the very answer, before another replica, which knows nothing of it, gets the old cookie and uses the old refresh
//!    token again. The others do not wait. Past `fresh_until`, or when the rules name other groups than the session was
//!    asked about, every request waits, at most five seconds.
//! 2. One at a time per session, however many requests come. It runs in a task of its own, so that a client that hangs
//!    up does not take a rotated refresh token with it.
//! 3. A provider that is away, or answers something else than a verdict, is asked again after 10 s, doubling to 2 min;
//!    the session goes on as it is until its end.
//!    Where an answer was lost on the way (a time-out, a broken connection, garbage) it may have held new tokens, and the
//!    old one may be void: if the provider then no longer knows it, that is its own failure and no verdict, and the
//!    session goes on to its end unrefreshed, as one without a refresh token does.
//! 4. `invalid_grant`, a demand for interaction, another person, or an ID token that does not verify: the session is
//!    over.
//! 5. No ID token: the identity stays, tokens are taken. The same if groups or keys cannot be got just now: the next
//!    refresh asks again, after a pause if the rules' change makes it due at once. New tokens are never thrown away: the old ones may be void.

use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::session::{SessionRecord, TokenParams};
use gangplank_authn::{Denial, Refusal};
use gangplank_jose::UnixTime;
use gangplank_oauth::{ExchangeError, TokenResponse, TransportError};
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

use super::Sessions;
use super::shared::{Attempt, Entry, Failures, Latest};
use crate::sign_in::{SignInClient, SignInRefusal};

/// The longest that a request waits which cannot do without.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that a request waits which could.
pub(super) const MOMENT: Duration = Duration::from_millis(150);
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Starts a refresh of `record` unless one is running, it was just tried in vain, or it is no longer the newest.
/// The receiver closes when the refresh is done; the flag says whether it was this call that started it.
pub(super) fn begin(
    sessions: &Arc<Sessions>,
    entry: &Arc<Entry>,
    record: &Arc<SessionRecord>,
    now: UnixTime,
) -> Option<(watch::Receiver<()>, bool)> {
    let client = sessions.clients.get(record.client())?.clone();
    let mut state = entry.lock();
    if state.over.is_some() || state.generation != record.generation() {
        return None;
    }
    let failures = match &state.attempt {
        Attempt::Running { done, .. } => return Some((done.clone(), false)),
        Attempt::Idle { not_before, .. } if now < *not_before => return None,
        Attempt::Idle { failures, .. } => *failures,
    };
    let (sender, done) = watch::channel(());
    state.attempt = Attempt::Running { done: done.clone() };
    drop(state);
    let attempt = Running { entry: entry.clone(), started: now, failures, _done: sender };
    let (sessions, record) = (sessions.clone(), record.clone());
    tokio::spawn(async move { attempt.run(&sessions, &client, &record).await });
    Some((done, true))
}

/// Waits until a refresh is done, or for so long.
pub(super) async fn wait(mut done: watch::Receiver<()>, longest: Duration) {
    // Nothing is ever sent: the error that the sender is gone is the news.
    let _ = tokio::time::timeout(longest, done.changed()).await;
}

/// How a refresh went.
enum Renewal {
    /// The next generation. `again`: something could not be got.
    Next { record: Box<SessionRecord>, again: bool },
    /// No verdict. `lost`: there may have been an answer, which did not arrive whole.
    Unavailable { cause: String, lost: bool },
    /// A verdict that is not to be trusted, since an answer was lost before.
    Unrenewable { cause: String },
    /// The session is over.
    Over(SignInRefusal),
}

/// A refresh that is running. Dropped without a result (a panic, the runtime's end) it counts as a failure.
struct Running {
    entry: Arc<Entry>,
    started: UnixTime,
    failures: Failures,
    _done: watch::Sender<()>,
}

impl Running {
    async fn run(self, sessions: &Sessions, client: &SignInClient, record: &SessionRecord) {
        let count = |what| sessions.shared.metrics().session(what);
        let mut renewal = renew(sessions, client, record, self.failures, self.started).await;
        let now = sessions.clock.now();
        if let Renewal::Next { record: next, again } = renewal {
            renewal = match next.encode(&sessions.ring, sessions.cookie.name()) {
                Ok(cookie) => {
                    count("refreshed");
                    return self.settle(*next, cookie, again, now);
                }
                Err(refusal) => Renewal::Over(SignInRefusal::Session(refusal)),
            };
        }
        match renewal {
            Renewal::Over(why) => {
                count("not-renewed");
                tracing::info!(session = ?record.id(), reason = why.reason().name, "session not renewed: {why}");
                self.entry.end(why);
            }
            Renewal::Unavailable { cause, lost } => {
                count("refresh-failed");
                tracing::warn!(session = ?record.id(), client = client.name, "refresh failed, session goes on: {cause}");
                self.fail(now, lost);
            }
            Renewal::Unrenewable { cause } => {
                count("refresh-failed");
                tracing::warn!(session = ?record.id(), client = client.name, "session goes on unrefreshed: {cause}");
                let not_before = self.entry.life.ends;
                self.entry.lock().attempt = Attempt::Idle { not_before, failures: Failures::default() };
            }
            Renewal::Next { .. } => {}
        }
    }

    fn settle(&self, next: SessionRecord, cookie: String, again: bool, now: UnixTime) {
        let mut state = self.entry.lock();
        if state.over.is_some() || next.generation() <= state.generation {
            return;
        }
        let failures = Failures { pause: self.failures.next_pause(), answer_lost: false };
        state.generation = next.generation();
        state.latest = Some(Latest { record: Arc::new(next), cookie: cookie.into() });
        state.attempt =
            if again { Attempt::Idle { not_before: now + failures.pause, failures } } else { Attempt::never_failed() };
    }

    fn fail(&self, now: UnixTime, lost: bool) {
        let mut state = self.entry.lock();
        if let Attempt::Running { .. } = state.attempt {
            let failures =
                Failures { pause: self.failures.next_pause(), answer_lost: lost || self.failures.answer_lost };
            state.attempt = Attempt::Idle { not_before: now + failures.pause, failures };
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.fail(self.started, true);
    }
}

impl Failures {
    fn next_pause(self) -> Duration {
        (self.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

async fn renew(
    sessions: &Sessions,
    client: &SignInClient,
    record: &SessionRecord,
    failures: Failures,
    now: UnixTime,
) -> Renewal {
    let Some(refresh_token) = record.refresh_token() else {
        return Renewal::Unrenewable { cause: "it has no refresh token".to_owned() };
    };
    let answer = match client.client.refresh(refresh_token, now).await {
        Ok(answer) => answer,
        Err(error) if error.is_invalid_grant() && failures.answer_lost => {
            return Renewal::Unrenewable { cause: error.to_string() };
        }
        Err(error) if error.is_invalid_grant() => {
            return Renewal::Over(SignInRefusal::SessionNotRenewed { cause: error.to_string() });
        }
        Err(error) => return Renewal::Unavailable { cause: error.to_string(), lost: may_have_lost_tokens(&error) },
    };
    let tokens = || sessions.token_params(client, &answer);
    let Some(id_token) = &answer.id_token else {
        if !record.knows(&sessions.rule_groups) {
            return Renewal::Over(SignInRefusal::SessionRulesChanged);
        }
        return Renewal::Next { record: Box::new(record.extended(tokens(), now)), again: false };
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
            Ok(record) => Renewal::Next { record: Box::new(record), again: false },
            Err(refusal) => Renewal::Over(SignInRefusal::Session(refusal)),
        },
        Err(Denial::Unavailable(refusal) | Denial::Rejected(refusal)) => keep_identity(record, tokens(), &refusal, now),
    }
}

/// Whether the provider may have sent tokens that did not reach us.
fn may_have_lost_tokens(error: &ExchangeError) -> bool {
    match error {
        ExchangeError::Transport(error) => {
            !matches!(error, TransportError::Connect { .. } | TransportError::Tls { .. })
        }
        ExchangeError::Malformed { .. } => true,
        _ => false,
    }
}

fn keep_identity(record: &SessionRecord, tokens: TokenParams<'_>, why: &Refusal, now: UnixTime) -> Renewal {
    tracing::warn!(session = ?record.id(), reason = why.reason().name, "identity kept as it was: {why}");
    Renewal::Next { record: Box::new(record.extended(tokens, now)), again: true }
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
