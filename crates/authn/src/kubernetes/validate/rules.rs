//! `jwt[*].claimValidationRules` and `jwt[*].userValidationRules`:
//!
//! 1. A claim rule has exactly one of `claim` and `expression`. `message` belongs to an expression, `requiredValue` to a
//!    claim. No two rules have the same claim, no two the same expression.
//! 2. A user rule has an `expression`, and no two have the same.
//! 3. An expression gives a boolean, and that is known before it is run. `claims.flag` is not known to be one;
//!    `claims.flag == true` is.

use std::collections::BTreeSet;

use super::Validator;
use crate::cel::{Kind, Scope};
use crate::kubernetes::compiled::{RequiredClaim, Rule};
use crate::kubernetes::field::{FieldError, Path};
use crate::kubernetes::file::{ClaimValidationRule, UserValidationRule};

impl Validator<'_> {
    pub(super) fn claim_rules(
        &mut self,
        list: &Path,
        rules: &[ClaimValidationRule],
    ) -> (Vec<RequiredClaim>, Vec<Rule>) {
        let (mut claims, mut expressions) = (BTreeSet::new(), BTreeSet::new());
        let (mut required, mut conditions) = (Vec::new(), Vec::new());
        for (i, rule) in rules.iter().enumerate() {
            let at = list.index(i);
            match (rule.claim.as_str(), rule.expression.as_str()) {
                ("", "") => self.errors.push(FieldError::required(&at, "claim or expression is required")),
                (claim, "") => {
                    if !rule.message.is_empty() {
                        let detail = "may not be specified when claim is set";
                        self.errors.push(FieldError::invalid(&at.child("message"), &rule.message, detail));
                    }
                    if !claims.insert(claim) {
                        self.errors.push(FieldError::duplicate(&at.child("claim"), claim));
                    }
                    let (claim, value) = (claim.to_owned(), rule.required_value.clone());
                    required.push(RequiredClaim { path: at.to_string(), claim, value });
                }
                ("", expression) => {
                    if !rule.required_value.is_empty() {
                        let detail = "may not be specified when expression is set";
                        self.errors.push(FieldError::invalid(&at.child("requiredValue"), &rule.required_value, detail));
                    }
                    let scope = Scope::Claims;
                    conditions.extend(self.rule(&at, expression, &rule.message, scope, &mut expressions));
                }
                (claim, _) => {
                    self.errors.push(FieldError::invalid(&at, claim, "claim and expression can't both be set"));
                }
            }
        }
        (required, conditions)
    }

    pub(super) fn user_rules(&mut self, list: &Path, rules: &[UserValidationRule]) -> Vec<Rule> {
        let mut expressions = BTreeSet::new();
        let mut conditions = Vec::new();
        for (i, rule) in rules.iter().enumerate() {
            let at = list.index(i);
            if rule.expression.is_empty() {
                self.errors.push(FieldError::required(&at.child("expression"), "an expression over `user`"));
                continue;
            }
            conditions.extend(self.rule(&at, &rule.expression, &rule.message, Scope::User, &mut expressions));
        }
        conditions
    }

    fn rule<'r>(
        &mut self,
        at: &Path,
        expression: &'r str,
        message: &str,
        scope: Scope,
        seen: &mut BTreeSet<&'r str>,
    ) -> Option<Rule> {
        let at = at.child("expression");
        if !seen.insert(expression) {
            self.errors.push(FieldError::duplicate(&at, expression));
            return None;
        }
        let condition = self.compile(&at, expression, scope)?;
        match condition.expression.kind() {
            Kind::Bool => Some(Rule { condition, message: message.to_owned() }),
            other => {
                let detail = format!("must evaluate to bool, and is known to be {other} only");
                self.errors.push(FieldError::invalid(&at, expression, detail));
                None
            }
        }
    }
}
