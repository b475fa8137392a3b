//! `[clients.NAME]`: how we ourselves authenticate to an issuer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gangplank_authn::Issuer;
use gangplank_net::{HttpClient, Roots};
use gangplank_oauth::config::{ConfigError, read_text};
use gangplank_oauth::{AssertionOptions, Client, ClientAuthentication, ClientSettings, PrivateKeyJwt, Transport};

use super::issuer::has_metadata;
use super::routes::keeps_token;
use super::{Deps, Errors};
use crate::config::{ClientConfig, Config, SecretMethod, TlsConfig};
use crate::sign_in::SignInClient;
use crate::trace::observed;

/// Reads all clients.
pub(super) fn read(
    config: &Config,
    issuers: &BTreeMap<String, Arc<Issuer>>,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> BTreeMap<String, Arc<SignInClient>> {
    let mut clients = BTreeMap::new();
    for (name, client) in &config.clients {
        let at = format!("clients.{name}");
        if !config.issuers.contains_key(&client.issuer) {
            let known = config.issuers.keys().cloned().collect::<Vec<_>>().join(", ");
            let message = format!("there is no issuer {:?}", client.issuer);
            errors.push(ConfigError::new(format!("{at}.issuer"), message, format!("one of [issuers]: {known}")));
        }
        if config.issuers.get(&client.issuer).is_some_and(|issuer| !has_metadata(issuer)) {
            let message =
                format!("issuers.{} has no metadata, so nobody can sign in or get a token there", client.issuer);
            let help = "an issuer with entra, or with url and without jwks";
            errors.push(ConfigError::new(format!("{at}.issuer"), message, help));
        }
        if client.id.trim().is_empty() {
            errors.push(ConfigError::new(format!("{at}.id"), "is empty", "the client id of the registration"));
        }
        scopes(client, &at, errors);
        let authentication = authentication(client, &at, deps, errors);
        let (Some(authentication), Some(issuer)) = (authentication, issuers.get(&client.issuer)) else { continue };
        let (Some(transport), Some(provider)) = (transport(config, client, deps), issuer.provider()) else { continue };
        let settings = ClientSettings {
            provider: provider.clone(),
            id: client.id.clone(),
            authentication,
            scopes: client.scopes.clone().unwrap_or_else(|| issuer.default_scopes()),
            prompt: client.prompt.clone(),
        };
        let signs_in = |route: &&crate::config::RouteConfig| route.sign_in.0.contains(name);
        let client = SignInClient {
            name: name.clone(),
            display_name: client.display_name.clone().unwrap_or_else(|| name.clone()),
            issuer: issuer.clone(),
            client: Client::new(settings, observed(transport)),
            keep_access_token: config
                .routes
                .iter()
                .filter(signs_in)
                .any(|route| route.pass.access_token || keeps_token(config, route)),
        };
        clients.insert(name.clone(), Arc::new(client));
    }
    clients
}

fn scopes(client: &ClientConfig, at: &str, errors: &mut Errors) {
    let Some(scopes) = &client.scopes else { return };
    if !scopes.iter().any(|scope| scope == "openid") {
        let message = "openid is not among them, so there would be no ID token and nobody could sign in";
        errors.push(ConfigError::new(format!("{at}.scopes"), message, "add \"openid\""));
    }
    let fit = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    for (i, scope) in scopes.iter().enumerate().filter(|(_, s)| s.is_empty() || !s.bytes().all(fit)) {
        let message = format!("{scope:?} is not one scope");
        errors.push(ConfigError::new(format!("{at}.scopes[{i}]"), message, "one list entry per scope"));
    }
}

/// The one credential. `None` if what is there can't be used, which has been said.
fn authentication(
    client: &ClientConfig,
    at: &str,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Option<ClientAuthentication> {
    let given = [
        ("secret", client.secret.is_some()),
        ("certificate", client.certificate.is_some()),
        ("federated_token_file", client.federated_token_file.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, set)| *set).map(|(key, _)| *key).collect();
    if given.len() > 1 {
        let message = format!("has {}: it is not clear which is meant", given.join(" and "));
        errors.push(ConfigError::new(at, message, "one credential"));
        return None;
    }
    if client.secret_method.is_some() && client.secret.is_none() {
        let message = "says how a secret is sent, and there is none";
        errors.push(ConfigError::new(format!("{at}.secret_method"), message, "set secret, or leave it out"));
    }
    if let Some(source) = &client.secret {
        let secret = source.read(&format!("{at}.secret"), deps.environment).map_err(|e| errors.push(e)).ok()?;
        return Some(match client.secret_method {
            Some(SecretMethod::Basic) => ClientAuthentication::SecretBasic(secret),
            Some(SecretMethod::Post) => ClientAuthentication::SecretPost(secret),
            None => ClientAuthentication::Secret(secret),
        });
    }
    if let Some(certificate) = &client.certificate {
        let signer = private_key_jwt(certificate, at, deps, errors)?;
        return Some(ClientAuthentication::PrivateKeyJwt(Arc::new(signer)));
    }
    Some(
        client
            .federated_token_file
            .clone()
            .map_or(ClientAuthentication::None, ClientAuthentication::FederatedTokenFile),
    )
}

fn private_key_jwt(files: &TlsConfig, at: &str, deps: &Deps<'_>, errors: &mut Errors) -> Option<PrivateKeyJwt> {
    let mut read = |key: &str, file: &Path| {
        read_text(file)
            .map_err(|e| {
                let message = format!("cannot read {}: {e}", file.display());
                errors.push(ConfigError::new(format!("{at}.certificate.{key}"), message, "a PEM file"));
            })
            .ok()
    };
    let (cert, key) = (read("cert", &files.cert), read("key", &files.key));
    let signer = PrivateKeyJwt::from_pem(&cert?, &key?, AssertionOptions::default());
    let signer = signer
        .map_err(|e| {
            errors.push(ConfigError::new(
                format!("{at}.certificate"),
                e.to_string(),
                "PEM files of one certificate and its key",
            ))
        })
        .ok()?;
    if signer.expires() <= deps.clock.now() {
        let message = format!("the certificate expired at {}", signer.expires());
        errors.push(ConfigError::new(format!("{at}.certificate.cert"), message, "register and configure a new one"));
    }
    Some(signer)
}

/// The issuer's: a file of authorities that can't be read has been said there.
fn transport(config: &Config, client: &ClientConfig, deps: &Deps<'_>) -> Option<Arc<dyn Transport>> {
    if let Some(transport) = &deps.transport {
        return Some(transport.clone());
    }
    let file = config.issuers.get(&client.issuer).and_then(|issuer| issuer.ca_file.clone());
    let client = HttpClient::new(&file.map_or(Roots::System, Roots::File)).ok()?;
    Some(Arc::new(client))
}
