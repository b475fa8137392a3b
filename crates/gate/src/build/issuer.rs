//! One of `[issuers.NAME]`: what is written becomes what an issuer is made of.
//!
//! What has no effect beside something else is refused, as everywhere: keys of another place than an issuer's own, rules
//! about bearer tokens where none is accepted, rules that no token of that kind could meet.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gangplank_authn::{ClaimRules, IssuerKind, IssuerSettings, KeysFrom, RequiredClaim, Tenants};
use gangplank_jose::{Algorithm, KeySet};
use gangplank_oauth::config::{ConfigError, Span};

use super::Errors;
use super::claims::{self, claim_name};
use crate::config::{EntraConfig, IssuerConfig, KeysConfig};

/// The files that an issuer is made of.
pub(super) fn files(issuer: &IssuerConfig) -> Vec<PathBuf> {
    let bundle = issuer.spiffe.as_ref().and_then(|spiffe| spiffe.bundle.file.clone());
    let keys = issuer.jwks.as_ref().and_then(|keys| keys.file.clone());
    issuer.ca_file.iter().cloned().chain(bundle).chain(keys).collect()
}

/// Whether people and clients can be sent there: it has metadata of its own.
pub(super) fn has_metadata(issuer: &IssuerConfig) -> bool {
    issuer.spiffe.is_none() && issuer.jwks.is_none()
}

/// Reads one issuer. `None` if it can't be made, which has been said.
pub(super) fn settings(name: &str, issuer: &IssuerConfig, errors: &mut Errors) -> Option<IssuerSettings> {
    let at = format!("issuers.{name}");
    let before = errors.len();
    let kind = kind(issuer, &at, errors);
    let settings = kind.map(|kind| IssuerSettings {
        audiences: issuer.audiences.clone(),
        algorithms: algorithms(issuer, &at, errors),
        leeway: leeway(issuer, &at, errors),
        accept_id_tokens: issuer.accept_id_tokens,
        rules: rules(issuer, &at, errors),
        claims: claims::names(&issuer.claims, &format!("{at}.claims"), errors),
        ..IssuerSettings::new(name, kind)
    });
    no_effect(issuer, &at, errors);
    settings.filter(|_| errors.len() == before)
}

fn kind(issuer: &IssuerConfig, at: &str, errors: &mut Errors) -> Option<IssuerKind> {
    let kinds = [("entra", issuer.entra.is_some()), ("url", issuer.url.is_some()), ("spiffe", issuer.spiffe.is_some())];
    let given: Vec<&str> = kinds.iter().filter(|(_, set)| *set).map(|(key, _)| *key).collect();
    match (&issuer.entra, &issuer.url, &issuer.spiffe) {
        (Some(entra), None, None) => Some(IssuerKind::Entra {
            tenants: tenants(entra, at, errors)?,
            authority: entra.authority.clone(),
            graph: entra.graph.clone(),
        }),
        (None, Some(url), None) => {
            let keys = match &issuer.jwks {
                Some(keys) => keys_from(keys, &format!("{at}.jwks"), errors)?,
                None => KeysFrom::Discovery,
            };
            Some(IssuerKind::OpenId { url: url.clone(), keys })
        }
        (None, None, Some(spiffe)) => Some(IssuerKind::Spiffe {
            trust_domain: spiffe.trust_domain.clone(),
            bundle: keys_from(&spiffe.bundle, &format!("{at}.spiffe.bundle"), errors)?,
        }),
        _ => {
            let message = match given.as_slice() {
                [] => "has none of entra, url and spiffe".to_owned(),
                several => format!("has {}", several.join(" and ")),
            };
            let help = "exactly one of entra = { tenant = \"…\" }, url = \"https://…\" and spiffe = { … }";
            errors.push(ConfigError::new(at, message, help));
            None
        }
    }
}

fn tenants(entra: &EntraConfig, at: &str, errors: &mut Errors) -> Option<Tenants> {
    let help = "exactly one of tenant = \"GUID\", tenants = [\"GUID\", …] and any_tenant = true";
    match (&entra.tenant, &entra.tenants, entra.any_tenant) {
        (Some(tenant), None, None) => Some(Tenants::One(tenant.clone())),
        (None, Some(tenants), None) => Some(Tenants::Listed(tenants.iter().cloned().collect())),
        (None, None, Some(true)) => Some(Tenants::Any),
        (None, None, Some(false)) => {
            errors.push(ConfigError::new(format!("{at}.entra.any_tenant"), "is false, and no tenant is named", help));
            None
        }
        (None, None, None) => {
            errors.push(ConfigError::new(format!("{at}.entra"), "names no tenant", help));
            None
        }
        _ => {
            errors.push(ConfigError::new(
                format!("{at}.entra"),
                "says in more than one way which tenants it means",
                help,
            ));
            None
        }
    }
}

fn keys_from(keys: &KeysConfig, at: &str, errors: &mut Errors) -> Option<KeysFrom> {
    match (&keys.url, &keys.file, &keys.inline) {
        (Some(url), None, None) => Some(KeysFrom::Url(url.clone())),
        (None, Some(file), None) => match read_document(file) {
            Ok(json) => Some(KeysFrom::Document { at: format!("{at}.file"), json }),
            Err(error) => {
                let message = format!("cannot read {}: {error}", file.display());
                errors.push(ConfigError::new(format!("{at}.file"), message, "a file with the JSON of a key set"));
                None
            }
        },
        (None, None, Some(json)) => {
            Some(KeysFrom::Document { at: format!("{at}.inline"), json: json.clone().into_bytes() })
        }
        _ => {
            let message = "says in none or several ways where the keys are";
            errors.push(ConfigError::new(at, message, "exactly one of url, file and inline"));
            None
        }
    }
}

/// No more than a key set may have, and one octet: what is larger is said by whoever reads it.
fn read_document(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut json = Vec::new();
    std::fs::File::open(file)?.take(KeySet::MAX_OCTETS as u64 + 1).read_to_end(&mut json)?;
    Ok(json)
}

fn algorithms(issuer: &IssuerConfig, at: &str, errors: &mut Errors) -> Vec<Algorithm> {
    let known = || Algorithm::ALL.map(Algorithm::name).join(", ");
    let named = issuer.algorithms.as_deref();
    if named.is_some_and(<[String]>::is_empty) {
        errors.push(ConfigError::new(format!("{at}.algorithms"), "no algorithm is accepted", known()));
    }
    let mut algorithms = Vec::new();
    for (i, name) in named.unwrap_or_default().iter().enumerate() {
        match Algorithm::from_name(name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => errors.push(ConfigError::new(
                format!("{at}.algorithms[{i}]"),
                format!("{name:?} is not an algorithm that is accepted"),
                known(),
            )),
        }
    }
    algorithms
}

fn leeway(issuer: &IssuerConfig, at: &str, errors: &mut Errors) -> Duration {
    let leeway = issuer.leeway.map_or(gangplank_jose::Rules::LEEWAY.expiry, |Span(leeway)| leeway);
    if leeway > IssuerSettings::MAX_LEEWAY {
        let help = "0s to 5m: it is for clocks that differ, not for tokens that are too short-lived";
        errors.push(ConfigError::new(format!("{at}.leeway"), format!("{leeway:?} is out of range"), help));
    }
    leeway
}

fn rules(issuer: &IssuerConfig, at: &str, errors: &mut Errors) -> ClaimRules {
    let mut required_claims = Vec::new();
    for (name, wanted) in &issuer.required_claims {
        let here = format!("{at}.required_claims.{name}");
        if wanted.0.is_empty() {
            errors.push(ConfigError::new(&here, "has no value that would do", "a string, or a list of those that do"));
        }
        if let Some(claim) = claim_name(name, &here, errors) {
            required_claims.push(RequiredClaim { claim, any_of: wanted.0.clone() });
        }
    }
    let mut list = |key: &str, values: &[String]| {
        for (i, value) in values.iter().enumerate().filter(|(_, value)| value.trim() != **value || value.is_empty()) {
            let message = format!("{value:?} is empty or has white space at its ends, so nothing could match");
            errors.push(ConfigError::new(format!("{at}.{key}[{i}]"), message, ""));
        }
        values.to_vec()
    };
    ClaimRules {
        required_claims,
        required_roles: list("required_roles", &issuer.required_roles),
        allowed_clients: list("allowed_clients", &issuer.allowed_clients),
        required_scopes: list("required_scopes", &issuer.required_scopes),
    }
}

/// What is said and could change nothing, or could never be met.
fn no_effect(issuer: &IssuerConfig, at: &str, errors: &mut Errors) {
    let mut say = |key: &str, message: &str, help: &str| {
        errors.push(ConfigError::new(format!("{at}.{key}"), message, help));
    };
    if issuer.jwks.is_some() && issuer.url.is_none() {
        let message = match issuer.entra {
            Some(_) => "is set, and Entra ID's keys change without notice: they are where its metadata say",
            None => "is set, and it is for an issuer with url",
        };
        say("jwks", message, "leave it out");
    }
    let about_tokens = [
        ("accept_id_tokens", issuer.accept_id_tokens),
        ("allowed_clients", !issuer.allowed_clients.is_empty()),
        ("required_scopes", !issuer.required_scopes.is_empty()),
    ];
    let set = || about_tokens.iter().filter(|(_, set)| *set).map(|(key, _)| *key);
    if issuer.spiffe.is_some() {
        for key in set() {
            say(key, "is set, and a JWT-SVID has neither client nor scopes and is no ID token", "leave it out");
        }
        if issuer.audiences.is_empty() {
            say(
                "audiences",
                "is empty, and JWT-SVIDs are presented and never signed in with",
                "list the accepted audiences",
            );
        }
        return;
    }
    if issuer.audiences.is_empty() {
        for key in set() {
            let message = "is set, and without audiences no bearer token of this issuer is accepted";
            say(key, message, "list the accepted audiences, or leave it out");
        }
    }
    if issuer.accept_id_tokens && !issuer.required_scopes.is_empty() {
        let message = "is set beside accept_id_tokens, and an ID token has no scopes, so none could pass";
        say("required_scopes", message, "leave one of them out");
    }
}
