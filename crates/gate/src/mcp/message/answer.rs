//! How a client is told that a message went no further: an error of JSON-RPC, with the message's id, so that it reaches
//! whoever waits for the answer. It says no more than the status does.

use serde::Serialize;
use serde_json::Value;

use crate::mcp::{McpRefusal, ToolRefusal};

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    id: Option<&'a Value>,
    error: Problem<'a>,
}

#[derive(Serialize)]
struct Problem<'a> {
    code: i32,
    message: &'static str,
    data: About<'a>,
}

#[derive(Serialize)]
struct About<'a> {
    request_id: &'a str,
}

/// The body of an answer to a message. `None` if the refusal is not about messages.
pub(crate) fn error(refusal: &McpRefusal, request_id: &str) -> Option<Vec<u8>> {
    let (id, refusal) = match refusal {
        McpRefusal::InMessage { id, why } => (id.as_ref(), &**why),
        other => (None, other),
    };
    let (code, message) = words(refusal)?;
    let error = Problem { code, message, data: About { request_id } };
    serde_json::to_vec(&Answer { jsonrpc: "2.0", id: id.map(super::Id::value), error }).ok()
}

fn words(refusal: &McpRefusal) -> Option<(i32, &'static str)> {
    let tool = match refusal {
        McpRefusal::InsufficientScope { .. } => return Some(NOT_TO_BE_CALLED),
        McpRefusal::Tool(tool) => tool,
        _ => return None,
    };
    Some(match tool {
        ToolRefusal::NotJson(_) => (-32700, "Parse error"),
        ToolRefusal::NotJsonRpc(_) | ToolRefusal::MediaType(_) => (-32600, "Invalid Request"),
        ToolRefusal::Lookalike(_) => (-32600, "Invalid Request: a name is spelled in another case than it is declared"),
        ToolRefusal::HeaderMismatch(_) => (-32020, "The headers do not say what the body says"),
        ToolRefusal::ToolName(_) | ToolRefusal::Forbidden { .. } => NOT_TO_BE_CALLED,
        ToolRefusal::TargetMissing { .. }
        | ToolRefusal::TargetUnknown { .. }
        | ToolRefusal::TargetForbidden { .. }
        | ToolRefusal::TargetsDiffer(..) => (-32602, "The call is not for one cluster that may be chosen here"),
        ToolRefusal::HttpMethod(_)
        | ToolRefusal::AnswerCompressed
        | ToolRefusal::AnswerUnreadable(_)
        | ToolRefusal::AnswerTooLarge(_) => return None,
    })
}

const NOT_TO_BE_CALLED: (i32, &str) = (-32602, "This tool may not be called");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::message::Id;

    fn said(refusal: &McpRefusal) -> Value {
        serde_json::from_slice(&error(refusal, "r-1").unwrap()).unwrap()
    }

    #[test]
    fn an_answer_has_the_id_of_the_message_and_no_reason() {
        let forbidden = || ToolRefusal::Forbidden {
            user: "ada".to_owned(),
            tool: gangplank_jose::Excerpt::of("t"),
            unmet: "secret".to_owned(),
        };
        let lacking = McpRefusal::InsufficientScope { user: "ada".to_owned(), asked: "t".to_owned(), needed: vec![] };
        for why in [forbidden().into(), lacking] {
            let refusal = McpRefusal::InMessage { id: Some(Id(json!("a\"b\u{1}"))), why: Box::new(why) };
            let wanted = json!({"jsonrpc": "2.0", "id": "a\"b\u{1}", "error": {
                "code": -32602, "message": "This tool may not be called", "data": {"request_id": "r-1"},
            }});
            assert_eq!(said(&refusal), wanted);
        }
        assert_eq!(said(&ToolRefusal::HeaderMismatch("x").into())["error"]["code"], -32020);
        assert_eq!(said(&ToolRefusal::HeaderMismatch("x").into())["id"], Value::Null);
        assert!(error(&McpRefusal::BodyEncoded, "r-1").is_none());
        assert!(error(&ToolRefusal::AnswerCompressed.into(), "r-1").is_none());
    }
}
