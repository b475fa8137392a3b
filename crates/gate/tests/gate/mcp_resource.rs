//! An MCP server behind the gate, as clients find it: challenges, metadata, pages.

use std::time::Duration;

use gangplank_idp::{Endpoint, Fault, FaultKind, TENANT_ID};
use http::StatusCode;

use crate::mcp_upstream::*;
use crate::support::*;

const URL: &str = "https://app.example.com/mcp";
const METADATA: &str = "https://app.example.com/.well-known/oauth-protected-resource/mcp";
const SCOPES: &str = "scopes = [\"api://podinfo/read\"]\n";
const INSPECTOR: &str = "https://inspector.test";

async fn world(mcp: &str) -> (World, McpServer) {
    let server = McpServer::start().await;
    (World::new(&format!("{}{}", head(""), protected("/mcp", &server, mcp))), server)
}

fn issuer() -> String {
    format!("https://login.test/{TENANT_ID}/v2.0")
}

/// The parameter of the one challenge.
fn parameter(answer: &Answer, name: &str) -> Option<String> {
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1, "{answer:?}");
    let challenge = answer.header("www-authenticate")?.strip_prefix("Bearer ")?.to_owned();
    let parameters = challenge.split(", ").filter_map(|parameter| parameter.split_once('='));
    let mut found = parameters.filter(|(found, _)| *found == name).map(|(_, value)| value.trim_matches('"').to_owned());
    found.next()
}

#[tokio::test]
async fn the_sdks_find_their_way_request_by_request() {
    let (world, server) = world(SCOPES).await;
    let version = ("mcp-protocol-version", "2025-11-25");
    // Python's and TypeScript's SDKs: the call itself, the metadata that its 401 names, then those of the first issuer in it.
    let refused = world.send(STRANGER, post(URL, &[], INITIALIZE)).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let named = parameter(&refused, "resource_metadata").unwrap();
    assert_eq!(named, METADATA);
    assert_eq!(parameter(&refused, "scope").as_deref(), Some("api://podinfo/read"));
    assert_eq!(parameter(&refused, "error"), None, "nothing was presented");
    let metadata = world.get(&named, &[version, ("accept", "application/json")]).await;
    assert_eq!(metadata.status, StatusCode::OK);
    let json = metadata.json();
    assert_eq!(json["resource"], URL);
    assert_eq!(json["authorization_servers"], serde_json::json!([issuer()]));
    assert_eq!(json["scopes_supported"], serde_json::json!(["api://podinfo/read"]));
    assert_eq!(json["bearer_methods_supported"], serde_json::json!(["header"]));
    assert_eq!(metadata.header("content-type"), Some("application/json"));
    assert_eq!(metadata.header("cache-control"), Some("public, max-age=300"));

    // Without a challenge they try with the path, then without.
    for fallback in [METADATA, "https://app.example.com/.well-known/oauth-protected-resource"] {
        assert_eq!(world.get(fallback, &[version]).await.body, metadata.body, "{fallback}");
    }
    // Clients of 2025-03-26 know no resource metadata and look for the provider here.
    for published in ["oauth-authorization-server", "oauth-authorization-server/mcp", "openid-configuration"] {
        let found = world.get(&format!("https://app.example.com/.well-known/{published}"), &[version]).await;
        assert_eq!((found.status, &found.json()["issuer"]), (StatusCode::OK, &issuer().into()), "{published}");
    }
    assert!(server.seen().is_empty(), "the server has no part in it");

    // With a token: the session's id is the gate's from there on.
    let token = format!("Bearer {}", world.token("alice"));
    let signed_in = [("authorization", token.as_str()), version];
    let begun = world.send(STRANGER, post(URL, &signed_in, INITIALIZE)).await;
    assert_eq!(begun.status, StatusCode::OK);
    let id = begun.header("mcp-session-id").unwrap().to_owned();
    let in_session = with(&signed_in, &[("mcp-session-id", &id)]);
    let answer = world.send(STRANGER, post(URL, &in_session, PING)).await;
    assert_eq!(answer.body, format!("event: message\nid: 1\ndata: {PING}\n\n"));
    let resumed = with(&in_session, &[("last-event-id", "1")]);
    let mut open = world.gate.handle(request("GET", URL, &resumed), peer_of(STRANGER)).await.into_body();
    let first = http_body_util::BodyExt::frame(&mut open).await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), ": open\n\n");
    let ended = world.send(STRANGER, request("DELETE", URL, &in_session)).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let seen = server.seen();
    let methods: Vec<&str> = seen.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["POST", "POST", "GET", "DELETE"]);
    let ids: Vec<_> =
        seen.iter().map(|request| request.headers.get("mcp-session-id").map(|id| id.to_str().unwrap())).collect();
    assert_eq!(ids, [None, Some("upstream-0"), Some("upstream-0"), Some("upstream-0")]);
    assert_eq!(seen[2].headers["last-event-id"], "1");
    assert!(seen.iter().all(|request| !request.headers.contains_key("authorization")), "the token was for the gate");
}

#[tokio::test]
async fn a_bad_token_is_said_to_be_invalid_and_nothing_that_was_sent_comes_back() {
    let (world, server) = world(SCOPES).await;
    let hostile = "evil\"resource_metadata=\"https://evil.test";
    for authorization in
        ["Bearer x", "bearer x.y.z", &format!("Bearer {hostile}"), "Bearer ", "BEARER eyJhbGciOiJub25lIn0.e30."]
    {
        let headers =
            [("authorization", authorization), ("x-forwarded-host", "evil.test"), ("mcp-session-id", hostile)];
        let refused = world.send(STRANGER, post(URL, &headers, PING)).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{authorization}");
        assert_eq!(parameter(&refused, "error").as_deref(), Some("invalid_token"), "{authorization}");
        assert_eq!(parameter(&refused, "resource_metadata").as_deref(), Some(METADATA), "{authorization}");
        assert!(!format!("{:?}{}", refused.headers, refused.body).contains("evil"), "{authorization}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn metadata_name_the_configured_host_whoever_asks_under_whatever_name() {
    let server = McpServer::start().await;
    let host = |host: &str| {
        protected("/mcp", &server, "").replace("[routes.mcp]", &format!("host = \"{host}\"\n[routes.mcp]"))
    };
    let world = World::new(&format!("{}{}{}", head(""), protected("/mcp", &server, ""), host("other.example.com")));
    let forged = [("x-forwarded-host", "evil.test"), ("forwarded", "host=evil.test"), ("x-original-host", "evil.test")];
    for (asked, resource) in [
        ("https://app.example.com", "https://app.example.com/mcp"),
        ("https://APP.example.com:8443", "https://app.example.com/mcp"),
        ("http://other.example.com:1", "https://other.example.com/mcp"),
    ] {
        let url = format!("{asked}/.well-known/oauth-protected-resource/mcp");
        let metadata = world.get(&url, &forged).await;
        assert_eq!(metadata.json()["resource"], resource, "{asked}");
    }
    let unknown = world.get("https://evil.test/.well-known/oauth-protected-resource/mcp", &[]).await;
    assert_eq!((unknown.status, unknown.body.contains("evil")), (StatusCode::NOT_FOUND, false));
}

#[tokio::test]
async fn metadata_are_there_for_real_resources_only() {
    let server = McpServer::start().await;
    let both = format!(
        "{}{}{}",
        head(""),
        protected("/mcp", &server, ""),
        protected("/pods", &server, "resource = \"https://front.example.com/public/pods\"")
    );
    let world =
        World::new(&format!("{both}{}", open("/.well-known", &format!("upstream = \"http://{}\"", server.address))));
    let at = |path: &str| format!("https://app.example.com/.well-known/{path}");
    for (path, expected) in [
        ("oauth-protected-resource/mcp", 200),
        ("oauth-protected-resource/mcp/", 200),
        ("oauth-protected-resource/%6dcp", 200),
        ("oauth-protected-resource/mcp?x=/../y", 200),
        ("oauth-protected-resource/pods", 200),
        ("oauth-protected-resource/public/pods", 200),
        // Two resources: which one would be meant?
        ("oauth-protected-resource", 404),
        ("oauth-protected-resource/", 404),
        ("oauth-protected-resource/MCP", 404),
        ("oauth-protected-resource/mcp/x", 404),
        ("oauth-protected-resource/other", 404),
        ("oauth-protected-resource//mcp", 404),
        ("oauth-authorization-server/other", 404),
        ("openid-configuration/mcp", 200),
        // Two readings.
        ("oauth-protected-resource/../mcp", 400),
        ("oauth-protected-resource/%2e%2e/mcp", 400),
        ("oauth-protected-resource%2fmcp", 400),
        ("oauth-protected-resource/mcp%00", 400),
        ("Oauth-Protected-Resource/mcp", 400),
        ("oauth-protected-resource;x/mcp", 400),
    ] {
        let answer = world.get(&at(path), &[]).await;
        assert_eq!(answer.status.as_u16(), expected, "{path}: {}", answer.body);
    }
    assert!(server.seen().is_empty());
    // What else is below stays the routes' own.
    world.get(&at("security.txt"), &[]).await;
    assert_eq!(server.seen().len(), 1);
    // And hosts without an MCP server know nothing of all this.
    let plain = World::new(&format!("{}{}", head(""), open("/", &format!("upstream = \"http://{}\"", server.address))));
    plain.get(&at("oauth-protected-resource/mcp"), &[]).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn metadata_are_read_by_get_and_head_by_any_page_and_errors_too() {
    let (world, _) = world("").await;
    for (method, path, expected) in [
        ("GET", METADATA, 200),
        ("HEAD", METADATA, 200),
        ("OPTIONS", METADATA, 204),
        ("POST", METADATA, 405),
        ("DELETE", METADATA, 405),
        ("GET", "https://app.example.com/.well-known/oauth-protected-resource/x", 404),
        ("OPTIONS", "https://app.example.com/.well-known/oauth-authorization-server/x", 204),
    ] {
        let answer = world.send(STRANGER, request(method, path, &[("origin", "https://evil.test")])).await;
        assert_eq!(answer.status.as_u16(), expected, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{method} {path}");
        let names = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
        assert_eq!(names.contains("mcp-protocol-version"), method == "OPTIONS", "{method} {path}");
    }
}

#[tokio::test]
async fn a_page_that_may_call_is_told_so_before_and_after_and_no_other_is() {
    let (world, server) = world(&format!("origins = [\"{INSPECTOR}\"]")).await;
    let preflight = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, content-type, mcp-session-id, mcp-method, x-evil"),
    ];
    for (origin, allowed) in [
        (INSPECTOR, true),
        ("https://app.example.com", true),
        ("https://evil.test", false),
        ("https://app.example.com.evil.test", false),
        ("http://localhost", false),
        ("null", false),
    ] {
        let answer = world.send(STRANGER, request("OPTIONS", URL, &with(&preflight, &[("origin", origin)]))).await;
        assert_eq!(answer.status.as_u16(), if allowed { 204 } else { 403 }, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin), "{origin}");
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.header("vary"), Some("Origin"), "{origin}");
        if allowed {
            let names = answer.header("access-control-allow-headers").unwrap();
            for name in
                ["Authorization", "Mcp-Session-Id", "Mcp-Protocol-Version", "Last-Event-ID", "Mcp-Method", "Mcp-Name"]
            {
                assert!(names.contains(name), "{name}");
            }
            assert!(!names.contains("evil"));
            assert!(answer.header("access-control-allow-methods").unwrap().contains("DELETE"));
        }

        // The page can read why it is not let in, and where to sign in.
        let refused = world.send(STRANGER, post(URL, &[("origin", origin)], PING)).await;
        assert_eq!(refused.status.as_u16(), if allowed { 401 } else { 403 }, "{origin}");
        assert_eq!(refused.header("access-control-allow-origin"), allowed.then_some(origin), "{origin}");
        assert_eq!(refused.header("www-authenticate").is_some(), allowed, "{origin}");
        let exposed = refused.header("access-control-expose-headers").unwrap_or_default();
        assert_eq!(exposed.contains("WWW-Authenticate") && exposed.contains("Mcp-Session-Id"), allowed, "{origin}");

        // A good token does not help a page that may not call.
        let token = format!("Bearer {}", world.token("alice"));
        let answer =
            world.send(STRANGER, post(URL, &[("origin", origin), ("authorization", &token)], INITIALIZE)).await;
        assert_eq!(answer.status.as_u16(), if allowed { 200 } else { 403 }, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), allowed.then_some(origin), "{origin}");
        for seen in server.seen() {
            assert!(allowed && !seen.headers.contains_key("origin"), "{seen:?}");
        }
    }
    // Without an Origin it is no page, and what the server says to pages (`*`) is not passed on.
    let token = format!("Bearer {}", world.token("alice"));
    let answer = world.send(STRANGER, post(URL, &[("authorization", &token)], INITIALIZE)).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, None));
    assert_eq!(answer.header("vary"), Some("Origin"));
    // OPTIONS that asks for nothing is a request like any other.
    let plain = world.send(STRANGER, request("OPTIONS", URL, &[("origin", INSPECTOR)])).await;
    assert_eq!(plain.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_lacks_a_scope_is_told_which_as_clients_ask_for_it() {
    let server = McpServer::start().await;
    let route = protected("/mcp", &server, "scopes = [\"api://podinfo/write\"]");
    let world = World::new(&format!(
        "{}{}",
        head(""),
        route.replace("allow.signed_in = true", "allow.scopes = [\"write\", \"admin\"]")
    ));
    let token = format!("Bearer {}", world.token("alice"));
    let refused = world.send(STRANGER, post(URL, &[("authorization", &token)], PING)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(parameter(&refused, "error").as_deref(), Some("insufficient_scope"));
    assert_eq!(parameter(&refused, "scope").as_deref(), Some("api://podinfo/write admin"));
    assert_eq!(parameter(&refused, "resource_metadata").as_deref(), Some(METADATA));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn our_own_authorization_server_is_the_one_that_clients_are_sent_to() {
    let server = McpServer::start().await;
    let ours =
        "\n[authorization_servers.entra]\nclient = \"corp\"\nscopes = { \"mcp:tools\" = \"api://podinfo/write\" }\n";
    let route = protected("/mcp", &server, "scopes = [\"mcp:tools\"]");
    let route = route.replace("allow.signed_in = true", "allow.scopes = [\"write\"]");
    let world = World::new(&format!("{}{route}{ours}", head("")));
    let issuer = "https://app.example.com/oauth2/as/entra";
    let metadata = world.get(METADATA, &[]).await;
    assert_eq!(metadata.json()["authorization_servers"], serde_json::json!([issuer]));
    // By the issuer's own place, and for clients that look here.
    for place in
        ["oauth-authorization-server/oauth2/as/entra", "oauth-authorization-server", "openid-configuration/mcp"]
    {
        let found = world.get(&format!("https://app.example.com/.well-known/{place}"), &[]).await;
        assert_eq!((found.status, &found.json()["issuer"]), (StatusCode::OK, &issuer.into()), "{place}");
    }
    // What the token lacks is named as our clients ask for it.
    let token = format!("Bearer {}", world.token("alice"));
    let refused = world.send(STRANGER, post(URL, &[("authorization", &token)], PING)).await;
    assert_eq!(parameter(&refused, "scope").as_deref(), Some("mcp:tools"));

    // A route may send its clients to the provider all the same.
    let route = protected("/mcp", &server, "scopes = [\"mcp:tools\"]\nauthorization_servers = [\"corp\", \"entra\"]");
    let world = World::new(&format!("{}{route}{ours}", head("")));
    let metadata = world.get(METADATA, &[]).await;
    assert_eq!(metadata.json()["authorization_servers"], serde_json::json!([self::issuer(), issuer]));
}

#[tokio::test]
async fn a_provider_that_fails_is_502_to_every_page_and_is_left_alone() {
    for kind in [
        FaultKind::Down,
        FaultKind::Gone,
        FaultKind::Garbage,
        FaultKind::Huge { bytes: 2 << 20 },
        FaultKind::Redirected,
    ] {
        let (world, _) = world("").await;
        world.tenant.set_fault(Fault::new(kind.clone()).on(Endpoint::Discovery));
        let published = "https://app.example.com/.well-known/oauth-authorization-server";
        for _ in 0..3 {
            let answer = world.get(published, &[("origin", "https://evil.test")]).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{kind:?}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{kind:?}");
            assert!(!answer.body.contains("login.test"), "{kind:?}: {}", answer.body);
        }
        // Our own part of it does not depend on the provider.
        assert_eq!(world.get(METADATA, &[]).await.status, StatusCode::OK, "{kind:?}");
        world.tenant.clear_faults();
        assert_eq!(world.get(published, &[]).await.status, StatusCode::BAD_GATEWAY, "{kind:?}: it is left alone");
        world.pass(Duration::from_secs(30));
        assert_eq!(world.get(published, &[]).await.status, StatusCode::OK, "{kind:?}");
        world.tenant.set_fault(Fault::new(kind.clone()).on(Endpoint::Discovery));
        world.pass(Duration::from_secs(3600));
        assert_eq!(world.get(published, &[]).await.status, StatusCode::OK, "{kind:?}: what was known stands in");
    }
}

#[test]
fn what_contradicts_itself_is_refused_at_once() {
    let route = |more: &str, mcp: &str| {
        format!(
            "{}\n[[routes]]\npath = \"/mcp\"\naccept = [\"corp\"]\nallow.signed_in = true\n{more}\n[routes.mcp]\n{mcp}",
            head("")
        )
    };
    let up = "upstream = \"http://127.0.0.1:1\"";
    for (more, mcp, expected) in [
        ("", "", "routes[0].mcp: the route has no upstream"),
        (&format!("{up}\nmethods = [\"GET\", \"POST\"]"), "", "routes[0].mcp: the route names its methods"),
        (&format!("{up}\nhost = \"*.example.com\""), "", "routes[0].mcp.resource: is not set"),
        (up, "resource = \"api://podinfo\"", "routes[0].mcp.resource: \"api://podinfo\""),
        (up, "resource = \"http://app.example.com/mcp\"", "routes[0].mcp.resource: "),
        (up, "resource = \"https://app.example.com/mcp?x\"", "routes[0].mcp.resource: "),
        (up, "resource = \"https://app.example.com/mcp#x\"", "routes[0].mcp.resource: "),
        (up, "resource = \"https://u@app.example.com/mcp\"", "routes[0].mcp.resource: "),
        (up, "scopes = [\"a b\"]", "routes[0].mcp.scopes[0]: \"a b\""),
        (up, "origins = [\"*\"]", "routes[0].mcp.origins[0]: \"*\""),
        (up, "origins = [\"https://x.test/path\"]", "routes[0].mcp.origins[0]: "),
        (up, "body_limit = \"1B\"", "routes[0].mcp.body_limit: "),
        (up, "authorization_servers = \"nobody\"", "routes[0].mcp.authorization_servers[0]: there is no "),
    ] {
        let found = errors(&route(more, mcp));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{more} {mcp}: {found:?}");
    }
    let twice = format!(
        "{}\n[[routes]]\npath = \"/other\"\nallow.signed_in = true\naccept = [\"corp\"]\n{up}\n[routes.mcp]\nresource = \"https://app.example.com/mcp/\"",
        route(up, "")
    );
    let found = errors(&twice);
    assert!(
        found.len() == 1 && found[0].starts_with("routes[1].mcp.resource: https://app.example.com/mcp/ is"),
        "{found:?}"
    );
    assert_eq!(errors(&route(up, "origins = [\"https://x.test/\"]\nbody_limit = \"1MiB\"")), [""; 0]);
}
