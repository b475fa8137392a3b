//! The refusals of the last while, by request id, for `gangplank explain`.
//!
//! 1. The newest [`MOST`] are kept, in memory; every text in them is bounded, and none is a secret: they hold what the
//!    log holds.
//! 2. They are told to nobody but this machine ([`Gate::operations`](crate::Gate::operations)): whoever knows one request
//!    id can guess at others.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use gangplank_jose::{Reason, UnixTime};
use serde::Serialize;

use crate::audit::{Asked, cut};
use crate::token_review::TokenReviewRefusal;
use crate::{Refusal, RequestContext};

/// How many are kept: at about a kilobyte each, four megabytes at the most.
const MOST: usize = 4096;
const LONGEST_DETAIL: usize = 1024;

/// One refusal, as `gangplank explain` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The request id.
    pub request_id: String,
    /// When it arrived (RFC 3339).
    pub at: String,
    /// What was asked for.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path, without its query.
    pub path: String,
    /// The route, if there was one.
    pub route: String,
    /// The client's address.
    pub client: String,
    /// The name of the reason in the catalogue.
    pub reason: &'static str,
    /// Whose fault it is.
    pub fault: &'static str,
    /// The facts.
    pub detail: String,
    /// What happened.
    pub summary: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    id: String,
    at: UnixTime,
    asked: [String; 3],
    route: String,
    client: IpAddr,
    reason: &'static Reason,
    detail: String,
}

impl Refusals {
    /// Remembers one, and forgets the oldest if there are too many.
    pub(crate) fn remember(&self, context: &RequestContext, asked: Asked<'_>, route: Option<&str>, refusal: &Refusal) {
        self.keep(Kept {
            id: context.id.clone(),
            at: context.now,
            asked: [asked.method, asked.host, asked.path].map(|text| cut(text).to_owned()),
            route: route.unwrap_or_default().to_owned(),
            client: context.client,
            reason: refusal.reason(),
            detail: refusal.to_string(),
        });
    }

    /// The same, of a TokenReview.
    pub(crate) fn remember_review(&self, id: &str, at: UnixTime, client: IpAddr, refusal: &TokenReviewRefusal) {
        self.keep(Kept {
            id: id.to_owned(),
            at,
            asked: ["POST", "", "TokenReview"].map(str::to_owned),
            route: "token_review".to_owned(),
            client,
            reason: refusal.reason(),
            detail: refusal.to_string(),
        });
    }

    fn keep(&self, mut kept: Kept) {
        kept.detail.truncate(kept.detail.floor_char_boundary(LONGEST_DETAIL));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == MOST {
            all.pop_front();
        }
        all.push_back(kept);
    }

    /// The latest of this id: a proxy in front may use one for several requests.
    pub(crate) fn explain(&self, id: &str) -> Option<Explanation> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.iter().rev().find(|kept| kept.id == id)?;
        let [method, host, path] = kept.asked.clone();
        Some(Explanation {
            request_id: kept.id.clone(),
            at: kept.at.to_string(),
            method,
            host,
            path,
            route: kept.route.clone(),
            client: kept.client.to_string(),
            reason: kept.reason.name,
            fault: kept.reason.fault.name(),
            detail: kept.detail.clone(),
            summary: kept.reason.summary,
            remedy: kept.reason.remedy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(id: &str, path: &str) -> RequestContext {
        RequestContext {
            id: id.to_owned(),
            now: UnixTime::from_secs(1_795_305_600),
            client: "192.0.2.1".parse().unwrap(),
            method: http::Method::GET,
            authority: "app.example.com".to_owned(),
            path: path.to_owned(),
            query: Some("secret=1".to_owned()),
            navigation: false,
        }
    }

    #[test]
    fn the_newest_are_kept_and_are_bounded() {
        let refusals = Refusals::default();
        for i in 0..=MOST {
            let context = context(&i.to_string(), &"/x".repeat(10_000));
            refusals.remember(&context, Asked::directly(&context), Some("api"), &Refusal::NotSignedIn);
        }
        assert_eq!(refusals.explain("0"), None);
        let told = refusals.explain(&MOST.to_string()).unwrap();
        assert_eq!(
            (told.reason, told.route.as_str(), told.at.as_str()),
            ("not-signed-in", "api", "2026-11-22T00:00:00Z")
        );
        assert!(told.path.len() <= 256 && !format!("{told:?}").contains("secret"));
        assert_eq!(refusals.0.lock().unwrap().len(), MOST);
    }

    #[test]
    fn of_one_id_the_latest_is_told() {
        let refusals = Refusals::default();
        for path in ["/a", "/b"] {
            let context = context("same", path);
            refusals.remember(&context, Asked::directly(&context), None, &Refusal::NotSignedIn);
        }
        assert_eq!(refusals.explain("same").unwrap().path, "/b");
        assert_eq!(refusals.explain("other"), None);
    }
}
