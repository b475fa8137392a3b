//! What a session knows.

use std::time::Duration;

use gangplank_jose::UnixTime;
use secrecy::SecretString;

use super::{RuleGroups, browser, wire};
use crate::seal::KeyRing;
use crate::{Authenticated, Identity, Method, Refusal, SignedIn};

/// How far in the future a session may begin: the clocks of two replicas.
const SKEW: Duration = Duration::from_secs(60);
/// A session is not asked for again more often than this, whatever the provider says.
const MIN_FRESH: Duration = Duration::from_secs(30);

/// A session's random id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(super) [u8; 16]);

impl SessionId {
    /// What a pending sign-in is bound to while this session lives.
    pub fn binding(&self) -> [u8; 32] {
        browser::binding(b"session", &self.0)
    }
}

/// Enough of a digest to tell sessions apart in a log.
impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&browser::short_digest(b"session", &self.0))
    }
}

/// What the sign-in or a refresh brought besides the identity, and what the configuration makes of it.
pub struct TokenParams<'p> {
    /// The groups worth keeping.
    pub rule_groups: &'p RuleGroups,
    /// How often to ask again; `None`: when the tokens expire.
    pub refresh_every: Option<Duration>,
    /// The refresh token, if one was given. On a refresh without one, the session's own stays.
    pub refresh_token: Option<SecretString>,
    /// The access token, only if a route passes it on.
    pub access_token: Option<SecretString>,
    /// How long the access token lasts.
    pub expires_in: Option<Duration>,
}

/// What begins a session.
pub struct StartParams<'p> {
    /// The configuration's name of the client that signed in.
    pub client: String,
    /// How long the session may last, refreshed or not.
    pub lifetime: Duration,
    /// What came with it.
    pub tokens: TokenParams<'p>,
}

/// A session: made by [`begin`](Self::begin) from a verified sign-in, by a renewal of one, or by opening a cookie.
#[derive(Clone)]
pub struct SessionRecord {
    pub(super) id: SessionId,
    pub(super) generation: u32,
    pub(super) client: String,
    pub(super) identity: Identity,
    pub(super) rule_groups: [u8; 8],
    pub(super) started: UnixTime,
    pub(super) ends: UnixTime,
    pub(super) fresh_from: UnixTime,
    pub(super) fresh_until: UnixTime,
    pub(super) refresh_token: Option<SecretString>,
    pub(super) access_token: Option<SecretString>,
}

impl SessionRecord {
    /// A new session with a fresh id, which inherits nothing.
    ///
    /// Refused if rules ask for groups and the sign-in's are unresolved.
    pub fn begin(signed_in: &SignedIn, params: StartParams<'_>, now: UnixTime) -> Result<Self, Refusal> {
        let StartParams { client, lifetime, tokens } = params;
        let mut record = SessionRecord {
            id: SessionId(random_16()?),
            generation: 0,
            client,
            identity: identity_of(signed_in, tokens.rule_groups)?,
            rule_groups: tokens.rule_groups.digest,
            started: now,
            ends: now + lifetime,
            fresh_from: now,
            fresh_until: now,
            refresh_token: None,
            access_token: None,
        };
        record.take(tokens, signed_in.token_expires().since(now), now);
        Ok(record)
    }

    /// The next generation, with the identity that the refresh returned. It must be the same person.
    pub fn renewed(&self, signed_in: &SignedIn, tokens: TokenParams<'_>, now: UnixTime) -> Result<Self, Refusal> {
        let new = signed_in.identity();
        if new.issuer != self.identity.issuer || new.issuer_url != self.identity.issuer_url {
            return Err(Refusal::SessionSubjectChanged { what: "an issuer" });
        }
        if new.subject != self.identity.subject {
            return Err(Refusal::SessionSubjectChanged { what: "a subject" });
        }
        let mut next = self.clone();
        next.generation = self.generation.wrapping_add(1);
        next.identity = identity_of(signed_in, tokens.rule_groups)?;
        next.rule_groups = tokens.rule_groups.digest;
        next.take(tokens, signed_in.token_expires().since(now), now);
        Ok(next)
    }

    /// The next generation with new tokens and the identity as it was: for a refresh that returned no ID token
    /// (OpenID Connect Core §12.2), or whose groups could not be got.
    pub fn extended(&self, tokens: TokenParams<'_>, now: UnixTime) -> Self {
        let mut next = self.clone();
        next.generation = self.generation.wrapping_add(1);
        next.take(tokens, self.fresh_until.since(self.fresh_from), now);
        next
    }

    /// Seals it for the cookie `cookie_name`. Refused if name and value exceed [`MAX_COOKIE`](super::MAX_COOKIE).
    pub fn encode(&self, ring: &KeyRing, cookie_name: &str) -> Result<String, Refusal> {
        wire::encode(self, ring, cookie_name)
    }

    /// Who it is, as long as the session lasts.
    pub fn authenticated(&self, now: UnixTime) -> Result<Authenticated, Refusal> {
        self.check(now)?;
        Ok(Authenticated::new(self.identity.clone(), Method::Session, Some(self.ends)))
    }

    /// The id, the same in every generation.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// How often it was refreshed.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The configuration's name of the client that signed in.
    pub fn client(&self) -> &str {
        &self.client
    }

    /// Who signed in; of the groups, those that rules named.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When the sign-in was.
    pub fn started(&self) -> UnixTime {
        self.started
    }

    /// When it ends, refreshed or not.
    pub fn ends(&self) -> UnixTime {
        self.ends
    }

    /// Until when its identity needs no refresh.
    pub fn fresh_until(&self) -> UnixTime {
        self.fresh_until
    }

    /// From when a refresh ahead of need is due: at four fifths of the way to [`fresh_until`](Self::fresh_until).
    pub fn refresh_due(&self) -> UnixTime {
        self.fresh_from + self.fresh_until.since(self.fresh_from) * 4 / 5
    }

    /// Whether its groups were filtered by this list of rules. If not, it must be refreshed, or the person sign in again.
    pub fn knows(&self, rules: &RuleGroups) -> bool {
        self.rule_groups == rules.digest
    }

    /// The refresh token, if the provider gave one.
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.refresh_token.as_ref()
    }

    /// The access token, if a route passes it on.
    pub fn access_token(&self) -> Option<&SecretString> {
        self.access_token.as_ref()
    }

    pub(super) fn check(&self, now: UnixTime) -> Result<(), Refusal> {
        if now >= self.ends {
            return Err(Refusal::SessionExpired { at: self.ends });
        }
        if self.started > now + SKEW {
            return Err(Refusal::SessionNotYetValid { at: self.started });
        }
        Ok(())
    }

    fn take(&mut self, tokens: TokenParams<'_>, token_life: Duration, now: UnixTime) {
        if tokens.refresh_token.is_some() {
            self.refresh_token = tokens.refresh_token;
        }
        let expiry = tokens.expires_in.unwrap_or(token_life);
        let fresh = match tokens.refresh_every {
            // A token that is passed on must not be passed on dead.
            Some(every) if tokens.access_token.is_some() => every.min(expiry),
            Some(every) => every,
            None => expiry,
        };
        self.access_token = tokens.access_token;
        self.fresh_from = now;
        self.fresh_until = match self.refresh_token {
            Some(_) => self.ends.min(now + fresh.max(MIN_FRESH)),
            None => self.ends,
        };
    }
}

/// Times and the digest of the id: the person, the groups and the tokens stay out of logs.
impl std::fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRecord")
            .field("id", &self.id)
            .field("generation", &self.generation)
            .field("client", &self.client)
            .field("started", &self.started)
            .field("ends", &self.ends)
            .field("fresh_until", &self.fresh_until)
            .finish_non_exhaustive()
    }
}

/// A session that came out of the seal and had not ended.
#[derive(Clone, Debug)]
pub struct OpenedSession {
    record: SessionRecord,
}

impl OpenedSession {
    /// Opens a cookie's value. Safe on any text.
    pub fn open(ring: &KeyRing, cookie_name: &str, value: &str, now: UnixTime) -> Result<Self, Refusal> {
        let record = wire::decode(ring, cookie_name, value)?;
        record.check(now)?;
        Ok(OpenedSession { record })
    }

    /// Who it is, as long as the session lasts.
    pub fn authenticated(&self, now: UnixTime) -> Result<Authenticated, Refusal> {
        self.record.authenticated(now)
    }

    /// The session.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    /// The session, to keep.
    pub fn into_record(self) -> SessionRecord {
        self.record
    }
}

/// The sign-in's identity, less the groups that no rule names.
fn identity_of(signed_in: &SignedIn, rules: &RuleGroups) -> Result<Identity, Refusal> {
    let from = signed_in.identity();
    if from.groups_unresolved && !rules.is_empty() {
        return Err(Refusal::GroupsOverageUnresolved { cause: "a session was begun without them".to_owned() });
    }
    Ok(Identity {
        groups: rules.keep(&from.groups),
        groups_unresolved: false,
        // Of an ID token, not of the session's own making: they would only take room.
        scopes: Vec::new(),
        client: None,
        extra: Default::default(),
        ..from.clone()
    })
}

pub(super) fn random_16() -> Result<[u8; 16], Refusal> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Refusal::CryptoFailed { what: "random id" })?;
    Ok(bytes)
}
