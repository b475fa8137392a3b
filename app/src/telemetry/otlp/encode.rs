//! Spans as OTLP has them: the protobuf message `ExportTraceServiceRequest`, whose field numbers are those of
//! opentelemetry-proto 1. Every text passes the net that the log has, too.

use gangplank_gate::trace::{SpanKind, SpanRecord, Value};

use super::super::mask;

/// Length-delimited.
const BYTES: u32 = 2;
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const FIXED32: u32 = 5;

/// `Status.code`: it failed.
const ERROR: u64 = 2;
/// `flags`: the trace is recorded; whether the parent is of another process is known; it is.
const SAMPLED: u32 = 1;
const REMOTE_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// The message. `resource` says whose spans they are.
pub(super) fn request(resource: &[(String, String)], spans: &[SpanRecord]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + 768 * spans.len());
    message(&mut out, 1, |out| {
        message(out, 1, |out| {
            for (key, value) in resource {
                message(out, 1, |out| attribute(out, key, |out| text(out, 1, value)));
            }
        });
        message(out, 2, |out| {
            message(out, 1, |out| {
                text(out, 1, "gangplank");
                text(out, 2, env!("CARGO_PKG_VERSION"));
            });
            for one in spans {
                message(out, 2, |out| span(out, one));
            }
        });
    });
    out
}

fn span(out: &mut Vec<u8>, span: &SpanRecord) {
    bytes(out, 1, &span.trace.0);
    bytes(out, 2, &span.id.0);
    if let Some(parent) = span.parent {
        bytes(out, 4, &parent.0);
    }
    text(out, 5, &span.name);
    let kind = match span.kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
    };
    number(out, 6, kind);
    fixed64(out, 7, span.start);
    fixed64(out, 8, span.end);
    for (key, value) in &span.attributes {
        message(out, 9, |out| {
            attribute(out, key, |out| match value {
                Value::Text(value) => text(out, 1, value),
                Value::Truth(value) => number(out, 2, u64::from(*value)),
                // Two's complement, as int64 has it.
                Value::Number(value) => number(out, 3, value.cast_unsigned()),
            });
        });
    }
    if let Some(link) = span.link {
        message(out, 13, |out| {
            bytes(out, 1, &link.trace.0);
            bytes(out, 2, &link.span.0);
            fixed32(out, 6, REMOTE_KNOWN | REMOTE | u32::from(link.sampled));
        });
    }
    if span.failed {
        message(out, 15, |out| number(out, 3, ERROR));
    }
    let remote = if span.kind == SpanKind::Server && span.parent.is_some() { REMOTE } else { 0 };
    fixed32(out, 16, SAMPLED | REMOTE_KNOWN | remote);
}

/// `KeyValue`; `value` writes the field of the `AnyValue`.
fn attribute(out: &mut Vec<u8>, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
    text(out, 1, key);
    message(out, 2, value);
}

fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes(out, field, &inner);
}

fn text(out: &mut Vec<u8>, field: u32, value: &str) {
    bytes(out, field, mask(value).as_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

fn tag(out: &mut Vec<u8>, field: u32, wire: u32) {
    varint(out, u64::from(field << 3 | wire));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use gangplank_gate::trace::{SpanContext, SpanId, TraceId};
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::trace::v1::{self as proto, span::SpanKind as Kind, status::StatusCode};
    use prost::Message as _;

    use super::*;

    fn record() -> SpanRecord {
        SpanRecord {
            trace: TraceId([7; 16]),
            id: SpanId([8; 8]),
            parent: Some(SpanId([9; 8])),
            name: Cow::Borrowed("GET app"),
            kind: SpanKind::Server,
            start: 1_795_305_631_000_000_007,
            end: 1_795_305_631_000_000_300,
            attributes: vec![
                ("a", Value::from("text".to_owned())),
                ("b", Value::from(true)),
                ("c", Value::Number(-1)),
                ("d", Value::Number(300)),
                ("e", Value::from("Bearer 0123456789abcdef0123".to_owned())),
                ("f", Value::from(String::new())),
            ],
            link: Some(SpanContext { trace: TraceId([1; 16]), span: SpanId([2; 8]), sampled: true }),
            failed: true,
        }
    }

    #[test]
    fn what_is_written_is_what_others_read() {
        let resource = [("service.name".to_owned(), "gate".to_owned())];
        let written =
            request(&resource, &[record(), SpanRecord { parent: None, link: None, failed: false, ..record() }]);
        let read = ExportTraceServiceRequest::decode(written.as_slice()).unwrap();
        let [resource_spans] = read.resource_spans.as_slice() else { panic!("{read:?}") };
        let resource = resource_spans.resource.as_ref().unwrap();
        assert_eq!(resource.attributes[0].key, "service.name");
        let [scope] = resource_spans.scope_spans.as_slice() else { panic!("{read:?}") };
        assert_eq!(scope.scope.as_ref().unwrap().name, "gangplank");
        let [first, second] = scope.spans.as_slice() else { panic!("{read:?}") };
        assert_eq!(
            (first.trace_id.as_slice(), first.span_id.as_slice(), first.parent_span_id.as_slice(), first.name.as_str()),
            (&[7; 16][..], &[8; 8][..], &[9; 8][..], "GET app")
        );
        assert_eq!((first.kind(), first.flags), (Kind::Server, 0x301));
        assert_eq!(
            (first.start_time_unix_nano, first.end_time_unix_nano),
            (1_795_305_631_000_000_007, 1_795_305_631_000_000_300)
        );
        let value = |n: usize| first.attributes[n].value.as_ref().and_then(|v| v.value.clone()).unwrap();
        assert_eq!(
            [value(0), value(1), value(2), value(3), value(4), value(5)],
            [
                Any::StringValue("text".into()),
                Any::BoolValue(true),
                Any::IntValue(-1),
                Any::IntValue(300),
                Any::StringValue("Bearer [token]".into()),
                Any::StringValue(String::new()),
            ]
        );
        let link: &proto::span::Link = &first.links[0];
        assert_eq!((link.trace_id.as_slice(), link.span_id.as_slice(), link.flags), (&[1; 16][..], &[2; 8][..], 0x301));
        assert_eq!(first.status.as_ref().unwrap().code(), StatusCode::Error);
        assert_eq!((second.parent_span_id.len(), second.links.len(), second.flags), (0, 0, 0x101));
        assert_eq!(second.status, None);
        // Nothing is written that the reader does not know.
        assert_eq!(read.encoded_len(), written.len());
    }
}
