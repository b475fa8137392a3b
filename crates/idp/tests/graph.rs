//! Graph's stand-in, as a client sees it that resolves group overage.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use gangplank_idp::{BATCH_ID, DEMO_GROUP_ID, PUBLIC_CLIENT_ID, Tenant, WEB_APP_ID, WORKER_ID};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use support::*;

const JSON: (&str, &str) = ("content-type", "application/json");

fn bearer(tenant: &Tenant, user: &str, scopes: &str) -> String {
    format!("Bearer {}", tenant.mint_access_token(user, WEB_APP_ID, scopes, NOW).unwrap())
}

fn call(tenant: &Tenant, path: &str, authorization: &str, json: &Value) -> Response<bytes::Bytes> {
    let headers = [JSON, ("authorization", authorization)];
    post(tenant, path, &headers, json.to_string(), NOW)
}

fn fetch(tenant: &Tenant, url: &str, authorization: &str) -> Response<bytes::Bytes> {
    get(tenant, url, &[("authorization", authorization)], NOW).response
}

#[test]
fn all_groups_come_page_by_page() {
    let tenant = tenant();
    let authorization = bearer(&tenant, "bob", "User.Read");
    for follow_by_post in [true, false] {
        let mut page = body(&call(
            &tenant,
            "/graph/v1.0/me/getMemberObjects",
            &authorization,
            &json!({"securityEnabledOnly": false}),
        ));
        let mut groups: Vec<Value> = page["value"].as_array().unwrap().clone();
        assert_eq!(groups.len(), 100, "a client that does not follow the link lacks groups");
        while let Some(next) = page["@odata.nextLink"].as_str() {
            let path = next.strip_prefix(BASE).unwrap().to_owned();
            page = match follow_by_post {
                true => body(&call(&tenant, &path, &authorization, &json!({"securityEnabledOnly": false}))),
                false => body(&fetch(&tenant, next, &authorization)),
            };
            groups.extend(page["value"].as_array().unwrap().iter().cloned());
        }
        assert_eq!(groups.len(), 250);
        assert!(groups.contains(&json!(DEMO_GROUP_ID)));
    }
}

#[test]
fn member_of_lists_objects_with_the_page_size_asked_for() {
    let tenant = tenant();
    let authorization = bearer(&tenant, "alice", "https://graph.microsoft.com/.default");
    let page = body(&fetch(&tenant, &format!("{BASE}/graph/v1.0/me/transitiveMemberOf?$top=20"), &authorization));
    assert_eq!(page["value"].as_array().unwrap().len(), 20);
    assert_eq!(page["value"][0]["displayName"], "demo-users");
    assert!(page["@odata.nextLink"].as_str().unwrap().contains("$skiptoken=20"));
    for bad in ["$top=0", "$top=1000", "$top=x", "$skiptoken=99999", "$skiptoken=-1"] {
        let answer = fetch(&tenant, &format!("{BASE}/graph/v1.0/me/transitiveMemberOf?{bad}"), &authorization);
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let me = body(&fetch(&tenant, &format!("{BASE}/graph/v1.0/me"), &authorization));
    assert_eq!((&me["userPrincipalName"], &me["displayName"]), (&json!("alice@dev.test"), &json!("Alice Anchor")));
    let asked = json!({"groupIds": [DEMO_GROUP_ID, "c0ffee00-0000-4000-8000-000000000002"]});
    let found = body(&call(&tenant, "/graph/v1.0/me/checkMemberGroups", &authorization, &asked));
    assert_eq!(found["value"], json!([DEMO_GROUP_ID]));
}

#[test]
fn only_a_graph_token_of_this_tenant_opens_it_and_only_for_oneself() {
    let tenant = tenant();
    let url = format!("{BASE}/graph/v1.0/me");
    let stranger = support::tenant();
    for authorization in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer x.y.z".to_owned(),
        bearer(&tenant, "alice", "api://podinfo/read"),
        bearer(&stranger, "alice", "User.Read"),
        format!("Bearer {}", tenant.mint_id_token("alice", WEB_APP_ID, None, NOW).unwrap()),
    ] {
        let answer = fetch(&tenant, &url, &authorization);
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!(body(&answer)["error"]["code"], "InvalidAuthenticationToken");
    }
    let alice = bearer(&tenant, "alice", "User.Read");
    assert_eq!(
        get(&tenant, &url, &[("authorization", &alice)], after(4_000)).response.status(),
        StatusCode::UNAUTHORIZED
    );
    let own = format!("{BASE}/graph/v1.0/users/ALICE@dev.test");
    assert_eq!(fetch(&tenant, &own, &alice).status(), StatusCode::OK);
    let other = format!("{BASE}/graph/v1.0/users/bob@dev.test");
    assert_eq!(fetch(&tenant, &other, &alice).status(), StatusCode::FORBIDDEN);
    assert_eq!(fetch(&tenant, &format!("{BASE}/graph.windows.net/x"), &alice).status(), StatusCode::GONE);
}

#[test]
fn userinfo_has_the_subject_of_the_id_token() {
    let tenant = tenant();
    let token = tenant.mint_access_token("alice", PUBLIC_CLIENT_ID, "openid profile email", NOW).unwrap();
    let info = body(&fetch(&tenant, &format!("{BASE}/graph/oidc/userinfo"), &format!("Bearer {token}")));
    let id_token = tenant.mint_id_token("alice", PUBLIC_CLIENT_ID, None, NOW).unwrap();
    let id_token = gangplank_jose::Unverified::parse(&id_token).unwrap();
    assert_eq!(info["sub"].as_str(), id_token.claims_unverified().subject());
    assert_eq!(info["email"], "alice@dev.test");
    let narrow = bearer(&tenant, "alice", "User.Read");
    assert_eq!(fetch(&tenant, &format!("{BASE}/graph/oidc/userinfo"), &narrow).status(), StatusCode::FORBIDDEN);
}

fn app_bearer(tenant: &Tenant, client: &str) -> String {
    let scope = format!("{}/.default", tenant.graph_url());
    format!("Bearer {}", tenant.mint_app_token(client, &scope, NOW).unwrap())
}

/// All pages of a question, or the status and code of the refusal.
fn groups_of(tenant: &Tenant, path: &str, authorization: &str) -> Result<Vec<Value>, (u16, String)> {
    let mut path = format!("/graph/v1.0/{path}");
    let mut groups = Vec::new();
    loop {
        let answer = call(tenant, &path, authorization, &json!({"securityEnabledOnly": false}));
        let page = body(&answer);
        if answer.status() != StatusCode::OK {
            return Err((answer.status().as_u16(), page["error"]["code"].as_str().unwrap().to_owned()));
        }
        groups.extend(page["value"].as_array().unwrap().iter().cloned());
        match page["@odata.nextLink"].as_str() {
            Some(next) => path = next.strip_prefix(BASE).unwrap().to_owned(),
            None => return Ok(groups),
        }
    }
}

#[test]
fn an_application_reads_the_groups_of_users_and_of_service_principals() {
    let tenant = tenant();
    let batch = app_bearer(&tenant, BATCH_ID);
    let object_id = tenant.service_principal(BATCH_ID).unwrap();
    let bob = body(&fetch(&tenant, &format!("{BASE}/graph/v1.0/users/bob@dev.test"), &batch))["id"].clone();
    let bob = bob.as_str().unwrap();
    for (path, count) in [
        (format!("users/{bob}/getMemberObjects"), 250),
        (format!("users/{bob}/getMemberGroups"), 250),
        ("users/BOB@dev.test/getMemberObjects".to_owned(), 250),
        ("users/carol@dev.test/getMemberObjects".to_owned(), 0),
        (format!("servicePrincipals/{object_id}/getMemberObjects"), 250),
        (format!("servicePrincipals/{object_id}/getMemberGroups"), 250),
        (format!("servicePrincipals(appId='{BATCH_ID}')/getMemberObjects"), 250),
    ] {
        assert_eq!(groups_of(&tenant, &path, &batch).unwrap().len(), count, "{path}");
    }
    let own = groups_of(&tenant, &format!("servicePrincipals/{object_id}/getMemberObjects"), &batch).unwrap();
    assert!(own.contains(&json!(DEMO_GROUP_ID)));
    let principal = body(&fetch(&tenant, &format!("{BASE}/graph/v1.0/servicePrincipals/{object_id}"), &batch));
    assert_eq!((&principal["appId"], &principal["displayName"]), (&json!(BATCH_ID), &json!("Batch")));
    // The wrong kind of object, a client id in place of an object id, and nobody.
    for path in [
        format!("servicePrincipals/{bob}/getMemberObjects"),
        format!("users/{object_id}/getMemberObjects"),
        format!("servicePrincipals/{BATCH_ID}/getMemberObjects"),
        "users/nobody@dev.test/getMemberObjects".to_owned(),
        "servicePrincipals(appId='x')/getMemberObjects".to_owned(),
    ] {
        assert_eq!(groups_of(&tenant, &path, &batch), Err((404, "Request_ResourceNotFound".to_owned())), "{path}");
    }
    assert_eq!(groups_of(&tenant, "me/getMemberObjects", &batch), Err((400, "BadRequest".to_owned())));
    assert!(tenant.counts().graph > 20);
}

#[test]
fn permissions_of_users_and_of_applications_are_not_mixed_up() {
    let tenant = tenant_with(|config| {
        let worker = config.application_mut(WORKER_ID).unwrap();
        worker.graph_permissions = vec!["User.Read.All".to_owned()];
    });
    let batch = tenant.service_principal(BATCH_ID).unwrap().to_owned();
    let denied = Err((403, "Authorization_RequestDenied".to_owned()));
    let (bob, principal) =
        ("users/bob@dev.test/getMemberObjects", &format!("servicePrincipals/{batch}/getMemberObjects"));
    let worker = app_bearer(&tenant, WORKER_ID);
    assert_eq!(groups_of(&tenant, bob, &worker), denied, "may see bob, and not his groups");
    assert_eq!(groups_of(&tenant, principal, &worker), denied);
    assert_eq!(
        groups_of(&tenant, "users/nobody@dev.test/getMemberObjects", &worker),
        Err((404, "Request_ResourceNotFound".to_owned()))
    );
    let nothing = app_bearer(&tenant, WEB_APP_ID);
    assert_eq!(groups_of(&tenant, bob, &nothing), denied);
    assert_eq!(groups_of(&tenant, "users/nobody@dev.test/getMemberObjects", &nothing), denied);
    // What the application was granted for itself is no scope of a user who signs in with it.
    let plain = format!("Bearer {}", tenant.mint_access_token("alice", BATCH_ID, "User.Read", NOW).unwrap());
    assert_eq!(groups_of(&tenant, bob, &plain), denied);
    for (scopes, users, principals) in [
        ("User.ReadBasic.All GroupMember.Read.All", true, false),
        ("User.Read.All", false, false),
        ("Application.Read.All", false, true),
        ("Directory.Read.All", true, true),
    ] {
        let alice = bearer(&tenant, "alice", scopes);
        assert_eq!(groups_of(&tenant, bob, &alice).is_ok(), users, "{scopes}");
        assert_eq!(groups_of(&tenant, principal, &alice).is_ok(), principals, "{scopes}");
    }
}
