//! The groups of somebody who is in too many of them for a token, asked of Microsoft Graph.
//!
//! 1. `POST {graph}/v1.0/…/getMemberObjects`: of `me` with an access token of that person, or of a user or service
//!    principal by its object id with a token of our own. The address is the configured one: `_claim_sources` of the token
//!    names one too, and is never used.
//! 2. Pages follow by `@odata.nextLink`, only to the same origin, at most [`MAX_PAGES`] and 1 MiB each.
//! 3. 401, 403 and other refusals of the request are final: the token is not one for Graph, or lacks its permission. 429,
//!    5xx and answers that are no such list mean "unavailable".
//! 4. All of the groups, or none: half of them would be a wrong answer.
//!
//! A [`GroupsResolver`] does it for bearer tokens.

mod elsewhere;
mod resolver;
mod tokens;

use bytes::Bytes;
use gangplank_oauth::{Budget, Transport};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

pub use self::resolver::{GroupsBy, GroupsResolver, GroupsSettings};
pub(crate) use self::resolver::{Kind, Member};
use crate::refusal::fact;
use crate::{Denial, Refusal, mapping};

const MAX_PAGES: usize = 50;

#[derive(Deserialize)]
struct Page {
    value: Vec<String>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

/// Who is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose<'w> {
    /// The person whose access token it is.
    Own,
    /// This one, by its object id.
    Member(&'w Member),
}

/// Gets all groups.
pub(crate) async fn member_groups(
    transport: &dyn Transport,
    graph: &str,
    whose: Whose<'_>,
    access_token: &SecretString,
) -> Result<Vec<String>, Denial> {
    let origin = Url::parse(graph).map_err(|_| garbled("the Graph address is no URL"))?.origin();
    let bearer = authorization(access_token)?;
    let path = match whose {
        Whose::Own => "me".to_owned(),
        Whose::Member(Member { kind: Kind::Person, oid, .. }) => format!("users/{oid}"),
        Whose::Member(Member { kind: Kind::Application, oid, .. }) => format!("servicePrincipals/{oid}"),
    };
    let first = Request::post(format!("{graph}/v1.0/{path}/getMemberObjects"))
        .header(CONTENT_TYPE, "application/json")
        .body(Bytes::from_static(br#"{"securityEnabledOnly":false}"#));
    let mut request = first.map_err(|_| garbled("the Graph address is no URL"))?;
    let mut groups = Vec::new();
    for _ in 0..MAX_PAGES {
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = transport.send(request, Budget::DEFAULT).await;
        let page = read(answer.map_err(|e| garbled(&e.to_string()))?)?;
        page.value.iter().try_for_each(|group| mapping::usable_group(group))?;
        groups.extend(page.value);
        if groups.len() > mapping::max_groups() {
            return Err(unresolved("Graph returned more than 10,000 groups"));
        }
        let Some(next) = page.next else { return Ok(groups) };
        request = follow(&next, &origin)?;
    }
    Err(garbled("Graph returned more pages than can be"))
}

fn authorization(access_token: &SecretString) -> Result<HeaderValue, Denial> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", access_token.expose_secret()))
        .map_err(|_| unresolved("the access token can't stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn read(response: Response<Bytes>) -> Result<Page, Denial> {
    match response.status() {
        StatusCode::OK => {
            serde_json::from_slice(response.body()).map_err(|_| garbled("the answer is not a list of groups"))
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(garbled(&format!("it answered {}", status.as_u16())))
        }
        status => Err(unresolved(&format!("Graph answered {} to the access token", status.as_u16()))),
    }
}

fn follow(next: &str, origin: &url::Origin) -> Result<Request<Bytes>, Denial> {
    let url = Url::parse(next).map_err(|_| garbled("its next page is no URL"))?;
    if url.origin() != *origin {
        return Err(garbled("its next page is at another origin"));
    }
    Request::get(url.as_str()).body(Bytes::new()).map_err(|_| garbled("its next page is no URL"))
}

fn garbled(cause: &str) -> Denial {
    Denial::Unavailable(Refusal::GraphUnavailable { cause: fact(cause) })
}

fn unresolved(cause: &str) -> Denial {
    Denial::Rejected(Refusal::GroupsOverageUnresolved { cause: fact(cause) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::FakeWeb;

    const GRAPH: &str = "https://graph.microsoft.com";
    const FIRST: &str = "https://graph.microsoft.com/v1.0/me/getMemberObjects";

    async fn ask(web: &FakeWeb) -> Result<Vec<String>, Denial> {
        member_groups(web, GRAPH, Whose::Own, &SecretString::from("graph-token")).await
    }

    fn page(groups: &[&str], next: Option<&str>) -> String {
        let mut page = json!({ "@odata.context": "x", "value": groups });
        if let Some(next) = next {
            page["@odata.nextLink"] = json!(next);
        }
        page.to_string()
    }

    #[tokio::test]
    async fn all_pages_are_read_with_the_access_token() {
        let web = FakeWeb::default();
        let second = format!("{FIRST}?$skiptoken=abc");
        web.answer(FIRST, 200, page(&["g1", "system:masters"], Some(&second)));
        web.answer(&second, 200, page(&["g2"], None));
        assert_eq!(ask(&web).await, Ok(["g1", "system:masters", "g2"].map(str::to_owned).to_vec()));
        let asked = web.asked.lock().unwrap();
        assert_eq!(asked[0].method, http::Method::POST);
        assert_eq!(asked[0].body, br#"{"securityEnabledOnly":false}"#.as_slice());
        assert!(asked.iter().all(|a| a.authorization.as_deref() == Some("Bearer graph-token")));
    }

    #[tokio::test]
    async fn the_token_goes_to_no_other_origin() {
        for evil in [
            "https://evil.example/x",
            "http://graph.microsoft.com/x",
            "https://graph.microsoft.com:8443/x",
            "//evil/x",
            "file:///etc/passwd",
        ] {
            let web = FakeWeb::default();
            web.answer(FIRST, 200, page(&["g1"], Some(evil)));
            assert!(matches!(ask(&web).await, Err(Denial::Unavailable(Refusal::GraphUnavailable { .. }))), "{evil}");
            assert_eq!(web.asked.lock().unwrap().len(), 1, "{evil}");
        }
    }

    #[tokio::test]
    async fn pages_without_end_are_ended() {
        let web = FakeWeb::default();
        web.answer(FIRST, 200, page(&["g1"], Some(FIRST)));
        assert!(matches!(ask(&web).await, Err(Denial::Unavailable(_))));
        assert_eq!(web.count(FIRST), MAX_PAGES);
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_a_failure_is_not() {
        for (status, body, name, rejected) in [
            (401, "{}", "groups-overage-unresolved", true),
            (403, "{}", "groups-overage-unresolved", true),
            (404, "{}", "groups-overage-unresolved", true),
            (302, "{}", "groups-overage-unresolved", true),
            (429, "{}", "graph-unavailable", false),
            (500, "{}", "graph-unavailable", false),
            (503, "{}", "graph-unavailable", false),
            (200, "{}", "graph-unavailable", false),
            (200, "<html>", "graph-unavailable", false),
            (200, "{\"value\":[1]}", "graph-unavailable", false),
        ] {
            let web = FakeWeb::default();
            web.answer(FIRST, status, body);
            let denial = ask(&web).await.unwrap_err();
            assert_eq!(denial.refusal().reason().name, name, "{status} {body}");
            assert_eq!(matches!(denial, Denial::Rejected(_)), rejected, "{status} {body}");
        }
        assert!(matches!(ask(&FakeWeb::default()).await, Err(Denial::Unavailable(_))));
    }

    #[tokio::test]
    async fn more_groups_than_can_be_are_refused() {
        let web = FakeWeb::default();
        let many: Vec<String> = (0..=mapping::max_groups()).map(|i| i.to_string()).collect();
        web.answer(FIRST, 200, page(&many.iter().map(String::as_str).collect::<Vec<_>>(), None));
        assert!(matches!(ask(&web).await, Err(Denial::Rejected(_))));
    }
}
