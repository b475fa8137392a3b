//! What a POST to an MCP server carries: JSON-RPC messages, read so that no server behind us reads others.
//!
//! 1. The body is `application/json` in UTF-8, not compressed, and strict JSON ([`json`]).
//! 2. It is one message or, as in the revision of 2025-03-26, a batch of at most [`MAX_BATCH`]; a batch in a batch is none.
//! 3. A message is a request, a notification or a response, and `jsonrpc` is `"2.0"`. Ids are strings or numbers.
//! 4. No member of the envelope, nor of `params` where it matters, is a known name in another case: some readers (Go's,
//!    for one) take `Method` for `method`, and the last of them counts.
//! 5. A method is a plain name, and `tools/call` in another spelling is refused. A call has `params` that are an object,
//!    with a `name` that is a string and `arguments`, if any, that are an object.
//! 6. The headers that repeat method and name agree with the body ([`mirrored`]). Where they don't, the client is told so by
//!    the id of its request, as the revision of 2026-07-28 has it.
//!
//! What is passed on are the octets that were read, and not what was made of them.

mod answer;
pub(super) mod json;
mod mirrored;

use gangplank_jose::Excerpt;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};

pub(crate) use self::answer::error;
use super::McpRefusal;
use super::tools::ToolRefusal;

/// How many messages a batch may have.
const MAX_BATCH: usize = 50;
/// The longest id that is repeated in an answer, and the longest name of a method.
const MAX_NAME: usize = 256;
/// The members that a reader looks for.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
const PARAMS: [&str; 2] = ["name", "arguments"];

/// What a body carries.
#[derive(Debug)]
pub struct Messages {
    /// In their order. At least one.
    pub all: Vec<Message>,
}

/// One message.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// A tool is called: a request, or a notification that a server might act upon all the same.
    Call(Call),
    /// Something else is asked for or told.
    Other {
        /// None: a notification.
        id: Option<Id>,
        /// Such as `tools/list`.
        method: String,
    },
    /// An answer to what the server asked.
    Response,
}

/// A call of a tool.
#[derive(Debug, PartialEq)]
pub struct Call {
    /// None: a notification.
    pub id: Option<Id>,
    /// The tool's name, as it came.
    pub tool: String,
    /// Empty where there are none.
    pub arguments: Map<String, Value>,
}

/// The id of a request: a string or a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Id(Value);

impl Id {
    /// For an answer.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl Message {
    /// The id, if it is a request's.
    pub fn id(&self) -> Option<&Id> {
        match self {
            Message::Call(Call { id, .. }) | Message::Other { id, .. } => id.as_ref(),
            Message::Response => None,
        }
    }
}

/// Reads the body of a POST.
///
/// # Errors
/// It is no message, or could be read in two ways.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Messages, McpRefusal> {
    media_type(headers)?;
    let all = match json::read(body).map_err(ToolRefusal::NotJson)? {
        Value::Array(messages) => {
            if messages.is_empty() || messages.len() > MAX_BATCH {
                return Err(ToolRefusal::NotJsonRpc("a batch has 1 to 50 messages").into());
            }
            if mirrored::any(headers) {
                return Err(ToolRefusal::HeaderMismatch("Mcp-Method").into());
            }
            messages.into_iter().map(|one| message(one, None)).collect::<Result<_, _>>()?
        }
        one => vec![message(one, Some(headers))?],
    };
    Ok(Messages { all })
}

/// `application/json`, if anything of its parameters then in UTF-8; and nothing around it.
fn media_type(headers: &HeaderMap) -> Result<(), ToolRefusal> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(ToolRefusal::MediaType("not one Content-Type"));
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf_8 = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    };
    if !json || !parts.all(utf_8) {
        return Err(ToolRefusal::MediaType("a Content-Type other than application/json in UTF-8"));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(ToolRefusal::MediaType("a Content-Encoding"));
    }
    Ok(())
}

/// One message, with the headers that repeat it.
fn message(value: Value, headers: Option<&HeaderMap>) -> Result<Message, McpRefusal> {
    let Value::Object(mut members) = value else {
        return Err(ToolRefusal::NotJsonRpc("a message is an object").into());
    };
    plain_names(&members, &ENVELOPE)?;
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(ToolRefusal::NotJsonRpc("jsonrpc is not \"2.0\"").into());
    }
    // Some clients write a null for what is not there.
    let both = ["result", "error"].iter().all(|name| members.get(*name).is_some_and(|value| !value.is_null()));
    let answers = members.contains_key("result") || members.contains_key("error");
    let Some(method) = members.remove("method") else {
        if !answers || both {
            return Err(ToolRefusal::NotJsonRpc("a message has a method, or either a result or an error").into());
        }
        agree(headers, None, None, None)?;
        return Ok(Message::Response);
    };
    if answers {
        return Err(ToolRefusal::NotJsonRpc("a message with a method is no answer").into());
    }
    let id = members.remove("id").map(id).transpose()?;
    let method = method_name(method)?;
    let params = members.remove("params");
    if !matches!(params, None | Some(Value::Null | Value::Object(_) | Value::Array(_))) {
        return Err(ToolRefusal::NotJsonRpc("params is neither an object nor an array").into());
    }
    agree(headers, id.as_ref(), Some(&method), params.as_ref())?;
    Ok(if method == "tools/call" { Message::Call(call(id, params)?) } else { Message::Other { id, method } })
}

/// Rule 6.
fn agree(
    headers: Option<&HeaderMap>,
    id: Option<&Id>,
    method: Option<&str>,
    params: Option<&Value>,
) -> Result<(), McpRefusal> {
    let Some(headers) = headers else { return Ok(()) };
    let mismatch = |header| McpRefusal::from(ToolRefusal::HeaderMismatch(header)).in_message(id);
    mirrored::agree(headers, method, params).map_err(mismatch)
}

fn id(value: Value) -> Result<Id, ToolRefusal> {
    match &value {
        Value::Number(_) => Ok(Id(value)),
        Value::String(text) if text.len() <= MAX_NAME => Ok(Id(value)),
        _ => Err(ToolRefusal::NotJsonRpc("an id is a number or a string of at most 256 octets")),
    }
}

/// Plain, so that nobody behind us finds another method by trimming, folding or normalising it.
fn method_name(value: Value) -> Result<String, ToolRefusal> {
    let Value::String(method) = value else { return Err(ToolRefusal::NotJsonRpc("method is not a string")) };
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.' | b'/' | b'$');
    if method.is_empty() || method.len() > MAX_NAME || !method.bytes().all(plain) {
        return Err(ToolRefusal::NotJsonRpc("a method is 1 to 256 of A-Z a-z 0-9 _ - . / $"));
    }
    if method != "tools/call" && method.eq_ignore_ascii_case("tools/call") {
        return Err(ToolRefusal::NotJsonRpc("tools/call is written in lower case"));
    }
    Ok(method)
}

fn call(id: Option<Id>, params: Option<Value>) -> Result<Call, ToolRefusal> {
    let Some(Value::Object(mut members)) = params else {
        return Err(ToolRefusal::NotJsonRpc("the params of tools/call are not an object"));
    };
    plain_names(&members, &PARAMS)?;
    let Some(Value::String(tool)) = members.remove("name") else {
        return Err(ToolRefusal::NotJsonRpc("the name of tools/call is not a string"));
    };
    let arguments = match members.remove("arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(arguments)) => arguments,
        Some(_) => return Err(ToolRefusal::NotJsonRpc("the arguments of tools/call are not an object")),
    };
    Ok(Call { id, tool, arguments })
}

/// Rule 4.
fn plain_names(members: &Map<String, Value>, known: &[&str]) -> Result<(), ToolRefusal> {
    let lookalike = |name: &&String| !known.contains(&name.as_str()) && known.contains(&folded(name).as_str());
    match members.keys().find(lookalike) {
        Some(name) => Err(ToolRefusal::Lookalike(Excerpt::of(name))),
        None => Ok(()),
    }
}

/// Without case, as any reader could fold it: `ſ` is an `s` too, and the Kelvin sign a `k`.
pub(super) fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
