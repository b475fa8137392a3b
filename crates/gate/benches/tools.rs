//! What the rules about tools cost: a call that is read and judged, and a list of tools that is cut.
//!
//! `cargo bench -p gangplank-gate --bench tools`. The call has 1 KiB, and there are rules in number; the one that admits it is
//! the last of those that name the tool. The list has 100 tools with schemas, of which every other one is shown.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot go on has failed")]

use std::fmt::Write as _;

use divan::Bencher;
use gangplank_authn::Identity;
use gangplank_authn::cel::Budget;
use gangplank_gate::config::McpConfig;
use gangplank_gate::mcp_wire::{Events, Message, Shows, ToolRules, cut, read, read_rules};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

fn main() {
    divan::main();
}

fn rules(count: usize) -> ToolRules {
    let mut text = String::new();
    for n in 1..count {
        writeln!(text, "[[tools]]\nnames = [\"tool_{n}\", \"group{n}_*\"]\nallow.groups = [\"group-{n}\"]").unwrap();
    }
    let when = "arguments.namespace.startsWith('dev-') && !(has(arguments.force) && arguments.force == true)";
    writeln!(text, "[[tools]]\nnames = [\"pods_*\"]\nallow = {{ groups = [\"dev\"], when = \"{when}\" }}").unwrap();
    let config: McpConfig = toml::from_str(&text).unwrap();
    let mut errors = Vec::new();
    let rules = read_rules(&config, "mcp", &mut errors);
    assert_eq!(errors, []);
    rules.unwrap()
}

fn ada() -> Identity {
    let groups = (0..50).map(|n| format!("group-of-people-{n}")).chain(["dev".to_owned()]).collect();
    Identity { username: "ada@example.com".to_owned(), groups, ..Identity::default() }
}

fn call() -> Vec<u8> {
    let arguments = json!({ "namespace": "dev-1", "name": "web", "manifest": "x".repeat(850) });
    let params = json!({ "name": "pods_create", "arguments": arguments, "_meta": { "progressToken": 7 } });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string().into_bytes()
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

#[divan::bench]
fn a_call_is_read(bencher: Bencher) {
    let (headers, call) = (headers(), call());
    bencher.bench_local(|| read(&headers, &call).unwrap());
}

#[divan::bench(args = [1, 100, 1_000])]
fn a_call_is_read_and_judged(bencher: Bencher, count: usize) {
    let (headers, call, rules, ada) = (headers(), call(), rules(count), ada());
    bencher.bench_local(|| {
        let messages = read(&headers, &call).unwrap();
        let Message::Call(call) = &messages.all[0] else { panic!("no call") };
        rules.admit(&ada, call, &Budget::default()).unwrap();
    });
}

fn list() -> String {
    let tool = |n: usize| {
        let name = if n.is_multiple_of(2) { format!("pods_{n}") } else { format!("tool_{n}") };
        let properties = json!({ "namespace": { "type": "string", "description": "y".repeat(200) } });
        let schema = json!({ "type": "object", "properties": properties });
        json!({ "name": name, "description": "z".repeat(300), "inputSchema": schema })
    };
    json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": (0..100).map(tool).collect::<Vec<_>>() } }).to_string()
}

struct Shown(ToolRules, Identity);

impl Shows for Shown {
    fn shows(&self, tool: &str) -> bool {
        self.0.shows(&self.1, tool)
    }
}

#[divan::bench]
fn a_list_of_100_tools_is_cut(bencher: Bencher) {
    let (list, shown) = (list(), Shown(rules(100), ada()));
    bencher.bench_local(|| cut(list.as_bytes(), &shown).unwrap().unwrap());
}

/// As most events are: nothing in them can be a list.
#[divan::bench]
fn an_event_of_4_kib_passes(bencher: Bencher) {
    let event = format!("event: message\ndata: {}\n\n", json!({ "result": { "content": ["q".repeat(4096)] } }));
    let mut events = Events::new(Shown(rules(100), ada()));
    bencher.bench_local(|| {
        let mut out = Vec::new();
        events.feed(event.as_bytes(), &mut out).unwrap();
        out
    });
}
