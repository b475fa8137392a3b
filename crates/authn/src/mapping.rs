//! Claims → [`Identity`].
//!
//! 1. The user name is the first claim that is there of: the configured one alone; else `preferred_username`, `upn`,
//!    `unique_name`, `email`, `sub`. At Entra ID none of the first four is proof of anything but what a directory
//!    says today; rules that must outlive a rename name groups, roles or `uid`.
//! 2. Names and groups that begin with `system:` are Kubernetes' own: such a name is refused, such a group dropped.
//! 3. A value is refused if it is empty, longer than 1 KiB, or holds a control character or one that turns or hides what
//!    stands around it (bidirectional controls, spaces without width, line separators): people read these names in logs and
//!    rules. The joiners that Persian and Indic words need are let be. A user name is refused also if it begins
//!    or ends with white space, which headers lose: `admin ` must not become `admin`. A group claim that is
//!    neither a string nor an array of strings, or has more than 10,000 of them, is refused as a whole.
//! 4. An e-mail address is verified if `email_verified` is true, or if it is absent and the issuer is not Entra ID.
//!    Entra lets people edit theirs: there, also if configured as a plain issuer, it is verified only if `xms_edov`
//!    says so. One that can't be used is left out, as is a display name: nobody is kept out for it. Neither is one kept of
//!    which the provider itself says that it is not verified: an upstream would take whoever typed it for its owner. It is
//!    no user name either; where the configuration says that it is to be the user name, the caller is refused.
//! 5. Overage: `_claim_names` has the groups claim, or `hasgroups` is true. The groups are then unresolved.
//!    `_claim_sources` is not read: an address inside a token is no address to send a request to.

use gangplank_jose::Claims;
use serde_json::Value;

use crate::refusal::fact;
use crate::{Identity, Refusal};

const MAX_VALUE: usize = 1024;
const MAX_VALUES: usize = 10_000;
const RESERVED: &str = "system:";

/// Which claim says what, where the configuration departs from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimNames {
    /// The user name.
    pub username: Option<String>,
    /// The groups.
    pub groups: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

/// What a claim means at one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) issuer: String,
    pub(crate) entra: bool,
    pub(crate) names: ClaimNames,
}

impl Mapping {
    pub(crate) fn identity(&self, claims: &Claims) -> Result<Identity, Refusal> {
        let (groups, groups_unresolved) = self.groups(claims)?;
        let verified = self.says_verified(claims);
        let email = claims.str(self.email_claim()).filter(|value| usable(value).is_ok() && value.contains('@'));
        let email = email.filter(|value| verified != Some(false) && value.trim() == *value);
        Ok(Identity {
            issuer: self.issuer.clone(),
            issuer_url: required(claims, "iss")?.to_owned(),
            subject: required(claims, "sub")?.to_owned(),
            username: self.username(claims)?,
            email: email.map(str::to_owned),
            email_verified: email.is_some() && verified.unwrap_or(!self.entra),
            display_name: claims.str("name").filter(|value| usable(value).is_ok()).map(str::to_owned),
            groups,
            groups_unresolved,
            uid: optional(claims, "oid")?.or(optional(claims, "sub")?),
            tenant: optional(claims, "tid")?,
            scopes: scopes(claims)?,
            roles: strings(claims, "roles")?.into_iter().map(str::to_owned).collect(),
            client: first(claims, &["azp", "appid", "client_id"])?.map(|(_, value)| value.to_owned()),
            audiences: claims.audiences().to_vec(),
            extra: Default::default(),
        })
    }

    fn username(&self, claims: &Claims) -> Result<String, Refusal> {
        let configured = self.names.username.as_deref().map(|name| [name]);
        let unverified = self.says_verified(claims) == Some(false);
        let wanted: &[&str] = match &configured {
            Some([name]) if unverified && *name == self.email_claim() => {
                return Err(Refusal::ClaimUnusable {
                    claim: fact(name),
                    problem: "is not verified, says the provider",
                });
            }
            Some(one) => one,
            None if unverified => &["preferred_username", "upn", "unique_name", "sub"],
            None => &["preferred_username", "upn", "unique_name", "email", "sub"],
        };
        let (claim, name) =
            first(claims, wanted)?.ok_or_else(|| Refusal::ClaimMissing { wanted: fact(&wanted.join(", ")) })?;
        if name.trim() != name {
            return Err(Refusal::ClaimUnusable { claim: fact(claim), problem: "begins or ends with white space" });
        }
        if name.starts_with(RESERVED) {
            return Err(Refusal::NameReserved { claim: fact(claim), value: fact(name) });
        }
        Ok(name.to_owned())
    }

    fn groups(&self, claims: &Claims) -> Result<(Vec<String>, bool), Refusal> {
        let claim = self.names.groups.as_deref().unwrap_or("groups");
        if !claims.has(claim) && are_elsewhere(claims, claim) {
            return Ok((Vec::new(), true));
        }
        let groups = strings(claims, claim)?.into_iter().filter(|g| !g.starts_with(RESERVED)).map(str::to_owned);
        Ok((groups.collect(), false))
    }

    fn email_claim(&self) -> &str {
        self.names.email.as_deref().unwrap_or("email")
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

/// Whether the provider says that it keeps the groups elsewhere.
fn are_elsewhere(claims: &Claims, claim: &str) -> bool {
    let named = |names: &Value| names.as_object().is_some_and(|names| names.contains_key(claim));
    let has_groups = match claims.get("hasgroups") {
        Some(Value::Bool(has)) => has,
        Some(Value::String(has)) => has == "true",
        _ => false,
    };
    has_groups || claims.get("_claim_names").as_ref().is_some_and(named)
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
pub(crate) fn group_from_elsewhere(group: &str) -> Result<Option<String>, Refusal> {
    usable(group).map_err(|problem| Refusal::ClaimUnusable { claim: "groups".to_owned(), problem })?;
    Ok((!group.starts_with(RESERVED)).then(|| group.to_owned()))
}

pub(crate) const fn max_groups() -> usize {
    MAX_VALUES
}

fn required<'c>(claims: &'c Claims, claim: &str) -> Result<&'c str, Refusal> {
    match first(claims, &[claim])? {
        Some((_, value)) => Ok(value),
        None => Err(Refusal::ClaimMissing { wanted: claim.to_owned() }),
    }
}

fn optional(claims: &Claims, claim: &str) -> Result<Option<String>, Refusal> {
    Ok(first(claims, &[claim])?.map(|(_, value)| value.to_owned()))
}

/// The first of several claims that is there. It must be usable: a later one is no substitute for a bad one.
fn first<'c, 'n>(claims: &'c Claims, wanted: &[&'n str]) -> Result<Option<(&'n str, &'c str)>, Refusal> {
    let Some(claim) = wanted.iter().copied().find(|claim| claims.has(claim)) else { return Ok(None) };
    let unusable = |problem| Refusal::ClaimUnusable { claim: fact(claim), problem };
    let text = claims.str(claim).ok_or_else(|| unusable("is not a string"))?;
    usable(text).map_err(unusable)?;
    Ok(Some((claim, text)))
}

fn strings<'c>(claims: &'c Claims, claim: &str) -> Result<Vec<&'c str>, Refusal> {
    if !claims.has(claim) {
        return Ok(Vec::new());
    }
    let unusable = |problem| Refusal::ClaimUnusable { claim: fact(claim), problem };
    let values = claims.strings(claim).ok_or_else(|| unusable("is neither a string nor an array of strings"))?;
    if values.len() > MAX_VALUES {
        return Err(unusable("has more than 10,000 values"));
    }
    values.iter().try_for_each(|value| usable(value)).map_err(unusable)?;
    Ok(values)
}

/// `scp` (a string with spaces at Entra ID, an array elsewhere), or `scope` (RFC 9068 §2.2.3).
fn scopes(claims: &Claims) -> Result<Vec<String>, Refusal> {
    let claim = if claims.has("scp") { "scp" } else { "scope" };
    // An empty string is how some issuers say "none".
    if claims.str(claim) == Some("") {
        return Ok(Vec::new());
    }
    Ok(strings(claims, claim)?.iter().flat_map(|value| value.split_ascii_whitespace()).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
