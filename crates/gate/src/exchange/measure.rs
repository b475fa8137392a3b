//! What is counted of an exchange. The labels are the exchange's name and one of the words here. How often the provider
//! was asked is the count of the time that it took.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::durations::Durations;

/// What became of somebody's wish for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was there.
    Hit,
    /// The provider gave one, to this caller or to somebody who asked for the same at the same time.
    Given,
    /// The provider wants to see the person first.
    StepUp,
    /// The provider refused, or there was nothing to ask with.
    Refused,
    /// What the provider gave is not what was wanted.
    Unfit,
    /// The provider could not answer, or is left alone.
    Unavailable,
}

impl Outcome {
    /// With their words, in their order.
    pub(crate) const ALL: [(Outcome, &'static str); 6] = [
        (Outcome::Hit, "hit"),
        (Outcome::Given, "given"),
        (Outcome::StepUp, "step_up"),
        (Outcome::Refused, "refused"),
        (Outcome::Unfit, "unfit"),
        (Outcome::Unavailable, "unavailable"),
    ];
}

/// The counters of one exchange, looked up when the gate is built.
#[derive(Clone, Debug)]
pub(crate) struct ExchangeMetrics {
    outcomes: [Counter; Outcome::ALL.len()],
    took: Durations,
}

impl ExchangeMetrics {
    /// Those of one exchange.
    pub(crate) fn new(outcomes: [Counter; Outcome::ALL.len()], took: Durations) -> Self {
        ExchangeMetrics { outcomes, took }
    }

    /// Counts one wish.
    pub(super) fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].inc();
    }

    /// Counts one request to the provider.
    pub(super) fn took(&self, took: Duration) {
        self.took.observe(took);
    }
}
