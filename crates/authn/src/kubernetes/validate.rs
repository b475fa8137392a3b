//! The rules of Kubernetes for an `AuthenticationConfiguration`, in the order of its own checks:
//!
//! 1. `jwt` has at most [`MAX_AUTHENTICATORS`] entries; none is fine. With more, nothing else of `jwt` is looked at.
//! 2. Each entry: `issuer` (`issuer`), `claimValidationRules` and `userValidationRules` (`rules`), `claimMappings`
//!    (`mappings`).
//! 3. No two entries have the same `issuer.url`, nor the same `issuer.discoveryURL`.
//! 4. `claims.email` in the user name's expression demands `claims.email_verified` in the same expression, in one for an
//!    extra value or in a claim validation rule: an address that nobody verified would be somebody's name.
//! 5. `anonymous.conditions` demand `anonymous.enabled`.

mod issuer;
mod mappings;
mod rules;

use std::collections::BTreeSet;

use super::anonymous::AnonymousPolicy;
use super::compiled::{JwtRules, Located, Mapping};
use super::field::{FieldError, FieldErrorKind, Path};
use super::file::{File, Jwt};
use crate::cel::{Expression, Scope};

/// The most entries of `jwt`.
const MAX_AUTHENTICATORS: usize = 64;

/// Collects mistakes.
pub(super) struct Validator<'d> {
    /// Issuers that only the API server itself may be.
    disallowed: &'d [String],
    errors: Vec<FieldError>,
}

/// All mistakes of a file, or what it says.
pub(super) fn validate(
    file: &File,
    disallowed: &[String],
) -> (Vec<JwtRules>, Option<AnonymousPolicy>, Vec<FieldError>) {
    let mut validator = Validator { disallowed, errors: Vec::new() };
    let rules = validator.authenticators(&file.jwt);
    let anonymous = file.anonymous.as_ref().map(|anonymous| {
        if !anonymous.enabled && !anonymous.conditions.is_empty() {
            let at = Path::default().child("anonymous").child("conditions");
            let detail = "set anonymous.enabled to true, or take the conditions out";
            validator.errors.push(FieldError::new(&at, FieldErrorKind::Invalid, detail));
        }
        AnonymousPolicy::new(anonymous.enabled, anonymous.conditions.clone())
    });
    (rules, anonymous, validator.errors)
}

impl Validator<'_> {
    fn authenticators(&mut self, entries: &[Jwt]) -> Vec<JwtRules> {
        let root = Path::default().child("jwt");
        if entries.len() > MAX_AUTHENTICATORS {
            let detail = format!("{}: must have at most {MAX_AUTHENTICATORS} items", entries.len());
            self.errors.push(FieldError::new(&root, FieldErrorKind::TooMany, detail));
            return Vec::new();
        }
        let (mut issuers, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        let mut all = Vec::new();
        for (i, entry) in entries.iter().enumerate() {
            let at = root.index(i);
            all.extend(self.authenticator(&at, entry));
            let issuer = &entry.issuer;
            if !issuers.insert(issuer.url.as_str()) {
                self.errors.push(FieldError::duplicate(&at.child("issuer").child("url"), &issuer.url));
            }
            if !issuer.discovery_url.is_empty() && !addresses.insert(issuer.discovery_url.as_str()) {
                self.errors
                    .push(FieldError::duplicate(&at.child("issuer").child("discoveryURL"), &issuer.discovery_url));
            }
        }
        all
    }

    /// `None` if there is a mistake in it.
    fn authenticator(&mut self, at: &Path, entry: &Jwt) -> Option<JwtRules> {
        let issuer = self.issuer(&at.child("issuer"), &entry.issuer);
        let (required_claims, claim_rules) =
            self.claim_rules(&at.child("claimValidationRules"), &entry.claim_validation_rules);
        let mappings_at = at.child("claimMappings");
        let mappings = self.mappings(&mappings_at, &entry.claim_mappings);
        if let Some(mappings) = &mappings
            && let Mapping::Expression(username) = &mappings.username
            && username.expression.selects("claims", "email")
        {
            let extra = mappings.extra.iter().map(|(_, located)| located);
            let rules = claim_rules.iter().map(|rule| &rule.condition);
            let mut places = extra.chain(rules).chain([username]);
            if !places.any(|located| located.expression.selects("claims", "email_verified")) {
                self.errors.push(FieldError::invalid(
                    &mappings_at.child("username").child("expression"),
                    username.expression.source(),
                    "claims.email is used here, so claims.email_verified must be used here too, or in claimMappings.extra[*].valueExpression, or in claimValidationRules[*].expression",
                ));
            }
        }
        let user_rules = self.user_rules(&at.child("userValidationRules"), &entry.user_validation_rules);
        Some(JwtRules { issuer: issuer?, mappings: mappings?, required_claims, claim_rules, user_rules })
    }

    /// Compiles an expression; a mistake is reported at its field.
    fn compile(&mut self, at: &Path, source: &str, scope: Scope) -> Option<Located> {
        match Expression::compile(source, scope) {
            Ok(expression) => Some(Located { path: at.to_string(), expression }),
            Err(error) => {
                self.errors.push(FieldError::invalid(at, source, format!("compilation failed: {error}")));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
