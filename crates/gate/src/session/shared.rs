//! What this process knows of sessions besides their cookies. It outlives a reload of the configuration.
//!
//! 1. Per session: its [`Life`], whether it is over, and the newest generation with its cookie. A session nobody has
//!    refreshed or ended could be forgotten at any time without harm; it is remembered for its life.
//! 2. A cookie of an older generation is served from the newest one, until the browser has shown the newest cookie and
//!    the grace has passed since. Grace does not begin with the refresh itself: an idle browser hears of that with its
//!    next request only, and a `Set-Cookie` may get lost on the way (a client that hangs up, nginx's `auth_request`).
//! 3. Over is for ever: signed out, or refused by the provider.
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
        if let Some(entry) = sessions.get(&record.id()) {
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
}

/// The newest generation, if it was made here.
#[derive(Debug)]
pub(super) struct Latest {
    pub(super) record: Arc<SessionRecord>,
    pub(super) cookie: Arc<str>,
    /// When the browser first showed that it has the cookie.
    pub(super) seen: Option<UnixTime>,
}

/// Where asking again stands.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Nobody asks; not before this time, and after another failure not for twice as long.
    Idle { not_before: UnixTime, pause: Duration },
    /// Somebody does; the sender is dropped when it is done.
    Running { done: watch::Receiver<()>, pause: Duration },
}

impl Attempt {
    pub(super) const NEVER_FAILED: Attempt = Attempt::Idle { not_before: UnixTime::EPOCH, pause: Duration::ZERO };
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
        let state = State { over: None, generation, latest: None, attempt: Attempt::NEVER_FAILED };
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
            *state = State { over: None, generation: presented, latest: None, attempt: Attempt::NEVER_FAILED };
            return Standing::Current;
        }
        let generation = state.generation;
        if presented == generation {
            if let Some(latest) = &mut state.latest {
                latest.seen.get_or_insert(now);
            }
            return Standing::Current;
        }
        match &state.latest {
            Some(latest) if latest.seen.is_none_or(|seen| now <= seen + grace) => {
                Standing::Newer(latest.record.clone(), latest.cookie.clone())
            }
            _ => Standing::Over(SignInRefusal::SessionSuperseded { presented, latest: generation }),
        }
    }

    /// How many sign-ins in quick succession led to this session.
    pub(crate) fn laps(&self) -> u8 {
        self.laps.load(Ordering::Relaxed)
    }

    pub(crate) fn set_laps(&self, laps: u8) {
        self.laps.store(laps, Ordering::Relaxed);
    }

    /// Whether nothing is known that a cookie does not say itself.
    fn is_plain(&self) -> bool {
        let state = self.lock();
        state.over.is_none() && state.latest.is_none() && matches!(state.attempt, Attempt::Idle { .. })
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
