//! Why a token was not accepted that an entry of the file recognised, or why none did.

use gangplank_jose::{Fault, Reason};

/// A refusal of this room. Facts are bounded; none is the value of a claim, but for a name that Kubernetes reserves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubernetesRefusal {
    /// A claim that names the caller is not there.
    #[error("{path} names the claim {claim}, which the token does not have")]
    ClaimMissing {
        /// The field of the file that names it.
        path: String,
        /// The claim.
        claim: String,
    },
    /// A claim validation rule's expression is false.
    #[error("{path} is false: {expression}; its message: {message}")]
    ClaimRuleFailed {
        /// The rule's field.
        path: String,
        /// The rule.
        expression: String,
        /// The rule's message.
        message: String,
    },
    /// A claim has another type than it must.
    #[error("{path} names the claim {claim}, which is not {wanted}")]
    ClaimUnusable {
        /// The field of the file that names it.
        path: String,
        /// The claim.
        claim: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// What the token names as the place of its groups was not asked, or what it said is not accepted.
    #[error("the distributed claim {claim}: {problem}")]
    DistributedClaimRefused {
        /// The claim.
        claim: String,
        /// Why not.
        problem: String,
    },
    /// The place of the groups did not answer.
    #[error("the distributed claim {claim}: {cause}")]
    DistributedClaimUnavailable {
        /// The claim.
        claim: String,
        /// What happened.
        cause: String,
    },
    /// `_claim_names` or `_claim_sources` are not what OpenID Connect says.
    #[error("{problem}")]
    DistributedClaimsMalformed {
        /// What is wrong.
        problem: &'static str,
    },
    /// The address that names the caller is not verified, says the issuer.
    #[error("{path} is email, and email_verified is not true")]
    EmailUnverified {
        /// The field of the file that names the claim.
        path: String,
    },
    /// An expression could not be evaluated over this token.
    #[error("{path} failed: {cause}; the expression: {expression}")]
    ExpressionFailed {
        /// The field of the file.
        path: String,
        /// The expression.
        expression: String,
        /// What went wrong.
        cause: String,
    },
    /// An expression gave something that its field cannot take.
    #[error("{path} gave {found}, must be {wanted}; the expression: {expression}")]
    ExpressionUnusable {
        /// The field of the file.
        path: String,
        /// The expression.
        expression: String,
        /// What it gave.
        found: &'static str,
        /// What it must give.
        wanted: &'static str,
    },
    /// The token has no room for the groups, and nobody here knows how to get them.
    #[error("the token says that the groups are elsewhere ({mark}), and {path} needs them")]
    GroupsElsewhere {
        /// The field of the file that needs them.
        path: String,
        /// The claim that says so.
        mark: &'static str,
    },
    /// No entry of the file has the token's `iss`.
    #[error("iss is {found:?}, the file has: {known}")]
    IssuerNotListed {
        /// `iss`, if there is one.
        found: Option<String>,
        /// The first few issuers of the file.
        known: String,
    },
    /// A name that Kubernetes reserves for itself.
    #[error("the {part} {value:?} begins with system:")]
    NameReserved {
        /// The user name or a group.
        part: &'static str,
        /// The name.
        value: String,
    },
    /// A claim does not have the value that a rule demands.
    #[error("{path} demands {value:?} of the claim {claim}, which {problem}")]
    RequiredClaimMismatch {
        /// The rule.
        path: String,
        /// The claim.
        claim: String,
        /// The value that it must have.
        value: String,
        /// What it is instead.
        problem: &'static str,
    },
    /// A user validation rule's expression is false.
    #[error("{path} is false: {expression}; its message: {message}")]
    UserRuleFailed {
        /// The rule's field.
        path: String,
        /// The rule.
        expression: String,
        /// The rule's message.
        message: String,
    },
    /// A part of the user cannot stand in a header, a log or a rule.
    #[error("the {part} {problem}")]
    ValueUnusable {
        /// Which part of the user.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

macro_rules! reasons {
    ($($variant:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)+) => {
        impl KubernetesRefusal {
            /// The catalogue entries, in the order of the variants.
            pub const REASONS: &'static [&'static Reason] = &[$(
                &Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy }
            ),+];

            /// The catalogue entry.
            pub fn reason(&self) -> &'static Reason {
                match self {
                    $(KubernetesRefusal::$variant { .. } => const {
                        &Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy }
                    },)+
                }
            }
        }
    };
}

reasons! {
    ClaimMissing = "kubernetes-claim-missing", Token,
        "The token lacks a claim that the authentication configuration takes a name from.",
        "Let the provider emit the claim, or name another one in claimMappings; a configured uid claim must always be there.";
    ClaimRuleFailed = "kubernetes-claim-rule-failed", Token,
        "A claim validation rule of the authentication configuration refuses the token.",
        "Compare the token's claims (gangplank token inspect) with the rule's expression; the rule's message says what its author wants.";
    ClaimUnusable = "kubernetes-claim-unusable", Token,
        "A claim that the authentication configuration takes a name from has the wrong type.",
        "Correct what the provider emits, or convert it with an expression in claimMappings.";
    DistributedClaimRefused = "kubernetes-distributed-claim-refused", Provider,
        "The token says that its groups are to be fetched from elsewhere, and that place or its answer is not accepted.",
        "Let the provider put the groups into the token, or serve them by https at the issuer's own host or at one that is listed as a claim host.";
    DistributedClaimUnavailable = "kubernetes-distributed-claim-unavailable", Provider,
        "The place from which the token's groups are to be fetched does not answer.",
        "Check that this process reaches the endpoint that the token names under _claim_sources.";
    DistributedClaimsMalformed = "kubernetes-distributed-claims-malformed", Provider,
        "The token speaks of claims that are elsewhere, but not in the way that OpenID Connect defines.",
        "Correct the provider: each member of _claim_names is the name of a member of _claim_sources, which is an object.";
    EmailUnverified = "kubernetes-email-unverified", Token,
        "The user name is an e-mail address that the provider says is not verified.",
        "Let the person verify the address at the provider, or take the user name from another claim, such as sub.";
    ExpressionFailed = "kubernetes-expression-failed", Operator,
        "An expression of the authentication configuration cannot be evaluated over this token.",
        "Guard what may be absent: has(claims.x) ? claims.x : \"\", or claims.?x.orValue(\"\"); the path names the expression.";
    ExpressionUnusable = "kubernetes-expression-unusable", Operator,
        "An expression of the authentication configuration gives something else than its field takes.",
        "Convert the result: a user name and a uid are strings, groups and extra values a string or a list of strings.";
    GroupsElsewhere = "kubernetes-groups-elsewhere", Operator,
        "The caller is in more groups than the token has room for, and the authentication configuration needs the groups.",
        "Let Entra ID emit only the groups assigned to the application, or app roles and map those; or configure an issuer of this tenant with a client that may ask Microsoft Graph; or take claimMappings.groups out.";
    IssuerNotListed = "kubernetes-issuer-not-listed", Caller,
        "No entry of the authentication configuration has the token's `iss`.",
        "Add the issuer under jwt with issuer.url exactly as the token spells iss; a slash at the end matters, and an Entra v1 token comes from https://sts.windows.net/TENANT/.";
    NameReserved = "kubernetes-name-reserved", Token,
        "The token gives a user name or a group that is reserved for Kubernetes' own (`system:…`).",
        "Put a prefix before the claim (claimMappings.username.prefix, groups.prefix), or filter such groups in an expression; only an embedding that trusts its providers with these names may allow them.";
    RequiredClaimMismatch = "kubernetes-required-claim-mismatch", Token,
        "A claim does not have the value that a claim validation rule demands.",
        "Compare the claim (gangplank token inspect) with requiredValue: they are compared as strings, with case.";
    UserRuleFailed = "kubernetes-user-rule-failed", Token,
        "A user validation rule of the authentication configuration refuses the user that was made of the token.",
        "Compare the user (gangplank token verify) with the rule's expression; the rule's message says what its author wants.";
    ValueUnusable = "kubernetes-value-unusable", Token,
        "The user made of the token has a part that is empty, too long, holds control characters or begins or ends with white space.",
        "Correct what the provider emits, or choose or trim the value in claimMappings.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_entry_is_named_after_the_room_and_can_be_acted_upon() {
        let names: BTreeSet<&str> = KubernetesRefusal::REASONS.iter().map(|reason| reason.name).collect();
        assert_eq!(names.len(), KubernetesRefusal::REASONS.len());
        assert!(KubernetesRefusal::REASONS.is_sorted_by_key(|reason| reason.name));
        for reason in KubernetesRefusal::REASONS {
            assert!(reason.name.starts_with("kubernetes-") && reason.remedy.len() > 40, "{}", reason.name);
            assert!(reason.summary.ends_with('.') && reason.remedy.ends_with('.'), "{}", reason.name);
        }
        let refusal = KubernetesRefusal::EmailUnverified { path: "jwt[0]".into() };
        assert_eq!(refusal.reason().name, "kubernetes-email-unverified");
    }
}
