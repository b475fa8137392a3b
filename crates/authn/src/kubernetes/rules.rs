//! The rules on a user that was made, in Kubernetes' order, and then ours:
//!
//! 1. Required claims: each is there, a string, and the one that is demanded.
//! 2. Claim validation rules, in the order of the file: the first that is not true refuses.
//! 3. User validation rules, likewise.
//! 4. Ours, stricter than Kubernetes: no part of the user is longer than a header may carry, holds a control character, or
//!    begins or ends with white space, which headers lose; and neither the user name nor a group begins with `system:`,
//!    unless the embedding says that its providers may give such names.

use serde_json::Value;

use super::compiled::{JwtRules, RequiredClaim, Rule};
use super::refusal::KubernetesRefusal;
use super::user::Seen;
use crate::UserInfo;
use crate::cel::{self, ClaimsView, Input, UserView};
use crate::mapping;
use crate::refusal::fact;

/// The names that Kubernetes keeps for itself.
const RESERVED: &str = "system:";
/// The longest extra value.
const MAX_EXTRA: usize = 4096;

/// Who may be called `system:…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReservedNames {
    /// Nobody that an identity provider vouches for.
    #[default]
    Refuse,
    /// Whoever the provider says, as with kube-apiserver.
    Allow,
}

impl JwtRules {
    pub(super) fn check(
        &self,
        user: &UserInfo,
        claims: &Seen<'_>,
        view: &ClaimsView<'_>,
        reserved: ReservedNames,
    ) -> Result<(), KubernetesRefusal> {
        self.required_claims.iter().try_for_each(|required| required.check(claims))?;
        for rule in &self.claim_rules {
            if !rule.holds(&Input::Claims(view))? {
                let (path, expression, message) = rule.facts();
                return Err(KubernetesRefusal::ClaimRuleFailed { path, expression, message });
            }
        }
        let seen = UserView { username: &user.username, uid: &user.uid, groups: &user.groups, extra: &user.extra };
        for rule in &self.user_rules {
            if !rule.holds(&Input::User(&seen))? {
                let (path, expression, message) = rule.facts();
                return Err(KubernetesRefusal::UserRuleFailed { path, expression, message });
            }
        }
        check_values(user)?;
        check_names(user, reserved)
    }
}

impl RequiredClaim {
    fn check(&self, claims: &Seen<'_>) -> Result<(), KubernetesRefusal> {
        let problem = match claims.get(&self.claim) {
            Some(Value::String(found)) if found == self.value => return Ok(()),
            Some(Value::String(_)) => "is another one",
            Some(_) => "is not a string",
            None => "is missing",
        };
        Err(KubernetesRefusal::RequiredClaimMismatch {
            path: self.path.clone(),
            claim: fact(&self.claim),
            value: fact(&self.value),
            problem,
        })
    }
}

impl Rule {
    fn holds(&self, input: &Input<'_>) -> Result<bool, KubernetesRefusal> {
        match self.condition.evaluate(input)? {
            cel::Value::Bool(holds) => Ok(holds),
            other => Err(self.condition.unusable(&other, "a boolean")),
        }
    }

    fn facts(&self) -> (String, String, String) {
        (self.condition.path.clone(), self.condition.shown(), fact(&self.message))
    }
}

fn check_values(user: &UserInfo) -> Result<(), KubernetesRefusal> {
    let unusable = |part, problem| KubernetesRefusal::ValueUnusable { part, problem };
    let name = |part, value: &str| {
        mapping::usable(value).map_err(|problem| unusable(part, problem))?;
        if value.trim() == value { Ok(()) } else { Err(unusable(part, "begins or ends with white space")) }
    };
    name("user name", &user.username)?;
    if !user.uid.is_empty() {
        name("uid", &user.uid)?;
    }
    if user.groups.len() > mapping::max_groups() || user.extra.values().flatten().count() > mapping::max_groups() {
        return Err(unusable("user", "has more than 10,000 groups or extra values"));
    }
    user.groups.iter().try_for_each(|group| name("group", group))?;
    for value in user.extra.values().flatten() {
        if value.len() > MAX_EXTRA {
            return Err(unusable("extra value", "is longer than 4 KiB"));
        }
        if value.chars().any(char::is_control) {
            return Err(unusable("extra value", "holds control characters"));
        }
    }
    Ok(())
}

fn check_names(user: &UserInfo, reserved: ReservedNames) -> Result<(), KubernetesRefusal> {
    let groups = user.groups.iter().map(|group| ("group", group));
    let mut names = groups.chain([("user name", &user.username)]);
    match names.find(|(_, name)| reserved == ReservedNames::Refuse && name.starts_with(RESERVED)) {
        Some((part, value)) => Err(KubernetesRefusal::NameReserved { part, value: fact(value) }),
        None => Ok(()),
    }
}
