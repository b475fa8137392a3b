//! `allow`, of a route or of a cluster: whether its rules are rules.

use gangplank_oauth::config::ConfigError;

use super::Errors;
use crate::config::AllowConfig;

/// Judges the rules by themselves. Returns whether there is anything that could admit somebody.
pub(super) fn shape(at: &str, allow: &AllowConfig, errors: &mut Errors) -> bool {
    let lists = [
        ("groups", &allow.groups),
        ("users", &allow.users),
        ("email_domains", &allow.email_domains),
        ("roles", &allow.roles),
        ("scopes", &allow.scopes),
    ];
    let rules = lists.iter().filter(|(_, list)| !list.is_empty()).count();
    let alone = [allow.anonymous, allow.signed_in].iter().filter(|set| **set).count();
    match (alone, rules) {
        (0, 0) => {
            errors.push(ConfigError::new(at, "allows nobody", "at least one rule"));
            return false;
        }
        (0, _) | (1, 0) => {}
        _ => {
            let message = "anonymous and signed_in stand alone: beside them no other rule has an effect";
            errors.push(ConfigError::new(at, message, "keep one of them, or the other rules"));
            return false;
        }
    }
    for (key, list) in lists {
        for (i, value) in list.iter().enumerate() {
            if let Some(problem) = unfit(key, value) {
                errors.push(ConfigError::new(format!("{at}.{key}[{i}]"), format!("{value:?} {problem}"), ""));
            }
        }
    }
    true
}

fn unfit(key: &str, value: &str) -> Option<&'static str> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Some("is empty or has control characters, so nobody could match");
    }
    match key {
        "groups" if value.contains(',') => Some("has a comma, which tells groups apart in X-Auth-Request-Groups"),
        "email_domains" if value.contains('@') || value.starts_with('.') || value.contains('*') => {
            Some("is not a domain; write it as example.com, and every one by itself")
        }
        _ => None,
    }
}
