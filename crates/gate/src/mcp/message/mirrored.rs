//! The headers in which the protocol (2026-07-28) repeats what stands in the body, for those on the way who do not read it.
//!
//! 1. `Mcp-Method` is the method. `Mcp-Name` is `params.name`, or of a resource `params.uri`, of a task `params.taskId`.
//!    `Mcp-Param-X` is some argument, which only the tool's schema names: where there is an argument X it is that.
//! 2. What is there must be there once and agree with the body: whoever behind us acts on a header must see what was judged.
//!    What is not there is for the server to miss.
//! 3. `=?base64?…?=` around a value is how characters travel that no header carries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
const MCP_PARAM: &str = "mcp-param-";

/// Whether headers and body say the same. The error names the header.
pub(super) fn agree(headers: &HeaderMap, method: Option<&str>, params: Option<&Value>) -> Result<(), &'static str> {
    if let Some(said) = one(headers, &MCP_METHOD, "Mcp-Method")?
        && Some(said.as_str()) != method
    {
        return Err("Mcp-Method");
    }
    let members = params.and_then(Value::as_object);
    if let Some(said) = one(headers, &MCP_NAME, "Mcp-Name")? {
        let text = |name: &str| members.and_then(|members| members.get(name)).and_then(Value::as_str);
        let meant = match method {
            Some("tools/call" | "prompts/get") => text("name"),
            Some(method) if method.starts_with("resources/") => text("uri"),
            Some(method) if method.starts_with("tasks/") => text("taskId"),
            _ => text("name").or(text("uri")),
        };
        if meant != Some(said.as_str()) {
            return Err("Mcp-Name");
        }
    }
    match members.and_then(|members| members.get("arguments")).and_then(Value::as_object) {
        Some(arguments) => agree_about(headers, arguments),
        None => Ok(()),
    }
}

/// Whether any of them is there.
pub(super) fn any(headers: &HeaderMap) -> bool {
    headers.contains_key(MCP_METHOD) || headers.contains_key(MCP_NAME)
}

fn agree_about(headers: &HeaderMap, arguments: &Map<String, Value>) -> Result<(), &'static str> {
    for (header, _) in headers.iter().filter(|(header, _)| header.as_str().starts_with(MCP_PARAM)) {
        let name = header.as_str().strip_prefix(MCP_PARAM).unwrap_or_default();
        let is_it = |argument: &&String| argument.replace('_', "-").eq_ignore_ascii_case(&name.replace('_', "-"));
        let said = one(headers, header, "Mcp-Param-…")?.unwrap_or_default();
        for argument in arguments.keys().filter(is_it) {
            let same = match &arguments[argument] {
                Value::String(text) => *text == said,
                Value::Bool(value) => said == if *value { "true" } else { "false" },
                Value::Number(number) => number.as_f64().is_some_and(|number| said.parse() == Ok(number)),
                _ => false,
            };
            if !same {
                return Err("Mcp-Param-…");
            }
        }
    }
    Ok(())
}

fn one(headers: &HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Option<String>, &'static str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => decoded(value).map(Some).ok_or(shown),
        _ => Err(shown),
    }
}

fn decoded(value: &HeaderValue) -> Option<String> {
    const OPEN: &str = "=?base64?";
    let text = value.to_str().ok()?;
    match text.get(..OPEN.len()) {
        Some(open) if open.eq_ignore_ascii_case(OPEN) => {
            let octets = STANDARD.decode(text[OPEN.len()..].strip_suffix("?=")?).ok()?;
            String::from_utf8(octets).ok()
        }
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(headers: &[(&'static str, &'static str)], method: &str, params: Value) -> Result<(), &'static str> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        agree(&headers.iter().map(pair).collect(), Some(method), Some(&params))
    }

    #[test]
    fn headers_agree_with_the_body() {
        let call = || json!({"name": "pods_list", "arguments": {"name_space": "dev", "all": true, "n": 1.0, "o": {}}});
        for (headers, verdict) in [
            (&[][..], Ok(())),
            (&[("mcp-method", "tools/call"), ("mcp-name", "pods_list")], Ok(())),
            (&[("mcp-name", "=?base64?cG9kc19saXN0?=")], Ok(())),
            (&[("mcp-name", "=?BASE64?cG9kc19saXN0?=")], Ok(())),
            (&[("mcp-name", "=?base64?cG9kc19saXN0")], Err("Mcp-Name")),
            (&[("mcp-name", "=?base64?/w==?=")], Err("Mcp-Name")),
            (&[("mcp-method", "tools/list")], Err("Mcp-Method")),
            (&[("mcp-method", "Tools/Call")], Err("Mcp-Method")),
            (&[("mcp-method", "tools/call"), ("mcp-method", "tools/call")], Err("Mcp-Method")),
            (&[("mcp-name", "pods_get")], Err("Mcp-Name")),
            (&[("mcp-name", "")], Err("Mcp-Name")),
            (&[("mcp-param-name-space", "dev"), ("mcp-param-all", "true"), ("mcp-param-n", "1")], Ok(())),
            (&[("mcp-param-region", "eu")], Ok(())),
            (&[("mcp-param-name_space", "prod")], Err("Mcp-Param-…")),
            (&[("mcp-param-name-space", "dev"), ("mcp-param-name-space", "dev")], Err("Mcp-Param-…")),
            (&[("mcp-param-all", "false")], Err("Mcp-Param-…")),
            (&[("mcp-param-n", "2")], Err("Mcp-Param-…")),
            (&[("mcp-param-o", "{}")], Err("Mcp-Param-…")),
        ] {
            assert_eq!(judged(headers, "tools/call", call()), verdict, "{headers:?}");
        }
        let odd = || json!({"name": "t", "arguments": {"mcp-param-x": "prod", "x": "dev"}});
        for (said, verdict) in [("dev", Err("Mcp-Param-…")), ("prod", Ok(()))] {
            assert_eq!(judged(&[("mcp-param-mcp-param-x", said)], "tools/call", odd()), verdict, "{said}");
        }
        assert_eq!(judged(&[("mcp-name", "a:b")], "resources/read", json!({"uri": "a:b", "name": "c"})), Ok(()));
        assert_eq!(judged(&[("mcp-name", "c")], "resources/read", json!({"uri": "a", "name": "c"})), Err("Mcp-Name"));
        assert_eq!(judged(&[("mcp-name", "t")], "tasks/get", json!({"taskId": "t"})), Ok(()));
        assert_eq!(judged(&[("mcp-name", "t")], "ping", json!([])), Err("Mcp-Name"));
    }
}
