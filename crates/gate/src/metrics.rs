//! What is counted. Labels are bounded: names of routes and issuers from the configuration, names of reasons from the
//! catalogue, and words from the lists here. Nothing a caller sends becomes a label.
//!
//! The counters of a request are looked up when the gate is built, not when the request comes.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use gangplank_authn::{JwksHealth, Method};
use gangplank_jose::{Fault, Reason, UnixTime};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::durations::Durations;
use crate::exchange::{ExchangeMetrics, Outcome};

type Label = (&'static str, String);
type StaticLabel = (&'static str, &'static str);

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Passed, or allowed to pass.
    Allowed,
    /// Sent to a sign-in.
    SignIn,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 4xx otherwise.
    Refused,
    /// 503: it could not be decided.
    Unavailable,
    /// 5xx otherwise: the upstream, or we.
    Failed,
    /// An endpoint or a page of ours.
    #[default]
    Own,
}

impl Answer {
    const ALL: [(Answer, &'static str); 8] = [
        (Answer::Allowed, "allowed"),
        (Answer::SignIn, "sign_in"),
        (Answer::Unauthorized, "unauthorized"),
        (Answer::Forbidden, "forbidden"),
        (Answer::Refused, "refused"),
        (Answer::Unavailable, "unavailable"),
        (Answer::Failed, "failed"),
        (Answer::Own, "own"),
    ];
}

/// By what a caller was known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum By {
    /// Not at all, or not asked yet.
    #[default]
    Nothing,
    /// A session.
    Session,
    /// A bearer token that an issuer signed.
    Bearer,
    /// A static key.
    StaticKey,
    /// A token that a cluster vouched for.
    TokenReview,
    /// A client certificate.
    Certificate,
    /// User name and password.
    Basic,
    /// Nobody was asked, or nobody said.
    Anonymous,
}

impl By {
    const ALL: [(By, &'static str); 8] = [
        (By::Nothing, "none"),
        (By::Session, "session"),
        (By::Bearer, "bearer"),
        (By::StaticKey, "static_key"),
        (By::TokenReview, "token_review"),
        (By::Certificate, "certificate"),
        (By::Basic, "basic"),
        (By::Anonymous, "anonymous"),
    ];
}

impl From<Method> for By {
    fn from(method: Method) -> By {
        match method {
            Method::Bearer => By::Bearer,
            Method::StaticKey => By::StaticKey,
            Method::TokenReview => By::TokenReview,
            Method::Certificate => By::Certificate,
            Method::Basic => By::Basic,
            Method::Session => By::Session,
            Method::Anonymous => By::Anonymous,
        }
    }
}

/// The counters of one route, or of what is no route's.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    requests: [[Counter; By::ALL.len()]; Answer::ALL.len()],
    duration: Durations,
}

impl RouteMetrics {
    /// Counts a request.
    pub(crate) fn count(&self, answer: Answer, by: By, took: Duration) {
        self.requests[answer as usize][by as usize].inc();
        self.duration.observe(took);
    }
}

/// What came of a TokenReview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reviewed {
    /// A good token, and for the audiences that were asked for.
    Authenticated,
    /// Not authenticated.
    Refused,
    /// 503.
    Undecided,
    /// 4xx: no review.
    Malformed,
}

impl Reviewed {
    const ALL: [(Reviewed, &'static str); 4] = [
        (Reviewed::Authenticated, "authenticated"),
        (Reviewed::Refused, "refused"),
        (Reviewed::Undecided, "undecided"),
        (Reviewed::Malformed, "malformed"),
    ];
}

/// The counters of a webhook.
#[derive(Debug)]
pub(crate) struct ReviewMetrics([(Counter, Durations); Reviewed::ALL.len()]);

impl ReviewMetrics {
    /// Counts a review.
    pub(crate) fn count(&self, result: Reviewed, took: Duration) {
        let (count, durations) = &self.0[result as usize];
        count.inc();
        durations.observe(took);
    }
}

/// The counters of calls of tools: by route, tool and `allowed` or `denied`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallCounts(Family<[Label; 3], Counter>);

impl CallCounts {
    /// Counts a call. Whoever calls this sees to it that there are not many names of tools.
    pub(crate) fn count(&self, route: &str, tool: &str, decision: &'static str) {
        let labels = [("route", route.to_owned()), ("tool", tool.to_owned()), ("decision", decision.to_owned())];
        self.0.get_or_create(&labels).inc();
    }
}

/// All metrics. They survive a reload.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<[Label; 3], Counter>,
    durations: Family<[Label; 1], Durations>,
    refusals: Family<[StaticLabel; 2], Counter>,
    upstream_errors: Family<[Label; 2], Counter>,
    cluster_requests: Family<[Label; 2], Counter>,
    decisions: Family<[StaticLabel; 1], Counter>,
    exchanges: Family<[Label; 2], Counter>,
    exchange_durations: Family<[Label; 1], Durations>,
    credential_ends: Family<[Label; 1], Gauge>,
    groups_left_out: Counter,
    provider_up: Family<[Label; 1], Gauge>,
    key_age: Family<[Label; 1], Gauge<f64, AtomicU64>>,
    keys: Family<[Label; 1], Gauge>,
    fetched_at: Family<[Label; 1], Gauge>,
    fetches: Family<[Label; 1], Counter>,
    fetch_failures: Family<[Label; 2], Counter>,
    reloads: Family<[StaticLabel; 1], Counter>,
    reviews: Family<[StaticLabel; 1], Counter>,
    review_durations: Family<[StaticLabel; 1], Durations>,
    sessions: Family<[StaticLabel; 1], Counter>,
    spans: Family<[StaticLabel; 1], Counter>,
    sessions_remembered: Gauge,
    return_targets_refused: Gauge,
    authorization_servers: Family<[Label; 2], Counter>,
    calls: CallCounts,
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("gangplank"),
            requests: Family::default(),
            durations: Family::default(),
            refusals: Family::default(),
            upstream_errors: Family::default(),
            cluster_requests: Family::default(),
            decisions: Family::default(),
            exchanges: Family::default(),
            exchange_durations: Family::default(),
            credential_ends: Family::default(),
            groups_left_out: Counter::default(),
            provider_up: Family::default(),
            key_age: Family::default(),
            keys: Family::default(),
            fetched_at: Family::default(),
            fetches: Family::default(),
            fetch_failures: Family::default(),
            reloads: Family::default(),
            reviews: Family::default(),
            review_durations: Family::default(),
            sessions: Family::default(),
            spans: Family::default(),
            sessions_remembered: Gauge::default(),
            return_targets_refused: Gauge::default(),
            authorization_servers: Family::default(),
            calls: CallCounts::default(),
        };
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let m = &metrics;
        let mut r = Registry::with_prefix("gangplank");
        r.register("build", "The version that runs", Info::new(version));
        r.register("requests", "Requests by route, answer and what the caller was known by", m.requests.clone());
        r.register("request_duration_seconds", "Time to the head of the answer", m.durations.clone());
        r.register("refusals", "Refusals by reason and whose fault it is", m.refusals.clone());
        r.register("upstream_errors", "Failed exchanges with upstreams", m.upstream_errors.clone());
        r.register(
            "cluster_requests",
            "Requests passed on to clusters, by as whom they are spoken to",
            m.cluster_requests.clone(),
        );
        r.register("decisions", "Decisions by where they came from", m.decisions.clone());
        r.register("exchanges", "Wishes for an exchanged token by what became of them", m.exchanges.clone());
        r.register("exchange_duration_seconds", "Time that providers took to exchange", m.exchange_durations.clone());
        r.register(
            "client_credential_expiry_timestamp_seconds",
            "When the certificate of a client of ours ends",
            m.credential_ends.clone(),
        );
        r.register("groups_left_out", "Answers whose groups header did not fit", m.groups_left_out.clone());
        r.register("provider_up", "Whether metadata and keys of a provider are there", m.provider_up.clone());
        r.register("keys_age_seconds", "Age of a provider's keys", m.key_age.clone());
        r.register("provider_keys", "Keys of a provider that can verify", m.keys.clone());
        r.register(
            "provider_last_fetch_timestamp_seconds",
            "When a provider's keys were last fetched",
            m.fetched_at.clone(),
        );
        r.register("provider_fetches", "Fetches of a provider's keys, failed ones included", m.fetches.clone());
        r.register("provider_fetch_failures", "Failed fetches of a provider's keys", m.fetch_failures.clone());
        r.register("config_reloads", "Reloads of the configuration", m.reloads.clone());
        r.register("token_reviews", "TokenReviews by what came of them", m.reviews.clone());
        r.register("token_review_duration_seconds", "Time to the answer of a TokenReview", m.review_durations.clone());
        r.register("sessions", "What happened to sessions", m.sessions.clone());
        r.register("spans", "Spans by what became of them", m.spans.clone());
        r.register(
            "sessions_remembered",
            "Sessions of which this process remembers something",
            m.sessions_remembered.clone(),
        );
        r.register(
            "return_targets_refused",
            "Return targets not followed since the start",
            m.return_targets_refused.clone(),
        );
        r.register(
            "authorization_server_events",
            "What authorization servers of this gate did for clients",
            m.authorization_servers.clone(),
        );
        r.register("mcp_calls", "Calls of tools by route, tool and what came of them", m.calls.0.clone());
        metrics.registry = r;
        metrics
    }

    /// The handles for a route.
    pub(crate) fn route(&self, name: &str) -> RouteMetrics {
        let requests = Answer::ALL.map(|(_, answer)| {
            By::ALL.map(|(_, by)| {
                let labels = [("route", name.to_owned()), ("answer", answer.to_owned()), ("method", by.to_owned())];
                self.requests.get_or_create_owned(&labels)
            })
        });
        RouteMetrics { requests, duration: self.durations.get_or_create_owned(&[("route", name.to_owned())]) }
    }

    /// The handles for an exchange.
    pub(crate) fn exchange(&self, name: &str) -> ExchangeMetrics {
        let outcomes = Outcome::ALL.map(|(_, outcome)| {
            self.exchanges.get_or_create_owned(&[("exchange", name.to_owned()), ("outcome", outcome.to_owned())])
        });
        ExchangeMetrics::new(outcomes, self.exchange_durations.get_or_create_owned(&[("exchange", name.to_owned())]))
    }

    /// Notes when the credential of a client ends.
    pub(crate) fn credential_ends(&self, client: &str, at: UnixTime) {
        let at = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
        self.credential_ends.get_or_create(&[("client", client.to_owned())]).set(at);
    }

    /// The counters of calls of tools.
    pub(crate) fn calls(&self) -> CallCounts {
        self.calls.clone()
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, reason: &'static Reason) {
        self.refusals.get_or_create(&[("reason", reason.name), ("fault", Fault::name(reason.fault))]).inc();
    }

    /// Counts a failed exchange with a route's upstream.
    pub(crate) fn upstream_error(&self, route: &str, kind: &'static str) {
        self.upstream_errors.get_or_create(&[("route", route.to_owned()), ("kind", kind.to_owned())]).inc();
    }

    /// The counter of a cluster's requests.
    pub(crate) fn cluster(&self, name: &str, mode: &'static str) -> Counter {
        self.cluster_requests.get_or_create_owned(&[("cluster", name.to_owned()), ("mode", mode.to_owned())])
    }

    /// The counters of decisions that were remembered, and that had to be made.
    pub(crate) fn decision_counters(&self) -> (Counter, Counter) {
        let of = |source| self.decisions.get_or_create_owned(&[("source", source)]);
        (of("remembered"), of("made"))
    }

    /// The handles for a webhook.
    pub(crate) fn reviews(&self) -> ReviewMetrics {
        ReviewMetrics(Reviewed::ALL.map(|(_, result)| {
            let labels = [("result", result)];
            (self.reviews.get_or_create_owned(&labels), self.review_durations.get_or_create_owned(&labels))
        }))
    }

    /// Counts an answer without its groups.
    pub(crate) fn groups_left_out(&self) {
        self.groups_left_out.inc();
    }

    /// Counts something that happened to a session: a word of ours (`refreshed`, `refresh-failed`, `signed-out`).
    pub fn session(&self, what: &'static str) {
        self.sessions.get_or_create(&[("event", what)]).inc();
    }

    /// Counts what an authorization server (by its name in the configuration) did: a word of ours.
    pub(crate) fn authorization_server(&self, server: &str, event: &'static str) {
        self.authorization_servers.get_or_create(&[("server", server.to_owned()), ("event", event.to_owned())]).inc();
    }

    /// Counts spans: `exported`, `failed` (the collector did not take them) or `dropped` (the queue was full).
    pub fn spans(&self, outcome: &'static str, count: u64) {
        self.spans.get_or_create(&[("outcome", outcome)]).inc_by(count);
    }

    /// Counts a reload: `applied` or `refused`.
    pub fn reload(&self, outcome: &'static str) {
        self.reloads.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Notes how the keys of a provider are. A reload that makes it anew counts from the beginning.
    pub(crate) fn keys(&self, issuer: &str, health: &JwksHealth) {
        let issuer = || ("issuer", issuer.to_owned());
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.keys.get_or_create(&[issuer()]).set(number(health.keys as u64));
        if let Some(at) = health.fetched_at {
            self.fetched_at.get_or_create(&[issuer()]).set(number(at.as_secs()));
        }
        self.fetches.get_or_create(&[issuer()]).inner().store(health.fetches, Relaxed);
        for (cause, count) in [("unanswered", health.unanswered), ("unusable", health.unusable)] {
            let labels = [issuer(), ("cause", cause.to_owned())];
            self.fetch_failures.get_or_create(&labels).inner().store(count, Relaxed);
        }
    }

    /// Notes how a provider is.
    pub(crate) fn provider(&self, issuer: &str, up: bool, key_age: Option<Duration>) {
        let labels = [("issuer", issuer.to_owned())];
        self.provider_up.get_or_create(&labels).set(i64::from(up));
        if let Some(age) = key_age {
            self.key_age.get_or_create(&labels).set(age.as_secs_f64());
        }
    }

    /// Notes what is remembered of sessions, and how many return targets were not followed.
    pub(crate) fn sessions_are(&self, remembered: usize, refused_targets: u64) {
        self.sessions_remembered.set(i64::try_from(remembered).unwrap_or(i64::MAX));
        self.return_targets_refused.set(i64::try_from(refused_targets).unwrap_or(i64::MAX));
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(4096);
        // Writing to a string does not fail.
        if encode(&mut text, &self.registry).is_err() {
            let _ = writeln!(text, "# encoding failed");
        }
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_the_order_of_their_words() {
        for (i, (outcome, _)) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, i);
        }
        for (at, (answer, _)) in Answer::ALL.iter().enumerate() {
            assert_eq!(*answer as usize, at);
        }
        for (at, (reviewed, _)) in Reviewed::ALL.iter().enumerate() {
            assert_eq!(*reviewed as usize, at);
        }
        for (at, (by, _)) in By::ALL.iter().enumerate() {
            assert_eq!(*by as usize, at);
        }
    }

    #[test]
    fn requests_are_counted_by_route_answer_and_method() {
        let metrics = Metrics::new();
        let route = metrics.route("app");
        route.count(Answer::Allowed, By::Session, Duration::from_millis(2));
        route.count(Answer::Allowed, By::Session, Duration::from_millis(2));
        metrics.provider("corp", true, Some(Duration::from_secs(7)));
        let text = metrics.text();
        let line = r#"gangplank_requests_total{route="app",answer="allowed",method="session"} 2"#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains(r#"gangplank_request_duration_seconds_count{route="app"} 2"#), "{text}");
        assert!(text.contains(r#"gangplank_provider_up{issuer="corp"} 1"#), "{text}");
    }
}
