//! The groups of callers whose bearer tokens have no room for them.
//!
//! 1. Who: `tid` and `oid` of the verified token. Without both nobody can be asked about. It is an application if the token
//!    says so (`idtyp`), or, where it does not, if nobody delegated anything (no `scp`) and its subject is its object id:
//!    of people `sub` is another one for each application.
//! 2. What was found is remembered per tenant and object for the configured time; a refusal for [`REFUSED`], a failure for
//!    [`FAILED`]. Of all of that at most [`MEMORY`] is kept.
//! 3. One request at a time per member, for all who wait for it.
//! 4. By client credentials, Graph is asked about a user or a service principal with a token of our own. On behalf of, the
//!    caller's token is exchanged for one of Graph's and asked about oneself: an application has no self there, and is
//!    refused with a word on what to do. What was refused on behalf of one token says nothing of the member's others.
//! 5. Nothing is guessed: without an answer the caller is neither let in with fewer groups nor refused, but told to come
//!    back ("unavailable"); with a refusal the caller is refused.

use std::sync::Arc;
use std::time::Duration;

use gangplank_jose::{Claims, UnixTime};
use gangplank_oauth::{ClientAuthentication, SingleFlight, Transport};
use quick_cache::{Weighter, sync::Cache};
use secrecy::SecretString;

use super::tokens::GraphTokens;
use super::{Whose, member_groups, unresolved};
use crate::Denial;
use crate::entra::{Entra, is_guid};
use crate::static_keys::{KeyDigest, digest_of};

/// How long a refusal of Graph's, or of a token for it, is the answer to whoever comes next.
const REFUSED: Duration = Duration::from_secs(30);
/// The same for a failure.
const FAILED: Duration = Duration::from_secs(5);
/// What is remembered may take so many bytes.
const MEMORY: u64 = 16 << 20;
const EXPECTED: usize = 4_096;

/// With whose right Graph is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsBy {
    /// Our own: application permissions `User.ReadBasic.All` and `GroupMember.Read.All`, and `Application.Read.All` for
    /// applications.
    ClientCredentials,
    /// The caller's, whose token must be one for this very registration.
    OnBehalfOf,
}

/// What makes a [`GroupsResolver`].
#[derive(Clone, Debug)]
pub struct GroupsSettings {
    /// The client id of our registration.
    pub client_id: String,
    /// Its credential.
    pub authentication: ClientAuthentication,
    /// With whose right.
    pub by: GroupsBy,
    /// How long groups are remembered.
    pub remember: Duration,
}

/// See the module.
pub struct GroupsResolver {
    entra: Entra,
    tokens: GraphTokens,
    by: GroupsBy,
    remember: Duration,
    transport: Arc<dyn Transport>,
    known: Cache<Member, Known, Weight>,
    flights: SingleFlight<(Member, Option<KeyDigest>), Found>,
}

/// A person or an application of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) kind: Kind,
    pub(crate) tenant: String,
    pub(crate) oid: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Person,
    Application,
}

type Found = Result<Arc<[String]>, Denial>;

#[derive(Clone)]
struct Known {
    found: Found,
    /// The token that it is the answer to, if it is not one for all of the member's.
    of: Option<KeyDigest>,
    until: UnixTime,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Member, Known> for Weight {
    fn weight(&self, _: &Member, known: &Known) -> u64 {
        let groups: usize = known.found.as_ref().map_or(256, |all| all.iter().map(|group| group.len() + 32).sum());
        512 + groups as u64
    }
}

impl Member {
    /// Rule 1. The ids become part of an address, so they are ids and nothing else.
    pub(crate) fn of(claims: &Claims) -> Option<Member> {
        let id = |claim| claims.str(claim).filter(|id| is_guid(id));
        let (tenant, oid) = (id("tid")?, id("oid")?);
        let is_application = match claims.str("idtyp") {
            Some(kind) => kind == "app",
            None => !claims.has("scp") && claims.subject() == Some(oid),
        };
        let kind = if is_application { Kind::Application } else { Kind::Person };
        Some(Member { kind, tenant: tenant.to_owned(), oid: oid.to_owned() })
    }
}

impl GroupsResolver {
    pub(crate) fn new(entra: Entra, settings: GroupsSettings, transport: Arc<dyn Transport>) -> Self {
        let GroupsSettings { client_id, authentication, by, remember } = settings;
        GroupsResolver {
            tokens: GraphTokens::new(&entra.graph, client_id, authentication, Arc::clone(&transport)),
            entra,
            by,
            remember,
            transport,
            known: Cache::with_weighter(EXPECTED, MEMORY, Weight),
            flights: SingleFlight::new(),
        }
    }

    /// With whose right it asks.
    pub fn by(&self) -> GroupsBy {
        self.by
    }

    /// Whether `iss` is the member's own tenant, and that one is admitted.
    pub(crate) fn vouches(&self, iss: Option<&str>, member: &Member) -> bool {
        iss.and_then(|iss| self.entra.tenant_of(iss)) == Some(member.tenant.as_str())
    }

    /// All groups of a member. `assertion` is the token that it presented.
    pub(crate) async fn groups(&self, member: &Member, assertion: &str, now: UnixTime) -> Found {
        let of = (self.by == GroupsBy::OnBehalfOf).then(|| digest_of(assertion));
        let counts = |known: &Known| now < known.until && (known.of.is_none() || known.of == of);
        if let Some(known) = self.known.get(member).filter(counts) {
            return known.found;
        }
        self.flights.run((member.clone(), of), || self.ask(member, assertion, of, now)).await
    }

    async fn ask(&self, member: &Member, assertion: &str, of: Option<KeyDigest>, now: UnixTime) -> Found {
        let found: Found = self.ask_graph(member, assertion, now).await.map(Arc::from);
        let keep = match &found {
            Ok(_) => self.remember,
            Err(Denial::Rejected(_)) => REFUSED.min(self.remember),
            Err(Denial::Unavailable(_)) => FAILED.min(self.remember),
        };
        if !keep.is_zero() {
            let of = of.filter(|_| found.is_err());
            self.known.insert(member.clone(), Known { found: found.clone(), of, until: now + keep });
        }
        found
    }

    async fn ask_graph(&self, member: &Member, assertion: &str, now: UnixTime) -> Result<Vec<String>, Denial> {
        let issuer = self.entra.v2_issuer(&member.tenant);
        let (whose, token) = match (self.by, member.kind) {
            (GroupsBy::ClientCredentials, _) => {
                (Whose::Member(member), self.tokens.ours(&member.tenant, &issuer, now).await?)
            }
            (GroupsBy::OnBehalfOf, Kind::Person) => {
                let assertion = SecretString::from(assertion);
                (Whose::Own, self.tokens.on_behalf_of(&assertion, &member.tenant, &issuer, now).await?)
            }
            (GroupsBy::OnBehalfOf, Kind::Application) => {
                return Err(unresolved(
                    "the caller is an application, on whose behalf nobody can ask; use client-credentials",
                ));
            }
        };
        member_groups(&*self.transport, &self.entra.graph, whose, &token).await
    }
}

impl std::fmt::Debug for GroupsResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupsResolver").field("by", &self.by).field("remember", &self.remember).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
