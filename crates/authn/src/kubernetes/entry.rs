//! One entry of `jwt`: a token of its issuer becomes a user, or is refused.

use std::sync::Arc;

use gangplank_jose::{Algorithm, Claims, Leeway, Purpose, Rules, UnixTime, Unverified};
use serde_json::Value;

use super::compiled::{JwtRules, Mapping};
use super::distributed::{self, Fetch, GroupsElsewhere, Place};
use super::keys::IssuerKeys;
use super::refusal::KubernetesRefusal;
use super::rules::ReservedNames;
use super::user::Seen;
use crate::jwks::Origin;
use crate::{Authenticated, Denial, Identity, Method, UserInfo};

const GOOGLE: &str = "https://accounts.google.com";
/// How Google's tokens sometimes spell it.
const GOOGLE_BARE: &str = "accounts.google.com";

/// What the embedding says, beyond the file.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Whether issuers may give names that begin with `system:`.
    pub reserved_names: ReservedNames,
    /// Hosts besides the issuer's own from which a distributed groups claim may be fetched: `HOST`, or `HOST:PORT`.
    pub claim_hosts: Vec<String>,
}

/// What an entry has from the authenticator that it belongs to.
pub(super) struct Embedding<'a> {
    /// The configuration's name of the authenticator.
    pub(super) name: &'a str,
    pub(super) policy: &'a Policy,
    pub(super) groups: Option<&'a dyn GroupsElsewhere>,
}

pub(super) struct Entry {
    pub(super) keys: Arc<IssuerKeys>,
    rules: JwtRules,
    token_rules: Rules,
}

impl Entry {
    pub(super) fn new(rules: JwtRules, keys: Arc<IssuerKeys>) -> Self {
        let url = rules.issuer.url.as_str();
        let mut issuers = vec![url.to_owned()];
        if url == GOOGLE {
            issuers.push(GOOGLE_BARE.to_owned());
        }
        let token_rules = Rules {
            issuers,
            audiences: rules.issuer.audiences.clone(),
            algorithms: Algorithm::RFC_7518.to_vec(),
            purpose: Purpose::KubernetesToken,
            leeway: Leeway::KUBERNETES,
        };
        Entry { keys, rules, token_rules }
    }

    /// The values of `iss` that are this issuer's.
    pub(super) fn issuers(&self) -> &[String] {
        &self.token_rules.issuers
    }

    /// Judges a token; `parsed` is `token`.
    pub(super) async fn judge(
        &self,
        token: &str,
        parsed: Unverified<'_>,
        embedding: &Embedding<'_>,
        now: UnixTime,
    ) -> Result<Authenticated, Denial> {
        let (verified, basis) = self.keys.jwks.verify(token, parsed, &self.token_rules, Origin::Presented, now).await?;
        let claims = verified.get();
        let fetched = self.groups_from_elsewhere(token, claims, embedding, now).await?;
        let user = {
            let seen = Seen::new(claims, fetched);
            let view = seen.view();
            let user = self.rules.mappings.user(&seen, &view)?;
            self.rules.check(&user, &seen, &view, embedding.policy.reserved_names)?;
            user
        };
        let identity = identity(embedding.name, claims, user);
        Ok(Authenticated::resting_on(basis, identity, Method::Bearer, claims.expires()))
    }

    /// The groups claim and its value, if the token has it not and it was got otherwise.
    async fn groups_from_elsewhere(
        &self,
        token: &str,
        claims: &Claims,
        embedding: &Embedding<'_>,
        now: UnixTime,
    ) -> Result<Option<(&str, Value)>, Denial> {
        let needed = match &self.rules.mappings.groups {
            Some(Mapping::Claim { path, claim, .. }) => Some((path, claim.as_str())),
            _ => None,
        };
        let place = distributed::place(claims, needed.map(|(_, claim)| claim))?;
        let Some((path, claim)) = needed.filter(|_| !matches!(place, Place::Here)) else { return Ok(None) };
        if let Some(elsewhere) = embedding.groups
            && let Some(groups) = elsewhere.groups(token, claims, now).await
        {
            return Ok(Some((claim, groups?.into())));
        }
        let unresolved = |mark| KubernetesRefusal::GroupsElsewhere { path: path.clone(), mark };
        match place {
            Place::Here => Ok(None),
            Place::Elsewhere => Err(unresolved("hasgroups").into()),
            Place::Endpoint { url, .. } if distributed::is_graph(&url) => Err(unresolved("_claim_names").into()),
            Place::Endpoint { url, access_token } => {
                let fetch = Fetch {
                    claim,
                    endpoint: &url,
                    access_token: access_token.as_ref(),
                    subject: claims.subject(),
                    keys: &self.keys,
                    rules: &self.token_rules,
                    hosts: &embedding.policy.claim_hosts,
                };
                let value = fetch.run(now).await?;
                Ok(Some((claim, value)))
            }
        }
    }
}

/// Exactly the user that the file makes of the token: nothing else of the claims names the caller.
fn identity(authenticator: &str, claims: &Claims, user: UserInfo) -> Identity {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Identity {
        issuer_url: text(claims.issuer()),
        subject: text(claims.subject()),
        ..user.into_identity(authenticator, claims.audiences().to_vec())
    }
}
