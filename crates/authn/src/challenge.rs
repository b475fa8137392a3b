//! What a 401 says that a client could present (RFC 9110 §11.6.1), and what a 403 says that was lacking. Neither says what
//! was wrong with what the client did.
//!
//! 1. Whatever stands between quotes cannot end them, by its type: a [`Realm`], a [`Scope`], a URL as its parser writes it,
//!    base64, the levels of a [`ClaimsChallenge`]. Nothing that a caller sends is ever among it.
//! 2. `error` is there only where a bearer token was (RFC 6750 §3.1).
//! 3. A scope is named as a client has to ask for it, which may not be how a token has it: at Entra ID one asks for
//!    `api://app/read` and holds `read`.
//! 4. What was lacking is named together with what the resource names by itself: many a client asks for what a 403 names and for
//!    no more, and would come back with less than it had.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use gangplank_oauth::ClaimsChallenge;
use http::HeaderValue;
use url::Url;

/// One scheme that somebody in a chain would understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A bearer token (RFC 6750 §3).
    Bearer,
    /// A bearer token for a resource that publishes where one gets it (RFC 9728 §5.1).
    Resource(Arc<ResourceChallenge>),
    /// User name and password (RFC 7617).
    Basic(Realm),
}

impl Challenge {
    /// The value of `WWW-Authenticate`. `presented`: a bearer token was there, and was not good.
    pub fn value(&self, presented: bool) -> HeaderValue {
        match self {
            Challenge::Bearer if presented => {
                HeaderValue::from_static(r#"Bearer realm="gangplank", error="invalid_token""#)
            }
            Challenge::Bearer => HeaderValue::from_static(r#"Bearer realm="gangplank""#),
            Challenge::Resource(resource) if presented => resource.with(r#"error="invalid_token""#, &resource.scope),
            Challenge::Resource(resource) => resource.with("", &resource.scope),
            Challenge::Basic(Realm(realm)) => {
                HeaderValue::from_str(&format!(r#"Basic realm="{realm}", charset="UTF-8""#))
                    .unwrap_or(HeaderValue::from_static(r#"Basic realm="gangplank", charset="UTF-8""#))
            }
        }
    }

    /// The token was good, and lacks these scopes (RFC 6750 §3.1). `None` of a scheme that has none.
    pub fn insufficient_scope(&self, needed: &[Scope]) -> Option<HeaderValue> {
        let scope = match self {
            Challenge::Resource(resource) => resource.with_own(needed),
            Challenge::Bearer | Challenge::Basic(_) => joined(needed),
        };
        self.bearer(r#"error="insufficient_scope""#, Some(&scope))
    }

    /// The provider wants to see its client again before it says more (RFC 9470, and Entra ID's claims challenge).
    /// `None` of a scheme to which that means nothing.
    pub fn insufficient_claims(&self, claims: &ClaimsChallenge) -> Option<HeaderValue> {
        let error = match claims.acr_values() {
            Some(levels) => format!(r#"error="insufficient_user_authentication", acr_values="{levels}""#),
            None => format!(r#"error="insufficient_claims", claims="{}""#, claims.to_base64()),
        };
        self.bearer(&error, None)
    }

    /// `scope`: instead of the one that the resource names by itself.
    fn bearer(&self, error: &str, scope: Option<&str>) -> Option<HeaderValue> {
        match self {
            Challenge::Bearer => Some(ResourceChallenge::default().with(error, scope.unwrap_or_default())),
            Challenge::Resource(resource) => Some(resource.with(error, scope.unwrap_or(&resource.scope))),
            Challenge::Basic(_) => None,
        }
    }
}

/// What the challenges of one protected resource have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceChallenge {
    /// Where the metadata are; empty for none.
    metadata: String,
    /// What clients should ask for.
    own: Vec<Scope>,
    /// The same, joined.
    scope: String,
    /// What to ask for, by what one then holds.
    names: BTreeMap<String, Scope>,
}

impl ResourceChallenge {
    /// A resource whose metadata are at `metadata`, and for which clients should ask `scopes`. `others` are what a token
    /// holds, and what its client had to ask for.
    pub fn new<'s>(
        metadata: &Url,
        scopes: &'s [Scope],
        others: impl IntoIterator<Item = (&'s str, &'s Scope)>,
    ) -> Self {
        let mut names = BTreeMap::new();
        for (held, asked) in others.into_iter().chain(scopes.iter().map(|scope| (scope.as_str(), scope))) {
            let last = held.rsplit('/').next().unwrap_or(held);
            for held in [held, last] {
                names.entry(held.to_owned()).or_insert_with(|| asked.clone());
            }
        }
        ResourceChallenge { metadata: metadata.as_str().to_owned(), own: scopes.to_vec(), scope: joined(scopes), names }
    }

    /// Rule 3.
    fn asked_for<'s>(&'s self, held: &'s Scope) -> &'s Scope {
        self.names.get(held.as_str()).unwrap_or(held)
    }

    /// Rule 4.
    fn with_own(&self, needed: &[Scope]) -> String {
        joined(self.own.iter().chain(needed.iter().map(|scope| self.asked_for(scope))))
    }

    fn with(&self, error: &str, scope: &str) -> HeaderValue {
        let mut value = String::from(r#"Bearer realm="gangplank""#);
        if !error.is_empty() {
            let _ = write!(value, ", {error}");
        }
        if !scope.is_empty() {
            let _ = write!(value, r#", scope="{scope}""#);
        }
        if !self.metadata.is_empty() {
            let _ = write!(value, r#", resource_metadata="{}""#, self.metadata);
        }
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(r#"Bearer realm="gangplank""#))
    }
}

/// A `scope-token` (RFC 6749 §3.3): 1 to 256 printable ASCII characters, none of them a blank, `"` or `\`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

impl Scope {
    /// `None` if the text can't be one.
    pub fn new(text: &str) -> Option<Self> {
        let fit = |b: u8| matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'\\');
        ((1..=256).contains(&text.len()) && text.bytes().all(fit)).then(|| Scope(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Each once.
fn joined<'s>(scopes: impl IntoIterator<Item = &'s Scope>) -> String {
    let mut all: Vec<&str> = Vec::new();
    for scope in scopes {
        if !all.contains(&scope.as_str()) {
            all.push(scope.as_str());
        }
    }
    all.join(" ")
}

/// What browsers show when they ask for a password: 1 to 128 printable ASCII characters, none of them `"` or `\`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(String);

impl Realm {
    /// `None` if the text can't be one.
    pub fn new(text: &str) -> Option<Self> {
        let fit = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\');
        ((1..=128).contains(&text.len()) && text.bytes().all(fit)).then(|| Realm(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        for bad in ["", "a\"b", "a\\", "a\r\nb", "é", &"x".repeat(129)] {
            assert_eq!(Realm::new(bad), None, "{bad}");
        }
        let basic = Challenge::Basic(Realm::new("API, v=1").unwrap());
        assert_eq!(basic.value(true), r#"Basic realm="API, v=1", charset="UTF-8""#);
        assert_eq!(Challenge::Bearer.value(false), r#"Bearer realm="gangplank""#);
        assert_eq!(Challenge::Bearer.value(true), r#"Bearer realm="gangplank", error="invalid_token""#);
    }

    #[test]
    fn a_scope_cannot_break_out_of_its_quotes_and_is_one() {
        for bad in ["", "a b", "a\"", "a\\", "a\r\nb", "\u{e9}", "a\t", &"x".repeat(257)] {
            assert_eq!(Scope::new(bad), None, "{bad}");
        }
        for good in ["a", "api://podinfo/read", "mcp:tools", "https://x.test/.default"] {
            assert_eq!(Scope::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_resource_says_where_its_metadata_are_and_what_to_ask_for() {
        let url = Url::parse("https://app.test/.well-known/oauth-protected-resource/m\"cp").unwrap();
        let scopes = ["api://podinfo/read", "offline_access"].map(|s| Scope::new(s).unwrap());
        let challenge = Challenge::Resource(Arc::new(ResourceChallenge::new(&url, &scopes, [])));
        let metadata = r#"resource_metadata="https://app.test/.well-known/oauth-protected-resource/m%22cp""#;
        let own = r#"scope="api://podinfo/read offline_access""#;
        assert_eq!(challenge.value(false), format!(r#"Bearer realm="gangplank", {own}, {metadata}"#));
        let invalid = format!(r#"Bearer realm="gangplank", error="invalid_token", {own}, {metadata}"#);
        assert_eq!(challenge.value(true), invalid);

        let needed = [Scope::new("write").unwrap()];
        let both = r#"scope="api://podinfo/read offline_access write""#;
        let lacking = format!(r#"Bearer realm="gangplank", error="insufficient_scope", {both}, {metadata}"#);
        assert_eq!(challenge.insufficient_scope(&needed).unwrap(), lacking);
        let plain = r#"Bearer realm="gangplank", error="insufficient_scope", scope="write""#;
        assert_eq!(Challenge::Bearer.insufficient_scope(&needed).unwrap(), plain);

        let claims = ClaimsChallenge::parse(r#"{"access_token":{}}"#).unwrap();
        let stepping = r#"error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#;
        let stepped = challenge.insufficient_claims(&claims).unwrap();
        assert_eq!(stepped, format!(r#"Bearer realm="gangplank", {stepping}, {own}, {metadata}"#));
        let plain = format!(r#"Bearer realm="gangplank", {stepping}"#);
        assert_eq!(Challenge::Bearer.insufficient_claims(&claims).unwrap(), plain);

        let basic = Challenge::Basic(Realm::new("x").unwrap());
        assert_eq!((basic.insufficient_scope(&needed), basic.insufficient_claims(&claims)), (None, None));
    }

    #[test]
    fn what_is_needed_is_named_as_a_client_asks_for_it() {
        let url = Url::parse("https://app.test/m").unwrap();
        let scope = |s: &str| Scope::new(s).unwrap();
        let (scopes, tools) = ([scope("api://podinfo/read"), scope("openid")], scope("mcp:tools"));
        let resource = ResourceChallenge::new(&url, &scopes, [("api://podinfo/write", &tools)]);
        let challenge = Challenge::Resource(Arc::new(resource));
        for (held, asked) in [
            (&["read"][..], ""),
            (&["api://podinfo/read", "read"], ""),
            (&["openid", "write"], " mcp:tools"),
            (&["api://podinfo/write"], " mcp:tools"),
            (&["other", "ad"], " other ad"),
        ] {
            let needed: Vec<Scope> = held.iter().map(|s| scope(s)).collect();
            let value = challenge.insufficient_scope(&needed).unwrap();
            let said = value.to_str().unwrap().contains(&format!(r#", scope="api://podinfo/read openid{asked}""#));
            assert!(said, "{held:?}: {value:?}");
        }
    }
}
