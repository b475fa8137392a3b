//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1, RFC 7636 §4.3): a URL for the browser.
//!
//! `response_mode` is not sent: the answer comes back in the query, which is the default for a code. A query that the
//! endpoint already has is kept (RFC 6749 §3.1).

use url::Url;

use crate::Metadata;

/// What differs from one sign-in to the next.
#[derive(Clone, Copy)]
pub struct AuthorizationParams<'a> {
    /// Comes back with the answer: whatever binds it to this browser.
    pub state: &'a str,
    /// Comes back inside the ID token.
    pub nonce: &'a str,
    /// The PKCE challenge.
    pub challenge: &'a str,
    /// Where the answer is sent.
    pub redirect_uri: &'a str,
    /// Who is probably signing in.
    pub login_hint: Option<&'a str>,
}

/// The URL. Scopes are sent in the order given; an empty `prompt` is not sent.
pub fn url(
    metadata: &Metadata,
    client_id: &str,
    scopes: &[String],
    prompt: Option<&str>,
    params: &AuthorizationParams<'_>,
) -> Url {
    let mut url = metadata.authorization_endpoint.clone();
    let mut query = url.query_pairs_mut();
    query
        .append_pair("client_id", client_id)
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", params.redirect_uri)
        .append_pair("scope", &scopes.join(" "))
        .append_pair("state", params.state)
        .append_pair("nonce", params.nonce)
        .append_pair("code_challenge", params.challenge)
        .append_pair("code_challenge_method", "S256");
    for (name, value) in [("prompt", prompt), ("login_hint", params.login_hint)] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    drop(query);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::metadata;

    const PARAMS: AuthorizationParams<'_> = AuthorizationParams {
        state: "s+t&a=t/e",
        nonce: "n",
        challenge: "c",
        redirect_uri: "https://app.example.com/oauth2/callback",
        login_hint: None,
    };

    fn pairs(url: &Url) -> Vec<(String, String)> {
        url.query_pairs().into_owned().collect()
    }

    #[test]
    fn everything_a_code_with_pkce_needs_is_there_once_and_encoded() {
        let metadata = metadata("https://idp.example.com/t");
        let url = url(&metadata, "cl ient", &["openid".into(), "profile".into()], None, &PARAMS);
        assert!(url.as_str().starts_with("https://idp.example.com/t/authorize?client_id=cl+ient&"));
        let expected = [
            ("client_id", "cl ient"),
            ("response_type", "code"),
            ("redirect_uri", "https://app.example.com/oauth2/callback"),
            ("scope", "openid profile"),
            ("state", "s+t&a=t/e"),
            ("nonce", "n"),
            ("code_challenge", "c"),
            ("code_challenge_method", "S256"),
        ];
        assert_eq!(pairs(&url), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn prompt_and_hint_are_sent_when_given_and_an_existing_query_is_kept() {
        let mut metadata = metadata("https://idp.example.com/t");
        metadata.authorization_endpoint.set_query(Some("p=policy"));
        let params = AuthorizationParams { login_hint: Some("a@b"), ..PARAMS };
        let url = url(&metadata, "c", &[], Some("select_account"), &params);
        let pairs = pairs(&url);
        assert_eq!(pairs[0], ("p".into(), "policy".into()));
        assert!(pairs.contains(&("prompt".into(), "select_account".into())));
        assert!(pairs.contains(&("login_hint".into(), "a@b".into())));
    }
}
