//! A span that has ended, as it is handed to whoever exports it.

use std::borrow::Cow;

use super::context::{SpanContext, SpanId, TraceId};

/// Takes spans that have ended. It must return at once: a request waits for it.
pub trait SpanSink: Send + Sync + 'static {
    /// Takes one, or drops it.
    fn take(&self, span: SpanRecord);
}

/// One span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRecord {
    /// Its trace.
    pub trace: TraceId,
    /// Itself.
    pub id: SpanId,
    /// What it is a part of: a span of ours, or of a caller who is trusted.
    pub parent: Option<SpanId>,
    /// What it is about.
    pub name: Cow<'static, str>,
    /// Which side of a call it is.
    pub kind: SpanKind,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970, not before `start`.
    pub end: u64,
    /// What is known of it: names of `names`.
    pub attributes: Vec<(&'static str, Value)>,
    /// Where a caller who is not trusted says that it was.
    pub link: Option<SpanContext>,
    /// Whether it failed, in the sense of OpenTelemetry: a server's 5xx, a client's 4xx or 5xx.
    pub failed: bool,
}

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// None: it is work of ours.
    Internal,
    /// The side that was asked.
    Server,
    /// The side that asks.
    Client,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
    /// A truth.
    Truth(bool),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl From<Cow<'static, str>> for Value {
    fn from(text: Cow<'static, str>) -> Self {
        Value::Text(text)
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Value::Number(number.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Truth(truth)
    }
}
