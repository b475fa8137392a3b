//! What somebody who comes to `start` or `sign_in` wants: the page to return to, and the client to sign in at.
//!
//! 1. The page is the first `rd`. Whoever makes the link encodes it, so it is decoded.
//! 2. nginx cannot encode: `return 302 /oauth2/start?rd=$scheme://$http_host$request_uri` is what its users write. A value
//!    with a `/` and after that a `?`, both as they are, was never encoded. It is taken as it was written, and with it, in
//!    their order and byte for byte, the parameters behind it that are not ours: a `client` that is one of the
//!    configuration's, and `prompt=select_account`.
//! 3. A value with a plain `/` and no `?` can be either. It is decoded, unless that yields what no address may hold.
//! 4. Without an `rd`, the page is the one that a trusted proxy says was asked for ([`Believed::original`]), unless that is
//!    an endpoint of ours.
//!
//! Nothing is judged here: that is the [`return_target`](crate::return_target)'s business.
//!
//! [`Believed::original`]: crate::forwarded::Believed::original

use url::form_urlencoded;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Where the sign-in is to end.
    pub(crate) target: Option<String>,
    /// At which client.
    pub(crate) client: Option<String>,
}

impl Wanted {
    /// Rules 1 to 3. `is_client` knows the names of clients.
    pub(crate) fn read(query: &str, is_client: impl Fn(&str) -> bool) -> Wanted {
        let pieces: Vec<&str> = query.split('&').collect();
        let named = |piece: &str, name: &str| {
            form_urlencoded::parse(piece.as_bytes())
                .next()
                .filter(|(n, _)| n == name)
                .map(|(_, value)| value.into_owned())
        };
        let at = pieces.iter().position(|piece| named(piece, "rd").is_some());
        let Some((at, plain)) = at.and_then(|at| Some((at, as_written(pieces[at])?))) else {
            let decoded = |name| pieces.iter().find_map(|piece| named(piece, name));
            return Wanted { target: decoded("rd"), client: decoded("client") };
        };
        let (before, after) = (&pieces[..at], &pieces[at + 1..]);
        let ours = |piece: &&&str| {
            named(piece, "client").is_some_and(|name| is_client(&name))
                || named(piece, "prompt").is_some_and(|prompt| prompt == "select_account")
        };
        let target = after.iter().filter(|piece| !ours(piece) && plain.contains('?'));
        let target = target.fold(plain.to_owned(), |target, piece| target + "&" + piece);
        let client = before.iter().find_map(|piece| named(piece, "client"));
        let client = client.or_else(|| after.iter().filter(ours).find_map(|piece| named(piece, "client")));
        Wanted { target: Some(target), client }
    }
}

/// The value of `rd=…` if it was not encoded.
fn as_written(piece: &str) -> Option<&str> {
    let value = piece.split_once('=')?.1;
    let slash = value.find('/')?;
    let decoded = || form_urlencoded::parse(piece.as_bytes()).next().map(|(_, value)| value.into_owned());
    let plain = value[slash..].contains('?') || decoded()?.bytes().any(|b| !b.is_ascii_graphic());
    plain.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> (String, String) {
        let wanted = Wanted::read(query, |name| name == "corp");
        (wanted.target.unwrap_or_default(), wanted.client.unwrap_or_default())
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for (query, target, client) in [
            ("", "", ""),
            ("rd=", "", ""),
            ("rd=%2Fa%3Fb%3D1%26c%3D%2541", "/a?b=1&c=%41", ""),
            ("rd=https%3A%2F%2Fh%2Fa%3Fb&next=1&client=x", "https://h/a?b", "x"),
            ("client=corp&rd=%2Fa&rd=%2Fb", "/a", "corp"),
            ("r%64=%2Fa", "/a", ""),
            // Python's `quote` leaves slashes.
            ("rd=/a%3Fb%3D1%26c%3D2&x=y", "/a?b=1&c=2", ""),
            ("rd=/a&utm=1", "/a", ""),
        ] {
            assert_eq!(read(query), (target.to_owned(), client.to_owned()), "{query}");
        }
    }

    #[test]
    fn what_nginx_could_not_encode_comes_back_whole() {
        for (query, target, client) in [
            (
                "rd=https://h/deep?page=2&next=https://elsewhere.test/",
                "https://h/deep?page=2&next=https://elsewhere.test/",
                "",
            ),
            ("rd=/a?b=%26&c=%2541+x&&=&d", "/a?b=%26&c=%2541+x&&=&d", ""),
            ("client=corp&rd=/a?b=1&c=2", "/a?b=1&c=2", "corp"),
            ("rd=/a?b=1&client=corp&c=2&prompt=select_account", "/a?b=1&c=2", "corp"),
            ("rd=/a?b=1&client=theirs&prompt=login&rd=/x", "/a?b=1&client=theirs&prompt=login&rd=/x", ""),
            ("client=typo&rd=/a?b", "/a?b", "typo"),
            ("rd=/caf%C3%A9/a%20b+c&x=y", "/caf%C3%A9/a%20b+c", ""),
            ("rd=/%0d%0aSet-Cookie:x", "/%0d%0aSet-Cookie:x", ""),
        ] {
            assert_eq!(read(query), (target.to_owned(), client.to_owned()), "{query}");
        }
    }
}
