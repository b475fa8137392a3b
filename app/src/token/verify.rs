//! Who would accept a token, and on which route: every issuer and authenticator of a configuration is asked.
//!
//! 1. The configuration is built as `serve` builds it, and nothing listens. Keys are fetched from the providers.
//! 2. Each issuer and authenticator says what it makes of the token by itself.
//! 3. Each route says whether a request with this token alone would pass.
//!
//! The status is 0 if somebody knows the token, else 1.

use std::collections::BTreeSet;
use std::sync::Arc;

use gangplank_authn::{Authenticated, NotMine, Outcome, Refusal};
use gangplank_gate::Trial;
use gangplank_jose::UnixTime;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::words::moment;
use crate::arguments::VerifyArguments;
use crate::exit::Exit;
use crate::serve::{Parts, SharedEnvironment};
use crate::{console, document, environment, tell};

/// Asks all of them.
pub(super) async fn run(arguments: &VerifyArguments, token: &str, now: UnixTime) -> Exit {
    let environment: SharedEnvironment = Arc::new(environment::variable);
    let wired = match document::load(&arguments.config).and_then(|loaded| Parts::new(environment).wire(loaded)) {
        Ok(wired) => wired,
        Err(report) => {
            console::complain(&report.render(console::colour()));
            console::complain(&format!("{} in {}\n", report.summary(), arguments.config.display()));
            return Exit::Config;
        }
    };
    let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) else {
        console::say("no token: it holds characters that can't stand in a header\n");
        return Exit::Failed;
    };
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    let trial = wired.gate.try_credentials(&headers, now).await;
    console::say(&text(&trial, arguments.route.as_deref(), now));
    let known = trial.answers.iter().any(|(_, outcome)| matches!(outcome, Outcome::Authenticated(_)));
    if known { Exit::Done } else { Exit::Failed }
}

fn text(trial: &Trial, only: Option<&str>, now: UnixTime) -> String {
    let mut text = String::new();
    let mut told = BTreeSet::new();
    if trial.answers.is_empty() {
        text.push_str("no issuer has audiences, and there is no authenticator: nobody is asked about tokens\n");
    }
    for (name, outcome) in &trial.answers {
        text.push_str(&format!("{name}: "));
        text.push_str(&match outcome {
            Outcome::Authenticated(caller) => known(caller, now),
            Outcome::NotMine(NotMine::Absent) => "does not look at bearer tokens\n".to_owned(),
            Outcome::NotMine(NotMine::Unknown(why)) => refused("does not know it", why, &mut told),
            Outcome::Rejected(why) => refused("REFUSES it", why, &mut told),
            Outcome::Unavailable(why) => refused("CANNOT TELL", why, &mut told),
        });
    }
    let routes = trial.routes.iter().filter(|(name, _)| only.is_none_or(|only| only == name));
    for (name, verdict) in routes {
        match verdict {
            Ok(()) => text.push_str(&format!("route {name}: passes\n")),
            Err(why) if told.contains(why.reason().name) => {
                text.push_str(&format!("route {name}: does not pass: {}\n", why.reason().name));
            }
            Err(why) => {
                text.push_str(&format!("route {name}: does not pass\n"));
                text.push_str(&tell::refusal(why.reason(), &why.to_string(), 2));
            }
        }
    }
    text
}

fn refused(verdict: &str, why: &Refusal, told: &mut BTreeSet<&'static str>) -> String {
    told.insert(why.reason().name);
    format!("{verdict}\n{}", tell::refusal(why.reason(), &why.to_string(), 2))
}

fn known(caller: &Authenticated, now: UnixTime) -> String {
    let identity = caller.identity();
    let mut rows = vec![("user", identity.username.clone())];
    let mut add = |label, values: &[String]| {
        if !values.is_empty() {
            rows.push((label, values.join(" ")));
        }
    };
    add("subject", if identity.subject.is_empty() { &[] } else { std::slice::from_ref(&identity.subject) });
    add("uid", identity.uid.as_slice());
    add("tenant", identity.tenant.as_slice());
    add("e-mail", identity.email.as_slice());
    add("client", identity.client.as_slice());
    add("groups", &identity.groups);
    add("roles", &identity.roles);
    add("scopes", &identity.scopes);
    add("audiences", &identity.audiences);
    for (key, values) in &identity.extra {
        rows.push(("extra", format!("{key} = {}", values.join(" "))));
    }
    if identity.groups_unresolved {
        rows.push(("groups", "too many for the token, and not asked for at the provider".to_owned()));
    }
    if let Some(expires) = caller.expires() {
        rows.push(("until", moment(expires, now)));
    }
    let rows: String = rows.iter().map(|(label, value)| format!("  {label:<10}{}\n", tell::plain(value))).collect();
    format!("accepts it, by {}\n{rows}", caller.method().name())
}
