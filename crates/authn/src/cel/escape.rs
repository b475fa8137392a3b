//! How a field is written whose name the grammar does not allow.
//!
//! `__dot__` is `.`, `__dash__` is `-`, `__slash__` is `/` and `__underscores__` is `__`; a whole name of the form
//! `__word__` is that word of the language. Anything else between two pairs of underscores is no name at all.

use std::borrow::Cow;

use super::parser::RESERVED;

/// The words of the language that are no identifiers either; they can be written so, too.
const LITERALS: [&str; 4] = ["true", "false", "null", "in"];

/// The name that is meant; none if there is no such escape.
pub(super) fn unescape(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains("__") {
        return Some(Cow::Borrowed(written));
    }
    let mut meant = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, inside)) = rest.split_once("__") {
        let Some((escape, after)) = inside.split_once("__") else { break };
        meant.push_str(before);
        match escape {
            "dot" => meant.push('.'),
            "dash" => meant.push('-'),
            "slash" => meant.push('/'),
            "underscores" => meant.push_str("__"),
            word if is_word(word) && word.len() + 4 == written.len() => meant.push_str(word),
            _ => return None,
        }
        rest = after;
    }
    meant.push_str(rest);
    Some(Cow::Owned(meant))
}

fn is_word(word: &str) -> bool {
    LITERALS.contains(&word) || RESERVED.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn names_that_the_grammar_does_not_allow() {
        for (written, meant) in [
            ("email", Some("email")),
            ("a_b", Some("a_b")),
            ("kubernetes__dot__io", Some("kubernetes.io")),
            ("a__dash__b__slash__c", Some("a-b/c")),
            ("a__underscores__b", Some("a__b")),
            ("__namespace__", Some("namespace")),
            ("__in__", Some("in")),
            ("a__b", Some("a__b")),
            ("x__namespace__", None),
            ("__other__", None),
            ("____", None),
        ] {
            assert_eq!(unescape(written).as_deref(), meant, "{written}");
        }
    }
}
