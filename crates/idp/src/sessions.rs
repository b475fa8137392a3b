//! Who signed in with which browser: what makes the second application go straight through.

use std::sync::Arc;
use std::time::Duration;

use gangplank_jose::UnixTime;
use http::HeaderMap;
use http::header::COOKIE;

use crate::bounded::Bounded;
use crate::directory::User;
use crate::tenant::Tenant;
use crate::{guid, random, standard};

/// The tenant's cookie.
pub(crate) const COOKIE_NAME: &str = "gangplank-idp";
const BOUND: usize = 10_000;

/// A browser's sign-in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The `sid` claim; not the cookie.
    pub(crate) sid: String,
    pub(crate) user: Arc<User>,
    started: UnixTime,
}

/// All of them.
pub(crate) struct Sessions {
    entries: Bounded<Session>,
    lifetime: Duration,
}

impl Sessions {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Sessions { entries: Bounded::new(BOUND), lifetime }
    }

    /// A fresh session; gives the cookie's value. What the browser had before ends.
    pub(crate) fn begin(&mut self, headers: &HeaderMap, user: &Arc<User>, now: UnixTime) -> (String, Session) {
        self.end(headers);
        let session = Session { sid: guid::random(), user: Arc::clone(user), started: now };
        let value = random::token();
        self.entries.insert(value.clone(), session.clone());
        (value, session)
    }

    /// The session that a request belongs to.
    pub(crate) fn of(&self, headers: &HeaderMap, now: UnixTime) -> Option<Session> {
        let found = cookies(headers).find_map(|value| self.entries.get(value))?;
        (now.since(found.started) <= self.lifetime).then(|| found.clone())
    }

    /// Ends the session that a request belongs to.
    pub(crate) fn end(&mut self, headers: &HeaderMap) {
        for value in cookies(headers) {
            self.entries.remove(value);
        }
    }
}

/// Every value that goes by our name; there can be several when paths differ.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value)
}

/// One cookie for each name of the tenant and one for its standard face, below which it is sent: other servers on this host
/// never see it.
pub(crate) fn session_cookies(tenant: &Tenant, value: &str, attributes: &str) -> Vec<String> {
    let secure = if tenant.settings.base.starts_with("https:") { "; Secure" } else { "" };
    let cookie =
        |name: &str| format!("{COOKIE_NAME}={value}; Path=/{name}/; HttpOnly; SameSite=Lax{secure}{attributes}");
    tenant.names().into_iter().chain([standard::NAME]).map(cookie).collect()
}
