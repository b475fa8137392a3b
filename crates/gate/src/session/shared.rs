//! What this process knows of sessions besides their cookies. It outlives a reload of the configuration.
//!
//! 1. Per session: its [`Life`], whether it is over, and the newest generation with its cookie. A session nobody has
//!    refreshed or ended could be forgotten at any time without harm; it is remembered for its life.
//! 2. A cookie of an older generation is served from the newest one, until the browser has shown a newer cookie and
//!    the grace has passed since; then it is dead for ever. Grace does not begin with the refresh itself: an idle
//!    browser hears of that with its next request only, and a `Set-Cookie` may get lost on the way (a client that
//!    hangs up, nginx's `auth_request`). Once nobody can need it any more, the newest cookie is forgotten here.
//! 3. Over is for ever: signed out, or refused by the provider.
//!    For this process, that is: without a store that replicas share, another one learns of it from the provider at its
//!    next refresh only, and of a refresh from the newer cookie.
//!    One verdict is about less: that the provider would not renew says nothing of a newer generation, which another
//!    replica got with the same refresh token a moment before. Who shows that one begins anew.
//! 4. Memory is bounded. When it is full, sessions that have ended go first, then those that nobody watches and nothing
//!    is known of, then those that end soonest, whose streams are cut so that none is left unwatched.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gangplank_authn::session::{SessionId, SessionRecord};
use gangplank_jose::UnixTime;
use tokio::sync::watch;

use super::Life;
use crate::sign_in::{SignInRefusal, UsedStates};

/// How many sessions are remembered: with a refreshed cookie each takes up to 8 KiB, without one 300 bytes.
const MOST: usize = 65_536;

/// See the module.
#[derive(Debug)]
pub(crate) struct SharedSessions {
    sessions: Mutex<HashMap<SessionId, Arc<Entry>>>,
    most: usize,
    /// Sign-ins that have come back.
    pub(crate) used: UsedStates,
    refused_targets: AtomicU64,
}

impl Default for SharedSessions {
    fn default() -> Self {
        SharedSessions::with_room_for(MOST)
    }
}

impl SharedSessions {
    pub(super) fn with_room_for(most: usize) -> Self {
        SharedSessions {
            sessions: Mutex::default(),
            most,
            used: UsedStates::default(),
            refused_targets: AtomicU64::new(0),
        }
    }

    /// What is known of a session; from now on something is.
    pub(crate) fn entry(&self, record: &SessionRecord, now: UnixTime) -> Arc<Entry> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = sessions.get(&record.id()).filter(|entry| !entry.is_outdone_by(record.generation())) {
            return entry.clone();
        }
        if sessions.len() >= self.most {
            make_room(&mut sessions, self.most, now);
        }
        let entry = Arc::new(Entry::new(record.ends(), record.generation()));
        sessions.insert(record.id(), entry.clone());
        entry
    }

    /// Ends a session for everybody who holds a cookie of it.
    pub(crate) fn sign_out(&self, record: &SessionRecord, now: UnixTime) {
        self.entry(record, now).end(SignInRefusal::SessionSignedOut);
    }

    /// How many return targets were not followed, for metrics.
    pub(crate) fn refused_targets(&self) -> u64 {
        self.refused_targets.load(Ordering::Relaxed)
    }

    pub(crate) fn count_refused_target(&self) {
        self.refused_targets.fetch_add(1, Ordering::Relaxed);
    }

    /// How many are remembered, for metrics.
    pub(crate) fn len(&self) -> usize {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What is known of one session.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) life: Arc<Life>,
    state: Mutex<State>,
    laps: AtomicU8,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) over: Option<SignInRefusal>,
    pub(super) generation: u32,
    pub(super) latest: Option<Latest>,
    pub(super) attempt: Attempt,
    /// The newest generation that the browser has shown, and since when: older ones have the grace from then.
    shown: u32,
    shown_since: UnixTime,
    /// Generations below this are dead.
    dead_below: u32,
}

/// The newest generation, if it was made here.
#[derive(Debug)]
pub(super) struct Latest {
    pub(super) record: Arc<SessionRecord>,
    pub(super) cookie: Arc<str>,
}

/// Where asking again stands.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Nobody asks, and nobody will before this time.
    Idle { not_before: UnixTime, failures: Failures },
    /// Somebody does; the sender is dropped when it is done.
    Running { done: watch::Receiver<()> },
}

/// What went wrong since the last success.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    /// How long was waited after the last.
    pub(super) pause: Duration,
    /// An answer got lost that may have held new tokens: the old refresh token may be void by now.
    pub(super) answer_lost: bool,
}

impl Attempt {
    pub(super) fn never_failed() -> Attempt {
        Attempt::Idle { not_before: UnixTime::EPOCH, failures: Failures::default() }
    }
}

/// What a cookie is, in the light of what is known.
pub(super) enum Standing {
    /// It is the newest there is.
    Current,
    /// There is a newer one, which the browser is to get.
    Newer(Arc<SessionRecord>, Arc<str>),
    /// It is no longer good.
    Over(SignInRefusal),
}

impl Entry {
    fn new(ends: UnixTime, generation: u32) -> Self {
        let state = State {
            over: None,
            generation,
            latest: None,
            attempt: Attempt::never_failed(),
            shown: generation,
            shown_since: UnixTime::EPOCH,
            dead_below: 0,
        };
        Entry { life: Arc::new(Life::new(ends)), state: Mutex::new(state), laps: AtomicU8::new(0) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the session; the first reason stays.
    pub(super) fn end(&self, why: SignInRefusal) {
        let mut state = self.lock();
        state.over.get_or_insert(why);
        state.latest = None;
        drop(state);
        self.life.end();
    }

    /// Judges the generation that a request presents.
    pub(super) fn standing(&self, presented: u32, now: UnixTime, grace: Duration) -> Standing {
        let mut state = self.lock();
        if let Some(why) = &state.over {
            return Standing::Over(why.clone());
        }
        if presented > state.generation {
            // Another replica has refreshed it.
            (state.generation, state.latest, state.attempt) = (presented, None, Attempt::never_failed());
        }
        state.show(presented, now, grace);
        if presented < state.dead_below {
            return Standing::Over(SignInRefusal::SessionSuperseded { presented, latest: state.generation });
        }
        if presented == state.generation {
            return Standing::Current;
        }
        match &state.latest {
            Some(latest) => Standing::Newer(latest.record.clone(), latest.cookie.clone()),
            None => Standing::Over(SignInRefusal::SessionSuperseded { presented, latest: state.generation }),
        }
    }

    /// How many sign-ins in quick succession led to this session.
    pub(crate) fn laps(&self) -> u8 {
        self.laps.load(Ordering::Relaxed)
    }

    pub(crate) fn set_laps(&self, laps: u8) {
        self.laps.store(laps, Ordering::Relaxed);
    }

    /// Whether all that is over is a generation before this one.
    fn is_outdone_by(&self, presented: u32) -> bool {
        let state = self.lock();
        presented > state.generation && matches!(state.over, Some(SignInRefusal::SessionNotRenewed { .. }))
    }

    /// Whether nothing is known that a cookie does not say itself.
    fn is_plain(&self) -> bool {
        let state = self.lock();
        state.over.is_none() && state.latest.is_none() && matches!(state.attempt, Attempt::Idle { .. })
    }
}

impl State {
    /// Notes what the browser shows, and what dies of it.
    fn show(&mut self, presented: u32, now: UnixTime, grace: Duration) {
        if now > self.shown_since + grace {
            self.dead_below = self.shown;
            if self.shown == self.generation {
                self.latest = None;
            }
        }
        if presented > self.shown {
            (self.shown, self.shown_since) = (presented, now);
        }
    }
}

fn make_room(sessions: &mut HashMap<SessionId, Arc<Entry>>, most: usize, now: UnixTime) {
    sessions.retain(|_, entry| now < entry.life.ends);
    // An eighth at once, so that a full table is not swept for every newcomer.
    let enough = most - most / 8;
    if sessions.len() > enough {
        sessions.retain(|_, e| Arc::strong_count(e) > 1 || Arc::strong_count(&e.life) > 1 || !e.is_plain());
    }
    if sessions.len() > enough {
        let mut by_end: Vec<_> = sessions.iter().map(|(id, entry)| (entry.life.ends, *id)).collect();
        by_end.sort_unstable();
        for (_, id) in by_end.iter().take(sessions.len() - enough) {
            if let Some(entry) = sessions.remove(id) {
                entry.life.end();
            }
        }
    }
}
