//! `jwt[*].claimMappings`:
//!
//! 1. `username` has exactly one of `claim` and `expression`; `groups` and `uid` at most one.
//! 2. With `claim`, `username` and `groups` have a `prefix`, if only an empty one; with `expression` they have none.
//! 3. `extra`: `key` is `HOST/PATH`, the host a DNS name, all of it in lower case, the host not Kubernetes' own
//!    (`k8s.io`, `kubernetes.io` and what lies beneath them). No two are the same. `valueExpression` is there.

use std::collections::BTreeSet;

use super::Validator;
use crate::cel::Scope;
use crate::kubernetes::compiled::{Located, Mapping, Mappings};
use crate::kubernetes::field::{FieldError, Path};
use crate::kubernetes::file::{ClaimMappings, ExtraMapping, PrefixedClaimOrExpression};

impl Validator<'_> {
    pub(super) fn mappings(&mut self, at: &Path, mappings: &ClaimMappings) -> Option<Mappings> {
        let username_at = at.child("username");
        let username = self.prefixed(&username_at, &mappings.username);
        if mappings.username.claim.is_empty() && mappings.username.expression.is_empty() {
            self.errors.push(FieldError::required(&username_at, "claim or expression is required"));
        }
        let groups = self.prefixed(&at.child("groups"), &mappings.groups);
        let uid = self.either(&at.child("uid"), &mappings.uid.claim, &mappings.uid.expression);
        let extra = self.extra(&at.child("extra"), &mappings.extra);
        Some(Mappings { username: username?, groups, uid, extra })
    }

    fn prefixed(&mut self, at: &Path, mapping: &PrefixedClaimOrExpression) -> Option<Mapping> {
        let mut read = self.either(at, &mapping.claim, &mapping.expression);
        match (mapping.claim.is_empty(), mapping.expression.is_empty(), &mapping.prefix) {
            (true, false, Some(found)) => {
                let detail = "may not be specified when expression is set";
                self.errors.push(FieldError::invalid(&at.child("prefix"), found, detail));
            }
            (false, true, None) => self.errors.push(FieldError::required(
                &at.child("prefix"),
                "prefix is required when claim is set; an empty string means none",
            )),
            _ => {}
        }
        if let Some(Mapping::Claim { prefix, .. }) = &mut read {
            prefix.clone_from(mapping.prefix.as_ref().unwrap_or(&String::new()));
        }
        read
    }

    fn either(&mut self, at: &Path, claim: &str, expression: &str) -> Option<Mapping> {
        match (claim, expression) {
            ("", "") => None,
            (claim, "") => {
                let path = at.child("claim").to_string();
                Some(Mapping::Claim { path, claim: claim.to_owned(), prefix: String::new() })
            }
            ("", expression) => {
                self.compile(&at.child("expression"), expression, Scope::Claims).map(Mapping::Expression)
            }
            _ => {
                self.errors.push(FieldError::invalid(at, "", "claim and expression can't both be set"));
                None
            }
        }
    }

    fn extra(&mut self, list: &Path, mappings: &[ExtraMapping]) -> Vec<(String, Located)> {
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for (i, mapping) in mappings.iter().enumerate() {
            let (key_at, value_at) = (list.index(i).child("key"), list.index(i).child("valueExpression"));
            self.extra_key(&key_at, &mapping.key);
            if !seen.insert(mapping.key.as_str()) {
                self.errors.push(FieldError::duplicate(&key_at, &mapping.key));
                continue;
            }
            if mapping.value_expression.is_empty() {
                self.errors.push(FieldError::required(&value_at, "an expression over `claims`"));
                continue;
            }
            let compiled = self.compile(&value_at, &mapping.value_expression, Scope::Claims);
            all.extend(compiled.map(|located| (mapping.key.clone(), located)));
        }
        all
    }

    fn extra_key(&mut self, at: &Path, key: &str) {
        if key.is_empty() {
            self.errors.push(FieldError::required(at, "a key such as example.com/tenant"));
            return;
        }
        let (host, path) = key.split_once('/').unwrap_or(("", ""));
        if host.is_empty() || path.is_empty() {
            let detail = "must be a domain-prefixed path (such as \"example.com/tenant\")";
            self.errors.push(FieldError::invalid(at, key, detail));
        } else {
            if !is_dns_subdomain(host) {
                let detail = "must be a DNS name in lower case: letters, digits, '-' and '.', at most 253 characters";
                self.errors.push(FieldError::invalid(at, host, detail));
            }
            if !path.chars().all(|c| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c)) {
                let detail = "must consist of the characters that a URL's path may have";
                self.errors.push(FieldError::invalid(at, path, detail));
            }
        }
        if key.to_lowercase() != key {
            self.errors.push(FieldError::invalid(at, key, "must be lowercase"));
        }
        let reserved = |domain: &str| host.strip_suffix(domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'));
        if reserved("k8s.io") || reserved("kubernetes.io") {
            let detail = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use";
            self.errors.push(FieldError::invalid(at, key, detail));
        }
    }
}

/// RFC 1123: labels of letters, digits and hyphens, none at a label's end.
fn is_dns_subdomain(host: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let label =
        |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner);
    host.len() <= 253 && host.split('.').all(label)
}
