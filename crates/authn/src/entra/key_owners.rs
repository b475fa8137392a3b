//! Whose tokens a key of Entra ID is for, where the key set says so.
//!
//! Microsoft's key sets give each key an `issuer`: that of one tenant, or with `{tenantid}` for all of them. Without this
//! look, keys that sign for personal accounts, or for one tenant only, would vouch for every tenant.
//!
//! 1. A key id that stands there several times is good for each of its issuers. Key ids that name none are good for all.
//! 2. An `issuer` that is not of this authority's form is nobody's here.
//! 3. If any key names its issuer, a token must say which key signed it.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Pattern, TENANT};

/// The owners of the keys that have one, by key id.
#[derive(Debug, Default)]
pub(crate) struct KeyOwners(HashMap<String, Vec<Owner>>);

#[derive(Debug)]
enum Owner {
    /// Every tenant.
    Any,
    /// This tenant.
    Tenant(String),
    /// Nobody here.
    Stranger,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: Option<String>,
    issuer: Option<String>,
}

impl KeyOwners {
    /// Reads them from a key set that was found to be one.
    pub(crate) fn parse(json: &[u8], v2: &Pattern) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(json).map_err(|_| "a key's kid or issuer is not a string".to_owned())?;
        let any = v2.with(TENANT);
        let mut owners: HashMap<String, Vec<Owner>> = HashMap::new();
        for key in document.keys {
            let owner = match key.issuer {
                None => continue,
                Some(issuer) if issuer == any => Owner::Any,
                Some(issuer) => {
                    v2.tenant_in(&issuer).map_or(Owner::Stranger, |tenant| Owner::Tenant(tenant.to_owned()))
                }
            };
            owners.entry(key.kid.unwrap_or_default()).or_default().push(owner);
        }
        Ok(KeyOwners(owners))
    }

    /// Whether the key with this id may vouch for this tenant.
    pub(crate) fn admit(&self, kid: Option<&str>, tenant: &str) -> bool {
        let owners = match kid {
            None => return self.0.is_empty(),
            Some(kid) => self.0.get(kid),
        };
        owners.is_none_or(|owners| {
            owners.iter().any(|owner| match owner {
                Owner::Any => true,
                Owner::Tenant(one) => one == tenant,
                Owner::Stranger => false,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = "dca11c8d-0000-4000-8000-00000000000a";
    const OTHER: &str = "dca11c8d-0000-4000-8000-00000000000b";

    fn owners(keys: serde_json::Value) -> KeyOwners {
        let v2 = Pattern { before: "https://login.microsoftonline.com/".to_owned(), behind: "/v2.0" };
        KeyOwners::parse(json!({ "keys": keys }).to_string().as_bytes(), &v2).unwrap()
    }

    #[test]
    fn a_key_vouches_for_whom_it_says_and_without_a_word_for_all() {
        let of = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let owners = owners(json!([
            { "kid": "all", "issuer": of(TENANT) },
            { "kid": "one", "issuer": of(ONE) },
            { "kid": "both", "issuer": of(ONE) },
            { "kid": "both", "issuer": of(OTHER) },
            { "kid": "stranger", "issuer": format!("https://evil.example/{ONE}/v2.0") },
            { "kid": "silent" },
        ]));
        for (kid, one, other) in [
            ("all", true, true),
            ("one", true, false),
            ("both", true, true),
            ("stranger", false, false),
            ("silent", true, true),
            ("unknown", true, true),
        ] {
            assert_eq!((owners.admit(Some(kid), ONE), owners.admit(Some(kid), OTHER)), (one, other), "{kid}");
        }
        assert!(!owners.admit(None, ONE), "which key it was must be said");
    }

    #[test]
    fn a_set_without_owners_asks_for_nothing() {
        let owners = owners(json!([{ "kid": "a" }, {}]));
        assert!(owners.admit(None, ONE) && owners.admit(Some("a"), ONE));
    }
}
