//! One identity provider: its names, its keys, and what its claims mean.
//!
//! An Entra issuer is exactly one tenant. It accepts the tenant's v1 and v2 tokens; `tid` must be there and equal the
//! tenant, whatever `iss` says. A plain OpenID Connect issuer accepts its own `iss`, byte for byte.
//!
//! **ID tokens**, after the verifier's rules with the client id as the audience (OpenID Connect Core §3.1.3.7):
//! `azp`, if there is one or if there are several audiences, is the client id; `nonce` is the one that was sent,
//! compared in constant time.
//!
//! **Access tokens**, after the verifier's rules with the configured audiences: Entra's must have `azp` or `appid`,
//! which its ID tokens never have, since both kinds can carry the same audience.

mod checks;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use gangplank_jose::{Algorithm, Claims, Purpose, Rules, TokenRefusal, UnixTime, Unverified, Verified};
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{Clock, IssuerUrl, Provider, Transport};
use secrecy::SecretString;

use self::checks::{check_authorized_party, check_nonce};
pub use self::settings::{IssuerKind, IssuerSettings};
use crate::entra::{Entra, is_entra};
use crate::generation::Basis;
use crate::jwks::{JwksCache, JwksHealth, Origin};
use crate::mapping::Mapping;
use crate::refusal::fact;
use crate::source::ProviderKeys;
use crate::{Authenticated, Denial, Method, Outcome, Refusal, SignedIn, SourceHealth, overage};

/// One identity provider.
pub struct Issuer {
    accepted: Vec<String>,
    entra: Option<Entra>,
    mapping: Mapping,
    access_rules: Rules,
    provider: Arc<Provider>,
    jwks: Arc<JwksCache>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
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
        let (entra, url, accepted) = match &settings.kind {
            IssuerKind::Entra { tenant, authority, graph } => {
                let entra = Entra::new(&path, tenant, authority.as_deref(), graph.as_deref())?;
                let accepted = vec![entra.v2_issuer.clone(), entra.v1_issuer.clone()];
                let url = issuer_url(format!("{path}.entra.authority"), &entra.v2_issuer)?;
                (Some(entra), url, accepted)
            }
            IssuerKind::OpenId { url } => (None, issuer_url(format!("{path}.url"), url)?, vec![url.clone()]),
        };
        let provider = Arc::new(Provider::new(url, Arc::clone(&transport)));
        let source = ProviderKeys { provider: Arc::clone(&provider), transport: Arc::clone(&transport) };
        let jwks = Arc::new(JwksCache::new(&settings.name, Box::new(source)));
        let algorithms = match settings.algorithms {
            none if none.is_empty() => Self::DEFAULT_ALGORITHMS.to_vec(),
            some => some,
        };
        Ok(Arc::new(Issuer {
            mapping: Mapping {
                issuer: settings.name,
                entra: entra.is_some() || is_entra(&accepted[0]),
                names: settings.claims,
            },
            access_rules: Rules {
                issuers: accepted.clone(),
                audiences: settings.audiences,
                algorithms,
                purpose: Purpose::AccessToken,
                leeway: Rules::LEEWAY,
            },
            accepted,
            entra,
            provider,
            jwks,
            transport,
            clock,
        }))
    }

    /// The configuration's name of it.
    pub fn name(&self) -> &str {
        &self.mapping.issuer
    }

    /// The provider, for the exchanges of clients.
    pub fn provider(&self) -> &Arc<Provider> {
        &self.provider
    }

    /// The `iss` values that are this issuer's.
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
        Ok(SignedIn::new(self.mapping.identity(claims)?, expires))
    }

    /// Gets the groups that the ID token had no room for; does nothing if it had. `access_token` is the sign-in's.
    pub async fn complete_groups(
        &self,
        signed_in: SignedIn,
        access_token: &SecretString,
        _now: UnixTime,
    ) -> Result<SignedIn, Denial> {
        if !signed_in.groups_unresolved() {
            return Ok(signed_in);
        }
        let Some(entra) = &self.entra else {
            let cause = "the provider keeps them elsewhere, and only Entra ID's are fetched".to_owned();
            return Err(Refusal::GroupsOverageUnresolved { cause }.into());
        };
        let groups = overage::member_groups(&*self.transport, &entra.graph, access_token).await?;
        Ok(signed_in.with_groups(groups))
    }

    /// Judges an access token. With an overage its groups are empty and marked as unresolved: rules about groups then
    /// don't match.
    pub async fn verify_access_token(&self, token: &str, now: UnixTime) -> Outcome {
        let judged = match Unverified::parse(token) {
            Ok(parsed) => self.judge_access_token(token, parsed, now).await,
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

    /// Keeps metadata and keys fresh, for ever: every hour, after a failure from 1 s doubling to 60 s. Spawn it once.
    pub async fn keep_fresh(self: Arc<Self>) {
        self.jwks.keep_fresh(&*self.clock).await
    }

    /// The verdict on an access token. `parsed` is `token`.
    pub(crate) async fn judge_access_token(
        &self,
        token: &str,
        parsed: Unverified<'_>,
        now: UnixTime,
    ) -> Result<Authenticated, Denial> {
        if self.access_rules.audiences.is_empty() {
            return Err(Refusal::AudienceNoneConfigured { issuer: self.name().to_owned() }.into());
        }
        let (verified, basis) = self.verify(token, parsed, &self.access_rules, now).await?;
        let claims = verified.get();
        self.check_tenant(claims)?;
        if self.entra.is_some() && claims.str("azp").is_none() && claims.str("appid").is_none() {
            return Err(Refusal::TokenNotForAccess.into());
        }
        // As long as the verifier itself would accept it.
        let expires = claims.expires().map(|at| at + self.access_rules.leeway.expiry);
        Ok(Authenticated::resting_on(basis, self.mapping.identity(claims)?, Method::Bearer, expires))
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
        self.jwks.verify(token, parsed, rules, origin, now).await
    }

    fn check_tenant(&self, claims: &Claims) -> Result<(), Refusal> {
        let Some(entra) = &self.entra else { return Ok(()) };
        match claims.str("tid") {
            Some(tid) if tid == entra.tenant => Ok(()),
            found => Err(Refusal::TenantMismatch { found: found.map(fact), expected: entra.tenant.clone() }),
        }
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("name", &self.name()).field("accepted", &self.accepted).finish_non_exhaustive()
    }
}

fn issuer_url(key: String, text: &str) -> Result<IssuerUrl, Vec<ConfigError>> {
    IssuerUrl::parse(text).map_err(|e| {
        let help = "give it exactly as the provider's metadata spell `issuer`";
        vec![ConfigError::new(key, format!("\"{text}\": {e}"), help)]
    })
}

#[cfg(test)]
mod tests;
