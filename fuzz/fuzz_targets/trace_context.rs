//! What a span takes of a request: its `traceparent`, and texts that a caller chose. The first octet: even, a `traceparent`, or
//! two of them with a NUL between; odd, a path or a user agent.
//!
//! No panic. A header that is read is the only one, has ids that are not zero, and is the same when written and read again. A
//! text that is shown is bounded, without control characters and addresses, and, unless it was cut, the same when shown again.

#![no_main]

use gangplank_fuzz::is_clean;
use gangplank_gate::trace::{SpanContext, shown};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 { headers(rest) } else { text(rest) }
});

fn headers(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for value in data.split(|b| *b == 0).take(2) {
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        headers.append("traceparent", value);
    }
    let Some(read) = SpanContext::from_headers(&headers) else { return };
    assert!(headers.len() == 1 && read.trace.0 != [0; 16] && read.span.0 != [0; 8]);
    let written = read.to_header().unwrap();
    // All but version and flags, of which the first bit counts.
    assert_eq!(written.as_bytes()[2..53], data[2..53]);
    headers.insert("traceparent", written);
    assert_eq!(SpanContext::from_headers(&headers), Some(read));
}

fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let seen = shown::text(text);
    assert!(seen.len() <= 256 && !seen.contains('@'), "{seen:?}");
    assert!(is_clean(&seen), "{seen:?}");
    // Of one that was cut, the last word is another than before.
    if seen.len() < 253 {
        assert_eq!(shown::text(&seen), seen);
    }
}
