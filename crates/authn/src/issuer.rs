//! One identity provider: its names, its keys, and what its claims mean.
//!
//! A token is judged in this order; each step has its refusals, which name the rule and what to do:
//!
//! 1. It is presented where tokens of this issuer are accepted: an access token needs configured audiences.
//! 2. **Whose it is.** A plain OpenID Connect issuer has one `iss`, byte for byte. An Entra issuer has the v1 and v2 `iss`
//!    of each admitted tenant, whose key it must be ([`entra`](crate::entra)). A SPIFFE issuer has the workloads of one trust
//!    domain, by `sub`; `iss` is not read.
//! 3. **The verifier's rules** (`gangplank-jose`, `verify`): algorithm, `typ`, key, signature, `aud` (any of the audiences,
//!    exactly), times within the leeway, `sub`, no `cnf`, and no mark of an ID token on an access token.
//! 4. Entra: `tid` is the tenant of `iss`.
//! 5. Entra: an access token has `azp` or `appid`, which ID tokens never have, since both kinds can carry the same audience.
//! 6. **Names**: the claims become an identity ([`mapping`](crate::mapping)).
//! 7. **The configuration's rules**: claims, roles, and of access tokens clients and scopes ([`rules`]).
//! 8. **Groups** that did not fit into the token are asked of Graph where somebody is there to ask, or else are marked as
//!    unresolved: rules about groups then don't match.
//!
//! `accept_id_tokens` lifts the last of step 3 and step 5, for callers who present an ID token as Kubernetes' own do. It is not
//! the default: an ID token was made for the application that its bearer signed in to, and whoever gets it there could
//! present it here.
//!
//! **ID tokens of our own sign-ins** obey steps 2 to 4, 6 and 7 with the client id as the audience, and OpenID Connect Core
//! §3.1.3.7: `azp`, if there is one or if there are several audiences, is the client id; `nonce` is the one that was sent,
//! compared in constant time.

mod checks;
mod refusal;
mod rules;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{
    Algorithm, Claims, Leeway, Purpose, Rules, SpiffeId, TokenRefusal, UnixTime, Unverified, Verified,
};
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{BoxFuture, Clock, IssuerUrl, Provider, Transport};
use secrecy::SecretString;

use self::checks::{check_authorized_party, check_nonce};
pub use self::refusal::IssuerRefusal;
pub use self::rules::{ClaimRules, RequiredClaim};
pub use self::settings::{IssuerKind, IssuerSettings, KeysFrom, Tenants};
use crate::entra::{Entra, is_entra};
use crate::generation::Basis;
use crate::jwks::{Expected, JwksCache, JwksHealth, KeySource, Origin, Reads};
use crate::mapping::Mapping;
use crate::overage::{GroupsBy, GroupsResolver, GroupsSettings, Member, Whose};
use crate::refusal::fact;
use crate::source::{GivenKeys, KeysAt, ProviderKeys};
use crate::{Authenticated, Denial, Method, Outcome, Refusal, SignedIn, SourceHealth, overage};

/// One identity provider.
pub struct Issuer {
    accepted: Vec<String>,
    entra: Option<Entra>,
    mapping: Mapping,
    rules: ClaimRules,
    access_rules: Rules,
    provider: Option<Arc<Provider>>,
    jwks: Arc<JwksCache>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

/// What a kind of issuer comes to.
struct Made {
    accepted: Vec<String>,
    entra: Option<Entra>,
    trust_domain: Option<String>,
    provider: Option<Arc<Provider>>,
    keys: Box<dyn KeySource>,
    reads: Reads,
    /// The key set, where the configuration holds it.
    given: Option<(String, Bytes)>,
}

impl Issuer {
    /// What is accepted unless configured otherwise: what providers use, without what is only half as good.
    pub const DEFAULT_ALGORITHMS: [Algorithm; 5] =
        [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

    /// How often keys and metadata are fetched ahead of need.
    pub const REFRESH_EVERY: Duration = JwksCache::REFRESH_EVERY;

    /// An issuer. It asks the provider nothing yet. Errors are at `issuers.NAME…`.
    pub fn new(
        settings: IssuerSettings,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Issuer>, Vec<ConfigError>> {
        let path = format!("issuers.{}", settings.name);
        let made = Made::new(&path, settings.kind, &transport)?;
        let jwks = Arc::new(JwksCache::reading(made.reads, &settings.name, made.keys));
        if let Some((at, json)) = made.given {
            jwks.preset(json, clock.now()).map_err(|message| {
                vec![ConfigError::new(at, message, "the JSON of a key set with at least one key that can verify")]
            })?;
        }
        let algorithms = match settings.algorithms {
            none if none.is_empty() => Self::DEFAULT_ALGORITHMS.to_vec(),
            some => some,
        };
        let purpose = match (&made.trust_domain, settings.accept_id_tokens) {
            (Some(_), _) => Purpose::JwtSvid,
            (None, true) => Purpose::KubernetesToken,
            (None, false) => Purpose::AccessToken,
        };
        let entra = made.entra.is_some() || is_entra(&made.accepted[0]);
        Ok(Arc::new(Issuer {
            mapping: Mapping::new(&settings.name, entra, made.trust_domain, settings.claims),
            rules: settings.rules,
            access_rules: Rules {
                issuers: made.accepted.clone(),
                audiences: settings.audiences,
                algorithms,
                purpose,
                leeway: Leeway::both(settings.leeway),
            },
            accepted: made.accepted,
            entra: made.entra,
            provider: made.provider,
            jwks,
            transport,
            clock,
        }))
    }

    /// The configuration's name of it.
    pub fn name(&self) -> &str {
        &self.mapping.issuer
    }

    /// The provider, for the exchanges of clients. `None` if its keys come from elsewhere, so that nobody can sign in.
    pub fn provider(&self) -> Option<&Arc<Provider>> {
        self.provider.as_ref()
    }

    /// The `iss` values that are this issuer's. Of any tenant's they have `{tenantid}` where it stands; of a SPIFFE trust
    /// domain it is its id, which `sub` begins with.
    pub fn accepted_issuers(&self) -> &[String] {
        &self.accepted
    }

    /// The audiences that its access tokens may have.
    pub fn audiences(&self) -> &[String] {
        &self.access_rules.audiences
    }

    /// The scopes that a client of this issuer asks for unless configured otherwise. At Entra ID the last makes the
    /// sign-in's access token one for Graph, which tells the groups that the ID token has no room for.
    pub fn default_scopes(&self) -> Vec<String> {
        let graph = self.entra.as_ref().map(|entra| format!("{}/User.Read", entra.graph));
        let common = ["openid", "profile", "email", "offline_access"].map(str::to_owned);
        common.into_iter().chain(graph).collect()
    }

    /// Judges an ID token that was issued to `client_id`, and came from the provider's token endpoint. `nonce` is `None`
    /// only for a refresh.
    pub async fn verify_id_token(
        &self,
        token: &str,
        client_id: &str,
        nonce: Option<&str>,
        now: UnixTime,
    ) -> Result<SignedIn, Denial> {
        let rules =
            Rules { audiences: vec![client_id.to_owned()], purpose: Purpose::IdToken, ..self.access_rules.clone() };
        let (verified, _) = self.verify(token, Unverified::parse(token)?, &rules, now).await?;
        let claims = verified.get();
        self.check_tenant(claims)?;
        check_authorized_party(claims, client_id)?;
        if let Some(sent) = nonce {
            check_nonce(claims, sent)?;
        }
        let expires = claims.expires().ok_or(TokenRefusal::ExpiryMissing)?;
        let identity = self.mapping.identity(claims)?;
        self.rules.check(claims, &identity)?;
        let member = if identity.groups_unresolved { Member::of(claims) } else { None };
        Ok(SignedIn::new(identity, expires).for_member(member))
    }

    /// Gets the groups that the ID token had no room for; does nothing if it had. `resolver` asks with its own right, if
    /// it has one; else Graph is asked with `access_token`, the sign-in's.
    pub async fn complete_groups(
        &self,
        signed_in: SignedIn,
        resolver: Option<&GroupsResolver>,
        access_token: &SecretString,
        now: UnixTime,
    ) -> Result<SignedIn, Denial> {
        if !signed_in.groups_unresolved() {
            return Ok(signed_in);
        }
        let Some(entra) = &self.entra else {
            let cause = "the provider keeps them elsewhere, and only Entra ID's are fetched".to_owned();
            return Err(Refusal::GroupsOverageUnresolved { cause }.into());
        };
        let asks = |resolver: &&GroupsResolver| resolver.by() == GroupsBy::ClientCredentials;
        let groups = match (resolver.filter(asks), signed_in.member()) {
            (Some(resolver), Some(member)) => resolver.groups(member, "", now).await?.to_vec(),
            _ => overage::member_groups(&*self.transport, &entra.graph, Whose::Own, access_token).await?,
        };
        Ok(signed_in.with_groups(self.known_groups(&groups)))
    }

    /// Somebody who can ask Graph for the groups of this issuer's callers. `None` if it is not Entra ID.
    pub fn groups_resolver(&self, settings: GroupsSettings) -> Option<GroupsResolver> {
        let entra = self.entra.clone()?;
        Some(GroupsResolver::new(entra, settings, Arc::clone(&self.transport)))
    }

    /// Judges an access token. With an overage its groups are empty and marked as unresolved: rules about groups then
    /// don't match.
    pub async fn verify_access_token(&self, token: &str, now: UnixTime) -> Outcome {
        let judged = match Unverified::parse(token) {
            Ok(parsed) => self.judge_access_token(token, parsed, None, now).await,
            Err(refusal) => Err(refusal.into()),
        };
        match judged {
            Ok(authenticated) => Outcome::Authenticated(authenticated),
            Err(denial) => denial.into(),
        }
    }

    /// Whether its keys were had once: before, nobody can be judged.
    pub fn ready(&self) -> bool {
        self.jwks.health().fetched_at.is_some()
    }

    /// How its keys are.
    pub fn health(&self) -> JwksHealth {
        self.jwks.health()
    }

    /// The same for readiness and metrics.
    pub fn source_health(&self) -> SourceHealth {
        let health = self.health();
        SourceHealth {
            name: self.name().to_owned(),
            ready: health.fetched_at.is_some(),
            fetched_at: health.fetched_at,
            last_error: health.last_error,
        }
    }

    /// Fetches metadata and keys, and says how many keys there are, or why there are none.
    ///
    /// # Errors
    /// In words: they could not be had.
    pub async fn fetch(&self) -> Result<usize, String> {
        self.jwks.refresh(self.clock.now()).await?;
        Ok(self.jwks.health().keys)
    }

    /// Keeps metadata and keys fresh, for ever: every quarter of an hour, after a failure from 1 s doubling to 60 s. Spawn it once.
    pub async fn keep_fresh(self: Arc<Self>) {
        self.jwks.keep_fresh(&*self.clock).await
    }

    /// The verdict on an access token. `parsed` is `token`; `resolver` is who asks for groups that it has no room for.
    pub(crate) async fn judge_access_token(
        &self,
        token: &str,
        parsed: Unverified<'_>,
        resolver: Option<&GroupsResolver>,
        now: UnixTime,
    ) -> Result<Authenticated, Denial> {
        if self.access_rules.audiences.is_empty() {
            return Err(Refusal::AudienceNoneConfigured { issuer: self.name().to_owned() }.into());
        }
        let (verified, basis) = self.verify(token, parsed, &self.access_rules, now).await?;
        let claims = verified.get();
        self.check_tenant(claims)?;
        let is_access = claims.str("azp").is_some() || claims.str("appid").is_some();
        if self.entra.is_some() && !is_access && self.access_rules.purpose == Purpose::AccessToken {
            return Err(Refusal::TokenNotForAccess.into());
        }
        let mut identity = self.mapping.identity(claims)?;
        self.rules.check(claims, &identity)?;
        self.rules.check_access(&identity)?;
        if let (true, Some(resolver)) = (identity.groups_unresolved, resolver) {
            let groups = self.resolved(resolver, claims, token, now).await?;
            (identity.groups, identity.groups_unresolved) = (groups, false);
        }
        // As long as the verifier itself would accept it.
        let expires = claims.expires().map(|at| at + self.access_rules.leeway.expiry);
        Ok(Authenticated::resting_on(basis, identity, Method::Bearer, expires))
    }

    // In a box: most tokens have their groups, and should not carry what it takes to ask.
    fn resolved<'a>(
        &'a self,
        resolver: &'a GroupsResolver,
        claims: &'a Claims,
        token: &'a str,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Vec<String>, Denial>> {
        Box::pin(async move {
            let member = Member::of(claims).ok_or_else(|| Refusal::GroupsOverageUnresolved {
                cause: "the token has no tid and oid to ask Graph about".to_owned(),
            })?;
            Ok(self.known_groups(&resolver.groups(&member, token, now).await?))
        })
    }

    /// As the mapping has groups.
    fn known_groups(&self, groups: &[String]) -> Vec<String> {
        groups.iter().filter_map(|group| self.mapping.group(group)).collect()
    }

    /// Verifies with the keys at hand, and with newer ones if those may be the reason that it fails.
    async fn verify(
        &self,
        token: &str,
        parsed: Unverified<'_>,
        rules: &Rules,
        now: UnixTime,
    ) -> Result<(Verified<Claims>, Basis), Denial> {
        let origin = if rules.purpose == Purpose::IdToken { Origin::Provider } else { Origin::Presented };
        let Some(entra) = &self.entra else {
            return self.jwks.verify(token, parsed, rules, origin, now).await;
        };
        if let Some(tenant) = entra.only() {
            let expected = Expected { rules, issuer: None, tenant: Some(tenant) };
            return self.jwks.verify_as(token, parsed, expected, origin, now).await;
        }
        let iss = parsed.claims_unverified().issuer().ok_or(TokenRefusal::IssuerMissing)?.to_owned();
        let Some(tenant) = entra.tenant_of(&iss) else {
            return Err(Refusal::TenantNotAdmitted { found: fact(&iss), admitted: entra.admitted() }.into());
        };
        let expected = Expected { rules, issuer: Some(&iss), tenant: Some(tenant) };
        self.jwks.verify_as(token, parsed, expected, origin, now).await
    }

    fn check_tenant(&self, claims: &Claims) -> Result<(), Refusal> {
        let Some(entra) = &self.entra else { return Ok(()) };
        let tenant = claims.issuer().and_then(|iss| entra.tenant_of(iss));
        match claims.str("tid") {
            Some(tid) if Some(tid) == tenant => Ok(()),
            found => {
                let expected = tenant.map_or_else(|| entra.admitted(), str::to_owned);
                Err(Refusal::TenantMismatch { found: found.map(fact), expected })
            }
        }
    }
}

impl Made {
    fn new(path: &str, kind: IssuerKind, transport: &Arc<dyn Transport>) -> Result<Made, Vec<ConfigError>> {
        match kind {
            IssuerKind::Entra { tenants, authority, graph } => {
                let entra = Entra::new(path, &tenants, authority.as_deref(), graph.as_deref())?;
                let (name, metadata_at) = entra.metadata();
                let mut url = issuer_url(&format!("{path}.entra.authority"), &name)?;
                if let Some(place) = metadata_at {
                    url = url.with_metadata_of(&issuer_url(&format!("{path}.entra.authority"), &place)?);
                }
                let reads = Reads::Entra(entra.v2().clone());
                Ok(Made { entra: Some(entra), reads, ..Made::discovered(url, transport) }.accepting_tenants())
            }
            IssuerKind::OpenId { url, keys: KeysFrom::Discovery } => {
                Ok(Made::discovered(issuer_url(&format!("{path}.url"), &url)?, transport))
            }
            IssuerKind::OpenId { url, keys } => {
                let name = issuer_url(&format!("{path}.url"), &url)?;
                Made::given(name.as_str().to_owned(), &format!("{path}.jwks"), keys, transport)
            }
            IssuerKind::Spiffe { trust_domain, bundle } => {
                let id = format!("spiffe://{trust_domain}");
                if !SpiffeId::parse(&id).is_some_and(|id| id.path().is_empty()) {
                    let message = format!("{trust_domain:?} is not the name of a trust domain");
                    let help = "such as \"example.org\": lower case letters, digits, dots, dashes and underscores";
                    return Err(vec![ConfigError::new(format!("{path}.spiffe.trust_domain"), message, help)]);
                }
                let made = Made::given(id.clone(), &format!("{path}.spiffe.bundle"), bundle, transport)?;
                Ok(Made { trust_domain: Some(id), reads: Reads::SpiffeBundle, ..made })
            }
        }
    }

    fn discovered(url: IssuerUrl, transport: &Arc<dyn Transport>) -> Made {
        let accepted = vec![url.as_str().to_owned()];
        let provider = Arc::new(Provider::new(url, Arc::clone(transport)));
        let keys = Box::new(ProviderKeys { provider: Arc::clone(&provider), transport: Arc::clone(transport) });
        let provider = Some(provider);
        Made { accepted, entra: None, trust_domain: None, provider, keys, reads: Reads::Jwks, given: None }
    }

    fn given(
        accepted: String,
        at: &str,
        keys: KeysFrom,
        transport: &Arc<dyn Transport>,
    ) -> Result<Made, Vec<ConfigError>> {
        let (keys, given): (Box<dyn KeySource>, _) = match keys {
            KeysFrom::Url(url) => {
                let url = keys_url(&format!("{at}.url"), &url)?;
                (Box::new(KeysAt { url, transport: Arc::clone(transport) }), None)
            }
            KeysFrom::Document { at, json } => {
                let json = Bytes::from(json);
                (Box::new(GivenKeys(json.clone())), Some((at, json)))
            }
            KeysFrom::Discovery => {
                return Err(vec![ConfigError::new(at, "does not say where the keys are", "url, file or inline")]);
            }
        };
        let accepted = vec![accepted];
        Ok(Made { accepted, entra: None, trust_domain: None, provider: None, keys, reads: Reads::Jwks, given })
    }

    fn accepting_tenants(mut self) -> Self {
        if let Some(entra) = &self.entra {
            self.accepted = entra.issuers();
        }
        self
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("name", &self.name()).field("accepted", &self.accepted).finish_non_exhaustive()
    }
}

fn issuer_url(key: &str, text: &str) -> Result<IssuerUrl, Vec<ConfigError>> {
    IssuerUrl::parse(text).map_err(|e| {
        let help = "give it exactly as the provider's metadata spell `issuer`";
        vec![ConfigError::new(key, format!("\"{text}\": {e}"), help)]
    })
}

/// The address of a key set: as safe to ask as an issuer, and it may have a query.
fn keys_url(key: &str, text: &str) -> Result<String, Vec<ConfigError>> {
    let (place, query) = text.split_once('?').map_or((text, None), |(place, query)| (place, Some(query)));
    let is_fit = query.is_none_or(|query| query.bytes().all(|b| b.is_ascii_graphic() && b != b'#'));
    match IssuerUrl::parse(place) {
        Ok(_) if is_fit && text.parse::<http::Uri>().is_ok() => Ok(text.to_owned()),
        _ => {
            let help = "https://…; plain http only for loopback addresses; no user name and no fragment";
            Err(vec![ConfigError::new(key, format!("\"{text}\" is not an address to fetch keys from"), help)])
        }
    }
}

#[cfg(test)]
mod tests;
