//! Who calls, and may they: asked once per credential and route, then remembered.
//!
//! 1. A route that asks nobody has one decision for everybody.
//! 2. What the caller presents itself (a token, a key, a password, a certificate) is judged by the route's chain before a
//!    cookie is, and a bad one is never downgraded to the cookie or to nobody. A bearer token on a route where nobody
//!    looks at one is refused, also beside a good certificate, unless `pass.authorization` says that it is the upstream's.
//! 3. Then the session, if it began at a client that the route names.
//! 4. Then the policy. Only what is permitted is remembered: by SHA-256 of the credential and the route, until the
//!    credential has to be looked at again, and never past its end.
//!
//! Remembered, a check costs one hash, one look-up and a few comparisons of times and counters.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use gangplank_authn::{
    Anonymous, Authenticated, Authenticator as _, BearerToken, Chain, Credentials, Identity, Method, Outcome,
};
use gangplank_jose::UnixTime;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use prometheus_client::metrics::counter::Counter;
use quick_cache::{Weighter, sync::Cache};
use secrecy::SecretString;

use crate::build::Route;
use crate::exchange::Subject;
use crate::headers::Texts;
use crate::metrics::Metrics;
use crate::policy::Permit;
use crate::route::RouteId;
use crate::session::{Life, Presented, SessionOutcome};
use crate::stack::Gate;
use crate::trace::{self, within};
use crate::{Refusal, headers};

/// What decisions may take in memory, and how many are expected.
const MEMORY: u64 = 16 << 20;
const EXPECTED: usize = 4096;
/// How long the decision on a presented credential is remembered before the chain is asked again.
const PRESENTED: Duration = Duration::from_secs(60);

/// A caller who may pass on a route.
#[derive(Debug)]
pub(crate) struct Decision {
    permit: Permit,
    /// The headers that say who it is.
    pub(crate) identity: HeaderMap,
    /// What they take on the wire.
    pub(crate) identity_size: usize,
    /// The caller's token, where the route needs it for its upstream.
    pub(crate) subject: Option<Arc<Subject>>,
    /// What streams of this caller watch.
    pub(crate) life: Option<Arc<Life>>,
    until: UnixTime,
}

impl Decision {
    /// Who may pass.
    pub(crate) fn caller(&self) -> &Authenticated {
        self.permit.authenticated()
    }

    /// The decision of a route that asks nobody.
    pub(crate) fn anonymous(policy: &crate::policy::Policy) -> Result<Arc<Decision>, Refusal> {
        let permit = policy.permit(Anonymous::authenticated())?;
        Ok(Arc::new(Decision {
            permit,
            identity: HeaderMap::new(),
            identity_size: 0,
            subject: None,
            life: None,
            until: UnixTime::EPOCH,
        }))
    }

    fn holds(&self, now: UnixTime) -> bool {
        now < self.until && self.caller().holds(now) && !self.life.as_ref().is_some_and(|life| life.is_ended(now))
    }
}

/// A decision, and the newer cookie that goes with this one answer.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The decision.
    pub(crate) decision: Arc<Decision>,
    /// `Set-Cookie`, if the session was refreshed.
    pub(crate) set_cookie: Option<HeaderValue>,
}

/// Decisions that were made.
#[derive(Debug)]
pub(crate) struct Decisions {
    cache: Cache<Key, Arc<Decision>, Weight>,
    remembered: Counter,
    made: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    digest: [u8; 32],
    route: RouteId,
    presented: bool,
}

#[derive(Clone, Debug)]
struct Weight;
impl Weighter<Key, Arc<Decision>> for Weight {
    fn weight(&self, _: &Key, decision: &Arc<Decision>) -> u64 {
        // Entry, identity and their allocations, roughly, and what varies.
        let varies: usize = decision.identity.values().map(HeaderValue::len).sum();
        let subject = decision.subject.as_ref().map_or(0, |subject| subject.size());
        (1024 + 2 * varies + subject + size(decision.caller().identity())) as u64
    }
}

/// What somebody's names take: of groups there may be thousands, whatever the token has room for.
fn size(identity: &Identity) -> usize {
    let lists = [&identity.groups, &identity.roles, &identity.scopes, &identity.audiences];
    let texts = lists.into_iter().chain(identity.extra.values()).flatten();
    texts.map(|text| size_of::<String>() + text.len()).sum()
}

impl Decisions {
    /// None yet.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let (remembered, made) = metrics.decision_counters();
        Decisions { cache: Cache::with_weighter(EXPECTED, MEMORY, Weight), remembered, made }
    }

    fn remembered(&self, key: &Key, now: UnixTime) -> Option<Arc<Decision>> {
        let decision = self.cache.get(key)?;
        if decision.holds(now) {
            self.remembered.inc();
            return Some(decision);
        }
        self.cache.remove(key);
        None
    }
}

impl Gate {
    /// Who calls, and may they pass on this route.
    pub(crate) async fn decide(
        &self,
        route: &Route,
        credentials: Credentials<'_>,
        now: UnixTime,
    ) -> Result<Decided, Refusal> {
        let span = trace::authenticate();
        let decided = within(&span, self.decide_at_once(route, credentials, now)).await;
        trace::authenticated(span, &decided);
        decided
    }

    async fn decide_at_once(
        &self,
        route: &Route,
        credentials: Credentials<'_>,
        now: UnixTime,
    ) -> Result<Decided, Refusal> {
        let Some(chain) = &route.chain else {
            if let Some(decision) = &route.anonymous {
                return Ok(Decided { decision: decision.clone(), set_cookie: None });
            }
            not_bearer(route, credentials.headers)?;
            return self.decide_session(route, credentials.headers, now).await;
        };
        // A chain that reads certificates alone would pass a token over, and let its bearer in as somebody else.
        if !chain.links().is_empty() && !chain.reads().contains(&AUTHORIZATION) {
            not_bearer(route, credentials.headers)?;
        }
        let Some(fingerprint) = chain.fingerprint(&credentials) else {
            return self.decide_without(route, credentials.headers, now).await;
        };
        let key = Key { digest: *fingerprint.octets(), route: route.id, presented: true };
        if let Some(decision) = self.decisions.remembered(&key, now) {
            return Ok(Decided { decision, set_cookie: None });
        }
        // In a box: what is remembered, which is most, should not carry what it takes to ask.
        match Box::pin(self.judge_presented(route, chain, credentials, key, now)).await? {
            Some(decision) => Ok(Decided { decision, set_cookie: None }),
            None => {
                not_bearer(route, credentials.headers)?;
                self.decide_without(route, credentials.headers, now).await
            }
        }
    }

    /// Nothing is presented that the route's chain looks at.
    async fn decide_without(&self, route: &Route, headers: &HeaderMap, now: UnixTime) -> Result<Decided, Refusal> {
        match &route.anonymous {
            Some(decision) => Ok(Decided { decision: decision.clone(), set_cookie: None }),
            None => self.decide_session(route, headers, now).await,
        }
    }

    /// `None` if nobody in the chain looks at what is presented.
    async fn judge_presented(
        &self,
        route: &Route,
        chain: &Chain,
        credentials: Credentials<'_>,
        key: Key,
        now: UnixTime,
    ) -> Result<Option<Arc<Decision>>, Refusal> {
        let authenticated = match chain.authenticate(credentials, now).await {
            Outcome::Authenticated(authenticated) => authenticated,
            Outcome::NotMine(_) => return Ok(None),
            Outcome::Rejected(refusal) => return Err(Refusal::Authentication(refusal)),
            Outcome::Unavailable(refusal) => return Err(Refusal::Undecided(refusal)),
        };
        // The verifier's leeway is in it: a token is not accepted and its streams cut at once.
        let ends = authenticated.expires();
        let token = match authenticated.method() {
            Method::Bearer | Method::TokenReview if route.pass_access_token || route.keeps_token => {
                BearerToken::presented(credentials.headers).map_err(Refusal::Authentication)?
            }
            _ => None,
        };
        let passed = token.map(|token| SecretString::from(token.as_str()));
        let life = ends.map(|ends| Arc::new(Life::new(ends)));
        let until = (now + PRESENTED).min(ends.unwrap_or(now + PRESENTED));
        let decision = self.permit(route, authenticated, passed.as_ref(), life, until)?;
        self.decisions.cache.insert(key, decision.clone());
        Ok(Some(decision))
    }

    async fn decide_session(&self, route: &Route, headers: &HeaderMap, now: UnixTime) -> Result<Decided, Refusal> {
        if route.sign_in.is_empty() {
            return Err(Refusal::NotSignedIn);
        }
        let key = match self.sign_in.cookie().presented(headers) {
            Presented::None => return Err(Refusal::NotSignedIn),
            Presented::One(value) => Some(Key { digest: sha256(value), route: route.id, presented: false }),
            Presented::Several => None,
        };
        if let Some(decision) = key.as_ref().and_then(|key| self.decisions.remembered(key, now)) {
            return Ok(Decided { decision, set_cookie: None });
        }
        Box::pin(self.judge_session(route, headers, key, now)).await
    }

    async fn judge_session(
        &self,
        route: &Route,
        headers: &HeaderMap,
        key: Option<Key>,
        now: UnixTime,
    ) -> Result<Decided, Refusal> {
        let live = match self.sign_in.session(headers, now).await {
            SessionOutcome::Live(live) => live,
            SessionOutcome::Absent => return Err(Refusal::NotSignedIn),
            SessionOutcome::Rejected(refusal) | SessionOutcome::Unavailable(refusal) => return Err(refusal.into()),
        };
        if !route.sign_in.contains(&live.client) {
            return Err(Refusal::SessionOfOtherClient { route: route.name.clone(), client: live.client });
        }
        let until = live.refresh_after.min(live.ends);
        let token = live.access_token.as_ref();
        let decision = self.permit(route, live.authenticated, token, Some(live.life), until)?;
        if let (Some(key), None) = (key, &live.set_cookie)
            && now < until
        {
            self.decisions.cache.insert(key, decision.clone());
        }
        Ok(Decided { decision, set_cookie: live.set_cookie })
    }

    fn permit(
        &self,
        route: &Route,
        authenticated: Authenticated,
        token: Option<&SecretString>,
        life: Option<Arc<Life>>,
        until: UnixTime,
    ) -> Result<Arc<Decision>, Refusal> {
        self.decisions.made.inc();
        let permit = route.policy.permit(authenticated)?;
        let mut texts = Texts::with_capacity(256);
        let who = permit.authenticated().identity();
        let passed = token.filter(|_| route.pass_access_token);
        let mut identity = headers::identity(&mut texts, who, &self.rule_groups, passed)?;
        if route.several_issuers {
            identity.insert(headers::ISSUER, texts.judged(&who.issuer, "issuer")?);
        }
        let expires = permit.authenticated().expires();
        if let Some(expires) = expires.and_then(|expires| texts.formatted(format_args!("{expires}"))) {
            identity.insert(headers::EXPIRES, expires);
        }
        let identity_size = headers::size(&identity);
        let ends = life.as_ref().map(|life| life.ends);
        let subject = token.filter(|_| route.keeps_token).map(|token| Arc::new(Subject::new(token.clone(), ends)));
        Ok(Arc::new(Decision { permit, identity, identity_size, subject, life, until }))
    }
}

/// A bearer token that nobody here would judge is refused, unless it is the upstream's.
fn not_bearer(route: &Route, headers: &HeaderMap) -> Result<(), Refusal> {
    if route.pass_authorization || !headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    match BearerToken::presented(headers).map_err(Refusal::Authentication)? {
        Some(_) => Err(Refusal::BearerNotAccepted(route.name.clone())),
        None => Ok(()),
    }
}

fn sha256(value: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, value).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_count_as_what_they_take() {
        let group = "00000000-0000-0000-0000-000000000000".to_owned();
        let member = Identity { groups: vec![group.clone(); 5_000], ..Identity::default() };
        assert!((300_000..400_000).contains(&size(&member)), "{}", size(&member));
        let told = Identity { extra: [("a".to_owned(), vec![group; 5_000])].into(), ..Identity::default() };
        assert_eq!(size(&told), size(&member));
        assert_eq!(size(&Identity::default()), 0);
    }

    #[test]
    fn decisions_take_no_more_memory_than_they_may_however_many_there_are() {
        let decisions = Decisions::new(&Metrics::default());
        let policy = crate::policy::Policy::new(
            "app",
            &crate::config::AllowConfig { anonymous: true, ..crate::config::AllowConfig::default() },
        );
        let anonymous = Decision::anonymous(&policy).unwrap();
        for n in 0..60_000_u32 {
            let mut identity = HeaderMap::new();
            identity.insert(headers::EXPIRES, HeaderValue::from_str(&"x".repeat(n as usize % 4096)).unwrap());
            let decision = Decision {
                permit: anonymous.permit.clone(),
                identity,
                identity_size: 0,
                subject: None,
                life: None,
                until: UnixTime::EPOCH,
            };
            let key = Key { digest: sha256(&n.to_be_bytes()), route: 0, presented: true };
            decisions.cache.insert(key, Arc::new(decision));
            assert!(decisions.cache.weight() <= MEMORY);
        }
        assert!(decisions.cache.weight() > MEMORY / 2 && decisions.cache.len() < 60_000, "it was full");
    }
}
