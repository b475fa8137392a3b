//! What changes in a tenant: keys, and everything it has issued.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::codes::Codes;
use crate::config::TenantConfig;
use crate::device::DeviceCodes;
use crate::faults::{Counts, Face, Faults};
use crate::keys::{KeyError, Keys};
use crate::refresh::RefreshTokens;
use crate::sessions::Sessions;

/// Each part behind its own lock. Who needs two takes the codes' first; nobody signs under one.
pub(crate) struct State {
    keys: Mutex<Keys>,
    codes: Mutex<Codes>,
    device_codes: Mutex<DeviceCodes>,
    refresh_tokens: Mutex<RefreshTokens>,
    sessions: Mutex<Sessions>,
    faults: Mutex<Faults>,
    counts: Mutex<Counts>,
}

impl State {
    /// Nothing issued yet, and two fresh keys.
    pub(crate) fn new(config: &TenantConfig) -> Result<State, KeyError> {
        let refresh_tokens = RefreshTokens::new(config.refresh_token_lifetime.0, config.refresh_reuse);
        Ok(State {
            keys: Mutex::new(Keys::generate(Face::Entra)?),
            codes: Mutex::new(Codes::new()),
            device_codes: Mutex::new(DeviceCodes::new()),
            refresh_tokens: Mutex::new(refresh_tokens),
            sessions: Mutex::new(Sessions::new(config.session_lifetime.0)),
            faults: Mutex::default(),
            counts: Mutex::default(),
        })
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, Keys> {
        lock(&self.keys)
    }

    pub(crate) fn codes(&self) -> MutexGuard<'_, Codes> {
        lock(&self.codes)
    }

    pub(crate) fn device_codes(&self) -> MutexGuard<'_, DeviceCodes> {
        lock(&self.device_codes)
    }

    pub(crate) fn refresh_tokens(&self) -> MutexGuard<'_, RefreshTokens> {
        lock(&self.refresh_tokens)
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }
}

/// A test that panicked while it held a lock must not fail the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
