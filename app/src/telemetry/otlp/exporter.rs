//! From requests to the collector, without anybody waiting.
//!
//! 1. A request hands its spans to a queue of fixed length. When it is full they are dropped and counted.
//! 2. A task gathers them, for a while or until there are enough, and sends them as one message.
//! 3. A collector that is busy (429, 502, 503, 504) or away is asked again, a few times and ever later, while the queue fills.
//!    Whatever else it answers, the message is given up. What was not taken is counted.
//! 4. The log says when the collector begins to fail and when it is back, and not for each message.
//! 5. At the end of the process what is left is sent once, within a bound. A configuration that is replaced ends by itself,
//!    when the last request that began with it has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_gate::Shared;
use gangplank_gate::trace::{SpanRecord, SpanSink, Tracer};
use gangplank_oauth::{Budget, Transport};
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::encode;
use super::settings::Settings;

/// The most spans in one message, as OpenTelemetry's own batches have.
const BATCH: usize = 512;
/// How much of an answer is read.
const ANSWER: usize = 64 << 10;
/// How often a message is sent again, and how long it waits for that: 1 s, 2 s, 4 s.
const AGAIN: u32 = 3;
/// The longest that a collector may make us wait.
const LONGEST: Duration = Duration::from_secs(30);

/// Who takes spans from requests.
struct Queue {
    spans: mpsc::Sender<SpanRecord>,
    shared: Arc<Shared>,
}

impl SpanSink for Queue {
    fn take(&self, span: SpanRecord) {
        if self.spans.try_send(span).is_err() {
            self.shared.metrics().spans("dropped", 1);
        }
    }
}

/// Everything that is needed to export, not yet at work.
pub struct Prepared {
    tracer: Tracer,
    worker: Worker,
    flush: mpsc::Sender<oneshot::Sender<()>>,
}

/// An exporter at work.
#[derive(Clone, Debug)]
pub struct Exporter {
    flush: mpsc::Sender<oneshot::Sender<()>>,
}

struct Worker {
    settings: Settings,
    transport: Arc<dyn Transport>,
    shared: Arc<Shared>,
    spans: mpsc::Receiver<SpanRecord>,
    flush: mpsc::Receiver<oneshot::Sender<()>>,
    failing: bool,
}

/// What came of sending once.
enum Sent {
    Taken,
    Busy { why: String, wait: Option<Duration> },
    Refused { why: String },
}

/// Why gathering ended.
enum Woken {
    Enough,
    Asked(oneshot::Sender<()>),
    Closed,
}

impl Prepared {
    pub(super) fn new(settings: Settings, transport: Arc<dyn Transport>, shared: Arc<Shared>) -> Self {
        let (sender, spans) = mpsc::channel(settings.queue);
        let (flush, asked) = mpsc::channel(1);
        let queue = Queue { spans: sender, shared: shared.clone() };
        let tracer = Tracer::new(Arc::new(queue), settings.sample, settings.trust_incoming);
        let worker = Worker { settings, transport, shared, spans, flush: asked, failing: false };
        Prepared { tracer, worker, flush }
    }

    /// Who makes the traces that go there.
    pub fn tracer(&self) -> Tracer {
        self.tracer.clone()
    }

    /// Begins to send.
    pub fn start(self) -> Exporter {
        tokio::spawn(self.worker.run());
        Exporter { flush: self.flush }
    }

    /// Whether the collector takes a message, of no spans.
    ///
    /// # Errors
    /// What it answered, or why it did not.
    pub async fn reach(&self) -> Result<String, String> {
        match self.worker.send(&[]).await {
            Sent::Taken => Ok("takes traces".to_owned()),
            Sent::Busy { why, .. } | Sent::Refused { why } => Err(why),
        }
    }
}

impl Exporter {
    /// Sends what is left, once, and waits for it no longer than that.
    pub async fn finish(&self, within: Duration) {
        let (done, is_done) = oneshot::channel();
        let finished = async {
            if self.flush.send(done).await.is_ok() {
                let _ = is_done.await;
            }
        };
        if tokio::time::timeout(within, finished).await.is_err() {
            tracing::warn!("the collector did not take the last spans in time");
        }
    }
}

impl Worker {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let woken = self.gather(&mut batch).await;
            let asked = match woken {
                Woken::Enough => self.deliver(&mut batch).await,
                Woken::Asked(done) => Some(done),
                Woken::Closed => {
                    self.deliver_once(&mut batch).await;
                    return;
                }
            };
            if let Some(done) = asked {
                while self.deliver_once(&mut batch).await && self.refill(&mut batch) {}
                let _ = done.send(());
            }
        }
    }

    /// Until there are enough, or the first has waited long enough.
    async fn gather(&mut self, batch: &mut Vec<SpanRecord>) -> Woken {
        let mut due = None;
        loop {
            let room = BATCH - batch.len();
            if room == 0 {
                return Woken::Enough;
            }
            tokio::select! {
                Some(done) = self.flush.recv() => {
                    self.refill(batch);
                    return Woken::Asked(done);
                }
                received = self.spans.recv_many(batch, room) => {
                    if received == 0 {
                        return Woken::Closed;
                    }
                    due.get_or_insert_with(|| Instant::now() + self.settings.interval);
                }
                () = until(due) => return Woken::Enough,
            }
        }
    }

    /// Takes what is there without waiting. Whether there is anything to send.
    fn refill(&mut self, batch: &mut Vec<SpanRecord>) -> bool {
        while batch.len() < BATCH {
            match self.spans.try_recv() {
                Ok(span) => batch.push(span),
                Err(_) => break,
            }
        }
        !batch.is_empty()
    }

    /// Sends, and again if it has to be. Whoever wants everything to be sent now, meanwhile, is returned.
    async fn deliver(&mut self, batch: &mut Vec<SpanRecord>) -> Option<oneshot::Sender<()>> {
        for attempt in 0..=AGAIN {
            match self.send(batch).await {
                Sent::Busy { why, wait } if attempt < AGAIN => {
                    self.note(Err(why));
                    let wait = wait.unwrap_or(Duration::from_secs(1 << attempt)).min(LONGEST);
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        Some(done) = self.flush.recv() => return Some(done),
                    }
                }
                sent => {
                    self.count(batch, sent);
                    return None;
                }
            }
        }
        None
    }

    /// Whether it was taken.
    async fn deliver_once(&mut self, batch: &mut Vec<SpanRecord>) -> bool {
        if batch.is_empty() {
            return true;
        }
        let sent = self.send(batch).await;
        self.count(batch, sent)
    }

    fn count(&mut self, batch: &mut Vec<SpanRecord>, sent: Sent) -> bool {
        let count = batch.len() as u64;
        batch.clear();
        match sent {
            Sent::Taken => {
                self.shared.metrics().spans("exported", count);
                self.note(Ok(()));
                true
            }
            Sent::Busy { why, .. } | Sent::Refused { why } => {
                self.shared.metrics().spans("failed", count);
                self.note(Err(why));
                false
            }
        }
    }

    fn note(&mut self, outcome: Result<(), String>) {
        match outcome {
            Err(why) if !self.failing => {
                tracing::warn!(why, "the collector does not take traces; until it does, they are dropped and counted");
                self.failing = true;
            }
            Ok(()) if self.failing => {
                tracing::info!("the collector takes traces again");
                self.failing = false;
            }
            _ => {}
        }
    }

    async fn send(&self, spans: &[SpanRecord]) -> Sent {
        let mut request = Request::new(Bytes::from(encode::request(&self.settings.resource, spans)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.settings.url.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("gangplank/", env!("CARGO_PKG_VERSION"))));
        headers.extend(self.settings.headers.clone());
        let budget = Budget { time: self.settings.timeout, body: ANSWER };
        match self.transport.send(request, budget).await {
            Ok(response) => judge(&response),
            Err(error) => Sent::Busy { why: error.to_string(), wait: None },
        }
    }
}

/// What OTLP says about answers: four statuses ask for another attempt, and only those.
fn judge(response: &Response<Bytes>) -> Sent {
    let status = response.status();
    let why = || format!("it answered {}", status.as_u16());
    match status {
        _ if status.is_success() => Sent::Taken,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let seconds = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
            Sent::Busy { why: why(), wait: seconds.map(Duration::from_secs) }
        }
        _ => Sent::Refused { why: why() },
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
