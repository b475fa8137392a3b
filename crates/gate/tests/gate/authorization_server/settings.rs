//! What the configuration decides: what is there at all, on which host, with which keys.

use http::StatusCode;
use serde_json::json;

use super::program::*;
use crate::support::*;

#[tokio::test]
async fn without_a_table_nothing_of_it_is_there_and_with_one_it_is_on_one_host() {
    let none = World::new(&(head("") + &open("/", "host = \"other.example.com\"")));
    let there = World::new(&(config() + &open("/", "host = \"other.example.com\"")));
    for path in [
        "authorize?client_id=x",
        "token",
        "register",
        "callback?code=x&state=y",
        "consent",
        ".well-known/openid-configuration",
    ] {
        let url = format!("{ISSUER}/{path}");
        assert_eq!(none.get(&url, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
        let elsewhere = url.replace("app.example.com", "other.example.com");
        assert_eq!(there.get(&elsewhere, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
        let unnamed = url.replace("/entra/", "/other/");
        assert_eq!(there.get(&unnamed, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let metadata = format!("{ORIGIN}/.well-known/oauth-authorization-server/oauth2/as/entra");
    assert_eq!(none.get(&metadata, &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(there.get(&metadata, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn keys_rotate_without_a_client_noticing_until_the_old_one_goes() {
    let keys = |keys: &str| config() + &format!("\n[cookies]\nkeys = [{keys}]\n");
    let (a, b) = ("{ env = \"KEY_A\" }", "{ env = \"KEY_B\" }");
    let world = World::new(&keys(a));
    let program = Program::registered(&world, LOOPBACK).await;
    let token_of = program.refresh_token().await;
    let both = world.reloaded(&keys(&format!("{b}, {a}"))).unwrap();
    let there = Program { world: &both, id: program.id.clone(), redirect_uri: LOOPBACK, pkce: program.pkce.clone() };
    let refreshed = there.refreshes(&token_of, &[]).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");
    let gone = world.reloaded(&keys(b)).unwrap();
    let there = Program { world: &gone, id: program.id.clone(), redirect_uri: LOOPBACK, pkce: program.pkce.clone() };
    let answer = there.refreshes(&text(&refreshed, "refresh_token"), &[]).await;
    assert_eq!(error(&answer), (401, "invalid_client".to_owned()), "so that it registers again");
}

#[tokio::test]
async fn a_kind_of_client_that_is_switched_off_has_no_clients_any_more() {
    const ID: &str = "https://client.example.org/client.json";
    let documents = "client_id_metadata = { hosts = [\"client.example.org\"] }\nregistration = false";
    let world = World::new(&config());
    let program = Program::registered(&world, LOOPBACK).await;
    let token_of = program.refresh_token().await;
    let off = world.reloaded(&with_server(documents)).unwrap();
    let there = Program { world: &off, id: program.id.clone(), redirect_uri: LOOPBACK, pkce: program.pkce.clone() };
    assert_eq!(error(&there.refreshes(&token_of, &[]).await), (401, "invalid_client".to_owned()));
    assert_eq!(off.get(&there.address(&[]), BROWSER).await.status, StatusCode::BAD_REQUEST);
    assert!(!register(&off, &json!({"redirect_uris": [LOOPBACK]})).await.status.is_success());
    let metadata = off.get(&format!("{ISSUER}/.well-known/openid-configuration"), &[]).await.json();
    assert!(!metadata.contains_key("registration_endpoint"));
    let plain = World::new(&with_server(""));
    let answer = plain.get(&Program::known(&plain, ID, LOOPBACK).address(&[]), BROWSER).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let metadata = plain.get(&format!("{ISSUER}/.well-known/openid-configuration"), &[]).await.json();
    assert_eq!(metadata["client_id_metadata_document_supported"], false);
}

#[tokio::test]
async fn with_several_resources_one_has_to_be_named_and_scopes_are_its_own() {
    let other = mcp("/other", "").replace("mcp:read", "api://podinfo/access_as_user");
    let world = World::new(&(config() + &other));
    let program = Program::registered(&world, LOOPBACK).await;
    let answer = world.get(&program.address(&[("resource", "")]), BROWSER).await;
    assert_eq!(parameter(answer.location(), "error").as_deref(), Some("invalid_target"));
    let both = "mcp:read api://podinfo/access_as_user offline_access";
    for (resource, scope) in [("mcp", "api://podinfo/read"), ("other", "api://podinfo/access_as_user")] {
        let resource = format!("{ORIGIN}/{resource}");
        let question = program.asked(&[("resource", &resource), ("scope", both)], &[]).await;
        assert!(question.page.body.contains(&resource));
        let away = question.answered(&world, "allow").await;
        assert_eq!(parameter(away.location(), "scope"), Some(format!("{scope} offline_access")));
        let back = program.comes_back(away.location(), "alice", &question.cookie).await;
        let code = parameter(back.location(), "code").unwrap();
        let elsewhere = if resource.ends_with("mcp") { format!("{ORIGIN}/other") } else { RESOURCE.to_owned() };
        let answer = program.redeems(&code, &[("resource", &elsewhere)]).await;
        assert_eq!(error(&answer), (400, "invalid_target".to_owned()));
        assert_eq!(program.redeems(&code, &[("resource", &resource)]).await.status, StatusCode::OK);
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let wrong = head("")
        + r#"
[authorization_servers.Wrong]
client = "nobody"
scopes = { "a b" = "c" }
registration = false
redirect_hosts = ["https://vscode.dev", "10.0.0.1", "*"]
redirect_schemes = ["javascript", "Bad"]

[authorization_servers.two]
client = "corp"
client_id_metadata = { hosts = ["*", "a.example.com:1"] }

[[routes]]
path = "/mcp"
accept = []
allow.anonymous = true
upstream = "http://127.0.0.1:9"
[routes.mcp]
authorization_servers = ["two"]
"#;
    let errors = errors(&wrong);
    for expected in [
        "authorization_servers.Wrong: \"Wrong\" can't be part",
        "authorization_servers.Wrong.client: there is no client",
        "authorization_servers.Wrong.scopes:",
        "authorization_servers.Wrong.redirect_hosts[0]",
        "authorization_servers.Wrong.redirect_hosts[1]",
        "authorization_servers.Wrong.redirect_hosts[2]",
        "authorization_servers.Wrong.redirect_schemes[0]",
        "authorization_servers.Wrong.redirect_schemes[1]",
        "authorization_servers.Wrong: has neither registration nor",
        "authorization_servers.Wrong: no route with mcp",
        "authorization_servers.two.client_id_metadata.hosts[0]",
        "authorization_servers.two.client_id_metadata.hosts[1]",
        "routes[0].accept: does not take tokens of corp",
        "routes[0].mcp.scopes: is empty",
    ] {
        assert!(errors.iter().any(|error| error.starts_with(expected)), "{expected} in {errors:#?}");
    }
}

#[tokio::test]
async fn the_scope_that_a_tool_demands_is_found_by_the_name_that_tokens_have() {
    let tools = "scopes = [\"mcp:read\", \"api://podinfo/access_as_user\"]\n[[routes.mcp.tools]]\nnames = [\"*\"]\nallow = { scopes = [\"access_as_user\"] }";
    let world = World::new(&config().replace("scopes = [\"mcp:read\"]", tools));
    let program = Program::registered(&world, LOOPBACK).await;
    for (scope, at_provider) in [
        ("mcp:read access_as_user", "api://podinfo/read api://podinfo/access_as_user"),
        ("access_as_user", "api://podinfo/access_as_user"),
        ("", "api://podinfo/read api://podinfo/access_as_user"),
    ] {
        let away = program.asked(&[("scope", scope)], &[]).await.answered(&world, "allow").await;
        assert_eq!(parameter(away.location(), "scope").as_deref(), Some(at_provider), "{scope:?}");
    }
}
