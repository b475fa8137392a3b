//! Access tokens for Microsoft Graph, got with our own registration.
//!
//! 1. Ours, by client credentials, in the tenant of whom is asked about: a token of one tenant says nothing of another.
//!    It is used until 70 to 80 % of its life are over.
//! 2. A person's, on whose behalf we ask: got anew each time, since the groups are what is remembered.
//! 3. The registration is the configured one in every tenant; a tenant in which nobody consented to it refuses.

use std::sync::Arc;

use gangplank_jose::UnixTime;
use gangplank_oauth::freshness::refresh_at;
use gangplank_oauth::{
    Client, ClientAuthentication, ClientSettings, ExchangeError, IssuerUrl, Provider, SingleFlight, Transport,
    random_unit,
};
use quick_cache::sync::Cache;
use secrecy::SecretString;

use super::{garbled, unresolved};
use crate::Denial;

/// Of how many tenants clients and tokens are kept.
const TENANTS: usize = 1_000;

/// Gets tokens for one Graph.
pub(super) struct GraphTokens {
    scope: [String; 1],
    id: String,
    authentication: ClientAuthentication,
    transport: Arc<dyn Transport>,
    clients: Cache<String, Arc<Client>>,
    ours: Cache<String, Ours>,
    flights: SingleFlight<String, Result<SecretString, Denial>>,
}

#[derive(Clone)]
struct Ours {
    token: SecretString,
    until: UnixTime,
}

impl GraphTokens {
    pub(super) fn new(
        graph: &str,
        id: String,
        authentication: ClientAuthentication,
        transport: Arc<dyn Transport>,
    ) -> Self {
        GraphTokens {
            scope: [format!("{graph}/.default")],
            id,
            authentication,
            transport,
            clients: Cache::new(TENANTS),
            ours: Cache::new(TENANTS),
            flights: SingleFlight::new(),
        }
    }

    /// Rule 1. `issuer` is where the tenant's metadata are.
    pub(super) async fn ours(&self, tenant: &str, issuer: &str, now: UnixTime) -> Result<SecretString, Denial> {
        if let Some(ours) = self.ours.get(tenant).filter(|ours| now < ours.until) {
            return Ok(ours.token);
        }
        self.flights.run(tenant.to_owned(), || self.get_ours(tenant, issuer, now)).await
    }

    async fn get_ours(&self, tenant: &str, issuer: &str, now: UnixTime) -> Result<SecretString, Denial> {
        let answer = self.client(tenant, issuer)?.client_credentials(&self.scope, now).await;
        let answer = answer.map_err(|error| refused("by client credentials", &error))?;
        if let Some(life) = answer.expires_in {
            let until = refresh_at(now, now + life, now, random_unit());
            self.ours.insert(tenant.to_owned(), Ours { token: answer.access_token.clone(), until });
        }
        Ok(answer.access_token)
    }

    /// Rule 2.
    pub(super) async fn on_behalf_of(
        &self,
        assertion: &SecretString,
        tenant: &str,
        issuer: &str,
        now: UnixTime,
    ) -> Result<SecretString, Denial> {
        let answer = self.client(tenant, issuer)?.on_behalf_of(assertion, &self.scope, now).await;
        Ok(answer.map_err(|error| refused("on behalf of the caller", &error))?.access_token)
    }

    fn client(&self, tenant: &str, issuer: &str) -> Result<Arc<Client>, Denial> {
        if let Some(client) = self.clients.get(tenant) {
            return Ok(client);
        }
        let url = IssuerUrl::parse(issuer).map_err(|error| unresolved(&error.to_string()))?;
        let settings = ClientSettings {
            provider: Arc::new(Provider::new(url, Arc::clone(&self.transport))),
            id: self.id.clone(),
            authentication: self.authentication.clone(),
            scopes: Vec::new(),
            prompt: None,
        };
        let client = Arc::new(Client::new(settings, Arc::clone(&self.transport)));
        self.clients.insert(tenant.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}

fn refused(how: &str, error: &ExchangeError) -> Denial {
    let cause = format!("no token for Graph {how}: {error}");
    if error.is_unavailable() { garbled(&cause) } else { unresolved(&cause) }
}
