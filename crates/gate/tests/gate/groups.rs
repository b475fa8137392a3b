//! Callers in more groups than a token carries: bearer tokens, sign-ins and refreshes, with and without somebody to ask.

use std::time::Duration;

use gangplank_idp::{API_ID, BATCH_ID, Endpoint, Fault, FaultKind, PUBLIC_CLIENT_ID, TENANT_ID, WEB_APP_ID};
use gangplank_oauth::Clock;
use serde_json::json;

use crate::local::Dir;
use crate::support::*;

const CHECK: &str = "https://app.example.com/oauth2/auth";
const APP: &str = "https://app.example.com";

/// Graph is asked so. The client that people sign in with asks for no token for Graph.
pub(crate) fn config(client: &str, by: &str) -> String {
    let from = format!("groups_from = {{ client = \"{client}\", by = \"{by}\" }}, graph = ");
    let head =
        head("").replace("graph = ", &from).replace("audiences = [", &format!("audiences = [\"{WEB_APP_ID}\", "));
    let batch = format!("\n[clients.batch]\nissuer = \"corp\"\nid = \"{BATCH_ID}\"\nsecret = {{ env = \"BATCH\" }}\n");
    head + "scopes = [\"openid\", \"profile\", \"offline_access\"]\n" + &batch + &demo("/", "")
}

async fn status(world: &World, token: &str) -> u16 {
    world.get(CHECK, &[("authorization", &format!("Bearer {token}"))]).await.status.as_u16()
}

/// Of a person in 250 groups, for the application that people sign in with.
fn for_the_app(world: &World) -> String {
    let scope = format!("api://{WEB_APP_ID}/access_as_user");
    world.tenant.mint_access_token("bob", PUBLIC_CLIENT_ID, &scope, world.clock.now()).unwrap()
}

fn of_an_application(world: &World) -> String {
    world.tenant.mint_app_token(BATCH_ID, "api://podinfo/.default", world.clock.now()).unwrap()
}

#[tokio::test]
async fn without_anybody_to_ask_rules_about_groups_do_not_match() {
    let world = World::new(&(head("") + &demo("/", "")));
    assert_eq!(status(&world, &world.token("bob")).await, 403);
    assert_eq!(status(&world, &world.token("alice")).await, 202);
}

#[tokio::test]
async fn by_our_own_right_people_and_applications_are_known_by_all_their_groups() {
    let world = World::new(&config("batch", "client-credentials"));
    let (bob, batch) = (world.token("bob"), of_an_application(&world));
    for _ in 0..3 {
        assert_eq!((status(&world, &bob).await, status(&world, &batch).await), (202, 202));
    }
    assert_eq!(world.tenant.counts().client_credentials_grants, 1);
    // While Graph is away, what is remembered is good, and what is not is undecided.
    world.tenant.set_fault(Fault::new(FaultKind::Down).on(Endpoint::Graph));
    world.pass(Duration::from_secs(200));
    assert_eq!(status(&world, &bob).await, 202);
    world.pass(Duration::from_secs(200));
    assert_eq!(status(&world, &bob).await, 503);
    assert_eq!(status(&world, &world.token("alice")).await, 202, "her token has her groups");
    world.tenant.clear_faults();
    world.pass(Duration::from_secs(10));
    assert_eq!(status(&world, &bob).await, 202);
}

#[tokio::test]
async fn sign_ins_and_refreshes_ask_by_the_same_right() {
    let world = World::new(&config("batch", "client-credentials"));
    let session = world.sign_in(APP, "bob").await;
    assert_eq!(world.get(CHECK, &[cookie(&session)]).await.status.as_u16(), 202);
    world.pass(Duration::from_secs(3_700));
    assert_eq!(world.get(CHECK, &[cookie(&session)]).await.status.as_u16(), 202);
    assert_eq!(world.tenant.counts().refresh_grants, 1);
    // The sign-in's own token is not for Graph: without the other right, nobody could tell.
    let own = config("batch", "client-credentials").replace("by = \"client-credentials\"", "by = \"on-behalf-of\"");
    let other = world.started_anew(&own);
    let start = other.get(&format!("{APP}/oauth2/start?rd=/"), BROWSER).await;
    let back = other.tenant.drive_sign_in(start.location(), "bob", other.clock.now()).unwrap();
    let headers: Vec<_> = with(BROWSER, &[cookie(start.cookie().unwrap().leak())]);
    assert_eq!(other.get(&back, &headers).await.status.as_u16(), 502, "nobody is let in without the groups");
}

#[tokio::test]
async fn on_behalf_of_the_caller_people_are_known_and_applications_refused() {
    let world = World::new(&config("corp", "on-behalf-of"));
    for _ in 0..2 {
        assert_eq!(status(&world, &for_the_app(&world)).await, 202);
    }
    assert_eq!(world.tenant.counts().on_behalf_of_grants, 1);
    assert_eq!(status(&world, &of_an_application(&world)).await, 401);
    assert_eq!(status(&world, &world.token("bob")).await, 202, "remembered, whichever token it is");
    world.pass(Duration::from_secs(400));
    assert_eq!(status(&world, &world.token("bob")).await, 401, "a token for another application can't be exchanged");
}

#[tokio::test]
async fn nobody_is_asked_about_for_rules_that_ask_for_no_group() {
    let route = "\n[[routes]]\npath = \"/\"\nsign_in = \"corp\"\nallow.signed_in = true\n";
    let config = config("batch", "client-credentials");
    let world = World::new(&(config.split("\n[[routes]]").next().unwrap().to_owned() + route));
    world.tenant.set_fault(Fault::new(FaultKind::Down).on(Endpoint::Graph));
    assert_eq!(status(&world, &world.token("bob")).await, 202);
    world.sign_in(APP, "bob").await;
    assert_eq!(world.tenant.counts().client_credentials_grants, 0);
}

#[tokio::test]
async fn the_api_servers_own_file_knows_them_by_all_their_groups_too() {
    let dir = Dir::new();
    let document = json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": { "url": format!("https://login.test/{TENANT_ID}/v2.0"), "audiences": [API_ID] },
            "claimMappings": {
                "username": { "claim": "preferred_username", "prefix": "" },
                "groups": { "claim": "groups", "prefix": "" },
            },
        }],
    });
    let file = dir.write("authentication.yaml", &document.to_string());
    let cluster = format!("\n[authenticators.cluster]\nauthentication_config = {{ file = \"{file}\" }}\n");
    let route = format!(
        "\n[[routes]]\npath = \"/\"\naccept = [\"cluster\"]\nallow.groups = [\"{}\"]\n",
        gangplank_idp::DEMO_GROUP_ID
    );
    let nobody_asks = World::new(&(head("") + &cluster + &route));
    assert_eq!(status(&nobody_asks, &nobody_asks.token("bob")).await, 401);
    assert_eq!(status(&nobody_asks, &nobody_asks.token("alice")).await, 202);
    let asking = config("batch", "client-credentials");
    let world = World::new(&(asking.split("\n[[routes]]").next().unwrap().to_owned() + &cluster + &route));
    assert_eq!(status(&world, &world.token("bob")).await, 202);
    assert_eq!(world.tenant.counts().client_credentials_grants, 1);
}
