//! The tenant as a document: who there is, which applications are registered, how long things live.
//!
//! ```toml
//! id = "11111111-2222-4333-8444-555555555555"
//! domain = "corp.test"
//!
//! [[groups]]
//! name = "operators"
//!
//! [[users]]
//! username = "dana"
//! groups = ["operators"]
//!
//! [[applications]]
//! name = "Podinfo"
//! id = "22222222-2222-4333-8444-555555555555"
//! identifier_uris = ["api://podinfo"]
//! redirect_uris = ["http://127.0.0.1/oauth2/callback"]
//! scopes = ["access_as_user"]
//! ```

use std::collections::BTreeMap;

use gangplank_oauth::config::{ConfigError, Environment, SecretSource, Span};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::standard::StandardConfig;

/// The whole tenant. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantConfig {
    /// The tenant id, a GUID in lower case.
    pub id: String,
    /// The tenant's domain: the second name it answers to, and the ending of user names that have none.
    #[serde(default = "default_domain")]
    pub domain: String,
    /// What the pages call it.
    #[serde(default = "default_name")]
    pub name: String,
    /// Groups that have a name. Users may be in others that are made up for them.
    #[serde(default)]
    pub groups: Vec<GroupConfig>,
    /// Users. There are no passwords: who signs in picks one.
    #[serde(default)]
    pub users: Vec<UserConfig>,
    /// Applications: web apps, APIs and public clients alike.
    #[serde(default)]
    pub applications: Vec<ApplicationConfig>,
    /// What happens when a refresh token comes that was already used.
    #[serde(default)]
    pub refresh_reuse: RefreshReuse,
    /// How long access tokens live. Entra picks 60 to 90 minutes; here it is exact, so that tests can be.
    #[serde(default = "default_token_lifetime")]
    pub access_token_lifetime: Span,
    /// How long ID tokens live.
    #[serde(default = "default_token_lifetime")]
    pub id_token_lifetime: Span,
    /// How long a refresh token can be used, from its own issue.
    #[serde(default = "default_refresh_lifetime")]
    pub refresh_token_lifetime: Span,
    /// How long the tenant remembers who signed in with a browser.
    #[serde(default = "default_session_lifetime")]
    pub session_lifetime: Span,
    /// Whether `/dev/faults` and `/dev/rotate` exist. On by default, since the tenant listens on loopback; a listener
    /// that others reach must turn it off.
    #[serde(default = "default_control")]
    pub control: bool,
    /// The second face, at `/standard`.
    #[serde(default)]
    pub standard: StandardConfig,
}

/// A group with a name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// The name, by which users refer to it.
    pub name: String,
    /// The object id. Default: derived from tenant and name.
    pub id: Option<String>,
}

/// A user.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// The user principal name; without `@` the tenant's domain is added.
    pub username: String,
    /// The display name. Default: the user name's first part.
    pub name: Option<String>,
    /// The address of the `email` claim. Default: the user principal name.
    pub email: Option<String>,
    /// The object id. Default: derived from tenant and user name.
    pub id: Option<String>,
    /// Groups, by name or object id.
    #[serde(default)]
    pub groups: Vec<String>,
    /// So many more groups, made up but the same on every start: to see what many groups do.
    #[serde(default)]
    pub more_groups: usize,
}

/// An application registration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationConfig {
    /// What the pages call it.
    pub name: String,
    /// The client id, a GUID in lower case. Default: derived from tenant and name.
    pub id: Option<String>,
    /// Whether it is a public client: no secret, PKCE required.
    #[serde(default)]
    pub public: bool,
    /// Secrets, any of which is accepted. A confidential client without one gets one made up at every start.
    #[serde(default)]
    pub secrets: Vec<SecretSource>,
    /// Secrets already read; see [`TenantConfig::read_secrets`].
    #[serde(skip)]
    pub known_secrets: Vec<SecretString>,
    /// Where codes may be sent. Compared exactly, but for the port of a loopback address.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Application id URIs, such as `api://podinfo`.
    #[serde(default)]
    pub identifier_uris: Vec<String>,
    /// Delegated permissions that it exposes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The shape of access tokens *for* this application: 1 (also the default, as in Entra) or 2.
    pub requested_access_token_version: Option<u8>,
    /// Which groups its tokens carry: `[]`, `["SecurityGroup"]` or `["All"]`.
    #[serde(default)]
    pub group_membership_claims: Vec<GroupClaims>,
    /// Application roles and who has them: users by name, applications by name or client id.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// Whether its access tokens carry `idtyp`, an optional claim.
    #[serde(default)]
    pub idtyp: bool,
    /// Certificates whose keys sign its client assertions: each the text of a PEM file, the first of its certificates.
    #[serde(default)]
    pub certificates: Vec<SecretSource>,
    /// Certificates already read; see [`TenantConfig::register_certificate`].
    #[serde(skip)]
    pub known_certificates: Vec<String>,
    /// Whose tokens are accepted in place of a client assertion.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredentialConfig>,
    /// The object id of its service principal. Default: derived from tenant and client id.
    pub object_id: Option<String>,
    /// Groups that its service principal is in, by name or object id.
    #[serde(default)]
    pub groups: Vec<String>,
    /// So many more groups, made up but the same on every start.
    #[serde(default)]
    pub more_groups: usize,
    /// What its own tokens may do at Graph, such as `GroupMember.Read.All`.
    #[serde(default)]
    pub graph_permissions: Vec<String>,
    /// Resources (identifier URIs, client ids, or Graph's URL) for whose permissions nobody has given this application
    /// consent.
    #[serde(default)]
    pub consent_missing: Vec<String>,
    /// Users who get tokens for this application only after a second factor; `"*"` is everybody.
    #[serde(default)]
    pub mfa: Vec<String>,
}

/// A federated credential: an issuer outside the tenant that vouches for the application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredentialConfig {
    /// `iss` of its tokens.
    pub issuer: String,
    /// `sub` of its tokens.
    pub subject: String,
    /// `aud` of its tokens.
    #[serde(default = "default_federated_audience")]
    pub audience: String,
    /// The issuer's JWK set, as JSON: there is no network here to fetch it over.
    pub jwks: String,
}

/// A member of `group_membership_claims`, spelled as in an application manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum GroupClaims {
    /// Object ids of security groups: all there are here.
    SecurityGroup,
    /// The same, as long as there are only security groups.
    All,
}

/// What a used refresh token is answered with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshReuse {
    /// `invalid_grant`, and every token of the same sign-in is revoked (RFC 9700 §4.14.2). Stricter than Entra, so
    /// that a client which uses one twice is noticed.
    #[default]
    Refuse,
    /// New tokens, as Entra does.
    Allow,
}

impl TenantConfig {
    /// Parses a document. The error says where.
    pub fn from_toml(text: &str) -> Result<Self, Vec<ConfigError>> {
        toml::from_str(text).map_err(|e| {
            let line = e.span().map(|s| text.get(..s.start).unwrap_or_default().matches('\n').count() + 1);
            vec![ConfigError::new(line.map_or_else(|| "tenant".to_owned(), |l| format!("line {l}")), e.message(), "")]
        })
    }

    /// Reads the secrets and certificates that the document refers to. All errors at once.
    pub fn read_secrets(&mut self, environment: Environment<'_>) -> Result<(), Vec<ConfigError>> {
        let mut errors = Vec::new();
        for (i, application) in self.applications.iter_mut().enumerate() {
            for (j, source) in std::mem::take(&mut application.secrets).into_iter().enumerate() {
                match source.read(&format!("applications[{i}].secrets[{j}]"), environment) {
                    Ok(secret) => application.known_secrets.push(secret),
                    Err(error) => errors.push(error),
                }
            }
            for (j, source) in std::mem::take(&mut application.certificates).into_iter().enumerate() {
                match source.read(&format!("applications[{i}].certificates[{j}]"), environment) {
                    Ok(text) => application.known_certificates.push(text.expose_secret().to_owned()),
                    Err(error) => errors.push(error),
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// An application of the document, to be changed, by its client id.
    pub fn application_mut(&mut self, client_id: &str) -> Option<&mut ApplicationConfig> {
        self.applications.iter_mut().find(|a| a.id.as_deref() == Some(client_id))
    }

    /// Registers one more redirect URI. False if there is no such application.
    pub fn allow_redirect(&mut self, client_id: &str, redirect_uri: impl Into<String>) -> bool {
        self.application_mut(client_id).map(|a| a.redirect_uris.push(redirect_uri.into())).is_some()
    }

    /// Gives an application a secret that is known beforehand. False if there is no such application.
    pub fn set_secret(&mut self, client_id: &str, secret: SecretString) -> bool {
        self.application_mut(client_id).map(|a| a.known_secrets = vec![secret]).is_some()
    }

    /// Registers a certificate (PEM) whose key signs the application's client assertions. An application that has one, or
    /// a federated credential, gets no made-up secret. False if there is no such application.
    pub fn register_certificate(&mut self, client_id: &str, pem: impl Into<String>) -> bool {
        self.application_mut(client_id).map(|a| a.known_certificates.push(pem.into())).is_some()
    }

    /// Registers a federated credential. False if there is no such application.
    pub fn trust_federation(&mut self, client_id: &str, credential: FederatedCredentialConfig) -> bool {
        self.application_mut(client_id).map(|a| a.federated_credentials.push(credential)).is_some()
    }
}

fn default_domain() -> String {
    "dev.test".to_owned()
}

fn default_name() -> String {
    "Dev tenant".to_owned()
}

fn default_token_lifetime() -> Span {
    Span(std::time::Duration::from_secs(3_600))
}

/// As Entra: ninety days.
fn default_refresh_lifetime() -> Span {
    Span(std::time::Duration::from_secs(90 * 86_400))
}

fn default_session_lifetime() -> Span {
    Span(std::time::Duration::from_secs(86_400))
}

fn default_federated_audience() -> String {
    "api://AzureADTokenExchange".to_owned()
}

fn default_control() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_document_is_enough_and_unknown_keys_are_refused() {
        let short = "id = \"11111111-2222-4333-8444-555555555555\"\n[[users]]\nusername = \"dana\"\n";
        let config = TenantConfig::from_toml(short).unwrap();
        assert_eq!((config.domain.as_str(), config.users.len(), config.control), ("dev.test", 1, true));
        let errors = TenantConfig::from_toml(&format!("{short}pasword = \"x\"\n")).unwrap_err();
        assert_eq!(errors[0].path, "line 4");
        assert!(errors[0].message.contains("pasword"), "{errors:?}");
    }

    #[test]
    fn the_documented_example_makes_a_tenant() {
        let source = include_str!("config.rs");
        let example = source.split("//! ```toml\n").nth(1).unwrap().split("//! ```").next().unwrap();
        let toml: String = example.lines().map(|line| format!("{}\n", line.trim_start_matches("//!").trim())).collect();
        let build = |base: &str| {
            let config = TenantConfig::from_toml(&toml).unwrap();
            crate::Tenant::new(config, url::Url::parse(base).unwrap())
        };
        let tenant = build("https://localhost:9443").unwrap();
        assert_eq!(tenant.users().collect::<Vec<_>>(), [("dana@corp.test", "dana")]);
        assert!(tenant.client_secret("22222222-2222-4333-8444-555555555555").is_some(), "a secret is made up");
        for bad in ["https://localhost/idp", "ftp://localhost", "http://user@localhost", "http://localhost?x"] {
            assert_eq!(build(bad).unwrap_err()[0].path, "base_url", "{bad}");
        }
    }

    #[test]
    fn missing_secrets_are_all_named() {
        let text = "id = \"11111111-2222-4333-8444-555555555555\"\n[[applications]]\nname = \"a\"\nsecrets = [{ env = \"X\" }, { env = \"Y\" }]\n";
        let mut config = TenantConfig::from_toml(text).unwrap();
        let errors = config.clone().read_secrets(&|_| None).unwrap_err();
        assert_eq!(errors.len(), 2);
        config.read_secrets(&|name| Some(format!("secret {name}"))).unwrap();
        assert_eq!(config.applications[0].known_secrets.len(), 2);
    }
}
