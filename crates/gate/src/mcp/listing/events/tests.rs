use super::super::cut::tests::BeginningWithA;
use super::*;

fn filtered<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> Result<Vec<u8>, ToolRefusal> {
    let (mut events, mut out) = (Events::new(BeginningWithA), Vec::new());
    for part in parts {
        events.feed(part, &mut out)?;
    }
    events.finish(&mut out)?;
    Ok(out)
}

fn whole(stream: &str) -> String {
    match filtered([stream.as_bytes()]) {
        Ok(out) => String::from_utf8(out).unwrap(),
        Err(refusal) => refusal.reason().name.to_owned(),
    }
}

const LIST: &str = r#"{"id":1,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#;
const LEFT: &str = r#"{"id":1,"result":{"tools":[{"name":"a"}]}}"#;

#[test]
fn data_are_cut_and_all_else_stays() {
    for (stream, wanted) in [
        (format!("id: 7\nevent: message\ndata: {LIST}\nretry: 5\n\n"), format!("id: 7\nevent: message\ndata: {LEFT}\nretry: 5\n\n")),
        (format!("data:{LIST}\r\n\r\ndata: x\r\n\r\n"), format!("data: {LEFT}\r\n\r\ndata: x\r\n\r\n")),
        (format!("data: {LIST}\r\rdata: {LIST}\r\r"), format!("data: {LEFT}\r\rdata: {LEFT}\r\r")),
        // Cut at a blank between two tokens.
        (
            "data: {\"id\":1,\ndata:\"result\":{\"tools\":[{\"name\":\"a\"},\n: a comment\nid: 9\ndata: {\"name\":\"b\"}]}}\n\n".to_owned(),
            "data: {\"id\":1,\ndata: \"result\":{\"tools\":[{\"name\":\"a\"}]}}\n: a comment\nid: 9\n\n".to_owned(),
        ),
        // An end of a line and that of the event stay two.
        (
            "data: {\"id\":1,\ndata:\"result\":{\"tools\":[{\"name\":\"b\"},\rid: 2\rdata: {\"name\":\"a\"}]}}\n\n".to_owned(),
            "data: {\"id\":1,\ndata: \"result\":{\"tools\":[{\"name\":\"a\"}]}}\nid: 2\r\n\n".to_owned(),
        ),
        // Without its end, or any end of a line.
        (format!("data: {LIST}"), format!("data: {LEFT}\n")),
        (format!("data: {LIST}\nid: 3"), format!("data: {LEFT}\nid: 3")),
    ] {
        assert_eq!(whole(&stream), wanted, "{stream:?}");
    }
    for same in [
        "",
        "\n\n\r\n\r\r",
        ": ping\n\n: ping\n",
        "event: endpoint\ndata: /tools/messages?x=1\n\n",
        "data\ndata\n\n",
        "data: {\"id\":1,\"result\":{}}\nid\n\nretry: 10\n\n",
        " data: {\"result\":{\"tools\":[{\"name\":\"b\"}]}}\n\n",
        "Data: x\ndatax: y\n\n",
        "data: {\"method\":\"notifications/tools/list_changed\"}\r\n\r\n",
    ] {
        assert_eq!(whole(same), same, "{same:?}");
    }
}

#[test]
fn a_stream_ends_where_it_cannot_be_read() {
    for stream in ["data: {\"result\":{\"tools\":[{\"name\":\"b\"}\n\n", "\u{feff}data: x\n\n", "\u{feff}data: x"] {
        assert_eq!(whole(stream), "mcp-answer-unreadable", "{stream:?}");
    }
}

#[test]
fn what_is_held_is_bounded() {
    let feed = |stream: &str| {
        let mut events = Events::new(BeginningWithA).holding(64);
        let mut out = Vec::new();
        let outcome = stream.as_bytes().chunks(7).try_for_each(|part| events.feed(part, &mut out));
        assert!(events.line.len() + events.held.len() <= 64 + 2);
        outcome.map_err(|refusal| refusal.reason().name)
    };
    let line = "x".repeat(40);
    assert_eq!(feed(&format!(": {line}\n: {line}\n").repeat(100)), Ok(()));
    assert_eq!(feed(&format!("data: {line}\n\n").repeat(100)), Ok(()));
    assert_eq!(feed(&format!("data: {line}\nid: {line}\n")), Err("mcp-answer-too-large"));
    assert_eq!(feed(&format!("data: {line}{line}")), Err("mcp-answer-too-large"));
    assert_eq!(feed(&format!(": {line}{line}")), Err("mcp-answer-too-large"));
}

#[test]
fn what_needs_no_look_goes_on_at_once() {
    let (mut events, mut out) = (Events::new(BeginningWithA), Vec::new());
    events.feed(b": ping\nid: 1\n", &mut out).unwrap();
    assert_eq!(out, b": ping\nid: 1\n");
    events.feed(b"data: {}\n\n", &mut out).unwrap();
    assert_eq!(out, b": ping\nid: 1\ndata: {}\n\n");
    // An event is over at `\r\r`, whether or not a `\n` follows.
    events.feed(b"data: {}\r\r", &mut out).unwrap();
    assert!(out.ends_with(b"data: {}\r\r"));
    events.feed(b"\ndata: {}\r", &mut out).unwrap();
    events.feed(b"\n\r", &mut out).unwrap();
    events.feed(b"\n", &mut out).unwrap();
    assert!(out.ends_with(b"data: {}\r\r\ndata: {}\r\n\r\n"), "{:?}", String::from_utf8_lossy(&out));
}

/// A part that ends with the whole of a line's end leaves nothing of it to the next.
#[test]
fn an_empty_line_behind_a_part_ends_its_event() {
    let parts = [&b"data: {\"id\":1,\r\n"[..], b"\ndata: \"result\":{\"tools\":[{\"name\":\"b\"}]}}\n\n"];
    let together = filtered([parts.concat().as_slice()]).unwrap();
    assert_eq!(together, parts.concat(), "two events, and neither of them is a list");
    assert_eq!(filtered(parts).unwrap(), together);
}

/// However the stream is cut, the same comes out.
#[test]
fn parts_make_no_difference() {
    let pieces = [
        "id: 1\n",
        "event: message\r\n",
        ": c\r",
        "data: {}\n",
        "data\n",
        "\n",
        "\r\n",
        "\r",
        "retry: 1\n",
        "data: /tools\n",
        "data: {\"id\":1,\"result\":{\"tools\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}\n\n",
        "data: {\"id\":1,\r\ndata: \"result\":{\"tools\":[{\"name\":\"b\"}]}}\r\n\r\n",
        "data:{\"result\":{\"tools\":[{\"name\":\"b\"}]}}\r\r",
        "data: é\u{2028}\n",
    ];
    // A small generator of our own: the same at each run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for _ in 0..3_000 {
        let stream: String = (0..random(12)).map(|_| pieces[random(pieces.len())]).collect();
        let expected = filtered([stream.as_bytes()]).map_err(|refusal| refusal.reason().name);
        let (mut parts, mut rest) = (Vec::new(), stream.as_bytes());
        while !rest.is_empty() {
            let (part, after) = rest.split_at(1 + random(rest.len().min(9)));
            parts.push(part);
            rest = after;
        }
        assert_eq!(filtered(parts).map_err(|refusal| refusal.reason().name), expected, "{stream:?}");
    }
}
