//! A caller's token becomes another one, for the upstream: on-behalf-of, RFC 8693, Keycloak's own, or, where the
//! configuration says so loudly, a token of ours.
//!
//! 1. What is exchanged is the token by which the caller was authenticated ([`Subject`]): presented, or the session's access
//!    token. Who was known by something else has nothing to exchange, and is refused. A token of ours is the same for
//!    everybody: nothing is exchanged for it.
//! 2. An application's own token is not exchanged on behalf of anybody: the provider would refuse it.
//! 3. A token that is there already is used until shortly before it ends ([`ExchangedTokens`]), keyed by the caller's token and
//!    everything that the exchange says. It never outlasts the caller's.
//! 4. A provider that could not answer is left alone for a moment; callers are told to come back.
//! 5. Of those who come together, one asks ([`ask`]).
//! 6. What comes back is judged ([`judge`]) before anybody can use it.
//! 7. Whatever came of a request to the provider is in the audit log, with the id of the request that asked for it.
//! 8. Only an [`Exchanged`] can become what an upstream is shown. What failed is not remembered, and there is no call.

mod ask;
mod judge;
mod measure;
mod refusal;
mod rest;
mod subject;
#[cfg(test)]
mod testing;
mod tokens;

use std::sync::Arc;
use std::time::Instant;

use gangplank_authn::Authenticated;
use gangplank_jose::UnixTime;
use gangplank_oauth::Clock;

pub(crate) use self::ask::Request;
pub(crate) use self::judge::{Exchanged, Expected};
pub(crate) use self::measure::{ExchangeMetrics, Outcome};
pub use self::refusal::ExchangeRefusal;
use self::rest::Rest;
pub(crate) use self::subject::Subject;
pub(crate) use self::tokens::ExchangedTokens;
use self::tokens::Key;
use crate::audit;
use crate::sign_in::SignInClient;
use crate::trace;

/// One of `[exchanges]`, ready to exchange.
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) client: Arc<SignInClient>,
    pub(crate) request: Request,
    pub(crate) expected: Expected,
    /// SHA-256 of everything that decides about the token that comes back.
    pub(crate) fingerprint: [u8; 32],
    pub(crate) tokens: Arc<ExchangedTokens>,
    pub(crate) metrics: ExchangeMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rest: Rest,
}

/// For whom a token is asked.
struct Asking<'a> {
    caller: &'a Authenticated,
    request_id: &'a str,
    place: trace::Place,
}

impl Exchange {
    /// The token for a caller, by the rules above. `request_id` is that of the request for whose upstream it is.
    pub(crate) async fn token(
        self: &Arc<Self>,
        subject: Option<&Arc<Subject>>,
        caller: &Authenticated,
        request_id: &str,
        now: UnixTime,
    ) -> Result<Arc<Exchanged>, ExchangeRefusal> {
        let subject = subject.filter(|_| !self.request.replaces_caller());
        let key = Key { exchange: self.fingerprint, subject: subject.map_or([0; 32], |subject| *subject.digest()) };
        let span = trace::exchange(&self.name, self.request.strategy());
        if let Some(known) = self.tokens.get(&key, now) {
            self.metrics.count(Outcome::Hit);
            trace::exchanged(span, Ok(true));
            return Ok(known);
        }
        let asking = Asking { caller, request_id, place: span.place() };
        let result = self.fresh(key, subject.cloned(), asking, now).await;
        let result = result.map_err(|refusal| refusal.met_by(caller.method()));
        self.metrics.count(result.as_ref().map_or_else(ExchangeRefusal::outcome, |_| Outcome::Given));
        trace::exchanged(span, result.as_ref().map(|_| false).map_err(|refusal| refusal.reason().name));
        result
    }

    async fn fresh(
        self: &Arc<Self>,
        key: Key,
        subject: Option<Arc<Subject>>,
        asking: Asking<'_>,
        now: UnixTime,
    ) -> Result<Arc<Exchanged>, ExchangeRefusal> {
        let subject = match subject {
            Some(subject) => subject,
            None if self.request.replaces_caller() => Arc::new(Subject::nobody()),
            None => {
                return Err(ExchangeRefusal::NoSubject {
                    exchange: self.name.clone(),
                    by: asking.caller.method().name(),
                });
            }
        };
        if subject.is_over(now) {
            return Err(ExchangeRefusal::Ended { exchange: self.name.clone() });
        }
        self.request.fits(&self.name, &subject)?;
        if let Some(after) = self.rest.until_over(now) {
            return Err(ExchangeRefusal::Resting { exchange: self.name.clone(), after });
        }
        let (this, caller, request_id) = (self.clone(), asking.caller.clone(), asking.request_id.to_owned());
        let flight = move || async move {
            // Somebody may have come back with it between our look and our flight.
            if let Some(known) = this.tokens.get(&key, now) {
                return Ok(known);
            }
            let given = this.ask(key, &subject).await;
            let refused = given.as_ref().err().map(|refusal| refusal.clone().met_by(caller.method()));
            audit::exchanged(&request_id, &this.name, &caller, this.request.replaces_caller(), refused.as_ref());
            given
        };
        let asked = self.tokens.flights().run_detached(key, move || asking.place.within(flight()));
        asked.await.unwrap_or_else(|_| Err(ExchangeRefusal::Lost { exchange: self.name.clone() }))
    }

    /// One request to the provider, and its judgement.
    async fn ask(&self, key: Key, subject: &Subject) -> Result<Arc<Exchanged>, ExchangeRefusal> {
        let (now, started) = (self.clock.now(), Instant::now());
        let answer = self.request.send(&self.client.client, subject, now).await;
        self.metrics.took(started.elapsed());
        let judged = match answer {
            Ok(answer) => {
                self.rest.end();
                self.expected.judge(&self.name, answer, subject, now).map(Arc::new)
            }
            Err(error) => {
                if error.is_everybodys() {
                    self.rest.begin(now, error.retry_after());
                } else {
                    self.rest.end();
                }
                Err(ExchangeRefusal::Provider { exchange: self.name.clone(), error: Arc::new(error) })
            }
        };
        if let Ok(exchanged) = &judged {
            self.tokens.insert(key, exchanged.clone());
        }
        judged
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("name", &self.name).finish_non_exhaustive()
    }
}
