//! An event stream of an MCP server, cut into parts (by the first octet), or its one JSON answer. No panic; however it is
//! cut the same comes out; what holds no tools comes out octet by octet; and a client that reads what comes out finds no tool
//! that is not shown, and the same events otherwise.

#![no_main]

use gangplank_gate::mcp_wire::{Events, Shows, cut};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Shows what begins with `a`.
struct BeginningWithA;

impl Shows for BeginningWithA {
    fn shows(&self, tool: &str) -> bool {
        tool.starts_with('a')
    }
}

fn filtered<'p>(parts: impl Iterator<Item = &'p [u8]>) -> Option<Vec<u8>> {
    let (mut events, mut out) = (Events::new(BeginningWithA), Vec::new());
    for part in parts {
        events.feed(part, &mut out).ok()?;
    }
    events.finish(&mut out).ok()?;
    Some(out)
}

/// The other lines of each event, and its data: as the HTML standard reads a stream, which drops a last event without its end.
fn events(stream: &[u8]) -> Vec<(Vec<Vec<u8>>, Option<Vec<u8>>)> {
    let (mut all, mut others, mut data): (Vec<_>, Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), Vec::new(), None);
    let normal = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    for line in normal.split('\n') {
        if line.is_empty() {
            all.push((std::mem::take(&mut others), data.take()));
        } else if line == "data" || line.starts_with("data:") {
            let value = line.get(5..).unwrap_or_default();
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value.as_bytes());
                }
                None => data = Some(value.as_bytes().to_vec()),
            }
        } else {
            others.push(line.as_bytes().to_vec());
        }
    }
    all.push((others, data));
    all
}

fn hides(answer: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
    let messages = match &answer {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    for message in messages {
        let Some(Value::Array(tools)) = message.get("result").and_then(|result| result.get("tools")) else { continue };
        for tool in tools {
            let name = tool.get("name").and_then(Value::as_str).expect("a name");
            assert!(name.starts_with('a'), "{answer}");
        }
        let scope = message["result"].get("cacheScope");
        assert!(scope.is_none_or(|scope| scope == "private"), "{answer}");
    }
}

fuzz_target!(|data: &[u8]| {
    let [size, stream @ ..] = data else { return };
    let whole = filtered(std::iter::once(stream));
    let size = usize::from(*size).max(1);
    assert_eq!(whole, filtered(stream.chunks(size)));
    assert_eq!(whole, filtered(stream.chunks(1)));
    if let Some(out) = &whole {
        if !stream.to_ascii_lowercase().windows(4).any(|four| four == b"tool") && !stream.windows(2).any(|two| two == b"\\u") {
            assert_eq!(out, stream);
        }
        if std::str::from_utf8(stream).is_ok() {
            let (before, after) = (events(stream), events(out));
            let mut after_events = after.iter();
            for (others, data) in &before {
                let Some((others_after, data_after)) = after_events.next() else { panic!("an event less") };
                assert_eq!(others, others_after);
                assert_eq!(data.is_some(), data_after.is_some());
                if let Some(data) = data_after {
                    hides(data);
                }
            }
            // A last line without its end gets one when tools are taken out of it.
            assert!(after_events.all(|(others, data)| others.is_empty() && data.is_none()));
        }
    }
    if let Ok(cut_out) = cut(stream, &BeginningWithA) {
        hides(cut_out.as_deref().unwrap_or(stream));
        if let Some(cut_out) = cut_out {
            assert!(matches!(cut(&cut_out, &BeginningWithA), Ok(None)));
        }
    }
});
