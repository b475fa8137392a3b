//! From the caller's token to another. The requests that this takes are spans below it.

use std::borrow::Cow;

use super::names;
use super::record::SpanKind;
use super::span::Span;

/// Begins an exchange: its name in the configuration, and how it is done.
pub(crate) fn exchange(name: &str, strategy: &'static str) -> Span {
    let mut span = Span::begin(|| Cow::Owned(format!("exchange {name}")), SpanKind::Internal);
    if span.is_recorded() {
        span.set(names::EXCHANGE, name.to_owned());
        span.set(names::STRATEGY, strategy);
    }
    span
}

/// What came of it: whether the token was there already, or the name of the refusal.
pub(crate) fn exchanged(mut span: Span, outcome: Result<bool, &'static str>) {
    match outcome {
        Ok(hit) => {
            span.set(names::CACHE, if hit { "hit" } else { "miss" });
            span.set(names::RESULT, "exchanged");
        }
        Err(reason) => {
            span.set(names::RESULT, reason);
            span.fail(reason);
        }
    }
    span.answer();
}
