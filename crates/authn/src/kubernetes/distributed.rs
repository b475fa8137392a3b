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

mod fetch;

use gangplank_jose::{Claims, UnixTime};
use gangplank_oauth::BoxFuture;
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

pub(super) use self::fetch::Fetch;
use super::refusal::KubernetesRefusal;
use crate::Denial;
use crate::entra::is_entra;

/// Another way to the groups of somebody whose token has no room for them: a [`GroupsResolver`](crate::GroupsResolver) is one,
/// and so are several.
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
pub(super) enum Place {
    /// In the token, or nowhere.
    Here,
    /// Somewhere that the token does not name.
    Elsewhere,
    /// At this address, with this access token.
    Endpoint { url: String, access_token: Option<SecretString> },
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
    Ok(Place::Endpoint { url: url.to_owned(), access_token: text("access_token").map(SecretString::from) })
}

/// Whether it is Microsoft Graph, or its predecessor, in any cloud.
pub(super) fn is_graph(endpoint: &str) -> bool {
    let url = Url::parse(endpoint).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    host.starts_with("graph.") && (is_entra(endpoint) || host.contains(".microsoft."))
        || host == "microsoftgraph.chinacloudapi.cn"
}

#[cfg(test)]
mod tests {
    use super::*;

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
