//! Microsoft Graph's stand-in: who am I, and which groups am I in.
//!
//! 1. Every request carries an access token of this tenant for Graph; anything else gets Graph's own 401.
//! 2. Lists are paged, with `@odata.nextLink`: who does not follow it has only the first [`PAGE`] entries. The link of
//!    a POST is followed by POST or GET.
//! 3. Who may ask about whom is judged by [`crate::graph_access`]: a user's token by its scopes, an application's by its
//!    roles. `me` is nobody to an application (400).
//! 4. Users are found by object id or user principal name, service principals by object id or as
//!    `servicePrincipals(appId='…')`; an id of the other kind is not found (404), nor is a client id in place of an object id.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{Algorithm, Leeway, Purpose, Rules, Unverified};
use http::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::claims::{Subject, Version};
use crate::directory::{Application, User};
use crate::graph_access::Caller;
use crate::guid;
use crate::params::Params;
use crate::reply;
use crate::scopes::GRAPH_ID;
use crate::tenant::{Call, Tenant};

/// How many entries a page has unless `$top` says otherwise.
const PAGE: usize = 100;
/// The most that `$top` can ask for.
const LARGEST_PAGE: usize = 999;

/// A failure in Graph's form.
pub(crate) struct GraphError(pub(crate) StatusCode, pub(crate) &'static str, pub(crate) &'static str);

/// Whom a path is about.
pub(crate) enum Object {
    User(Arc<User>),
    Application(Arc<Application>),
}

impl Object {
    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Object::User(user) => Subject::User(user),
            Object::Application(application) => Subject::Application(application),
        }
    }
}

/// `/graph/v1.0/…`
pub(crate) fn graph(tenant: &Tenant, call: &Call<'_>, path: &[&str]) -> Response<Bytes> {
    match authorized(tenant, call).and_then(|caller| answer(tenant, call, path, &caller)) {
        Ok(body) => reply::json(StatusCode::OK, &body),
        Err(error) => error.response(),
    }
}

/// `/graph/oidc/userinfo`
pub(crate) fn userinfo(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let caller = match authorized(tenant, call) {
        Ok(found) => found,
        Err(error) => return error.response(),
    };
    let has = |scope| caller.has(scope);
    let Some(user) = caller.user().filter(|_| has("openid")) else {
        return GraphError(StatusCode::FORBIDDEN, "Authorization_RequestDenied", "The token lacks the scope openid.")
            .response();
    };
    // The subject is pairwise for the client, as in its ID token.
    let mut body = json!({ "sub": crate::claims::pairwise(&tenant.settings.id, user, caller.client()) });
    if has("profile") {
        let (given, family) = user.name.split_once(' ').unwrap_or((&user.name, ""));
        body["name"] = json!(user.name);
        body["given_name"] = json!(given);
        body["family_name"] = json!(family);
    }
    if has("email") {
        body["email"] = json!(user.email);
    }
    reply::json(StatusCode::OK, &body)
}

/// `/graph.windows.net/…`: the API to which `_claim_sources` points was retired, and nobody may rely on it.
pub(crate) fn retired(tenant: &Tenant) -> Response<Bytes> {
    let message = format!(
        "The Azure AD Graph API is retired. Ask Microsoft Graph instead: POST {}/v1.0/me/getMemberObjects",
        tenant.graph_url()
    );
    let body = json!({ "odata.error": { "code": "Service_Retired", "message": { "lang": "en", "value": message } } });
    reply::json(StatusCode::GONE, &body)
}

/// Rule 1.
fn authorized(tenant: &Tenant, call: &Call<'_>) -> Result<Caller, GraphError> {
    let refuse = |message| GraphError(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
    let header = call.parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = header.and_then(|v| v.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or_else(|| refuse("Access token is empty."))?;
    let rules = Rules {
        issuers: vec![tenant.token_issuer(Version::V1)],
        audiences: vec![GRAPH_ID.to_owned(), tenant.graph_url(), "https://graph.microsoft.com".to_owned()],
        algorithms: vec![Algorithm::RS256],
        purpose: Purpose::AccessToken,
        leeway: Leeway::both(Duration::from_secs(300)),
    };
    let keys = tenant.state.keys().key_set();
    let verified = Unverified::parse(token.trim()).and_then(|token| token.verify(&keys, &rules, call.now));
    let claims = verified.map_err(|_| refuse("Access token validation failure."))?.into_inner();
    Caller::of(&tenant.directory, &claims).ok_or_else(|| refuse("The user of the token does not exist."))
}

fn answer(tenant: &Tenant, call: &Call<'_>, path: &[&str], caller: &Caller) -> Result<Value, GraphError> {
    let (object, rest) = find(tenant, path, caller)?;
    let subject = object.subject();
    let groups = subject.groups();
    let (get, post) = (call.parts.method == Method::GET, call.parts.method == Method::POST);
    let strings = |ids| paged(tenant, call, "Collection(Edm.String)", ids, |id| json!(id));
    match rest {
        [] if get => Ok(profile(tenant, subject)),
        ["getMemberObjects" | "getMemberGroups"] if post => {
            body(call)?;
            caller.may_read_groups_of(subject)?;
            strings(groups)
        }
        ["getMemberObjects" | "getMemberGroups"] if get && query(call).get("$skiptoken").is_some() => {
            caller.may_read_groups_of(subject)?;
            strings(groups)
        }
        ["checkMemberGroups"] if post => {
            caller.may_read_groups_of(subject)?;
            check(call, groups)
        }
        ["transitiveMemberOf" | "memberOf"] | ["transitiveMemberOf" | "memberOf", "microsoft.graph.group"] if get => {
            caller.may_read_groups_of(subject)?;
            paged(tenant, call, "directoryObjects", groups, |id| group(tenant, id))
        }
        _ => Err(not_found()),
    }
}

/// Rules 3 and 4: whom a path is about, and what it asks about them.
fn find<'p>(tenant: &Tenant, path: &'p [&'p str], caller: &Caller) -> Result<(Object, &'p [&'p str]), GraphError> {
    let directory = &tenant.directory;
    let absent = || {
        let message = "Resource does not exist or one of its queried reference-property objects are not present.";
        GraphError(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    };
    let (object, rest) = match path {
        ["me", rest @ ..] => {
            let message = "/me request is only valid with delegated authentication flow.";
            let user = caller.user().ok_or(GraphError(StatusCode::BAD_REQUEST, "BadRequest", message))?;
            return Ok((Object::User(Arc::clone(user)), rest));
        }
        ["users", name, rest @ ..] => {
            let found = directory.users.iter().find(|u| u.id == *name || u.username.eq_ignore_ascii_case(name));
            (found.map(|user| Object::User(Arc::clone(user))), rest)
        }
        ["servicePrincipals", id, rest @ ..] => {
            (directory.service_principal(id).map(|a| Object::Application(Arc::clone(a))), rest)
        }
        [collection, rest @ ..] => {
            let id = collection.strip_prefix("servicePrincipals(appId='").and_then(|id| id.strip_suffix("')"));
            let id = id.ok_or_else(not_found)?;
            (directory.application(id).map(|a| Object::Application(Arc::clone(a))), rest)
        }
        [] => return Err(not_found()),
    };
    // Who may see nobody of this kind is not told who exists.
    caller.may_see(object.as_ref(), path.first().is_some_and(|first| *first == "users"))?;
    Ok((object.ok_or_else(absent)?, rest))
}

fn profile(tenant: &Tenant, subject: Subject<'_>) -> Value {
    let context = format!("{}/v1.0/$metadata#{}/$entity", tenant.graph_url(), subject.collection());
    match subject {
        Subject::User(user) => json!({
            "@odata.context": context,
            "id": user.id,
            "displayName": user.name,
            "userPrincipalName": user.username,
            "mail": user.email,
        }),
        Subject::Application(application) => json!({
            "@odata.context": context,
            "id": application.object_id,
            "appId": application.id,
            "displayName": application.name,
            "servicePrincipalType": "Application",
        }),
    }
}

fn group(tenant: &Tenant, id: &str) -> Value {
    let name = tenant.directory.group_names.get(id).map_or_else(|| format!("group {}", &id[..8]), Clone::clone);
    json!({ "@odata.type": "#microsoft.graph.group", "id": id, "displayName": name, "securityEnabled": true })
}

/// Which of the given groups are among `groups`; at most twenty are asked about.
fn check(call: &Call<'_>, groups: &[String]) -> Result<Value, GraphError> {
    let bad = |message| GraphError(StatusCode::BAD_REQUEST, "Request_BadRequest", message);
    let body = body(call)?;
    let asked = body["groupIds"].as_array().ok_or_else(|| bad("groupIds must be a list."))?;
    if asked.len() > 20 {
        return Err(bad("At most 20 groups can be asked about at once."));
    }
    let found: Vec<&str> = asked.iter().filter_map(Value::as_str).filter(|id| groups.iter().any(|g| g == id)).collect();
    Ok(json!({ "value": found }))
}

/// Rule 2.
fn paged(
    tenant: &Tenant,
    call: &Call<'_>,
    kind: &str,
    ids: &[String],
    entry: impl Fn(&str) -> Value,
) -> Result<Value, GraphError> {
    let bad = |message| GraphError(StatusCode::BAD_REQUEST, "Request_BadRequest", message);
    let query = query(call);
    let number = |name: &str, default: usize| query.get(name).map_or(Some(default), |text| text.parse().ok());
    let top = number("$top", PAGE).filter(|n| (1..=LARGEST_PAGE).contains(n));
    let top = top.ok_or_else(|| bad("Invalid page size specified."))?;
    let start = number("$skiptoken", 0).filter(|n| *n <= ids.len()).ok_or_else(|| bad("Invalid skip token."))?;
    let end = start.saturating_add(top).min(ids.len());
    let mut body = json!({
        "@odata.context": format!("{}/v1.0/$metadata#{kind}", tenant.graph_url()),
        "value": ids.get(start..end).unwrap_or_default().iter().map(|id| entry(id)).collect::<Vec<_>>(),
    });
    if end < ids.len() {
        let path = call.parts.uri.path();
        body["@odata.nextLink"] = json!(format!("{}{path}?$top={top}&$skiptoken={end}", tenant.settings.base));
    }
    Ok(body)
}

fn query(call: &Call<'_>) -> Params {
    Params::parse(call.parts.uri.query().unwrap_or_default().as_bytes())
}

/// A JSON object, or nothing at all when a link is followed by POST.
fn body(call: &Call<'_>) -> Result<Value, GraphError> {
    if call.body.is_empty() && query(call).get("$skiptoken").is_some() {
        return Ok(json!({}));
    }
    let parsed = serde_json::from_slice(call.body).ok().filter(Value::is_object);
    parsed.ok_or(GraphError(StatusCode::BAD_REQUEST, "BadRequest", "Unable to read JSON request payload."))
}

fn not_found() -> GraphError {
    GraphError(StatusCode::NOT_FOUND, "Request_ResourceNotFound", "There is no such resource here.")
}

impl GraphError {
    fn response(self) -> Response<Bytes> {
        let GraphError(status, code, message) = self;
        let inner = json!({ "request-id": guid::random(), "client-request-id": guid::random() });
        let body = json!({ "error": { "code": code, "message": message, "innerError": inner } });
        let mut response = reply::json(status, &body);
        if status == StatusCode::UNAUTHORIZED {
            let challenge = header::HeaderValue::from_static("Bearer realm=\"\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
