//! Browser sessions: one sealed cookie, refreshed ahead of its expiry, over when somebody signs out.
//!
//! A request's cookie is judged in this order:
//! 1. It is there once ([`cookie`]), it opens, and the session has not reached its end. A browser's mark from before a
//!    sign-in is as good as no cookie.
//! 2. The client at which it began is still configured, with the same issuer.
//! 3. What this process knows of the session ([`shared`]): over, or superseded, or served from a newer generation.
//! 4. Whether the provider is to be asked again ([`refresh`]). Without a refresh token a session lasts to its end,
//!    unless the rules now name groups that it was not asked about.

mod cookie;
mod life;
mod refresh;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::seal::KeyRing;
use gangplank_authn::session::{OpenedCookie, RuleGroups, SessionRecord};
use gangplank_authn::{Authenticated, Denial, Refusal, SignedIn};
use gangplank_jose::UnixTime;
use gangplank_oauth::{Clock, TokenResponse};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use cookie::{Presented, SessionCookie};
pub(crate) use life::Life;
pub(crate) use shared::SharedSessions;
use shared::{Attempt, Entry, Standing};

use crate::build::Resolvers;
use crate::shared::Shared;
use crate::sign_in::{SignInClient, SignInRefusal};

/// What the request's cookie turned out to be.
#[derive(Debug)]
pub(crate) enum SessionOutcome {
    /// There is none, or it is only a browser's mark from before a sign-in.
    Absent,
    /// A session, and whose.
    Live(LiveSession),
    /// A cookie of ours that is no longer good. Signing in again mends it.
    Rejected(SignInRefusal),
    /// It could not be decided.
    Unavailable(SignInRefusal),
}

/// A session that holds at the moment it was asked for.
#[derive(Debug)]
pub(crate) struct LiveSession {
    /// Who it is.
    pub(crate) authenticated: Authenticated,
    /// The name of the client at which the sign-in was.
    pub(crate) client: String,
    /// The provider's access token, if the session keeps one.
    pub(crate) access_token: Option<SecretString>,
    /// When the session ends, whatever happens.
    pub(crate) ends: UnixTime,
    /// Until when this answer may be remembered for the same cookie (while `life` lasts). Not past `now` if it may
    /// not be remembered at all.
    pub(crate) refresh_after: UnixTime,
    /// What streams that are opened with the session watch.
    pub(crate) life: Arc<Life>,
    /// A newer cookie for the browser: the one `Set-Cookie` of the response. An answer that has one is not to be
    /// remembered.
    pub(crate) set_cookie: Option<HeaderValue>,
}

/// `[session]`, with its defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionTimes {
    /// How long a session lasts, refreshed or not.
    pub(crate) lifetime: Duration,
    /// How often the provider is asked again; `None`: when its tokens expire.
    pub(crate) refresh_every: Option<Duration>,
    /// How long a cookie from before a refresh is good, after the browser has shown the one from after it.
    pub(crate) grace: Duration,
}

/// Judges cookies. One per configuration; what outlives a reload is in [`SharedSessions`].
pub(crate) struct Sessions {
    pub(crate) clients: BTreeMap<String, Arc<SignInClient>>,
    /// Those who ask for groups that an ID token has no room for, by issuer.
    pub(crate) groups: Resolvers,
    pub(crate) rule_groups: RuleGroups,
    pub(crate) times: SessionTimes,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) cookie: SessionCookie,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Whether the provider is to be asked again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    Soon,
    Now,
}

impl Sessions {
    /// Judges the cookie of a request.
    pub(crate) async fn session(self: &Arc<Self>, headers: &HeaderMap, now: UnixTime) -> SessionOutcome {
        let presented = match self.open(headers, now) {
            Ok(Some(OpenedCookie::Session(session))) => Arc::new(session.into_record()),
            Ok(Some(OpenedCookie::Browser(_)) | None) => return SessionOutcome::Absent,
            Err(refusal @ SignInRefusal::Undecided(_)) => return SessionOutcome::Unavailable(refusal),
            Err(refusal) => return SessionOutcome::Rejected(refusal),
        };
        match self.judge(presented, now).await {
            Ok(live) => SessionOutcome::Live(live),
            Err(refusal) => SessionOutcome::Rejected(refusal),
        }
    }

    /// Opens the cookie as what it is. That it opens says nothing of whether the session is over.
    pub(crate) fn open(&self, headers: &HeaderMap, now: UnixTime) -> Result<Option<OpenedCookie>, SignInRefusal> {
        let value = match self.cookie.presented(headers) {
            Presented::None => return Ok(None),
            // What is not text opens as nothing.
            Presented::One(value) => std::str::from_utf8(value).unwrap_or(""),
            Presented::Several => {
                return Err(SignInRefusal::CookieRepeated { cookie: self.cookie.name().to_owned() });
            }
        };
        match OpenedCookie::open(&self.ring, self.cookie.name(), value, now) {
            Ok(opened) => Ok(Some(opened)),
            Err(refusal @ Refusal::CryptoFailed { .. }) => Err(SignInRefusal::Undecided(refusal)),
            Err(refusal) => Err(SignInRefusal::Session(refusal)),
        }
    }

    /// The session of a request if it is not over, without refreshing it.
    pub(crate) fn peek(&self, headers: &HeaderMap, now: UnixTime) -> Option<Arc<SessionRecord>> {
        let Ok(Some(OpenedCookie::Session(session))) = self.open(headers, now) else { return None };
        let record = Arc::new(session.into_record());
        self.client_of(&record).ok()?;
        match self.shared.sessions().entry(&record, now).standing(record.generation(), now, self.times.grace) {
            Standing::Current => Some(record),
            Standing::Newer(newer, _) => Some(newer),
            Standing::Over(_) => None,
        }
    }

    /// Verifies an ID token and gets the groups that it had no room for, if any rule asks for groups.
    pub(crate) async fn identify(
        &self,
        client: &SignInClient,
        id_token: &SecretString,
        nonce: &str,
        answer: &TokenResponse,
        now: UnixTime,
    ) -> Result<SignedIn, Denial> {
        let token = id_token.expose_secret();
        let signed_in = client.issuer.verify_id_token(token, client.client.id(), Some(nonce), now).await?;
        self.complete_groups(client, signed_in, answer, now).await
    }

    /// As the issuer does it, and not at all if no rule asks for groups.
    async fn complete_groups(
        &self,
        client: &SignInClient,
        signed_in: SignedIn,
        answer: &TokenResponse,
        now: UnixTime,
    ) -> Result<SignedIn, Denial> {
        if self.rule_groups.is_empty() {
            return Ok(signed_in);
        }
        let resolver = self.groups.get(client.issuer.name()).map(Arc::as_ref);
        client.issuer.complete_groups(signed_in, resolver, &answer.access_token, now).await
    }

    async fn judge(
        self: &Arc<Self>,
        presented: Arc<SessionRecord>,
        now: UnixTime,
    ) -> Result<LiveSession, SignInRefusal> {
        self.client_of(&presented)?;
        let entry = self.shared.sessions().entry(&presented, now);
        let mut waited = false;
        loop {
            let (record, cookie) = match entry.standing(presented.generation(), now, self.times.grace) {
                Standing::Current => (presented.clone(), None),
                Standing::Newer(record, cookie) => (record, Some(cookie)),
                Standing::Over(refusal) => return Err(refusal),
            };
            let need = self.need(&record, now)?;
            if need != Need::Nothing && !waited {
                let longest = match (need, refresh::begin(self, &entry, &record, now)) {
                    (Need::Now, Some((done, _))) => Some((done, refresh::PATIENCE)),
                    (Need::Soon, Some((done, true))) => Some((done, refresh::MOMENT)),
                    _ => None,
                };
                if let Some((done, longest)) = longest {
                    refresh::wait(done, longest).await;
                    waited = true;
                    continue;
                }
            }
            return self.live(&entry, &record, cookie.as_deref(), need, now);
        }
    }

    fn client_of(&self, record: &SessionRecord) -> Result<&Arc<SignInClient>, SignInRefusal> {
        let identity = record.identity();
        let same_issuer = |client: &&Arc<SignInClient>| {
            client.issuer.name() == identity.issuer && client.issuer.accepted_issuers().contains(&identity.issuer_url)
        };
        let client = self.clients.get(record.client()).filter(same_issuer);
        client.ok_or_else(|| SignInRefusal::SessionClientGone { client: record.client().to_owned() })
    }

    fn need(&self, record: &SessionRecord, now: UnixTime) -> Result<Need, SignInRefusal> {
        let knows = record.knows(&self.rule_groups);
        match record.refresh_token() {
            None if knows => Ok(Need::Nothing),
            None => Err(SignInRefusal::SessionRulesChanged),
            Some(_) if !knows || now >= record.fresh_until() => Ok(Need::Now),
            Some(_) if now >= record.refresh_due() => Ok(Need::Soon),
            Some(_) => Ok(Need::Nothing),
        }
    }

    fn live(
        &self,
        entry: &Entry,
        record: &SessionRecord,
        cookie: Option<&str>,
        need: Need,
        now: UnixTime,
    ) -> Result<LiveSession, SignInRefusal> {
        let refresh_after = match need {
            _ if cookie.is_some() => now,
            Need::Nothing if record.refresh_token().is_some() => record.refresh_due().min(record.ends()),
            Need::Nothing => record.ends(),
            Need::Soon | Need::Now => match entry.lock().attempt {
                Attempt::Idle { not_before, .. } => not_before.min(record.ends()),
                Attempt::Running { .. } => now,
            },
        };
        Ok(LiveSession {
            authenticated: record.authenticated(now).map_err(SignInRefusal::Session)?,
            client: record.client().to_owned(),
            access_token: record.access_token().cloned(),
            ends: record.ends(),
            refresh_after,
            life: entry.life.clone(),
            set_cookie: cookie.and_then(|value| self.cookie.set(value, now, record.ends())),
        })
    }
}
