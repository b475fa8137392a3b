//! Claims → [`Identity`].
//!
//! 1. The user name is the first claim that is there of: the configured one alone; else `preferred_username`, `upn`,
//!    `unique_name`, `email`, `sub`; of a JWT-SVID `sub` alone. At Entra ID none of the first four is proof of anything but
//!    what a directory says today; rules that must outlive a rename name groups, roles or `uid`.
//! 2. A configured prefix is put before the name, and one before each group. Where several issuers vouch for people, it
//!    keeps one's `admin` apart from another's.
//! 3. Names and groups that then begin with `system:` are Kubernetes' own: such a name is refused, such a group dropped,
//!    unless the configuration takes them from this issuer.
//! 4. A value is refused if it is empty, longer than 1 KiB, or holds a control character, and a user name also if it begins
//!    or ends with white space, which headers lose: `admin ` must not become `admin`. A group claim that is
//!    neither a string nor an array of strings, or has more than 10,000 of them, is refused as a whole.
//! 5. An e-mail address is verified if `email_verified` is true, or if it is absent and the issuer is not Entra ID.
//!    Entra lets people edit theirs: there, also if configured as a plain issuer, it is verified only if `xms_edov`
//!    says so. One that can't be used is left out, as is a display name: nobody is kept out for it. Neither is one kept of
//!    which the provider itself says that it is not verified: an upstream would take whoever typed it for its owner. It is
//!    no user name either; where the configuration says that it is to be the user name, the caller is refused.
//! 6. Overage: `_claim_names` has the groups claim, or `hasgroups` is true. The groups are then unresolved.
//!    `_claim_sources` is not read: an address inside a token is no address to send a request to.
//! 7. A uid or tenant whose claim was configured must be there; without, `oid` or else `sub` is the one and `tid` the other,
//!    if they are there. Scopes are `scp`, else `scope`, and roles `roles`, unless configured. Further attributes are as they
//!    were configured: a string or an array of strings each, and nothing where the claim is not there.

mod claim_name;

use std::borrow::Cow;
use std::collections::BTreeMap;

use gangplank_jose::{Claim, Claims};
use serde_json::Value;

pub use self::claim_name::ClaimName;
use crate::refusal::fact;
use crate::{Identity, Refusal};

const MAX_VALUE: usize = 1024;
const MAX_VALUES: usize = 10_000;
pub(crate) const RESERVED: &str = "system:";

/// Which claim says what, where the configuration departs from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimNames {
    /// The user name.
    pub username: Option<ClaimName>,
    /// What is put before it.
    pub username_prefix: String,
    /// The groups.
    pub groups: Option<ClaimName>,
    /// What is put before each.
    pub groups_prefix: String,
    /// The stable id.
    pub uid: Option<ClaimName>,
    /// The tenant.
    pub tenant: Option<ClaimName>,
    /// The e-mail address.
    pub email: Option<ClaimName>,
    /// Application roles.
    pub roles: Option<ClaimName>,
    /// Delegated scopes.
    pub scopes: Option<ClaimName>,
    /// Further attributes: their keys, and the claims that have them.
    pub extra: BTreeMap<String, ClaimName>,
    /// Whether names and groups of Kubernetes' own (`system:…`) are taken from this issuer.
    pub allow_reserved: bool,
}

/// What a claim means at one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    /// The configuration's name of the issuer.
    pub(crate) issuer: String,
    entra: bool,
    /// Of a SPIFFE issuer: what stands for `iss`.
    trust_domain: Option<String>,
    usernames: Vec<ClaimName>,
    uids: Vec<ClaimName>,
    tenant: ClaimName,
    groups: ClaimName,
    email: ClaimName,
    roles: ClaimName,
    scopes: Vec<ClaimName>,
    names: ClaimNames,
}

impl Mapping {
    /// Of the issuer that the configuration calls `issuer`. `trust_domain` if it is one of SPIFFE.
    pub(crate) fn new(issuer: &str, entra: bool, trust_domain: Option<String>, names: ClaimNames) -> Self {
        let one = |name: &Option<ClaimName>, default| name.clone().unwrap_or_else(|| ClaimName::plain(default));
        let several = |name: &Option<ClaimName>, defaults: &[&'static str]| match name {
            Some(name) => vec![name.clone()],
            None => defaults.iter().map(|name| ClaimName::plain(name)).collect(),
        };
        let usernames: &[&str] = if trust_domain.is_some() {
            &["sub"]
        } else {
            &["preferred_username", "upn", "unique_name", "email", "sub"]
        };
        Mapping {
            issuer: issuer.to_owned(),
            entra,
            trust_domain,
            usernames: several(&names.username, usernames),
            uids: several(&names.uid, &["oid", "sub"]),
            tenant: one(&names.tenant, "tid"),
            groups: one(&names.groups, "groups"),
            email: one(&names.email, "email"),
            roles: one(&names.roles, "roles"),
            scopes: several(&names.scopes, &["scp", "scope"]),
            names,
        }
    }

    pub(crate) fn identity(&self, claims: &Claims) -> Result<Identity, Refusal> {
        let (groups, groups_unresolved) = self.groups(claims)?;
        let verified = self.says_verified(claims);
        let email = self.email.of(claims).and_then(Claim::str);
        let email = email.filter(|value| usable(value).is_ok() && value.contains('@'));
        let email = email.filter(|value| verified != Some(false) && value.trim() == *value);
        Ok(Identity {
            issuer: self.issuer.clone(),
            issuer_url: match &self.trust_domain {
                Some(domain) => domain.clone(),
                None => required(claims, "iss")?.to_owned(),
            },
            subject: required(claims, "sub")?.to_owned(),
            username: self.username(claims)?,
            email: email.map(str::to_owned),
            email_verified: email.is_some() && verified.unwrap_or(!self.entra),
            display_name: claims.str("name").filter(|value| usable(value).is_ok()).map(str::to_owned),
            groups,
            groups_unresolved,
            uid: one_of(claims, &self.uids, self.names.uid.is_some())?,
            tenant: one_of(claims, std::slice::from_ref(&self.tenant), self.names.tenant.is_some())?,
            scopes: self.scopes(claims)?,
            roles: strings(claims, &self.roles)?.into_iter().map(str::to_owned).collect(),
            client: client(claims)?.map(str::to_owned),
            audiences: claims.audiences().to_vec(),
            extra: self.extra(claims)?,
        })
    }

    /// A group as it is known here (rules 2 and 3), wherever it was learnt of.
    pub(crate) fn group(&self, group: &str) -> Option<String> {
        let group = prefixed(&self.names.groups_prefix, group);
        (self.names.allow_reserved || !group.starts_with(RESERVED)).then(|| group.into_owned())
    }

    fn username(&self, claims: &Claims) -> Result<String, Refusal> {
        let unverified = self.says_verified(claims) == Some(false);
        let is_address = |name: &&ClaimName| **name == self.email || name.as_str() == "email";
        if let Some(name) = self.names.username.as_ref().filter(is_address).filter(|_| unverified) {
            let problem = "is not verified, says the provider";
            return Err(Refusal::ClaimUnusable { claim: fact(name.as_str()), problem });
        }
        let candidates = self.usernames.iter().filter(|name| !unverified || name.as_str() != "email");
        let (claim, name) = first(claims, candidates)?.ok_or_else(|| missing(&self.usernames))?;
        if name.trim() != name {
            let problem = "begins or ends with white space";
            return Err(Refusal::ClaimUnusable { claim: fact(claim.as_str()), problem });
        }
        let name = prefixed(&self.names.username_prefix, name);
        if name.starts_with(RESERVED) && !self.names.allow_reserved {
            return Err(Refusal::NameReserved { claim: fact(claim.as_str()), value: fact(&name) });
        }
        Ok(name.into_owned())
    }

    fn groups(&self, claims: &Claims) -> Result<(Vec<String>, bool), Refusal> {
        if self.groups.of(claims).is_none() && self.groups.whole().is_some_and(|claim| are_elsewhere(claims, claim)) {
            return Ok((Vec::new(), true));
        }
        Ok((strings(claims, &self.groups)?.into_iter().filter_map(|group| self.group(group)).collect(), false))
    }

    /// `scp` (a string with spaces at Entra ID, an array elsewhere), or `scope` (RFC 9068 §2.2.3).
    fn scopes(&self, claims: &Claims) -> Result<Vec<String>, Refusal> {
        let Some(name) = self.scopes.iter().find(|name| name.of(claims).is_some()) else { return Ok(Vec::new()) };
        // An empty string is how some issuers say "none".
        if name.of(claims).and_then(Claim::str) == Some("") {
            return Ok(Vec::new());
        }
        Ok(strings(claims, name)?.iter().flat_map(|value| value.split_ascii_whitespace()).map(str::to_owned).collect())
    }

    fn extra(&self, claims: &Claims) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
        let mut extra = BTreeMap::new();
        for (key, name) in &self.names.extra {
            let values: Vec<String> = strings(claims, name)?.into_iter().map(str::to_owned).collect();
            if !values.is_empty() {
                extra.insert(key.clone(), values);
            }
        }
        Ok(extra)
    }

    /// What the provider says of the e-mail address, if it says anything.
    fn says_verified(&self, claims: &Claims) -> Option<bool> {
        match claims.get(if self.entra { "xms_edov" } else { "email_verified" }) {
            Some(Value::Bool(yes)) => Some(yes),
            Some(Value::String(text)) => Some(text == "true" || text == "1"),
            Some(Value::Number(number)) => Some(number.as_u64() == Some(1)),
            Some(_) => Some(false),
            None => None,
        }
    }
}

/// The client that a token was issued to.
pub(crate) fn client(claims: &Claims) -> Result<Option<&str>, Refusal> {
    for claim in ["azp", "appid", "client_id"] {
        if let Some(found) = claims.at(&[claim]) {
            return text(found, claim).map(Some);
        }
    }
    Ok(None)
}

/// Whether the provider says that it keeps the groups elsewhere.
fn are_elsewhere(claims: &Claims, claim: &str) -> bool {
    let has_groups = match claims.get("hasgroups") {
        Some(Value::Bool(has)) => has,
        Some(Value::String(has)) => has == "true",
        _ => false,
    };
    has_groups || claims.at(&["_claim_names", claim]).is_some()
}

/// Whether a text from outside can stand in a header, a log or a rule.
pub(crate) fn usable(value: &str) -> Result<(), &'static str> {
    match value {
        "" => Err("is empty"),
        long if long.len() > MAX_VALUE => Err("is longer than 1 KiB"),
        odd if holds_deceptive(odd) => Err("holds control or invisible characters"),
        _ => Ok(()),
    }
}

/// ASCII, which most is, is looked at many bytes at once.
fn holds_deceptive(value: &str) -> bool {
    let odd = value.bytes().fold(false, |odd, b| odd | !(0x20..0x7f).contains(&b));
    odd && value.chars().any(is_deceptive)
}

fn is_deceptive(c: char) -> bool {
    let unseen = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{200b}', '\u{200e}', '\u{200f}', '\u{feff}'];
    let ranges = ['\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{e0000}'..='\u{e007f}'];
    c.is_control() || unseen.contains(&c) || ranges.iter().any(|range| range.contains(&c))
}

/// Groups from Graph obey the same rules as groups from a token.
pub(crate) fn usable_group(group: &str) -> Result<(), Refusal> {
    usable(group).map_err(|problem| Refusal::ClaimUnusable { claim: "groups".to_owned(), problem })
}

pub(crate) const fn max_groups() -> usize {
    MAX_VALUES
}

fn prefixed<'v>(prefix: &str, value: &'v str) -> Cow<'v, str> {
    if prefix.is_empty() { Cow::Borrowed(value) } else { Cow::Owned(format!("{prefix}{value}")) }
}

fn required<'c>(claims: &'c Claims, claim: &str) -> Result<&'c str, Refusal> {
    let found = claims.at(&[claim]).ok_or_else(|| Refusal::ClaimMissing { wanted: claim.to_owned() })?;
    text(found, claim)
}

fn one_of(claims: &Claims, wanted: &[ClaimName], required: bool) -> Result<Option<String>, Refusal> {
    match first(claims, wanted)? {
        Some((_, value)) => Ok(Some(value.to_owned())),
        None if required => Err(missing(wanted)),
        None => Ok(None),
    }
}

/// The first of several claims that is there. It must be usable: a later one is no substitute for a bad one.
fn first<'c, 'n>(
    claims: &'c Claims,
    wanted: impl IntoIterator<Item = &'n ClaimName>,
) -> Result<Option<(&'n ClaimName, &'c str)>, Refusal> {
    for name in wanted {
        if let Some(found) = name.of(claims) {
            return Ok(Some((name, text(found, name.as_str())?)));
        }
    }
    Ok(None)
}

fn text<'c>(found: Claim<'c>, claim: &str) -> Result<&'c str, Refusal> {
    let unusable = |problem| Refusal::ClaimUnusable { claim: fact(claim), problem };
    let text = found.str().ok_or_else(|| unusable("is not a string"))?;
    usable(text).map_err(unusable)?;
    Ok(text)
}

fn strings<'c>(claims: &'c Claims, claim: &ClaimName) -> Result<Vec<&'c str>, Refusal> {
    let Some(found) = claim.of(claims) else { return Ok(Vec::new()) };
    let unusable = |problem| Refusal::ClaimUnusable { claim: fact(claim.as_str()), problem };
    let values = found.strings().ok_or_else(|| unusable("is neither a string nor an array of strings"))?;
    if values.len() > MAX_VALUES {
        return Err(unusable("has more than 10,000 values"));
    }
    values.iter().try_for_each(|value| usable(value)).map_err(unusable)?;
    Ok(values)
}

fn missing(wanted: &[ClaimName]) -> Refusal {
    let names: Vec<&str> = wanted.iter().map(ClaimName::as_str).collect();
    Refusal::ClaimMissing { wanted: fact(&names.join(", ")) }
}

#[cfg(test)]
mod tests;
