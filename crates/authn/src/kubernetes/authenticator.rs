//! All entries of the file, as one authenticator.

use std::collections::HashMap;
use std::sync::Arc;

use gangplank_jose::{UnixTime, Unverified};
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{BoxFuture, Clock, Transport};

use super::AuthenticationConfiguration;
use super::distributed::GroupsElsewhere;
use super::entry::{Embedding, Entry, Policy};
use super::keys::IssuerKeys;
use super::peek;
use super::refusal::KubernetesRefusal;
use crate::chain::together;
use crate::refusal::fact;
use crate::{Authenticator, BearerToken, Credentials, Outcome, Refusal, SourceHealth};

/// Makes the way to an issuer: with these authorities in PEM, or with those of the system. The error says what is wrong
/// with the PEM.
pub type Connect<'c> = &'c dyn Fn(Option<&str>) -> Result<Arc<dyn Transport>, String>;

/// What an authenticator needs from the world.
pub struct Ports<'c> {
    /// The way to issuers.
    pub connect: Connect<'c>,
    /// When to fetch keys again.
    pub clock: Arc<dyn Clock>,
    /// Another way to groups, if there is one.
    pub groups: Option<Arc<dyn GroupsElsewhere>>,
}

/// Accepts what the API server would accept by the same file, and is as strict or stricter.
pub struct KubernetesAuthenticator {
    name: String,
    hash: String,
    policy: Policy,
    entries: Vec<Arc<Entry>>,
    by_iss: HashMap<String, Arc<Entry>>,
    clock: Arc<dyn Clock>,
    groups: Option<Arc<dyn GroupsElsewhere>>,
}

impl KubernetesAuthenticator {
    /// An authenticator called `name`. No issuer is asked yet. From `before`, which it is to replace, it takes over the keys
    /// of each issuer whose `url`, `discoveryURL` and `certificateAuthority` are as they were, whatever else changed. Stop the
    /// work of `before` ([`keep_fresh`](Authenticator::keep_fresh)) when this one's begins.
    ///
    /// # Errors
    /// An entry's `certificateAuthority` is of no use.
    pub fn new(
        name: impl Into<String>,
        configuration: &AuthenticationConfiguration,
        policy: Policy,
        ports: Ports<'_>,
        before: Option<&KubernetesAuthenticator>,
    ) -> Result<Arc<Self>, Vec<ConfigError>> {
        let held = before.map_or(&[][..], |before| &before.entries);
        let (mut entries, mut errors) = (Vec::new(), Vec::new());
        for (i, rules) in configuration.jwt.iter().enumerate() {
            let at = &rules.issuer.keys;
            let keys = match held.iter().find(|entry| entry.keys.at == *at) {
                Some(entry) => Ok(Arc::clone(&entry.keys)),
                None => (ports.connect)(at.certificate_authority.as_deref())
                    .map(|transport| Arc::new(IssuerKeys::new(at.clone(), transport))),
            };
            match keys {
                Ok(keys) => entries.push(Arc::new(Entry::new(rules.clone(), keys))),
                Err(problem) => {
                    let path = format!("jwt[{i}].issuer.certificateAuthority");
                    errors.push(ConfigError::new(path, fact(&problem), "give certificates in PEM"));
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut by_iss = HashMap::new();
        for entry in &entries {
            by_iss.extend(entry.issuers().iter().map(|iss| (iss.clone(), Arc::clone(entry))));
        }
        let hash = configuration.hash().to_owned();
        let Ports { clock, groups, .. } = ports;
        Ok(Arc::new(KubernetesAuthenticator { name: name.into(), hash, policy, entries, by_iss, clock, groups }))
    }

    /// The file's hash, for metrics.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Judges a token that came in whatever way.
    pub async fn verify(&self, token: &str, now: UnixTime) -> Outcome {
        let parsed = Unverified::parse(token);
        let iss = match &parsed {
            Ok(parsed) => parsed.claims_unverified().issuer().map(str::to_owned),
            Err(_) => peek::issuer(token),
        };
        let entry = iss.as_ref().and_then(|iss| self.by_iss.get(iss));
        match (entry, parsed) {
            (None, Err(refusal)) => Outcome::unknown(refusal),
            (None, Ok(_)) => Outcome::unknown(Refusal::from(self.not_listed(iss.as_deref()))),
            // One of ours, and not even well-formed.
            (Some(_), Err(refusal)) => Outcome::Rejected(refusal.into()),
            (Some(entry), Ok(parsed)) => {
                let embedding = Embedding { name: &self.name, policy: &self.policy, groups: self.groups.as_deref() };
                match entry.judge(token, parsed, &embedding, now).await {
                    Ok(authenticated) => Outcome::Authenticated(authenticated),
                    Err(denial) => denial.into(),
                }
            }
        }
    }

    fn not_listed(&self, found: Option<&str>) -> KubernetesRefusal {
        let known: Vec<&str> = self.entries.iter().take(8).map(|entry| entry.keys.at.issuer.as_str()).collect();
        KubernetesRefusal::IssuerNotListed { found: found.map(fact), known: fact(&known.join(", ")) }
    }
}

impl Authenticator for KubernetesAuthenticator {
    fn name(&self) -> &str {
        &self.name
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

    fn health(&self) -> Vec<SourceHealth> {
        self.entries.iter().map(|entry| entry.keys.health()).collect()
    }

    /// Each issuer by itself: one that does not answer holds up no other.
    fn keep_fresh(self: Arc<Self>) -> Option<BoxFuture<'static, ()>> {
        let work = self.entries.iter().map(|entry| {
            let (jwks, clock) = (Arc::clone(&entry.keys.jwks), Arc::clone(&self.clock));
            Box::pin(async move { jwks.keep_fresh(&*clock).await }) as BoxFuture<'static, ()>
        });
        together(work.collect())
    }
}

impl std::fmt::Debug for KubernetesAuthenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let issuers: Vec<_> = self.entries.iter().map(|entry| entry.keys.at.issuer.as_str()).collect();
        f.debug_struct("KubernetesAuthenticator")
            .field("name", &self.name)
            .field("issuers", &issuers)
            .finish_non_exhaustive()
    }
}
