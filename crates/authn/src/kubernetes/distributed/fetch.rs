//! Rules 6 and 7: a claim is fetched from where the token says it is.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{Rules, UnixTime, Unverified};
use gangplank_oauth::Budget;
use http::{HeaderValue, Request, Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::{Host, Url};

use crate::Denial;
use crate::jwks::Origin;
use crate::kubernetes::keys::IssuerKeys;
use crate::kubernetes::refusal::KubernetesRefusal;
use crate::refusal::fact;

const BUDGET: Budget = Budget { time: Duration::from_secs(5), body: Unverified::MAX_OCTETS };

/// One claim of one token.
pub(in crate::kubernetes) struct Fetch<'a> {
    pub(in crate::kubernetes) claim: &'a str,
    /// Where the token says that it is.
    pub(in crate::kubernetes) endpoint: &'a str,
    pub(in crate::kubernetes) access_token: Option<&'a SecretString>,
    /// `sub` of the token.
    pub(in crate::kubernetes) subject: Option<&'a str>,
    /// The token's issuer, and the rules for its tokens.
    pub(in crate::kubernetes) keys: &'a IssuerKeys,
    pub(in crate::kubernetes) rules: &'a Rules,
    /// Hosts that may be asked besides the issuer's own.
    pub(in crate::kubernetes) hosts: &'a [String],
}

impl Fetch<'_> {
    /// Its value.
    pub(in crate::kubernetes) async fn run(&self, now: UnixTime) -> Result<Value, Denial> {
        let request = self.request()?;
        let answer = self.keys.transport.send(request, BUDGET).await;
        let answer = answer.map_err(|e| self.unavailable(&e.to_string()))?;
        let token = self.token(&answer)?;
        let parsed = Unverified::parse(token).map_err(|e| self.refused(&format!("the endpoint's answer: {e}")))?;
        let (verified, _) = match self.keys.jwks.verify(token, parsed, self.rules, Origin::Provider, now).await {
            Err(Denial::Rejected(refusal)) => return Err(self.refused(&format!("the endpoint's token: {refusal}"))),
            other => other?,
        };
        let claims = verified.get();
        if let (Some(ours), Some(theirs)) = (self.subject, claims.subject())
            && ours != theirs
        {
            return Err(self.refused("the endpoint's token is about another subject"));
        }
        claims.get(self.claim).ok_or_else(|| self.refused("the endpoint's token does not have it"))
    }

    fn request(&self) -> Result<Request<Bytes>, Denial> {
        let url = allowed(self.endpoint, self.keys.at.issuer.as_str(), self.hosts);
        let url = url.map_err(|problem| self.refused(&problem))?;
        let mut request = Request::get(url.as_str())
            .header(header::ACCEPT, "application/jwt")
            .body(Bytes::new())
            .map_err(|_| self.refused("the endpoint cannot be put into a request"))?;
        if let Some(token) = self.access_token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
                .map_err(|_| self.refused("its access token can't stand in a header"))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    fn token<'r>(&self, answer: &'r Response<Bytes>) -> Result<&'r str, Denial> {
        let status = answer.status();
        let problem = format!("the endpoint answered {}", status.as_u16());
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.unavailable(&problem));
        }
        if !(200..=226).contains(&status.as_u16()) {
            return Err(self.refused(&problem));
        }
        let text = std::str::from_utf8(answer.body()).map_err(|_| self.refused("the endpoint's answer is no token"))?;
        Ok(text.trim())
    }

    fn refused(&self, problem: &str) -> Denial {
        KubernetesRefusal::DistributedClaimRefused { claim: fact(self.claim), problem: fact(problem) }.into()
    }

    fn unavailable(&self, cause: &str) -> Denial {
        let refusal = KubernetesRefusal::DistributedClaimUnavailable { claim: fact(self.claim), cause: fact(cause) };
        Denial::Unavailable(refusal.into())
    }
}

/// Whether an address that a token names may be asked.
fn allowed(endpoint: &str, issuer: &str, hosts: &[String]) -> Result<Url, String> {
    let url = Url::parse(endpoint).map_err(|_| "the endpoint is no address".to_owned())?;
    if url.scheme() != "https" || !url.has_host() {
        return Err("the endpoint is not https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the endpoint has a user name".to_owned());
    }
    if link_local(&url) {
        return Err("the endpoint is an address that only this machine's link knows".to_owned());
    }
    let at_issuer = Url::parse(issuer).is_ok_and(|issuer| issuer.origin() == url.origin());
    let authority = url.port().map_or_else(
        || url.host_str().unwrap_or_default().to_owned(),
        |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
    );
    if !at_issuer && !hosts.iter().any(|host| host.eq_ignore_ascii_case(&authority)) {
        return Err(format!("{authority} is neither the issuer's host nor a listed one"));
    }
    Ok(url)
}

fn link_local(url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
        Some(Host::Ipv6(v6)) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        _ => return false,
    };
    let own_link = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    own_link || address.is_unspecified() || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_issuers_own_host_and_listed_ones_are_asked() {
        let issuer = "https://login.example.com:8443/tenant";
        let hosts = ["claims.example.com".to_owned(), "169.254.169.254".to_owned(), "[::1]:9443".to_owned()];
        for good in ["https://login.example.com:8443/x?y", "https://claims.example.com/a", "https://[::1]:9443/a"] {
            assert!(allowed(good, issuer, &hosts).is_ok(), "{good}");
        }
        for bad in [
            "http://login.example.com:8443/x",
            "https://login.example.com/x",
            "https://user@login.example.com:8443/x",
            "https://claims.example.com:444/a",
            "https://claims.example.com.evil.example/a",
            "https://169.254.169.254/latest",
            "https://[::ffff:169.254.169.254]/latest",
            "https://[fe80::1]/",
            "https://0.0.0.0/",
            "https://evil.example/?https://login.example.com:8443/",
            "//login.example.com:8443/",
            "file:///etc/passwd",
            "",
        ] {
            assert!(allowed(bad, issuer, &hosts).is_err(), "{bad}");
        }
    }
}
