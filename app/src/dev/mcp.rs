//! The MCP server behind the gate (Streamable HTTP, without sessions). Like the app it knows nothing of sign-in: it believes
//! the headers, and calls on with the token that it was given.
//!
//! 1. A POST of one JSON-RPC message; anything else is 405. A notification is answered with 202 and nothing.
//! 2. `initialize` (a revision that it knows, else its latest), `ping`, `tools/list`, `tools/call`.
//! 3. The tool `whoami` says whom the gate says is calling; `call-api` calls the API and gives its answer.

use bytes::Bytes;
use gangplank_gate::Body;
use gangplank_oauth::{Budget, Transport};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::api;
use super::sample::{self, Caller};

/// The revisions of the protocol that it speaks, the latest first.
const REVISIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/// The largest message.
const LARGEST: usize = 64 << 10;

/// What the server calls with, and where.
pub(super) struct Downstream<'a> {
    pub(super) transport: &'a dyn Transport,
    pub(super) url: &'a str,
}

/// Answers one request.
pub(super) async fn answer<B>(request: Request<B>, downstream: Downstream<'_>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let mut refused = Response::new(Body::empty());
        *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return refused;
    }
    let message: Option<Value> = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => serde_json::from_slice(&body.to_bytes()).ok(),
        Err(_) => None,
    };
    let Some(message) = message.filter(Value::is_object) else {
        return failed(StatusCode::BAD_REQUEST, &Value::Null, -32700, "not one JSON-RPC message");
    };
    let Some(id) = message.get("id").filter(|id| !id.is_null()) else {
        let mut taken = Response::new(Body::empty());
        *taken.status_mut() = StatusCode::ACCEPTED;
        return taken;
    };
    match result(&message, &head.headers, downstream).await {
        Ok(result) => sample::json(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": id, "result": result })),
        Err((code, text)) => failed(StatusCode::OK, id, code, text),
    }
}

fn failed(status: StatusCode, id: &Value, code: i32, text: &str) -> Response<Body> {
    sample::json(status, &json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": text } }))
}

/// Rules 2 and 3.
async fn result(
    message: &Value,
    headers: &HeaderMap,
    downstream: Downstream<'_>,
) -> Result<Value, (i32, &'static str)> {
    match message["method"].as_str() {
        Some("initialize") => Ok(initialized(&message["params"])),
        Some("ping") => Ok(json!({})),
        Some("tools/list") => Ok(json!({ "tools": [
            tool("whoami", "Says who is calling, as the gate told this server."),
            tool("call-api", "Calls the sample API with the token that this server was given."),
        ] })),
        Some("tools/call") => match message["params"]["name"].as_str() {
            Some("whoami") => Ok(said(&whoami(headers), false)),
            Some("call-api") => Ok(call_api(headers, downstream).await),
            _ => Err((-32602, "there is no such tool")),
        },
        _ => Err((-32601, "there is no such method")),
    }
}

fn initialized(params: &Value) -> Value {
    let asked = params["protocolVersion"].as_str();
    let revision = REVISIONS.into_iter().find(|revision| asked == Some(revision)).unwrap_or(REVISIONS[0]);
    json!({
        "protocolVersion": revision,
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "gangplank-dev", "version": env!("CARGO_PKG_VERSION") },
    })
}

fn tool(name: &str, description: &str) -> Value {
    let nothing = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let hints = json!({ "readOnlyHint": true });
    json!({ "name": name, "description": description, "inputSchema": nothing, "annotations": hints })
}

fn whoami(headers: &HeaderMap) -> Value {
    let caller = Caller::of(headers, gangplank_jose::UnixTime::EPOCH);
    let token = if api::bearer(headers).is_some() { "one, which this server calls on with" } else { "none" };
    json!({ "caller": caller, "token": token })
}

async fn call_api(headers: &HeaderMap, downstream: Downstream<'_>) -> Value {
    let mut request = Request::get(downstream.url);
    if let Some(token) = headers.get(header::AUTHORIZATION) {
        request = request.header(header::AUTHORIZATION, token);
    }
    let Ok(request) = request.body(Bytes::new()) else { return said(&json!("the API has no address"), true) };
    match downstream.transport.send(request, Budget::DEFAULT).await {
        Ok(answer) => {
            let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
            said(&json!({ "status": answer.status().as_u16(), "body": body }), !answer.status().is_success())
        }
        Err(error) => said(&json!(error.to_string()), true),
    }
}

fn said(what: &Value, is_error: bool) -> Value {
    json!({ "content": [{ "type": "text", "text": format!("{what:#}") }], "isError": is_error })
}

#[cfg(test)]
mod tests {
    use gangplank_oauth::{BoxFuture, TransportError};
    use http_body_util::Full;

    use super::*;

    /// An API that says which token it got.
    struct Echo;

    impl Transport for Echo {
        fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
            let got = request.headers().get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
            let status = if got.is_some() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            let body = Bytes::from(json!({ "got": got }).to_string());
            let answer = Response::builder().status(status).body(body).unwrap();
            Box::pin(std::future::ready(Ok(answer)))
        }
    }

    async fn ask(method: Method, body: &str, headers: &[(&'static str, &'static str)]) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri("/mcp");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let response = answer(request, Downstream { transport: &Echo, url: "http://127.0.0.1:1/api" }).await;
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn call(tool: &str, headers: &[(&'static str, &'static str)]) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": { "name": tool } });
        let (status, answer) = ask(Method::POST, &message.to_string(), headers).await;
        assert_eq!((status, &answer["id"]), (StatusCode::OK, &json!("a")));
        answer
    }

    #[tokio::test]
    async fn it_speaks_the_protocol() {
        for (asked, given) in [("2025-06-18", "2025-06-18"), ("2024-11-05", "2025-11-25"), ("x", "2025-11-25")] {
            let message = json!({ "id": 1, "method": "initialize", "params": { "protocolVersion": asked } });
            let (_, answer) = ask(Method::POST, &message.to_string(), &[]).await;
            assert_eq!(answer["result"]["protocolVersion"], given);
        }
        let (_, tools) = ask(Method::POST, r#"{"id": 2, "method": "tools/list"}"#, &[]).await;
        let names: Vec<_> = tools["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
        assert_eq!(names, ["whoami", "call-api"]);
        assert_eq!(ask(Method::POST, r#"{"id": 3, "method": "ping"}"#, &[]).await.1["result"], json!({}));
        for (body, status, code) in [
            ("{", StatusCode::BAD_REQUEST, json!(-32700)),
            ("[]", StatusCode::BAD_REQUEST, json!(-32700)),
            (r#"{"id": 1, "method": "fly"}"#, StatusCode::OK, json!(-32601)),
            (r#"{"id": 1, "method": "tools/call", "params": {"name": "fly"}}"#, StatusCode::OK, json!(-32602)),
        ] {
            let (found, answer) = ask(Method::POST, body, &[]).await;
            assert_eq!((found, &answer["error"]["code"]), (status, &code), "{body}");
        }
        let notified = ask(Method::POST, r#"{"method": "notifications/initialized"}"#, &[]).await;
        assert_eq!(notified, (StatusCode::ACCEPTED, Value::Null));
        assert_eq!(ask(Method::GET, "", &[]).await.0, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn it_believes_the_headers_and_calls_on_with_what_it_was_given() {
        let headers = [("x-auth-request-preferred-username", "dana@dev.test"), ("authorization", "Bearer t0k3n")];
        let who = call("whoami", &headers).await;
        let text = who["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("dana@dev.test") && !text.contains("t0k3n"), "{text}");
        let api = call("call-api", &headers).await;
        assert_eq!(api["result"]["isError"], false);
        assert!(api["result"]["content"][0]["text"].as_str().unwrap().contains("Bearer t0k3n"));
        assert_eq!(call("call-api", &[]).await["result"]["isError"], true);
    }
}
