//! The two headers by which a trace goes from one process to the next (W3C Trace Context, level 1).
//!
//! 1. One `traceparent`, of small hex digits and nothing else; two are none.
//! 2. A version that is not known is read as far as version 00 goes, and must go on with a dash if it goes on. `ff` is none.
//! 3. Ids of zeros are none.
//! 4. `tracestate` is never read. It goes on as it came with the trace that it came with, and is dropped with another.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// `traceparent`.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `tracestate`.
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

const SAMPLED: u8 = 1;
/// `00-` trace id `-` span id `-` flags.
const LENGTH: usize = 55;

/// The number of a trace; not zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The number of a span in its trace; not zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// Where in a trace somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// Whether the trace is recorded.
    pub sampled: bool,
}

impl SpanContext {
    /// What the headers of a request say.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        match (all.next(), all.next()) {
            (Some(one), None) => Self::parse(one.as_bytes()),
            _ => None,
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (known, more) = text.split_at_checked(LENGTH)?;
        let dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
        let [version] = hex(&known[..2])?;
        let goes_on_well = match version {
            0 => more.is_empty(),
            0xff => false,
            _ => more.first().is_none_or(|next| *next == b'-'),
        };
        let (trace, span) = (hex(&known[3..35])?, hex(&known[36..52])?);
        let [flags] = hex(&known[53..])?;
        let good = dashes && goes_on_well && trace != [0; 16] && span != [0; 8];
        good.then_some(SpanContext { trace: TraceId(trace), span: SpanId(span), sampled: flags & SAMPLED != 0 })
    }

    /// The header for whoever comes next.
    pub fn to_header(self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))).ok()
    }
}

/// Small hex digits, exactly as many as are needed.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let digit = |d: u8| match d {
        b'0'..=b'9' => Some(d - b'0'),
        b'a'..=b'f' => Some(d - b'a' + 10),
        _ => None,
    };
    let mut octets = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        *octet = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(octets)
}

impl TraceId {
    /// A new one.
    pub(crate) fn fresh() -> Self {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&number());
        octets[8..].copy_from_slice(&number());
        TraceId(octets)
    }

    /// The last 56 bits, which are as good as random in every trace of today.
    pub(crate) fn randomness(self) -> u64 {
        let mut octets = [0; 8];
        octets[1..].copy_from_slice(&self.0[9..]);
        u64::from_be_bytes(octets)
    }
}

impl SpanId {
    /// A new one.
    pub(crate) fn fresh() -> Self {
        SpanId(number())
    }
}

/// Unique and evenly spread, not secret: what keys hash tables, over a counter. Not zero.
fn number() -> [u8; 8] {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let number = KEYS.get_or_init(RandomState::new).hash_one(count);
    number.max(1).to_be_bytes()
}

macro_rules! shown_as_hex {
    ($($type:ty)*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
shown_as_hex!(TraceId SpanId);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_is_read_as_the_recommendation_has_it() {
        for (text, expected) in [
            (GOOD, Some(true)),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", Some(false)),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03", Some(true)),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what.the.future", Some(true)),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some(true)),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what", None),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", None),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", None),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", None),
            ("00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", None),
            ("00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01", None),
            ("00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", None),
            ("", None),
            ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJzZWNyZXQifQ.c2VjcmV0LXNpZ25hdHVyZQ", None),
        ] {
            assert_eq!(SpanContext::parse(text.as_bytes()).map(|c| c.sampled), expected, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_what_was_read_and_two_headers_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        let read = SpanContext::from_headers(&headers).unwrap();
        assert_eq!(read.to_header().unwrap(), GOOD);
        headers.append(TRACEPARENT, GOOD.parse().unwrap());
        assert_eq!(SpanContext::from_headers(&headers), None);
    }

    #[test]
    fn ids_are_unique_and_as_often_below_the_middle_as_above() {
        let ids: HashSet<TraceId> = (0..10_000).map(|_| TraceId::fresh()).collect();
        assert_eq!(ids.len(), 10_000);
        let below = ids.iter().filter(|id| id.randomness() < 1 << 55).count();
        assert!((4_700..5_300).contains(&below), "{below}");
    }
}
