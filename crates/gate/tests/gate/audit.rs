//! One audit line per decision, without anything that is secret.

use std::cell::RefCell;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::*;

const APP: &str = "https://app.example.com";

thread_local! {
    /// What was said on this thread, one line per event. A test's runtime has one thread.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// For the whole process: a subscriber of one thread would make others forget that anybody listens.
struct Lines;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("gangplank") || metadata.target() == "audit"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        LINES.with_borrow_mut(|lines| lines.push(line.0));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// From here on lines are kept.
pub(crate) fn listen() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Lines).unwrap());
}

/// The lines of this thread since the last time.
pub(crate) fn taken() -> Vec<String> {
    LINES.take()
}

#[tokio::test]
async fn every_decision_leaves_one_line_and_no_line_holds_a_secret() {
    listen();
    assert!(tracing::enabled!(target: "audit", Level::INFO));
    let world = World::new(
        &(head("")
            + &demo("/", "name = \"app\"\npass.access_token = true")
            + &demo("/gone", "upstream = \"http://127.0.0.1:1\"")),
    );
    let alice = world.sign_in(APP, "alice").await;
    let mallory = format!("Bearer {}", world.token("mallory"));
    let mut everything = taken();
    assert_eq!(everything.iter().filter(|line| line.contains("decision=\"sign-in\"")).count(), 1, "{everything:?}");

    let url = format!("{APP}/oauth2/auth?route=app&secret=sesame");
    let mut audit = |lines: Vec<String>| {
        let audit: Vec<_> = lines.iter().filter(|line| line.starts_with("audit ")).cloned().collect();
        everything.extend(lines);
        assert_eq!(audit.len(), 1, "{audit:?}");
        audit[0].clone()
    };
    for _ in 0..2 {
        world.check(&url, &[cookie(&alice), ("x-forwarded-for", "192.0.2.9"), ("x-request-id", "id-1")]).await;
        let line = audit(taken());
        for part in [
            "decision=\"allow\"",
            "request_id=\"id-1\"",
            "route=\"app\"",
            "user=\"alice@dev.test\"",
            "by=\"session\"",
            "client=192.0.2.9",
            "path=\"/oauth2/auth\"",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
    world.get(&url, &[("authorization", &mallory)]).await;
    let line = audit(taken());
    for part in ["decision=\"deny\"", "reason=\"policy-denied\"", "fault=\"caller\"", "mallory@dev.test"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    world.get(&url, &[("authorization", "Bearer sesame.sesame.sesame")]).await;
    audit(taken());
    // Let pass, and nobody there: that is no second decision.
    assert_eq!(world.get(&format!("{APP}/gone"), &[cookie(&alice)]).await.status, 502);
    let line = audit(taken());
    assert!(line.contains("decision=\"allow\""), "{line}");
    world.get(&format!("{APP}/a\u{7f}?x=sesame").replace('\u{7f}', "%0a"), &[]).await;
    let line = audit(taken());
    assert!(line.contains("reason=\"path-ambiguous\""), "{line}");

    let all = everything.join("\n");
    let (_, value) = alice.split_once('=').unwrap();
    let token = mallory.strip_prefix("Bearer ").unwrap();
    for secret in ["sesame", value, token, "code=", "state="] {
        assert!(!all.contains(secret), "{secret} in\n{all}");
    }
}
