use http::HeaderValue;
use serde_json::json;

use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (http::HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

fn plain() -> HeaderMap {
    headers(&[("content-type", "application/json")])
}

fn reason(body: impl AsRef<[u8]>) -> &'static str {
    match read(&plain(), body.as_ref()) {
        Ok(read) => panic!("{read:?}"),
        Err(refusal) => refusal.reason().name,
    }
}

fn one(body: &str) -> Message {
    let mut all = read(&plain(), body.as_bytes()).unwrap_or_else(|e| panic!("{body}: {e}")).all;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn requests_notifications_and_responses_are_told_apart() {
    let Message::Call(call) = one(
        r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t","arguments":{"n":1},"_meta":{"progressToken":7},"task":{}}}"#,
    ) else {
        panic!("no call")
    };
    assert_eq!((call.tool.as_str(), call.arguments.get("n")), ("t", Some(&json!(1))));
    assert_eq!(call.id.unwrap().value(), &json!("a"));
    let call = one(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t"}}"#);
    assert_eq!(call, Message::Call(Call { id: None, tool: "t".to_owned(), arguments: Map::new() }));
    let list = one(r#"{"id":-7,"jsonrpc":"2.0","method":"tools/list"}"#);
    assert_eq!(list, Message::Other { id: Some(Id(json!(-7))), method: "tools/list".to_owned() });
    let told = one(r#"{"jsonrpc":"2.0","method":"notifications/initialized","params":{}}"#);
    assert_eq!(told, Message::Other { id: None, method: "notifications/initialized".to_owned() });
    for answer in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"method":"tools/call","params":{"name":"t"}}}"#,
    ] {
        assert_eq!(one(answer), Message::Response, "{answer}");
    }
    let list = one(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}"#);
    assert!(matches!(list, Message::Other { method, .. } if method == "tools/list"));
    let call = one(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t","arguments":null}}"#);
    assert_eq!(call, Message::Call(Call { id: None, tool: "t".to_owned(), arguments: Map::new() }));
    // What looks like a call, in a string.
    let inside = one(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"{\"method\":\"tools/call\"}"}}"#);
    assert!(matches!(inside, Message::Other { method, .. } if method == "ping"));
}

#[test]
fn a_batch_is_read_message_by_message() {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}"#;
    let ping = r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#;
    let all = read(&plain(), format!("[{ping}, {call}]").as_bytes()).unwrap().all;
    assert!(matches!(&all[..], [Message::Other { .. }, Message::Call(_)]));
    assert_eq!(all.iter().map(|message| message.id().unwrap().value().clone()).collect::<Vec<_>>(), [2, 1]);
    for bad in [
        "[]".to_owned(),
        format!("[[{ping}]]"),
        format!("[{ping},1]"),
        format!("[{ping},{{}}]"),
        format!("[{}]", vec![ping; MAX_BATCH + 1].join(",")),
    ] {
        assert_eq!(reason(&bad), "mcp-not-json-rpc", "{bad}");
    }
    // Headers about one message say nothing true about several.
    let mut with = plain();
    with.insert("mcp-method", HeaderValue::from_static("ping"));
    let refusal = read(&with, format!("[{ping}]").as_bytes()).unwrap_err();
    assert_eq!(refusal.reason().name, "mcp-header-mismatch");
}

/// What one reader takes for a harmless message, and another one for a call.
#[test]
fn nothing_is_read_that_another_reader_could_read_otherwise() {
    let call = r#""method":"tools/call","params":{"name":"t"}"#;
    for (body, wanted) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#.to_owned(), "mcp-not-json"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call"}"#.to_owned(), "mcp-not-json"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#.to_owned(),
            "mcp-not-json",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":1,"x":2}}}"#
                .to_owned(),
            "mcp-not-json",
        ),
        (format!(r#"{{"jsonrpc":"2.0","id":1,{call}}}{{}}"#), "mcp-not-json"),
        (format!("{{\"jsonrpc\":\"2.0\",\"id\":1,{call}}}\n{{\"jsonrpc\":\"2.0\",{call}}}"), "mcp-not-json"),
        (format!("\u{feff}{{\"jsonrpc\":\"2.0\",\"id\":1,{call}}}"), "mcp-not-json"),
        (format!(r#"{{"jsonrpc":"2.0","id":NaN,{call}}}"#), "mcp-not-json"),
        (format!(r#"{{"jsonrpc":"2.0","id":1e999,{call}}}"#), "mcp-not-json"),
        (format!(r#"{{"jsonrpc":"2.0","id":1,{call},}}"#), "mcp-not-json"),
        (format!(r#"{{"jsonrpc":"2.0","id":1,{call},"x":{}{}}}"#, "[".repeat(100), "]".repeat(100)), "mcp-not-json"),
        // Go's reader takes these for the plain ones, the last one counts.
        (
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call",{}}}"#, &call[22..]),
            "mcp-lookalike",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"x"}"#.to_owned(), "mcp-lookalike"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}"#.to_owned(), "mcp-lookalike"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}"#.to_owned(),
            "mcp-lookalike",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","argumentS":{}}}"#.to_owned(),
            "mcp-lookalike",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","argument\u017f":{}}}"#.to_owned(),
            "mcp-lookalike",
        ),
        // Neither call nor anything else.
        (format!(r#"{{"jsonrpc":2.0,"id":1,{call}}}"#), "mcp-not-json-rpc"),
        (format!(r#"{{"jsonrpc":"1.0","id":1,{call}}}"#), "mcp-not-json-rpc"),
        (format!(r#"{{"id":1,{call}}}"#), "mcp-not-json-rpc"),
        (format!(r#"{{"jsonrpc":"2.0","id":null,{call}}}"#), "mcp-not-json-rpc"),
        (format!(r#"{{"jsonrpc":"2.0","id":[1],{call}}}"#), "mcp-not-json-rpc"),
        (format!(r#"{{"jsonrpc":"2.0","id":1,{call},"result":{{}}}}"#), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":""}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call "}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call\u0000"}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call"}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"toolſ/call"}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["t"]}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#.to_owned(), "mcp-not-json-rpc"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["t"]}}"#.to_owned(), "mcp-not-json-rpc"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":"{}"}}"#.to_owned(),
            "mcp-not-json-rpc",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":[]}}"#.to_owned(),
            "mcp-not-json-rpc",
        ),
        ("\"tools/call\"".to_owned(), "mcp-not-json-rpc"),
        ("null".to_owned(), "mcp-not-json-rpc"),
        (String::new(), "mcp-not-json"),
        ("event: message\ndata: {}\n\n".to_owned(), "mcp-not-json"),
    ] {
        assert_eq!(reason(&body), wanted, "{body}");
    }
    let wide: Vec<u8> =
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(reason(wide), "mcp-not-json");
}

#[test]
fn a_body_is_said_to_be_plain_json() {
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        assert!(read(&headers(&[("content-type", good)]), ping).is_ok(), "{good}");
    }
    for bad in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/json; charset=utf-16")],
        &[("content-type", "application/json; charset=utf-7; charset=utf-8")],
        &[("content-type", "application/json; boundary=x")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json"), ("content-type", "application/json")],
        &[("content-type", "application/json, text/plain")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[("content-type", "application/json"), ("content-encoding", "identity")],
    ] {
        assert_eq!(read(&headers(bad), ping).unwrap_err().reason().name, "mcp-media-type", "{bad:?}");
    }
}

#[test]
fn headers_that_repeat_the_body_agree_with_it() {
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pods_list","arguments":{}}}"#;
    let json = ("content-type", "application/json");
    assert!(read(&headers(&[json, ("mcp-method", "tools/call"), ("mcp-name", "pods_list")]), call).is_ok());
    for bad in [("mcp-method", "ping"), ("mcp-name", "pods_delete")] {
        let refusal = read(&headers(&[json, bad]), call).unwrap_err();
        assert_eq!(refusal.reason().name, "mcp-header-mismatch");
        let told: Value = serde_json::from_slice(&error(&refusal, "r-1").unwrap()).unwrap();
        assert_eq!(told["id"], 1, "{bad:?}");
    }
    let answer = br#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert!(read(&headers(&[json]), answer).is_ok());
    assert!(read(&headers(&[json, ("mcp-method", "tools/call")]), answer).is_err());
}
