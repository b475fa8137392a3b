//! Whose token goes to which cluster.
//!
//! 1. A token is passed on if it was presented as one, in this request, and somebody judged it: a session, a password, a key
//!    or a certificate is none.
//! 2. It has to be for this cluster: one of its audiences is in the cluster's `token_audiences`.
//! 3. And for no other: none of its audiences may be in the list of another cluster only. Whoever holds a token for two
//!    clusters would find it used by one at the other. A cluster that was asked about a token tells only of those audiences
//!    that it was asked about, so that the token's own are looked at as well.

use std::collections::BTreeSet;

use gangplank_authn::{Authenticated, BearerToken, Credentials, Method};
use gangplank_jose::Unverified;
use http::HeaderValue;

use super::refusal::ClusterRefusal;
use crate::{Refusal, audit};

/// What the configuration says about audiences.
#[derive(Clone, Debug)]
pub(crate) struct Audiences {
    /// `token_audiences`.
    pub(crate) own: Vec<String>,
    /// What other clusters have there, and this one has not.
    pub(crate) of_others: BTreeSet<String>,
}

/// The `Authorization` of a caller's own token, if it may go to `cluster`.
pub(super) fn token(
    caller: &Authenticated,
    credentials: Credentials<'_>,
    audiences: &Audiences,
    cluster: &str,
) -> Result<HeaderValue, Refusal> {
    let none = || ClusterRefusal::NoToken { cluster: cluster.to_owned(), by: caller.method().name() };
    if !matches!(caller.method(), Method::Bearer | Method::TokenReview) {
        return Err(none().into());
    }
    let presented = BearerToken::presented(credentials.headers).map_err(Refusal::Authentication)?;
    let token = presented.ok_or_else(none)?;
    let judged = &caller.identity().audiences;
    audiences.has_own(judged, cluster)?;
    audiences.has_none_of_others(judged, cluster)?;
    if let (Method::TokenReview, Ok(own)) = (caller.method(), Unverified::parse(token.as_str())) {
        audiences.has_none_of_others(own.claims_unverified().audiences(), cluster)?;
    }
    bearer(token.as_str())
}

/// A token as a header.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, Refusal> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| Refusal::IdentityUnfit("token"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Audiences {
    /// Rule 2.
    fn has_own(&self, found: &[String], cluster: &str) -> Result<(), ClusterRefusal> {
        if found.iter().any(|audience| self.own.contains(audience)) {
            return Ok(());
        }
        Err(ClusterRefusal::AudienceElsewhere {
            cluster: cluster.to_owned(),
            found: found.iter().take(8).map(|audience| audit::cut(audience).to_owned()).collect(),
            wanted: self.own.clone(),
        })
    }

    /// Rule 3.
    fn has_none_of_others(&self, found: &[String], cluster: &str) -> Result<(), ClusterRefusal> {
        match found.iter().find(|audience| self.of_others.contains(*audience)) {
            Some(audience) => {
                let audience = audit::cut(audience).to_owned();
                Err(ClusterRefusal::AudienceOfAnother { cluster: cluster.to_owned(), audience })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_the_cluster_that_it_is_for_and_to_no_other() {
        let prod = Audiences { own: vec!["prod".into(), "both".into()], of_others: ["dev".to_owned()].into() };
        for (found, refused) in [
            (&["prod"][..], None),
            (&["both"], None),
            (&["gate", "prod"], None),
            (&["dev"], Some("cluster-audience-elsewhere")),
            (&["gate"], Some("cluster-audience-elsewhere")),
            (&[], Some("cluster-audience-elsewhere")),
            (&["PROD"], Some("cluster-audience-elsewhere")),
            (&["prod", "dev"], Some("cluster-audience-of-another")),
            (&["dev", "both"], Some("cluster-audience-of-another")),
        ] {
            let found: Vec<String> = found.iter().map(|audience| (*audience).to_owned()).collect();
            let judged = prod
                .has_own(&found, "prod")
                .and_then(|()| prod.has_none_of_others(&found, "prod"))
                .err()
                .map(|refusal| refusal.reason().name);
            assert_eq!(judged, refused, "{found:?}");
        }
    }

    #[test]
    fn whoever_shows_no_token_has_none_to_pass_on() {
        let audiences = Audiences { own: vec!["prod".into()], of_others: BTreeSet::new() };
        let headers = http::HeaderMap::new();
        let nobody = gangplank_authn::Anonymous::authenticated();
        let refused = token(&nobody, Credentials::headers(&headers), &audiences, "prod").unwrap_err();
        assert_eq!(refused.reason().name, "cluster-token-none");
    }
}
