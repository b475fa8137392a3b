//! An event stream that may tell where to POST, cut into parts by the first octet. No panic; a client that reads what comes out
//! learns no endpoint but those that were made for it; and a stream that tells none comes out octet by octet.

#![no_main]

use bytes::Bytes;
use gangplank_gate::McpRefusal;
use gangplank_gate::mcp_wire::{Endpoints, Watched};
use libfuzzer_sys::fuzz_target;

const MADE: &str = "/made?for=the+client";

struct Made;

impl Endpoints for Made {
    fn of(&self, told: &str) -> Result<String, McpRefusal> {
        if told.is_empty() { Err(self.none()) } else { Ok(MADE.to_owned()) }
    }

    fn none(&self) -> McpRefusal {
        McpRefusal::LegacyTransport("upstream".to_owned())
    }
}

/// What a client makes of a stream (HTML, server-sent events §9.2.6): the data of its endpoints. What has no end is no event.
fn endpoints(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n");
    let mut found = Vec::new();
    let mut blocks: Vec<&str> = text.split("\n\n").collect();
    blocks.pop();
    for block in blocks {
        let (mut kind, mut data) = (String::new(), Vec::new());
        for line in block.split('\n') {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => kind = value.to_owned(),
                "data" => data.push(value),
                _ => {}
            }
        }
        if kind == "endpoint" {
            found.push(data.join("\n"));
        }
    }
    found
}

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else { return };
    let mut watched = Watched::new(Made);
    let mut out = Vec::new();
    let mut broke_off = false;
    for part in stream.chunks(usize::from(*size).max(1)) {
        match watched.pass(Bytes::copy_from_slice(part)) {
            Ok(passed) => out.extend_from_slice(&passed),
            Err(_) => {
                broke_off = true;
                break;
            }
        }
    }
    if !broke_off {
        let rest = watched.rest();
        assert!(stream.ends_with(&rest));
        out.extend_from_slice(&rest);
        if endpoints(stream).is_empty() {
            assert_eq!(out, stream);
        }
    }
    for told in endpoints(&out) {
        assert!(told == MADE, "a client learns of {told:?}");
    }
});
