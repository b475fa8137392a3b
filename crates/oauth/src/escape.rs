//! Text of others that goes into our logs and pages: bounded, on one line, without surprises for a terminal.

use std::fmt::Write as _;

/// The first `max` characters of `text`; control characters and those that reorder or break lines are written as
/// `\u{…}`. An ellipsis says that something was cut off.
pub(crate) fn escaped(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max + 4));
    for (count, c) in text.chars().enumerate() {
        if count == max {
            out.push('…');
            break;
        }
        if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_length_is_bounded() {
        assert_eq!(escaped("a\r\nb\u{1b}[31m\u{202e}é", 100), "a\\u{d}\\u{a}b\\u{1b}[31m\\u{202e}é");
        assert_eq!(escaped("abcdef", 3), "abc…");
        assert_eq!(escaped("abc", 3), "abc");
        assert!(escaped(&"\n".repeat(1 << 20), 10).len() < 100);
    }
}
