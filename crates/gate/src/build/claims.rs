//! `claims = { … }` of an issuer.

use gangplank_authn::{ClaimName, ClaimNames};
use gangplank_oauth::config::ConfigError;

use super::Errors;
use crate::config::ClaimsConfig;

/// Reads all of it, beginning at the key `at`.
pub(super) fn names(claims: &ClaimsConfig, at: &str, errors: &mut Errors) -> ClaimNames {
    let mut name = |key: &str, name: &Option<String>| {
        name.as_deref().and_then(|name| claim_name(name, &format!("{at}.{key}"), errors))
    };
    let mut names = ClaimNames {
        username: name("username", &claims.username),
        groups: name("groups", &claims.groups),
        uid: name("uid", &claims.uid),
        tenant: name("tenant", &claims.tenant),
        email: name("email", &claims.email),
        roles: name("roles", &claims.roles),
        scopes: name("scopes", &claims.scopes),
        allow_reserved: claims.allow_reserved,
        ..ClaimNames::default()
    };
    names.username_prefix = prefix("username_prefix", &claims.username_prefix, claims, at, errors);
    names.groups_prefix = prefix("groups_prefix", &claims.groups_prefix, claims, at, errors);
    for (key, claim) in &claims.extra {
        let here = format!("{at}.extra.{key}");
        if let Some(problem) = unfit(key) {
            let help = "a name below a domain of yours, in lower case, such as \"example.com/department\"";
            errors.push(ConfigError::new(&here, format!("{key:?} {problem}"), help));
        }
        if let Some(claim) = claim_name(claim, &here, errors) {
            names.extra.insert(key.clone(), claim);
        }
    }
    names
}

/// The name of a claim, or a place inside one.
pub(super) fn claim_name(name: &str, at: &str, errors: &mut Errors) -> Option<ClaimName> {
    ClaimName::parse(name)
        .map_err(|problem| {
            let help = "the name of a claim, or a JSON pointer such as /realm_access/roles";
            errors.push(ConfigError::new(at, format!("{name:?} {problem}"), help));
        })
        .ok()
}

fn prefix(key: &str, given: &Option<String>, claims: &ClaimsConfig, at: &str, errors: &mut Errors) -> String {
    let prefix = given.clone().unwrap_or_default();
    let at = format!("{at}.{key}");
    if given.as_deref() == Some("") || prefix.chars().any(char::is_control) || prefix.trim_start() != prefix {
        let message = format!("{prefix:?} is empty, begins with white space or has control characters");
        errors.push(ConfigError::new(&at, message, "such as \"corp:\""));
    }
    if prefix.starts_with("system:") && !claims.allow_reserved {
        let message = "begins with system:, which is Kubernetes' own, so that every name would be refused";
        errors.push(ConfigError::new(at, message, "another prefix, or allow_reserved = true if that is meant"));
    }
    prefix
}

/// Kubernetes' rules for the keys of `extra`, and its own domains.
fn unfit(key: &str) -> Option<&'static str> {
    let Some((domain, name)) = key.split_once('/') else { return Some("has no domain before a slash") };
    let fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_' | b'/');
    if domain.is_empty() || name.is_empty() || key.len() > 256 || !key.bytes().all(fit) {
        return Some(
            "has other characters than lower case letters, digits, dots, dashes, underscores and slashes, or is too long",
        );
    }
    let kubernetes = |own: &str| domain.strip_suffix(own).is_some_and(|front| front.is_empty() || front.ends_with('.'));
    (kubernetes("kubernetes.io") || kubernetes("k8s.io")).then_some("is in a domain of Kubernetes' own")
}
