//! `[clients.NAME]`: how we ourselves authenticate to an issuer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::Issuer;
use gangplank_jose::{Algorithm, UnixTime};
use gangplank_net::{ClientCertificate, HttpClient, Roots};
use gangplank_oauth::config::{ConfigError, Span, read_text};
use gangplank_oauth::{
    AssertionOptions, Client, ClientAuthentication, ClientSettings, CredentialError, PrivateKeyJwt, Transport,
    certificate_expires,
};

use super::issuer::has_metadata;
use super::routes::keeps_token;
use super::{Deps, Errors};
use crate::config::{ClientAssertionConfig, ClientConfig, Config, SecretMethod, TlsConfig};
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
        ("tls_certificate", client.tls_certificate.is_some()),
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
    if let Some(files) = &client.tls_certificate {
        return tls_client_auth(files, at, deps, errors);
    }
    Some(
        client
            .federated_token_file
            .clone()
            .map_or(ClientAuthentication::None, ClientAuthentication::FederatedTokenFile),
    )
}

/// What a file holds, or what is wrong with it.
fn pem(file: &Path, at: String, errors: &mut Errors) -> Option<String> {
    let read = read_text(file);
    read.map_err(|e| errors.push(ConfigError::new(at, format!("cannot read {}: {e}", file.display()), "a PEM file")))
        .ok()
}

fn private_key_jwt(
    config: &ClientAssertionConfig,
    at: &str,
    deps: &Deps<'_>,
    errors: &mut Errors,
) -> Option<PrivateKeyJwt> {
    let at = format!("{at}.certificate");
    let (cert, key) = (pem(&config.cert, format!("{at}.cert"), errors), pem(&config.key, format!("{at}.key"), errors));
    let options = options(config, &at, errors);
    let signer = PrivateKeyJwt::from_pem(&cert?, &key?, options?).map_err(|e| match e {
        CredentialError::Lifetime(_) => errors.push(ConfigError::new(format!("{at}.lifetime"), e.to_string(), "")),
        e => errors.push(ConfigError::new(&at, e.to_string(), "PEM files of one certificate and its key")),
    });
    let signer = signer.ok()?;
    not_expired(signer.expires(), format!("{at}.cert"), deps, errors);
    Some(signer)
}

fn options(config: &ClientAssertionConfig, at: &str, errors: &mut Errors) -> Option<AssertionOptions> {
    const FITTING: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384];
    let algorithm = match &config.algorithm {
        None => None,
        Some(name) => {
            let known = FITTING.into_iter().find(|algorithm| algorithm.name() == name);
            if known.is_none() {
                let message = format!("{name:?} is not among those that client assertions are signed with");
                errors.push(ConfigError::new(format!("{at}.algorithm"), message, "RS256, PS256, ES256 or ES384"));
            }
            Some(known?)
        }
    };
    if config.kid.as_ref().is_some_and(|kid| kid.trim().is_empty()) {
        errors.push(ConfigError::new(format!("{at}.kid"), "is empty", "leave it out"));
        return None;
    }
    let lifetime = config.lifetime.map(|Span(lifetime)| lifetime);
    Some(AssertionOptions { algorithm, x5t: config.x5t, kid: config.kid.clone(), x5c: config.x5c, lifetime })
}

/// Looks at the certificate that our transport shows; [`transport`] makes it.
fn tls_client_auth(files: &TlsConfig, at: &str, deps: &Deps<'_>, errors: &mut Errors) -> Option<ClientAuthentication> {
    let at = format!("{at}.tls_certificate");
    let (cert, key) = (pem(&files.cert, format!("{at}.cert"), errors), pem(&files.key, format!("{at}.key"), errors));
    let (cert, key) = (cert?, key?);
    let unusable = |problem: String| ConfigError::new(&at, problem, "PEM files of one certificate and its key");
    if let Err(error) = ClientCertificate::from_pem(cert.as_bytes(), key.as_bytes()) {
        errors.push(unusable(error.to_string()));
        return None;
    }
    let expires = certificate_expires(&cert).map_err(|e| errors.push(unusable(e.to_string()))).ok()?;
    not_expired(expires, format!("{at}.cert"), deps, errors);
    Some(ClientAuthentication::Tls { expires })
}

fn not_expired(expires: UnixTime, at: String, deps: &Deps<'_>, errors: &mut Errors) {
    if expires <= deps.clock.now() {
        let message = format!("the certificate expired at {expires}");
        errors.push(ConfigError::new(at, message, "register and configure a new one"));
    }
}

/// How long before its end a certificate is spoken of.
const SOON: Duration = Duration::from_secs(30 * 86_400);

/// Says when the credentials of clients end, where that is known.
pub(super) fn note_ends(clients: &BTreeMap<String, Arc<SignInClient>>, deps: &Deps<'_>) {
    for (name, client) in clients {
        let Some(ends) = client.client.authentication().expires() else { continue };
        deps.shared.metrics().credential_ends(name, ends);
        if ends <= deps.clock.now() + SOON {
            tracing::warn!(
                client = name,
                "the certificate of clients.{name} ends at {ends}: register a new one in time"
            );
        }
    }
}

/// The issuer's, with our certificate if there is one: what can't be read has been said.
fn transport(config: &Config, client: &ClientConfig, deps: &Deps<'_>) -> Option<Arc<dyn Transport>> {
    if let Some(transport) = &deps.transport {
        return Some(transport.clone());
    }
    let file = config.issuers.get(&client.issuer).and_then(|issuer| issuer.ca_file.clone());
    let own = match &client.tls_certificate {
        None => None,
        Some(files) => {
            let (cert, key) = (read_text(&files.cert).ok()?, read_text(&files.key).ok()?);
            Some(ClientCertificate::from_pem(cert.as_bytes(), key.as_bytes()).ok()?)
        }
    };
    let client = HttpClient::known_as(&file.map_or(Roots::System, Roots::File), own, None).ok()?;
    Some(Arc::new(client))
}
