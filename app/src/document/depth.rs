//! How deep dotted keys go. Each dot is a table inside a table, the parser does not bound them, and whoever walks the
//! tables recurses.

/// The deepest dotted key. Ours have four parts.
const DEEPEST: usize = 64;

/// The most dots on one line, whatever they are: in a file that is not TOML, what is a string is anybody's guess.
const PER_LINE: usize = 1_000;

/// Where a key goes deeper than that.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut dots, mut on_line, mut quoted) = (0, 0, None::<Quote>);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        on_line = match byte {
            b'\n' => 0,
            b'.' => on_line + 1,
            _ => on_line,
        };
        let mut step = 1;
        match quoted {
            Some(quote) if rest.starts_with(quote.end) => {
                step = quote.end.len();
                quoted = None;
            }
            Some(Quote { escapes: true, .. }) if byte == b'\\' => step = 2,
            Some(quote) if byte == b'\n' && !quote.lines => (quoted, dots) = (None, 0),
            Some(_) => {}
            None => {
                quoted = QUOTES.into_iter().find(|quote| rest.starts_with(quote.start));
                step = quoted.map_or(1, |quote| quote.start.len());
                match byte {
                    b'.' => dots += 1,
                    b'\n' | b'=' | b',' | b'[' | b'{' | b'#' => dots = 0,
                    _ => {}
                }
            }
        }
        if dots > DEEPEST || on_line > PER_LINE {
            return Some(at);
        }
        at += step;
    }
    None
}

/// What is not a key: a string, or a comment.
#[derive(Clone, Copy)]
struct Quote {
    start: &'static [u8],
    end: &'static [u8],
    escapes: bool,
    lines: bool,
}

const QUOTES: [Quote; 5] = [
    Quote { start: b"\"\"\"", end: b"\"\"\"", escapes: true, lines: true },
    Quote { start: b"'''", end: b"'''", escapes: false, lines: true },
    Quote { start: b"\"", end: b"\"", escapes: true, lines: false },
    Quote { start: b"'", end: b"'", escapes: false, lines: false },
    Quote { start: b"#", end: b"\n", escapes: false, lines: false },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded_and_text_is_not() {
        for part in ["a", "'a'", "\"a\\\"\"", " a "] {
            let deep = vec![part; 100].join(".");
            assert!(too_deep(&format!("x = 1\n{deep} = 1")).is_some(), "{part}");
            assert!(too_deep(&format!("[{deep}]")).is_some(), "{part}");
            assert!(too_deep(&format!("x = {{ {deep} = 1 }}")).is_some(), "{part}");
        }
        let dots = ".".repeat(100);
        let list = vec!["'a.b.c.d'"; 100].join(", ");
        for text in [
            format!("x = '{dots}'"),
            format!("x = \"\\\"{dots}\""),
            format!("x = '''\n{dots}\n'''"),
            format!("# {dots}"),
            format!("x = [{list}]"),
        ] {
            assert_eq!(too_deep(&text), None, "{text}");
        }
        assert!(too_deep(&format!("'#'.{dots} = 1")).is_some());
        assert!(too_deep(&format!("x = '{}'", ".".repeat(PER_LINE + 1))).is_some());
    }
}
