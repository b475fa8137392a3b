//! What a span shows of texts that a caller chose: no more than a bound, and nothing in them that looks like a secret or like
//! somebody's address. Whoever looks at traces is not whoever may hold tokens.
//!
//! A text is taken apart into words, at whatever can't stand in a token. Of each word, decoded as often as it can be:
//!
//! 1. With an `@` in it, it is an address.
//! 2. With the beginning of a JWT, or of a key of a kind that is known by its beginning, it is a token.
//! 3. Of small letters, capitals and digits, twenty in a row or more, it is drawn at random; so are thirty-two hex digits.
//!    (UUIDs, and the names that Kubernetes makes up, have no capitals beside small letters, and dashes.)
//! 4. Longer than sixty-four, it is nothing that a person needs to read.
//!
//! What is left out is `[hidden]`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

const MAX_TEXT: usize = 256;
const LONGEST_WORD: usize = 64;
/// A UUID's length, and longer than 32 hex digits.
const LONGEST_ID: usize = 36;
const SHORTEST: usize = 12;
const RANDOM: usize = 20;
const HEX: usize = 32;
const HIDDEN: &str = "[hidden]";

/// How keys of kinds that are in wide use begin, ours among them.
const BEGINNINGS: [&str; 11] =
    ["eyJ", "gpk_", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "sk-", "sk_", "xox", "AKIA"];

/// A text from outside, without what nobody should see.
pub fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_TEXT));
    let mut rest = text;
    while !rest.is_empty() && shown.len() < MAX_TEXT {
        let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        shown.push_str(if is_private(word) { HIDDEN } else { word });
        let next = after.find(is_of_word).unwrap_or(after.len());
        let (between, after) = after.split_at(next);
        shown.extend(between.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        rest = after;
    }
    shown.truncate(shown.floor_char_boundary(MAX_TEXT));
    shown
}

/// A request id, ours or a proxy's: the usual ones are of hex digits, and are no more than they look like.
pub(super) fn id(id: &str) -> String {
    let usual = id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if usual { id.to_owned() } else { text(id) }
}

/// A name that a caller chose, if it is like one.
pub(super) fn name(name: &str) -> Option<String> {
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"_-./".contains(&b);
    let good = (1..=LONGEST_WORD).contains(&name.len()) && name.bytes().all(fit) && !is_private(name);
    good.then(|| name.to_owned())
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '%' | '@' | '=')
}

fn is_private(word: &str) -> bool {
    let mut word = Cow::Borrowed(word);
    // As often as some server behind might.
    for _ in 0..4 {
        if is_plainly_private(&word) {
            return true;
        }
        if !word.contains('%') {
            return false;
        }
        let decoded = percent_decode_str(&word).decode_utf8_lossy().into_owned();
        word = Cow::Owned(decoded);
    }
    // Somebody is hiding something.
    true
}

fn is_plainly_private(word: &str) -> bool {
    word.len() > LONGEST_WORD && !word.contains('%')
        || word.contains('@')
        || word.split(['/', ' ', '=', ':', '"', '\'']).any(is_token)
}

fn is_token(word: &str) -> bool {
    let known = word.len() >= SHORTEST && BEGINNINGS.iter().any(|beginning| word.starts_with(beginning));
    known || word.split(['.', '~', '+', '%']).any(is_random)
}

fn is_random(run: &str) -> bool {
    let has = |class: fn(&u8) -> bool| run.as_bytes().iter().any(class);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    run.len() >= RANDOM && mixed
        || run.split(['-', '_']).any(|part| part.len() >= HEX && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_read_is_shown() {
        for plain in [
            "/",
            "/api/v1/namespaces/default/pods/web-7d9c5b8f6d-x2x9q/log",
            "/users/3f2504e0-4f89-41d3-9a0c-0305e82c3301/orders/4711",
            "/Users/3F2504E0-4F89-41D3-9A0C-0305E82C3301",
            "/apis/apps/v1/deployments;v=1/caf%C3%A9/a%20b",
            "/static/index.D4f9a.js",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            "kubectl/v1.31.0 (linux/amd64) kubernetes/9edcffc",
            "/skills/task-list-of-many/sky",
        ] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn what_looks_like_a_secret_or_an_address_is_not() {
        for (given, expected) in [
            ("/invite/eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln/x", "/invite/[hidden]/x"),
            ("/invite/eyJhbGciOiJub25lIn0%2EeyJzdWIiOiJ4In0%2Ec2ln", "/invite/[hidden]"),
            ("/invite/%65yJhbGciOiJub25lIn0", "/invite/[hidden]"),
            ("/invite/%2565yJhbGciOiJub25lIn0", "/invite/[hidden]"),
            ("/users/ada@example.com/x", "/users/[hidden]/x"),
            ("/users/ada%40example.com", "/users/[hidden]"),
            ("/users/ada%2540example.com", "/users/[hidden]"),
            ("/users/ada%252525252540example.com", "/users/[hidden]"),
            ("/reset;token=aB3dE5gH7jK9mN1pQ3sT5vX7", "/reset;[hidden]"),
            ("/hooks/T00/B00/XXd8Kq2LmN4oPq6RsT8uVw0xYz", "/hooks/T00/B00/[hidden]"),
            ("/s/0123456789abcdef0123456789abcdef", "/s/[hidden]"),
            ("/k/gpk_00000000", "/k/[hidden]"),
            ("/a/x%2Fgpk_000000000000", "/a/[hidden]"),
            ("agent/1.0 Bearer aB3dE5gH7jK9mN1pQ3sT5vX7", "agent/1.0 Bearer [hidden]"),
            (&format!("/{}", "a".repeat(65)), "/[hidden]"),
        ] {
            assert_eq!(text(given), expected, "{given}");
        }
    }

    #[test]
    fn it_is_bounded_whatever_comes() {
        for long in ["/a".repeat(9_000), "é/".repeat(9_000), "/".repeat(9_000), "%".repeat(9_000), "/%41".repeat(9_000)]
        {
            assert!(text(&long).len() <= MAX_TEXT, "{}", text(&long).len());
        }
        assert_eq!(text("/a\n\u{1b}[31m"), "/a\u{fffd}\u{fffd}[31m");
    }

    #[test]
    fn request_ids_are_shown_unless_they_are_something_else() {
        for usual in ["d4689b0653bf0c3c0000000000000000", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "abc-1"] {
            assert_eq!(id(usual), usual);
        }
        assert_eq!(id("aB3dE5gH7jK9mN1pQ3sT5vX7"), HIDDEN);
        assert_eq!(id(&"0123456789abcdef".repeat(4)), HIDDEN);
    }

    #[test]
    fn names_are_names() {
        assert_eq!(name("pods_list").as_deref(), Some("pods_list"));
        for bad in ["", "a b", "ada@example.com", "eyJhbGciOiJub25lIn0.e30.c2ln", "x\n", &"x".repeat(65)] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}
