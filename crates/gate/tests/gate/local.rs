//! Authenticators that judge by a file: keys, passwords, client certificates.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use super::support::{World, errors, head};

const CHECK: &str = "https://app.example.com/oauth2/auth";

/// A directory that is gone when the test is.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Dir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gangplank-gate-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = Dir(std::env::temp_dir().join(name));
        std::fs::create_dir(&dir.0).unwrap();
        dir
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `abc`
const KEY: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// `secret`
const SHA: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

fn config(dir: &Dir, routes: &str) -> String {
    let (keys, users) = (dir.path("keys"), dir.path("users"));
    head("")
        + &format!("[authenticators.keys]\nkeys_file = {keys:?}\n")
        + &format!("[authenticators.staff]\nhtpasswd = {{ file = {users:?} }}\n{routes}")
}

fn route(accept: &str) -> String {
    format!("[[routes]]\npath = \"/\"\nallow.signed_in = true\n{accept}\n")
}

#[tokio::test]
async fn a_chain_of_tokens_keys_and_passwords_knows_each_by_its_own() {
    let dir = Dir::new();
    dir.write("keys", &format!("ci:{KEY}\nold:{}; expires=2001-01-01T00:00:00Z\n", KEY.replace("ba", "cd")));
    dir.write("users", &format!("ada:{SHA}\n"));
    let world = World::new(&config(&dir, &route("accept = [\"corp\", \"keys\", \"staff\"]")));
    let token = format!("Bearer {}", world.token("alice"));
    for (credential, user) in [
        (token.as_str(), Some("alice@dev.test")),
        ("Bearer abc", Some("ci")),
        ("Basic YWRhOnNlY3JldA==", Some("ada")),
        ("Bearer abd", None),
        ("Basic YWRhOndyb25n", None),
        ("Basic eHh4OnNlY3JldA==", None),
        ("Basic x", None),
        ("Bearer a.b.c", None),
    ] {
        // The second time from memory, where there is something to remember.
        for _ in 0..2 {
            let answer = world.get(CHECK, &[("authorization", credential)]).await;
            assert_eq!(answer.header("x-auth-request-user"), user, "{credential}");
            let expected = if user.is_some() { StatusCode::ACCEPTED } else { StatusCode::UNAUTHORIZED };
            assert_eq!(answer.status, expected, "{credential}");
        }
    }
}

#[tokio::test]
async fn a_401_offers_what_the_route_would_understand() {
    let dir = Dir::new();
    dir.write("keys", "");
    dir.write("users", &format!("ada:{SHA}\n"));
    let bearer = r#"Bearer realm="gangplank""#;
    let invalid = r#"Bearer realm="gangplank", error="invalid_token""#;
    let basic = r#"Basic realm="staff", charset="UTF-8""#;
    for (accept, presented, expected) in [
        ("[\"corp\", \"keys\"]", None, &[bearer][..]),
        ("[\"staff\"]", None, &[basic]),
        ("[\"staff\"]", Some("Basic eA=="), &[basic]),
        ("[\"keys\", \"staff\"]", None, &[bearer, basic]),
        ("[\"keys\", \"staff\"]", Some("Bearer x"), &[invalid, basic]),
        ("[\"staff\", \"corp\"]", Some("Basic eDp5"), &[basic, bearer]),
    ] {
        let world = World::new(&config(&dir, &route(&format!("accept = {accept}"))));
        let headers: Vec<_> = presented.iter().map(|value| ("authorization", *value)).collect();
        let answer = world.get(CHECK, &headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let offered: Vec<_> = answer.headers.get_all(WWW_AUTHENTICATE).iter().map(|v| v.to_str().unwrap()).collect();
        assert_eq!(offered, expected, "{accept} {presented:?}");
    }
}

#[test]
fn every_wrong_line_of_every_file_is_told_at_once() {
    let dir = Dir::new();
    dir.write("keys", &format!("# keys\nci:{KEY}\nci:{KEY}\nx\n"));
    dir.write("users", "ada:plain\n\nbob\n");
    let two = "htpasswd = { file = \"/nowhere\", realm = \"a\\\"b\" }";
    let more = format!("[authenticators.other]\n{two}\n{}", route("accept = [\"staff\", \"other\", \"keys\"]"));
    let said = errors(&config(&dir, &more));
    let starts = |beginning: String| {
        assert!(said.iter().any(|error| error.starts_with(&beginning)), "{beginning}: {said:#?}");
    };
    let (keys, users) = (dir.path("keys"), dir.path("users"));
    starts(format!("authenticators.keys.keys_file: {keys}: line 3: has the key id of line 2"));
    starts(format!("authenticators.keys.keys_file: {keys}: line 3: has the hash of line 2"));
    starts(format!("authenticators.keys.keys_file: {keys}: line 4: there is no colon"));
    starts(format!("authenticators.staff.htpasswd.file: {users}: line 1: is neither bcrypt"));
    starts(format!("authenticators.staff.htpasswd.file: {users}: line 3: there is no colon"));
    starts("authenticators.other.htpasswd.file: /nowhere: can't be read".to_owned());
    starts("authenticators.other.htpasswd.realm: ".to_owned());
    starts("routes[0].accept: names two htpasswd files".to_owned());
    assert_eq!(said.len(), 8, "{said:#?}");
}
