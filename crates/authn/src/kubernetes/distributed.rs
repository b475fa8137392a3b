//! Groups that are not in the token (OpenID Connect Core §5.6.2).
//!
//! 1. `_claim_names`, if there, is an object of strings, each the name of a member of `_claim_sources`, of which each is an
//!    object whose `endpoint` and `access_token` are strings. Anything else refuses the token, whether groups are needed or
//!    not.
//! 2. They are needed if `claimMappings.groups.claim` names the claim, and the token lacks it. Otherwise nobody is asked
//!    and nobody kept out.
//! 3. Whoever knows another way to the groups of this issuer ([`GroupsElsewhere`]) is asked first.
//! 4. Entra ID names an address of Microsoft Graph, which wants more than a GET, or says only `hasgroups`: without anybody
//!    of rule 3 the token is refused, with what to do about it. kube-apiserver refuses the first, too, and takes the second
//!    for somebody without groups.
//! 5. A source without `endpoint` holds aggregated claims: they are left aside, as kube-apiserver does.
//! 6. Any other `endpoint` is asked if it is `https`, without user name, at the host and port of the issuer itself or at one
//!    that the embedding lists, and no address of a link. GET, with the source's access token; no redirect; at most five
//!    seconds and the size of a token. Anybody who can write a token of this issuer could else send us anywhere.
//! 7. The answer is a token by the same rules, of the same issuer and, if both have `sub`, of the same subject. It holds the
//!    claim.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{Claims, Rules, UnixTime, Unverified};
use gangplank_oauth::{BoxFuture, Budget};
use http::{HeaderValue, Request, header};
use serde_json::{Map, Value};
use url::{Host, Url};

use super::keys::IssuerKeys;
use super::refusal::KubernetesRefusal;
use crate::Denial;
use crate::entra::is_entra;
use crate::jwks::Origin;
use crate::refusal::fact;

const BUDGET: Budget = Budget { time: Duration::from_secs(5), body: Unverified::MAX_OCTETS };

/// Another way to the groups of somebody whose token has no room for them.
pub trait GroupsElsewhere: Send + Sync + 'static {
    /// The groups, or `None` if this is no issuer that it knows. `token` was verified, and `claims` are its claims.
    fn groups<'a>(
        &'a self,
        token: &'a str,
        claims: &'a Claims,
        now: UnixTime,
    ) -> BoxFuture<'a, Option<Result<Vec<String>, Denial>>>;
}

/// Where the token says that a claim is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the token, or nowhere.
    Here,
    /// Somewhere that the token does not name.
    Elsewhere,
    /// At this address, with this access token.
    Endpoint { url: String, access_token: Option<String> },
}

/// Rules 1 and 5. `claim` is the one that is needed, if one is.
pub(super) fn place(claims: &Claims, claim: Option<&str>) -> Result<Place, KubernetesRefusal> {
    let malformed = |problem| KubernetesRefusal::DistributedClaimsMalformed { problem };
    let sources = match claims.get("_claim_sources") {
        None | Some(Value::Null) => None,
        Some(Value::Object(sources)) => Some(sources),
        Some(_) => return Err(malformed("_claim_sources is not an object")),
    };
    let well_formed = |source: &Value| {
        let text = |name: &str| source.get(name).is_none_or(Value::is_string);
        source.is_object() && text("endpoint") && text("access_token")
    };
    if sources.as_ref().is_some_and(|sources| !sources.values().all(well_formed)) {
        return Err(malformed("a member of _claim_sources is not an object of strings"));
    }
    let names = match claims.get("_claim_names") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(names)) => names,
        Some(_) => return Err(malformed("_claim_names is not an object")),
    };
    let source = |name: &Value| sources.as_ref().and_then(|sources| sources.get(name.as_str()?));
    if names.values().any(|name| source(name).is_none()) {
        return Err(malformed("a member of _claim_names does not name a member of _claim_sources"));
    }
    let Some(claim) = claim.filter(|claim| !claims.has(claim)) else { return Ok(Place::Here) };
    if claims.has("_claim_names") && sources.is_none() {
        return Err(malformed("there are _claim_names and no _claim_sources"));
    }
    let Some(source) = names.get(claim).and_then(source) else {
        let says =
            matches!(claims.get("hasgroups"), Some(Value::Bool(true))) || claims.str("hasgroups") == Some("true");
        let elsewhere = says && claims.issuer().is_some_and(is_entra);
        return Ok(if elsewhere { Place::Elsewhere } else { Place::Here });
    };
    let text = |name: &str| source.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(url) = text("endpoint") else { return Ok(Place::Here) };
    Ok(Place::Endpoint { url: url.to_owned(), access_token: text("access_token").map(str::to_owned) })
}

/// Whether it is Microsoft Graph, or its predecessor, in any cloud.
pub(super) fn is_graph(endpoint: &str) -> bool {
    let url = Url::parse(endpoint).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    host.starts_with("graph.") && (is_entra(endpoint) || host.contains(".microsoft."))
        || host == "microsoftgraph.chinacloudapi.cn"
}

/// Rules 6 and 7: the claim's value.
pub(super) async fn fetch(
    claim: &str,
    endpoint: (&str, Option<&str>),
    of: (&IssuerKeys, &Rules, &[String]),
    subject: Option<&str>,
    now: UnixTime,
) -> Result<Value, Denial> {
    let refused = |problem: &str| -> Denial {
        KubernetesRefusal::DistributedClaimRefused { claim: fact(claim), problem: fact(problem) }.into()
    };
    let unavailable = |cause: &str| {
        let refusal = KubernetesRefusal::DistributedClaimUnavailable { claim: fact(claim), cause: fact(cause) };
        Denial::Unavailable(refusal.into())
    };
    let ((url, access_token), (keys, rules, hosts)) = (endpoint, of);
    let url = allowed(url, keys.at.issuer.as_str(), hosts).map_err(|problem| refused(&problem))?;
    let mut request = Request::get(url.as_str())
        .header(header::ACCEPT, "application/jwt")
        .body(Bytes::new())
        .map_err(|_| refused("the endpoint cannot be put into a request"))?;
    if let Some(token) = access_token {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| refused("its access token can't stand in a header"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let answer = keys.transport.send(request, BUDGET).await.map_err(|e| unavailable(&e.to_string()))?;
    let status = answer.status();
    if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
        return Err(unavailable(&format!("the endpoint answered {}", status.as_u16())));
    }
    if !(200..=226).contains(&status.as_u16()) {
        return Err(refused(&format!("the endpoint answered {}", status.as_u16())));
    }
    let token = std::str::from_utf8(answer.body()).map_err(|_| refused("the endpoint's answer is no token"))?.trim();
    let parsed = Unverified::parse(token).map_err(|e| refused(&format!("the endpoint's answer: {e}")))?;
    let (verified, _) = match keys.jwks.verify(token, parsed, rules, Origin::Provider, now).await {
        Err(Denial::Rejected(refusal)) => return Err(refused(&format!("the endpoint's token: {refusal}"))),
        other => other?,
    };
    let found = verified.get();
    if let (Some(ours), Some(theirs)) = (subject, found.subject())
        && ours != theirs
    {
        return Err(refused("the endpoint's token is about another subject"));
    }
    found.get(claim).ok_or_else(|| refused("the endpoint's token does not have it"))
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

    #[test]
    fn graph_is_known_by_its_name() {
        for graph in [
            "https://graph.windows.net/t/users/u/getMemberObjects",
            "https://graph.microsoft.com/v1.0/users/u/getMemberObjects",
            "https://graph.microsoft.us/x",
            "https://microsoftgraph.chinacloudapi.cn/x",
        ] {
            assert!(is_graph(graph), "{graph}");
        }
        for other in ["https://graph.example.com", "https://login.example.com/graph.microsoft.com", "x"] {
            assert!(!is_graph(other), "{other}");
        }
    }
}
