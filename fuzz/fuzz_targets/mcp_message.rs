//! The body of a POST to an MCP server. No panic; and whoever else reads what is accepted, whether the last of two equal
//! members counts for them or the first, and whether or not they ignore case, finds the same messages: no other call, no
//! other tool, no other arguments.

#![no_main]

use gangplank_gate::mcp_wire::{Message, read};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// As Go's `encoding/json` finds a field: exactly, or else ignoring case.
fn ignoring_case<'m>(members: &'m Map<String, Value>, name: &str) -> Vec<&'m Value> {
    let fold = |text: &str| text.to_uppercase().to_lowercase();
    members.iter().filter(|(member, _)| fold(member) == name).map(|(_, value)| value).collect()
}

fn same(message: &Message, other: &Value) {
    let members = other.as_object().expect("an object");
    let method = ignoring_case(members, "method");
    match message {
        Message::Response => assert!(method.is_empty(), "{other}"),
        Message::Other { method: found, id } => {
            assert_eq!(method, [found], "{other}");
            assert!(!found.trim().eq_ignore_ascii_case("tools/call"), "{other}");
            assert_eq!(id.as_ref().map(|id| id.value()), members.get("id"));
        }
        Message::Call(call) => {
            assert_eq!(method, ["tools/call"], "{other}");
            let [Value::Object(params)] = ignoring_case(members, "params")[..] else { panic!("{other}") };
            assert_eq!(ignoring_case(params, "name"), [&call.tool], "{other}");
            let arguments = ignoring_case(params, "arguments");
            match &arguments[..] {
                [] | [Value::Null] => assert!(call.arguments.is_empty()),
                [Value::Object(found)] => assert_eq!(*found, call.arguments),
                _ => panic!("{other}"),
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    match read(&headers, data) {
        Ok(messages) => {
            let other: Value = serde_json::from_slice(data).expect("JSON to others, too");
            let others = match &other {
                Value::Array(all) => all.as_slice(),
                one => std::slice::from_ref(one),
            };
            assert_eq!(messages.all.len(), others.len());
            messages.all.iter().zip(others).for_each(|(message, other)| same(message, other));
        }
        Err(refusal) => {
            let said = refusal.to_string();
            assert!(said.len() < 4_000 && !said.chars().any(char::is_control), "{said:?}");
        }
    }
});
