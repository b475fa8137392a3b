//! Finding a refusal in a log, as text or as JSON, line by line. Lines of others are skipped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use super::Told;

/// Longer lines are none of ours.
const LONGEST: u64 = 64 << 10;

/// The last line about this request id that has a reason.
pub(super) fn find(file: &Path, id: &str) -> Result<Told, String> {
    let found = if file == Path::new("-") {
        search(std::io::stdin().lock(), id)
    } else {
        let opened = File::open(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        search(BufReader::new(opened), id)
    };
    let found = found.map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    found.ok_or_else(|| {
        format!("no refusal of {id} in {}: the gate logs one line per decision (log.audit)", file.display())
    })
}

fn search(mut log: impl BufRead, id: &str) -> std::io::Result<Option<Told>> {
    let mut found = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if log.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        let text = String::from_utf8_lossy(&line);
        // The audit line has more than the warning about the same request.
        let better = |told: &Told| !told.method.is_empty() || found.is_none();
        if text.contains(id)
            && let Some(told) = told(text.trim_end(), id).filter(better)
        {
            found = Some(told);
        }
    }
}

/// What a line says, if it is about a refusal of this request.
fn told(line: &str, id: &str) -> Option<Told> {
    let field = |name: &str| if line.starts_with('{') { json_field(line, name) } else { text_field(line, name) };
    let reason = field("reason").filter(|_| field("request_id").as_deref() == Some(id))?;
    let at = if line.starts_with('{') { field("time") } else { line.split(' ').next().map(str::to_owned) };
    let text = |name: &str| field(name).unwrap_or_default();
    Some(Told {
        at: at.unwrap_or_default(),
        method: text("method"),
        host: text("host"),
        path: text("path"),
        route: text("route"),
        client: text("client"),
        reason,
        detail: text("detail"),
    })
}

fn json_field(line: &str, name: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    line.get(name)?.as_str().map(str::to_owned)
}

/// ` name=value` or ` name="value"`, escaped as JSON is. What stands inside the quotes of another field is no field.
fn text_field(line: &str, name: &str) -> Option<String> {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('=') {
        let key = before.rsplit(' ').next().unwrap_or_default();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted)?;
                (serde_json::from_str(&format!("\"{}\"", &quoted[..end])).ok()?, &quoted[end + 1..])
            }
            None => {
                let end = after.find(' ').unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
        };
        if key == name {
            return Some(value);
        }
        rest = next;
    }
    None
}

fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"2026-11-22T00:00:00.001Z INFO  listening address=127.0.0.1:4180
not one of ours request_id=abc1
2026-11-22T00:00:01.001Z INFO  audit: request_id=abc1 decision=deny reason=token-expired fault=token route=api detail="exp \"1\" request_id=abc2 reason=x" client=192.0.2.1 method=GET host=app.test path=/a
2026-11-22T00:00:01.002Z WARN  request_id=abc1 reason=token-expired fault=token detail=short
{"time":"2026-11-22T00:00:02Z","level":"info","target":"audit","request_id":"abc3","decision":"deny","reason":"not-signed-in","detail":"nobody","method":"POST","host":"h","path":"/p","client":"::1","route":""}
2026-11-22T00:00:03.001Z INFO  audit: request_id=abc4 decision=allow route=api user=alice
"#;

    fn of(id: &str) -> Option<Told> {
        search(LOG.as_bytes(), id).unwrap()
    }

    #[test]
    fn the_line_of_a_refusal_is_found_in_both_forms() {
        let text = of("abc1").unwrap();
        assert_eq!((text.reason.as_str(), text.route.as_str(), text.path.as_str()), ("token-expired", "api", "/a"));
        assert_eq!(text.detail, "exp \"1\" request_id=abc2 reason=x");
        assert_eq!(text.at, "2026-11-22T00:00:01.001Z");
        let json = of("abc3").unwrap();
        assert_eq!(
            (json.reason.as_str(), json.method.as_str(), json.client.as_str()),
            ("not-signed-in", "POST", "::1")
        );
    }

    #[test]
    fn what_was_allowed_or_only_named_is_no_refusal() {
        for id in ["abc2", "abc4", "abc", "none"] {
            assert_eq!(of(id), None, "{id}");
        }
        assert_eq!(search(&b"\xff\xfe request_id=x reason=y\n"[..], "q").unwrap(), None);
        assert_eq!(search("request_id=\"x".as_bytes(), "x").unwrap(), None);
    }
}
