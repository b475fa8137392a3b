//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0 §2): a URL for the browser.

use url::Url;

use crate::Metadata;

/// What the provider is told about who leaves.
#[derive(Clone, Copy, Default)]
pub struct EndSessionParams<'a> {
    /// Where the browser goes afterwards; it must be registered at the provider.
    pub post_logout_redirect_uri: &'a str,
    /// Who leaves. Entra ID wants the `login_hint` claim of the ID token here.
    pub logout_hint: Option<&'a str>,
    /// The ID token of the session, where it was kept.
    pub id_token_hint: Option<&'a str>,
}

/// The URL, if the provider has such an endpoint. A query that it already has is kept.
pub fn url(metadata: &Metadata, client_id: &str, params: &EndSessionParams<'_>) -> Option<Url> {
    let mut url = metadata.end_session_endpoint.clone()?;
    let mut query = url.query_pairs_mut();
    query.append_pair("client_id", client_id);
    query.append_pair("post_logout_redirect_uri", params.post_logout_redirect_uri);
    for (name, value) in [("logout_hint", params.logout_hint), ("id_token_hint", params.id_token_hint)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    drop(query);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::metadata;

    #[test]
    fn the_url_says_who_asks_and_where_to_go_then() {
        let mut metadata = metadata("https://idp.example.com");
        metadata.end_session_endpoint.as_mut().unwrap().set_query(Some("p=x"));
        let params = EndSessionParams {
            post_logout_redirect_uri: "https://app/out?a=b",
            logout_hint: Some("a@b"),
            id_token_hint: None,
        };
        let url = url(&metadata, "c", &params).unwrap();
        let expected = "https://idp.example.com/logout?p=x&client_id=c\
                        &post_logout_redirect_uri=https%3A%2F%2Fapp%2Fout%3Fa%3Db&logout_hint=a%40b";
        assert_eq!(url.as_str(), expected);
        metadata.end_session_endpoint = None;
        assert_eq!(super::url(&metadata, "c", &params), None);
    }
}
