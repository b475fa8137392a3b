//! What a real kube-apiserver said of some eighty tokens, recorded by `real-parts/tests/test_same_verdicts.py`: by the same
//! configuration the same are accepted and the same users made of them, except where this crate says that it is stricter.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use gangplank_authn::Outcome;
use gangplank_authn::kubernetes::{AuthenticationConfiguration, KubernetesAuthenticator, Policy, Ports};
use gangplank_jose::UnixTime;
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use http::{Request, Response};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recording {
    now: u64,
    configuration: serde_json::Value,
    web: BTreeMap<String, String>,
    tokens: Vec<Judged>,
}

#[derive(Deserialize)]
struct Judged {
    what: String,
    verdict: String,
    token: String,
    user: Option<User>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct User {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

struct Web(BTreeMap<String, String>);

impl Transport for Web {
    fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let page = self.0.get(&request.uri().to_string()).cloned();
        let response = Response::builder().status(if page.is_some() { 200 } else { 404 });
        Box::pin(async move { Ok(response.body(Bytes::from(page.unwrap_or_default())).expect("a response")) })
    }
}

struct Stopped(UnixTime);

impl Clock for Stopped {
    fn now(&self) -> UnixTime {
        self.0
    }
}

async fn differences(recording: &str) -> Vec<String> {
    let Recording { now, configuration, web, tokens } = serde_json::from_str(recording).expect("a recording");
    let now = UnixTime::from_secs(now);
    let web: Arc<dyn Transport> = Arc::new(Web(web));
    let file = AuthenticationConfiguration::parse(configuration.to_string().as_bytes(), &[]).expect("a good file");
    let connect = |_: Option<&str>| Ok(Arc::clone(&web));
    let ports = Ports { connect: &connect, clock: Arc::new(Stopped(now)), groups: None };
    let ours = KubernetesAuthenticator::new("ours", &file, Policy::default(), ports, None).expect("an authenticator");
    assert!(tokens.iter().filter(|token| token.user.is_some()).count() > 2, "some are accepted");
    let mut differences = Vec::new();
    for Judged { what, verdict, token, user } in tokens {
        let expected = if verdict == "accepted by the API server only" { None } else { user.map(as_it_came) };
        let (found, why) = match ours.verify(&token, now).await {
            Outcome::Authenticated(who) => (Some(user_of(who.identity())), String::new()),
            Outcome::Rejected(refusal) => (None, refusal.to_string()),
            Outcome::NotMine(why) => (None, format!("{why:?}")),
            Outcome::Unavailable(refusal) => panic!("{what}: {refusal}"),
        };
        if found != expected {
            differences.push(format!("{what} ({verdict}): expected {expected:?}, found {found:?} {why}"));
        }
    }
    differences
}

/// Without the group that the API server adds for everybody it knows, and without groups that have no name.
fn as_it_came(mut user: User) -> User {
    assert_eq!(user.groups.pop().as_deref(), Some("system:authenticated"));
    user.groups.retain(|group| !group.is_empty());
    user
}

fn user_of(identity: &gangplank_authn::Identity) -> User {
    User {
        username: identity.username.clone(),
        uid: identity.uid.clone().unwrap_or_default(),
        groups: identity.groups.clone(),
        extra: identity.extra.clone(),
    }
}

#[tokio::test]
async fn by_subject() {
    let found = differences(include_str!("data/kube-apiserver/subject.json")).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn by_email() {
    let found = differences(include_str!("data/kube-apiserver/email.json")).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}
