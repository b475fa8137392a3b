//! Whose credentials a route accepts, and what becomes of those that nobody knows.

use http::StatusCode;

use super::support::{World, errors, head};

const APP: &str = "https://app.example.com";
const NOBODY: &str = "\n[authenticators.nobody]\nnone = true\n";

#[tokio::test]
async fn none_lets_in_whoever_presents_nothing_and_nobody_else() {
    let route = "\n[[routes]]\npath = \"/\"\naccept = [\"corp\", \"nobody\"]\nallow.anonymous = true\n";
    let world = World::new(&(head("") + NOBODY + route));
    let check = format!("{APP}/oauth2/auth");
    let token = format!("Bearer {}", world.token("alice"));
    for (credential, status, user) in [
        (None, StatusCode::ACCEPTED, None),
        (Some(token.as_str()), StatusCode::ACCEPTED, Some("alice@dev.test")),
        (Some("Bearer x"), StatusCode::UNAUTHORIZED, None),
        (Some("Bearer a.b.c"), StatusCode::UNAUTHORIZED, None),
        (Some("Bearer"), StatusCode::UNAUTHORIZED, None),
    ] {
        let headers: Vec<_> = credential.iter().map(|value| ("authorization", *value)).collect();
        for _ in 0..2 {
            let answer = world.get(&check, &headers).await;
            assert_eq!((answer.status, answer.header("x-auth-request-user")), (status, user), "{credential:?}");
        }
    }
}

#[test]
fn none_is_asked_for_by_name_last_and_with_everybody_allowed() {
    let with = |route: &str| errors(&(head("") + NOBODY + "\n[[routes]]\npath = \"/\"\n" + route));
    assert_eq!(with("accept = [\"corp\", \"nobody\"]\nallow.anonymous = true\n"), Vec::<String>::new());
    for (route, at) in [
        ("accept = [\"nobody\", \"corp\"]\nallow.anonymous = true\n", "routes[0].accept[0]"),
        ("accept = [\"corp\", \"nobody\"]\nallow.signed_in = true\n", "routes[0].accept"),
        ("accept = [\"corp\"]\nallow.anonymous = true\n", "routes[0].accept"),
        ("accept = [\"corp\", \"corp\"]\nallow.signed_in = true\n", "routes[0].accept[1]"),
        ("accept = [\"corpse\"]\nallow.signed_in = true\n", "routes[0].accept[0]"),
    ] {
        let found = with(route);
        assert!(found.iter().any(|error| error.starts_with(at)), "{route}: {found:?}");
    }
    for bad in ["none = false", "", "none = true\n[authenticators.corp]\nnone = true"] {
        let document =
            head("") + "\n[authenticators.other]\n" + bad + "\n[[routes]]\npath = \"/\"\nallow.anonymous = true\n";
        assert!(errors(&document).iter().any(|error| error.starts_with("authenticators.")), "{bad}");
    }
}
