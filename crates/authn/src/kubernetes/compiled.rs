//! A file that was found good, its expressions compiled.

use gangplank_oauth::IssuerUrl;

use crate::cel::Expression;

/// One entry of `jwt`.
#[derive(Clone, Debug)]
pub(super) struct JwtRules {
    pub(super) issuer: Issuer,
    pub(super) mappings: Mappings,
    pub(super) required_claims: Vec<RequiredClaim>,
    pub(super) claim_rules: Vec<Rule>,
    pub(super) user_rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(super) struct Issuer {
    pub(super) url: IssuerUrl,
    pub(super) audiences: Vec<String>,
    pub(super) keys: KeysAt,
}

/// All that the keys of an issuer depend on: while it is the same, the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeysAt {
    pub(super) issuer: IssuerUrl,
    /// Used as it is.
    pub(super) discovery_url: Option<String>,
    /// PEM; `None`: the roots of the system.
    pub(super) certificate_authority: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Mappings {
    pub(super) username: Mapping,
    pub(super) groups: Option<Mapping>,
    pub(super) uid: Option<Mapping>,
    pub(super) extra: Vec<(String, Located)>,
}

/// Where a part of the user comes from.
#[derive(Clone, Debug)]
pub(super) enum Mapping {
    /// A claim; `path` is the field that names it.
    Claim { path: String, claim: String, prefix: String },
    /// An expression.
    Expression(Located),
}

/// An expression and the field that it stands in.
#[derive(Clone, Debug)]
pub(super) struct Located {
    pub(super) path: String,
    pub(super) expression: Expression,
}

/// A claim that must have this value.
#[derive(Clone, Debug)]
pub(super) struct RequiredClaim {
    pub(super) path: String,
    pub(super) claim: String,
    pub(super) value: String,
}

/// An expression that must be true.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) condition: Located,
    pub(super) message: String,
}
