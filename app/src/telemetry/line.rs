//! One event, one line.
//!
//! Text: `2026-11-22T00:07:11.042Z INFO  listening address=127.0.0.1:4180`. JSON: an object with `time`, `level`,
//! `target`, `message` and the fields. Control characters, and others that are not shown as what they are, are escaped
//! in both: whoever can put a line break into a field must not be able to write a line of the log.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::time::{Duration, SystemTime};

use gangplank_jose::UnixTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::mask;

thread_local! {
    static BUFFERS: RefCell<Buffers> = const { RefCell::new(Buffers::new()) };
}

struct Buffers {
    line: String,
    value: String,
    /// The last second that was written out, and how.
    second: (u64, String),
}

impl Buffers {
    const fn new() -> Self {
        Buffers { line: String::new(), value: String::new(), second: (u64::MAX, String::new()) }
    }
}

/// Formats the event and hands the line, line break included, to `write`.
pub(super) fn with(event: &Event<'_>, json: bool, write: impl FnOnce(&str)) {
    BUFFERS.with(|buffers| match buffers.try_borrow_mut() {
        Ok(mut buffers) => format(event, json, &mut buffers, write),
        // An event while an event is formatted: some `Display` logs. It gets buffers of its own.
        Err(_) => format(event, json, &mut Buffers::new(), write),
    });
}

fn format(event: &Event<'_>, json: bool, buffers: &mut Buffers, write: impl FnOnce(&str)) {
    let Buffers { line, value, second } = buffers;
    line.clear();
    let level = *event.metadata().level();
    let target = event.metadata().target();
    if json {
        line.push_str("{\"time\":\"");
        push_time(line, second, since_epoch());
        for part in ["\",\"level\":\"", json_name(level), "\",\"target\":\"", target, "\""] {
            line.push_str(part);
        }
        event.record(&mut Json { line, value });
        line.push_str("}\n");
    } else {
        push_time(line, second, since_epoch());
        line.push(' ');
        line.push_str(name(level));
        if !target.starts_with("gangplank") {
            line.push(' ');
            line.push_str(target);
            line.push(':');
        }
        event.record(&mut Text { line, value });
        line.push('\n');
    }
    write(line);
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN ",
        Level::INFO => "INFO ",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

fn json_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[expect(clippy::disallowed_methods, reason = "the log is the edge; its times decide nothing")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds. A busy log writes many lines per second: all but the first copy it.
fn push_time(line: &mut String, second: &mut (u64, String), since_epoch: Duration) {
    let seconds = since_epoch.as_secs();
    if second.0 != seconds {
        second.0 = seconds;
        second.1.clear();
        let _ = write!(second.1, "{}", UnixTime::from_secs(seconds));
        // The fraction comes before the zone.
        second.1.pop();
    }
    line.push_str(&second.1);
    let millis = since_epoch.subsec_millis();
    let digit = |n: u32| char::from(b'0' + (n % 10) as u8);
    line.extend(['.', digit(millis / 100), digit(millis / 10), digit(millis), 'Z']);
}

struct Text<'b> {
    line: &'b mut String,
    value: &'b mut String,
}

impl Text<'_> {
    fn push(&mut self, field: &str, value: &str) {
        let value = &*mask(value);
        self.line.push(' ');
        if field == "message" {
            push_escaped(self.line, value, false);
            return;
        }
        self.line.push_str(field);
        self.line.push('=');
        let bare = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
        if bare {
            self.line.push_str(value);
        } else {
            self.line.push('"');
            push_escaped(self.line, value, true);
            self.line.push('"');
        }
    }
}

impl Visit for Text<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field.name(), value);
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = std::mem::take(self.value);
        text.clear();
        let _ = write!(text, "{value:?}");
        self.push(field.name(), &text);
        *self.value = text;
    }
}

struct Json<'b> {
    line: &'b mut String,
    value: &'b mut String,
}

impl Json<'_> {
    fn key(&mut self, field: &Field) {
        self.line.push_str(",\"");
        push_escaped(self.line, field.name(), true);
        self.line.push_str("\":");
    }
    fn text(&mut self, field: &Field, value: &str) {
        let value = &*mask(value);
        self.key(field);
        self.line.push('"');
        push_escaped(self.line, value, true);
        self.line.push('"');
    }
}

impl Visit for Json<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.key(field);
        let _ = write!(self.line, "{value}");
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.key(field);
        let _ = write!(self.line, "{value}");
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.key(field);
        self.line.push_str(if value { "true" } else { "false" });
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = std::mem::take(self.value);
        text.clear();
        let _ = write!(text, "{value:?}");
        self.text(field, &text);
        *self.value = text;
    }
}

/// Escapes control characters as JSON does, and with `quoted` also what ends a quoted text.
fn push_escaped(line: &mut String, value: &str, quoted: bool) {
    let special = |c: char| is_hidden(c) || quoted && matches!(c, '"' | '\\');
    if !value.chars().any(special) {
        line.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '"' | '\\' if quoted => line.extend(['\\', c]),
            c if is_hidden(c) => {
                let _ = write!(line, "\\u{:04x}", c as u32);
            }
            c => line.push(c),
        }
    }
}

/// What a terminal obeys or hides instead of showing: controls, line separators, and what turns the direction of text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || !c.is_ascii()
            && matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        let mut second = Buffers::new().second;
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_795_305_631, "2026-11-22T00:00:31.007Z"),
        ] {
            let mut line = String::new();
            push_time(&mut line, &mut second, Duration::new(seconds, 7_000_000));
            assert_eq!(line, text);
        }
    }

    #[test]
    fn a_value_is_masked_and_what_follows_a_word_is_not() {
        let (mut line, mut value) = (String::new(), String::new());
        let mut text = Text { line: &mut line, value: &mut value };
        for (field, value) in [("by", "bearer"), ("client", "192.0.2.117"), ("got", "Bearer 0123456789abcdef")] {
            text.push(field, value);
        }
        assert_eq!(line, " by=bearer client=192.0.2.117 got=\"Bearer [token]\"");
    }

    #[test]
    fn no_field_can_begin_a_line() {
        let mut line = String::new();
        push_escaped(&mut line, "a\nb\u{1b}[31m\u{85}\"", true);
        assert_eq!(line, "a\\nb\\u001b[31m\\u0085\\\"");
        assert!(serde_json::from_str::<String>(&format!("\"{line}\"")).is_ok());
        line.clear();
        push_escaped(&mut line, "a\u{2028}b\u{202e}c\u{feff} é", true);
        assert_eq!(line, "a\\u2028b\\u202ec\\ufeff é");
    }
}
