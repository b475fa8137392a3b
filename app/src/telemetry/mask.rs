//! The net under the log: what looks like a token does not leave, even if some code path, ours or a library's, hands
//! it over.
//!
//! 1. Three parts of base64url joined by dots, the first of which begins as every JOSE header does (`eyJ`): a JWT.
//! 2. What follows the word `Bearer`.

use std::borrow::Cow;

const HIDDEN: &str = "[token]";
const WORD: &str = "bearer ";
/// A shorter word after it is one of prose: "bearer tokens are not accepted".
const SHORTEST: usize = 16;

/// The text without what looks like a token.
pub fn mask(text: &str) -> Cow<'_, str> {
    // Each value of the log comes by: quick searches first, for what either can't be without.
    let bearer = || text.len() >= WORD.len() + SHORTEST && (text.contains("earer ") || text.contains("EARER "));
    if !text.contains("eyJ") && !bearer() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let jwt = find_jwt(rest);
        let bearer = find_bearer(rest);
        let (start, end) = match (jwt, bearer) {
            (Some(a), Some(b)) => a.min(b),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => break,
        };
        clean.push_str(&rest[..start]);
        clean.push_str(HIDDEN);
        rest = &rest[end..];
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// Where the first JWT is: header and payload are enough, since an attacker wants no more of it than its holder.
fn find_jwt(text: &str) -> Option<(usize, usize)> {
    text.match_indices("eyJ").find_map(|(start, _)| {
        let end = start + token_length(&text[start..]);
        text[start..end].contains('.').then_some((start, end))
    })
}

/// Where the credential behind the first `Bearer` is.
fn find_bearer(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = bytes.get(from..)?.windows(WORD.len()).position(|w| w.eq_ignore_ascii_case(WORD.as_bytes()))
    {
        let start = from + found + WORD.len();
        let length = token_length(&text[start..]);
        if length >= SHORTEST {
            return Some((start, start + length));
        }
        from = start;
    }
    None
}

/// The `token68` at the beginning (RFC 9110 §11.2): `=` only as padding, so that the next field of a line, as in
/// `by=bearer client=…`, is none.
fn token_length(text: &str) -> usize {
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+' | b'/');
    let bare = text.bytes().position(|b| !inside(b)).unwrap_or(text.len());
    bare + text[bare..].bytes().take_while(|b| *b == b'=').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_do_not_leave_and_prose_does() {
        assert_eq!(mask("got eyJhbGciOiJub25lIn0.e30.c2ln here"), "got [token] here");
        assert_eq!(mask("authorization: bearer 0123456789abcdefX, x"), "authorization: bearer [token], x");
        assert_eq!(mask("Bearer eyJh.e30.c, and Bearer eyJh.e30.d"), "Bearer [token], and Bearer [token]");
        for prose in [
            "by=bearer client=127.0.0.1",
            "bearer tokens are not accepted",
            "eyJust a word",
            "nothing",
            "Bearer ",
            "ß bearer ß",
        ] {
            assert_eq!(mask(prose), prose);
        }
    }
}
