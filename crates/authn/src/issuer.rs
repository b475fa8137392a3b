//! One identity provider.
#![allow(clippy::todo, unused_variables, dead_code)]

use std::sync::Arc;

use gangplank_jose::{Algorithm, UnixTime};
use gangplank_oauth::config::ConfigError;
use gangplank_oauth::{Clock, Transport};
use secrecy::SecretString;

use crate::{ClaimNames, Denial, Outcome, SignedIn};

/// Which kind of provider it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// One tenant of Microsoft Entra ID.
    Entra {
        /// The tenant's id, a GUID.
        tenant: String,
        /// The login host; `None`: `https://login.microsoftonline.com`.
        authority: Option<String>,
        /// Microsoft Graph; `None`: the one that belongs to the authority.
        graph: Option<String>,
    },
    /// Any OpenID Connect provider.
    OpenId {
        /// The issuer, exactly as it spells itself.
        url: String,
    },
}

/// What makes an issuer.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The configuration's name of it.
    pub name: String,
    /// Which kind it is.
    pub kind: IssuerKind,
    /// Audiences accepted on access tokens, any of them, compared byte for byte.
    pub audiences: Vec<String>,
    /// Accepted algorithms; empty: [`Issuer::DEFAULT_ALGORITHMS`].
    pub algorithms: Vec<Algorithm>,
    /// Which claim says what.
    pub claims: ClaimNames,
}

/// One identity provider: its names, its keys and what its claims mean.
pub struct Issuer {}

impl Issuer {
    /// An issuer. It asks the provider nothing yet. Errors are at `issuers.NAME…`.
    pub fn new(
        settings: IssuerSettings,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Issuer>, Vec<ConfigError>> {
        todo!()
    }
    /// The configuration's name of it.
    pub fn name(&self) -> &str {
        todo!()
    }
    /// The scopes that a client of this issuer asks for unless configured otherwise.
    pub fn default_scopes(&self) -> Vec<String> {
        todo!()
    }
    /// Judges an ID token that was issued to `client_id`.
    pub async fn verify_id_token(
        &self,
        token: &str,
        client_id: &str,
        nonce: Option<&str>,
        now: UnixTime,
    ) -> Result<SignedIn, Denial> {
        todo!()
    }
    /// Gets the groups that the ID token had no room for; does nothing if it had.
    pub async fn complete_groups(
        &self,
        signed_in: SignedIn,
        access_token: &SecretString,
        now: UnixTime,
    ) -> Result<SignedIn, Denial> {
        todo!()
    }
    /// Judges an access token.
    pub async fn verify_access_token(&self, token: &str, now: UnixTime) -> Outcome {
        todo!()
    }
    /// Whether its keys were had once.
    pub fn ready(&self) -> bool {
        todo!()
    }
    /// Keeps metadata and keys fresh, for ever. Spawn it once.
    pub async fn keep_fresh(self: Arc<Self>) {
        todo!()
    }
    /// The `iss` values that are this issuer's.
    pub fn accepted_issuers(&self) -> &[String] {
        todo!()
    }
}
