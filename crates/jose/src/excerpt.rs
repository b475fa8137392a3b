//! A piece of what a stranger sent, fit for a log line.

use std::fmt;

/// Text from outside: at most [`Excerpt::MAX_CHARS`] characters of it are kept, and it prints with control, bidirectional
/// and other invisible characters escaped. So neither a log nor a terminal can be filled or forged with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt {
    text: Box<str>,
    cut: bool,
}

impl Excerpt {
    /// How many characters are kept.
    pub const MAX_CHARS: usize = 160;

    /// The beginning of `text`.
    pub fn of(text: &str) -> Self {
        match text.char_indices().nth(Self::MAX_CHARS) {
            Some((end, _)) => Excerpt { text: text[..end].into(), cut: true },
            None => Excerpt { text: text.into(), cut: false },
        }
    }

    /// The beginnings of the first eight of `texts`.
    pub fn of_each<T: AsRef<str>>(texts: &[T]) -> Vec<Self> {
        texts.iter().take(8).map(|text| Self::of(text.as_ref())).collect()
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.text.chars() {
            // Quotes are left alone: `escape_debug` would double them up in every message.
            if matches!(c, '"' | '\'') { fmt::Write::write_char(f, c)? } else { write!(f, "{}", c.escape_debug())? }
        }
        if self.cut { f.write_str("…") } else { Ok(()) }
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "“{self}”")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_could_forge_a_line() {
        assert_eq!(
            Excerpt::of("a\r\nb\u{1b}[2J\u{202e}c\0 it's \"é\"").to_string(),
            "a\\r\\nb\\u{1b}[2J\\u{202e}c\\0 it's \"é\""
        );
    }

    #[test]
    fn is_bounded() {
        assert_eq!(Excerpt::of(&"é".repeat(100_000)).to_string().chars().count(), Excerpt::MAX_CHARS + 1);
        assert_eq!(Excerpt::of_each(&["a"; 1000]).len(), 8);
    }
}
