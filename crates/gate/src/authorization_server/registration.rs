//! Dynamic client registration (RFC 7591), without a register: the client id is the registration, sealed.
//!
//! 1. One JSON object of at most 16 KiB, no member twice; members that mean nothing here are ignored.
//! 2. 1 to 8 redirect URIs, each by the rules of [`redirect_uri`](super::redirect_uri).
//! 3. Clients are public: whatever method of authentication a client names that it could do without, it is told `none`. One
//!    that would bring a key is refused, for it would believe itself safer than it is.
//! 4. The grants are `authorization_code`, which it must not exclude, and `refresh_token`; others that it names are left out.
//!    One that names no grants has both.
//! 5. Scopes that this authorization server does not know are left out.
//! 6. The client id is at most 2 KiB, as it stands in every address.

use gangplank_authn::seal::KeyRing;
use gangplank_jose::UnixTime;
use serde::{Deserialize, Serialize};

use super::client::{LONGEST_ID, fit_name};
use super::redirect_uri::{RedirectRules, RedirectUri};
use super::refusal::AuthorizationServerRefusal;
use super::sealed::{Registered, Sealed};

const MOST_REDIRECT_URIS: usize = 8;

/// What a client sends.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    redirect_uris: Vec<String>,
    client_name: Option<String>,
    application_type: Option<String>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    pub(crate) scope: Option<String>,
}

/// What it is told (RFC 7591 §3.2.1).
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub(crate) client_id: String,
    client_id_issued_at: u64,
    pub(crate) client_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<String>,
    redirect_uris: Vec<String>,
    grant_types: Vec<&'static str>,
    response_types: [&'static str; 1],
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl Wanted {
    /// Rule 1.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, AuthorizationServerRefusal> {
        serde_json::from_slice(json).map_err(|error| refuse(format!("not a registration: {}", where_in(&error))))
    }

    /// Rules 2 to 6. `scope` is what of `self.scope` is known.
    pub(crate) fn register(
        self,
        scope: Option<String>,
        rules: &RedirectRules,
        server: &str,
        ring: &KeyRing,
        now: UnixTime,
    ) -> Result<Answer, AuthorizationServerRefusal> {
        self.check_redirect_uris(rules)?;
        self.check_methods()?;
        let refreshes = self.grant_types.as_ref().is_none_or(|types| types.iter().any(|t| t == "refresh_token"));
        let registered = Registered {
            redirect_uris: self.redirect_uris,
            name: fit_name(self.client_name.as_deref()),
            issued: now.as_secs(),
            refreshes,
        };
        let client_id = registered.seal(ring, server).map_err(AuthorizationServerRefusal::Sealing)?;
        if client_id.len() > LONGEST_ID {
            return Err(refuse("its redirect URIs are too long together".to_owned()));
        }
        let mut grant_types = vec!["authorization_code"];
        grant_types.extend(refreshes.then_some("refresh_token"));
        Ok(Answer {
            client_id,
            client_id_issued_at: registered.issued,
            client_name: registered.name,
            application_type: self.application_type,
            redirect_uris: registered.redirect_uris,
            grant_types,
            response_types: ["code"],
            token_endpoint_auth_method: "none",
            scope,
        })
    }

    /// Rule 2.
    fn check_redirect_uris(&self, rules: &RedirectRules) -> Result<(), AuthorizationServerRefusal> {
        let refuse = |problem: String| AuthorizationServerRefusal::Registration { problem, redirect: true };
        if !(1..=MOST_REDIRECT_URIS).contains(&self.redirect_uris.len()) {
            return Err(refuse(format!("{} redirect URIs", self.redirect_uris.len())));
        }
        for uri in &self.redirect_uris {
            RedirectUri::judge(uri, rules, None)
                .map_err(|problem| refuse(format!("{:?} {problem}", gangplank_jose::Excerpt::of(uri))))?;
        }
        Ok(())
    }

    /// Rules 3 and 4.
    fn check_methods(&self) -> Result<(), AuthorizationServerRefusal> {
        match self.token_endpoint_auth_method.as_deref() {
            None | Some("none" | "client_secret_post" | "client_secret_basic") => {}
            Some(_) => return Err(refuse("a way to authenticate that is not offered".to_owned())),
        }
        if !matches!(self.application_type.as_deref(), None | Some("web" | "native")) {
            return Err(refuse("an application_type that is neither web nor native".to_owned()));
        }
        let excludes = |types: &Option<Vec<String>>, name: &str| {
            types.as_ref().is_some_and(|types| !types.is_empty() && !types.iter().any(|known| known == name))
        };
        if excludes(&self.grant_types, "authorization_code") || excludes(&self.response_types, "code") {
            return Err(refuse("neither authorization_code nor code among what it uses".to_owned()));
        }
        Ok(())
    }
}

fn refuse(problem: String) -> AuthorizationServerRefusal {
    AuthorizationServerRefusal::Registration { problem, redirect: false }
}

/// Where it is wrong, and nothing of what stands there.
fn where_in(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "a member twice, or of another kind" } else { "no JSON" };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn register(value: &serde_json::Value) -> Result<Answer, AuthorizationServerRefusal> {
        let ring = KeyRing::generate().unwrap();
        let wanted = Wanted::parse(value.to_string().as_bytes())?;
        wanted.register(None, &RedirectRules::default(), "entra", &ring, UnixTime::from_secs(7))
    }

    #[test]
    fn what_clients_send_is_registered() {
        for (wanted, grants) in [
            (json!({"redirect_uris": ["http://127.0.0.1:33418/"]}), 2),
            (
                json!({"redirect_uris": ["http://localhost:6274/oauth/callback"], "client_name": "Inspector",
                    "token_endpoint_auth_method": "client_secret_post", "application_type": "native",
                    "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
                    "response_types": ["code"], "client_uri": "https://x", "logo_uri": 7, "scope": "a b"}),
                1,
            ),
        ] {
            let answer = register(&wanted).unwrap();
            assert_eq!(answer.token_endpoint_auth_method, "none");
            assert_eq!(answer.grant_types.len(), grants, "{wanted}");
            assert!(answer.client_id.len() < 400, "{}", answer.client_id.len());
        }
    }

    #[test]
    fn what_can_not_be_had_is_refused_by_the_right_name() {
        let good = "http://127.0.0.1/cb";
        for (wanted, redirect) in [
            (json!({}), true),
            (json!({"redirect_uris": []}), true),
            (json!({"redirect_uris": vec![good; 9]}), true),
            (json!({"redirect_uris": [good, "https://evil.example.com/cb"]}), true),
            (json!({"redirect_uris": good}), false),
            (json!({"redirect_uris": [1]}), false),
            (json!([]), false),
            (json!({"redirect_uris": [good], "token_endpoint_auth_method": "private_key_jwt"}), false),
            (json!({"redirect_uris": [good], "grant_types": ["implicit"]}), false),
            (json!({"redirect_uris": [good], "response_types": ["token"]}), false),
            (json!({"redirect_uris": [good], "application_type": "robot"}), false),
            (json!({"redirect_uris": vec![format!("http://127.0.0.1/{}", "x".repeat(400)); 8]}), false),
        ] {
            match register(&wanted).unwrap_err() {
                AuthorizationServerRefusal::Registration { redirect: found, .. } => {
                    assert_eq!(found, redirect, "{wanted}")
                }
                other => panic!("{wanted}: {other}"),
            }
        }
        for text in ["", "{", "null", r#"{"redirect_uris":["http://127.0.0.1/"],"redirect_uris":[]}"#] {
            assert!(Wanted::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
