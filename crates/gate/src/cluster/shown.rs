//! What an API server is shown, and the only way to it.
//!
//! 1. A [`Shown`] is made for one caller and one cluster, in this room and nowhere else.
//! 2. The client that reaches an API server, which may hold a certificate of ours, is given out only with a request that
//!    has one on ([`ApiServer::dress`]): there is no request of ours without the name of the caller.
//! 3. One that was made for another cluster is not put on.

use std::fmt;

use gangplank_net::UpstreamClient;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::impersonation::Impersonation;
use super::inbound;
use crate::{Body, Refusal};

/// See the module.
pub(crate) struct Shown {
    cluster: String,
    who: Who,
}

pub(super) enum Who {
    /// Whoever this token is of.
    Bearer(HeaderValue),
    /// Ourselves, for somebody.
    For { own: Option<HeaderValue>, caller: Impersonation },
    /// Ourselves.
    Us(Option<HeaderValue>),
}

impl Shown {
    pub(super) fn new(cluster: &str, who: Who) -> Self {
        Shown { cluster: cluster.to_owned(), who }
    }

    /// For whom the API server is asked, if it is told.
    pub(super) fn acting_for(&self) -> Option<&str> {
        match &self.who {
            Who::For { caller, .. } => Some(caller.user()),
            Who::Bearer(_) | Who::Us(_) => None,
        }
    }

    /// The token, for an upstream that goes to the cluster by itself.
    pub(super) fn into_token(self) -> Option<HeaderValue> {
        match self.who {
            Who::Bearer(token) => Some(token),
            Who::For { .. } | Who::Us(_) => None,
        }
    }

    fn put_on(&self, headers: &mut HeaderMap) {
        let authorization = match &self.who {
            Who::Bearer(token) => Some(token),
            Who::For { own, caller } => {
                caller.put_on(headers);
                own.as_ref()
            }
            Who::Us(own) => own.as_ref(),
        };
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
    }
}

/// Never what is shown.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// An API server as it is reached.
#[derive(Debug)]
pub(crate) struct ApiServer {
    cluster: String,
    client: UpstreamClient<Body>,
}

impl ApiServer {
    /// Of the cluster of this name.
    pub(crate) fn new(cluster: &str, client: UpstreamClient<Body>) -> Self {
        ApiServer { cluster: cluster.to_owned(), client }
    }

    /// Takes off whatever says who somebody is, puts on what is to be shown, and gives the way there.
    pub(crate) fn dress(
        &self,
        headers: &mut HeaderMap,
        shown: Option<&Shown>,
    ) -> Result<&UpstreamClient<Body>, Refusal> {
        let shown = shown.filter(|shown| shown.cluster == self.cluster);
        let shown = shown.ok_or(Refusal::Defect("a request to a cluster, and nothing was made to be shown there"))?;
        inbound::strip(headers);
        shown.put_on(headers);
        Ok(&self.client)
    }
}

#[cfg(test)]
mod tests {

    use gangplank_net::{Roots, UpstreamSettings};

    use super::*;

    #[test]
    fn nothing_goes_to_a_cluster_without_what_was_made_for_it() {
        let client = || UpstreamClient::new(&Roots::System, &UpstreamSettings::default()).unwrap();
        let server = ApiServer::new("prod", client());
        let token = || Who::Bearer(HeaderValue::from_static("Bearer a"));
        let mut headers = HeaderMap::new();
        for shown in [None, Some(Shown::new("dev", token()))] {
            let refused = server.dress(&mut headers, shown.as_ref()).unwrap_err();
            assert_eq!(refused.reason().name, "defect");
            assert!(headers.is_empty());
        }
        headers.insert("impersonate-user", HeaderValue::from_static("root"));
        headers.insert("x-remote-user", HeaderValue::from_static("root"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer of-the-caller"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        server.dress(&mut headers, Some(&Shown::new("prod", token()))).unwrap();
        assert_eq!(
            headers.into_iter().collect::<Vec<_>>(),
            [(Some(AUTHORIZATION), HeaderValue::from_static("Bearer a"))]
        );
    }

    #[test]
    fn our_own_credential_is_never_handed_on_as_a_token() {
        let own = || Some(HeaderValue::from_static("Bearer ours"));
        assert!(Shown::new("prod", Who::Us(own())).into_token().is_none());
        let token = Shown::new("prod", Who::Bearer(HeaderValue::from_static("Bearer a")));
        assert!(!format!("{token:?}").contains("Bearer"));
        assert!(token.into_token().is_some());
    }
}
