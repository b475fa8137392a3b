//! A span while it lasts, and the one that is current.
//!
//! 1. Which span is current is known to the task ([`within`]), so that whoever begins one deeper down need not be told of
//!    the trace. It is the one thing here that is not an argument, and nothing is decided by it.
//! 2. Without telemetry no span is ever current: beginning one then costs a look, and makes nothing.
//! 3. A span that is not sampled has ids, for those who come next, and keeps nothing.
//! 4. A span ends when it is dropped, at the latest: also when the caller goes away and the future with it.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use super::context::{SpanContext, SpanId, TraceId};
use super::names;
use super::record::{SpanKind, SpanRecord, SpanSink, Value};

type Attributes = Vec<(&'static str, Value)>;

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// What all spans of one request share.
pub(super) struct Shared {
    pub(super) sink: Arc<dyn SpanSink>,
    pub(super) trace: TraceId,
    pub(super) sampled: bool,
    /// Whether the caller's `tracestate` belongs to this trace.
    pub(super) continued: bool,
    /// Two readings of the same moment: all others are told from the second.
    pub(super) began: (u64, Instant),
    /// What rooms on the way say of the request as a whole.
    pub(super) said: Mutex<Attributes>,
}

/// The trace of the request at hand, and the span that is current in it.
#[derive(Clone)]
pub(super) struct Current {
    shared: Arc<Shared>,
    span: SpanId,
}

impl Shared {
    fn nanos(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began.1).as_nanos();
        self.began.0.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}

/// A span, or none where there is no trace. Never cloned: it ends once.
#[must_use]
pub(crate) struct Span(Option<Box<Open>>);

struct Open {
    shared: Arc<Shared>,
    id: SpanId,
    parent: Option<SpanId>,
    link: Option<SpanContext>,
    name: Cow<'static, str>,
    kind: SpanKind,
    start: Instant,
    attributes: Attributes,
    failed: bool,
    answered: bool,
}

impl Span {
    /// None.
    pub(super) const NONE: Span = Span(None);

    /// The span of a request as a whole.
    pub(super) fn root(shared: Shared, parent: Option<SpanId>, link: Option<SpanContext>) -> Span {
        let start = shared.began.1;
        Span::open(Arc::new(shared), parent, link, Cow::Borrowed(""), SpanKind::Server, start)
    }

    /// A part of the current one, if there is one.
    pub(super) fn begin(name: impl FnOnce() -> Cow<'static, str>, kind: SpanKind) -> Span {
        let Some(Current { shared, span }) = current() else { return Span::NONE };
        Span::open(shared, Some(span), None, name(), kind, Instant::now())
    }

    fn open(
        shared: Arc<Shared>,
        parent: Option<SpanId>,
        link: Option<SpanContext>,
        name: Cow<'static, str>,
        kind: SpanKind,
        start: Instant,
    ) -> Span {
        let attributes = if shared.sampled { Vec::with_capacity(16) } else { Vec::new() };
        let id = SpanId::fresh();
        let open = Open { shared, id, parent, link, name, kind, start, attributes, failed: false, answered: false };
        Span(Some(Box::new(open)))
    }

    /// Whether anything that is said of it is kept.
    pub(crate) fn is_recorded(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.shared.sampled)
    }

    /// Says something of it.
    pub(super) fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(open) = self.0.as_mut().filter(|open| open.shared.sampled) {
            open.attributes.push((name, value.into()));
        }
    }

    pub(super) fn rename(&mut self, name: Cow<'static, str>) {
        if let Some(open) = &mut self.0 {
            open.name = name;
        }
    }

    /// It failed, by this name of a refusal or this status.
    pub(super) fn fail(&mut self, by: impl Into<Value>) {
        self.set(names::ERROR_TYPE, by);
        if let Some(open) = &mut self.0 {
            open.failed = true;
        }
    }

    /// It came to its end, well or not. A span that is dropped without was abandoned.
    pub(super) fn answer(mut self) {
        if let Some(open) = &mut self.0 {
            open.answered = true;
        }
    }

    /// Where it is, for whoever is asked next, and whether the caller's `tracestate` belongs to it.
    pub(super) fn context(&self) -> Option<(SpanContext, bool)> {
        let open = self.0.as_ref()?;
        let Shared { trace, sampled, continued, .. } = *open.shared;
        Some((SpanContext { trace, span: open.id, sampled }, continued))
    }

    /// Where it is, for work of it that another task does.
    pub(crate) fn place(&self) -> Place {
        Place(self.current())
    }

    fn current(&self) -> Option<Current> {
        self.0.as_ref().map(|open| Current { shared: open.shared.clone(), span: open.id })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.shared.sampled {
            return;
        }
        let mut attributes = std::mem::take(&mut self.attributes);
        if self.kind == SpanKind::Server {
            attributes.append(&mut self.shared.said.lock().unwrap_or_else(PoisonError::into_inner));
        }
        if !self.answered {
            attributes.push((names::ABANDONED, true.into()));
        }
        self.shared.sink.take(SpanRecord {
            trace: self.shared.trace,
            id: self.id,
            parent: self.parent,
            name: std::mem::take(&mut self.name),
            kind: self.kind,
            start: self.shared.nanos(self.start),
            end: self.shared.nanos(Instant::now()),
            attributes,
            link: self.link,
            failed: self.failed,
        });
    }
}

/// Says something of the request as a whole, if it is recorded; or takes back what was said.
pub(super) fn say(name: &'static str, value: impl FnOnce() -> Option<Value>) {
    let Some(current) = current().filter(|current| current.shared.sampled) else { return };
    let value = value();
    let mut said = current.shared.said.lock().unwrap_or_else(PoisonError::into_inner);
    // The last word counts: a batch of messages has no other.
    said.retain(|(said, _)| *said != name);
    said.extend(value.map(|value| (name, value)));
}

fn current() -> Option<Current> {
    CURRENT.with(|cell| {
        let current = cell.take()?;
        cell.set(Some(current.clone()));
        Some(current)
    })
}

/// The place of a span in its trace. It may outlast the span.
pub(crate) struct Place(Option<Current>);

impl Place {
    /// `future`, as a part of that span.
    pub(crate) fn within<F: Future>(self, future: F) -> Within<F> {
        Within { future, current: self.0 }
    }
}

/// `future`, with this span as the current one while it is polled.
pub(crate) fn within<F: Future>(span: &Span, future: F) -> Within<F> {
    Within { future, current: span.current() }
}

pin_project_lite::pin_project! {
    /// See [`within`]. Not an `async` block: that would hold the future twice.
    pub(crate) struct Within<F> {
        #[pin]
        future: F,
        current: Option<Current>,
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(current) = this.current else { return this.future.poll(cx) };
        let _restored = Restored(CURRENT.replace(Some(current.clone())));
        this.future.poll(cx)
    }
}

/// Puts back what was current, also when a poll panics.
struct Restored(Option<Current>);

impl Drop for Restored {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}
