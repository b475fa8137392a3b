//! What of a caller's request never reaches an API server, and what is refused instead.
//!
//! 1. Whoever asks to act as somebody else (`Impersonate-…`, in whatever spelling: `kubectl --as`) is refused. To act as
//!    oneself instead would surprise, and to pass it on would lend our own right to impersonate.
//! 2. A token in the list of WebSocket sub-protocols is taken off. It is no credential here: it would be a second one
//!    beside `Authorization`, and lists of sub-protocols stand in logs.
//! 3. `Authorization`, `X-Remote-…`, cookies, and once more `Impersonate-…` are taken off at the very end ([`strip`]). An API
//!    server has no use for cookies, and hands them to whatever runs behind `services/…/proxy/`.

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};

use super::refusal::ClusterRefusal;
use crate::{audit, headers};

/// Of Kubernetes: what follows it is a token in base64url.
const TOKEN_PROTOCOL: &str = "base64url.bearer.authorization.k8s.io";

/// Rule 1.
pub(super) fn refuse_impersonation(headers: &HeaderMap) -> Result<(), ClusterRefusal> {
    match headers.keys().find(|name| headers::is_impersonation(name.as_str())) {
        Some(name) => Err(ClusterRefusal::ImpersonationAsked { header: audit::cut(name.as_str()).to_owned() }),
        None => Ok(()),
    }
}

/// Rule 2.
pub(super) fn take_off_token_protocol(headers: &mut HeaderMap) {
    let sent = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    if sent.iter().all(|value| value.to_str().is_ok_and(|list| !protocols(list).any(is_token))) {
        return;
    }
    let readable = sent.iter().filter_map(|value| value.to_str().ok());
    let kept: Vec<&str> = readable.flat_map(protocols).filter(|protocol| !is_token(protocol)).collect();
    let kept = (!kept.is_empty()).then(|| HeaderValue::from_str(&kept.join(", ")).ok()).flatten();
    headers.remove(SEC_WEBSOCKET_PROTOCOL);
    if let Some(kept) = kept {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, kept);
    }
}

/// Rule 3.
pub(super) fn strip(headers: &mut HeaderMap) {
    let bad = |name: &&HeaderName| {
        headers::is_impersonation(name.as_str())
            || headers::is_remote(name.as_str())
            || [AUTHORIZATION, COOKIE].contains(*name)
    };
    while let Some(name) = headers.keys().find(bad).cloned() {
        headers.remove(name);
    }
}

fn protocols(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|protocol| !protocol.is_empty())
}

fn is_token(protocol: &str) -> bool {
    protocol.get(..TOKEN_PROTOCOL.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(TOKEN_PROTOCOL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        map
    }

    #[test]
    fn whoever_asks_to_act_as_somebody_else_is_refused_in_every_spelling() {
        for name in [
            "Impersonate-User",
            "IMPERSONATE-USER",
            "impersonate-group",
            "Impersonate-Uid",
            "Impersonate-Extra-Scopes",
            "Impersonate-Extra-%73copes",
            "Impersonate_User",
            "impersonate.user",
            "Impersonate",
            "Impersonate-",
            "ImpersonateUser",
            "Impersonate-Anything-New",
        ] {
            let refused = refuse_impersonation(&map(&[("accept", "*/*"), (name, "")]));
            assert_eq!(refused.unwrap_err().reason().name, "cluster-impersonation-asked", "{name}");
        }
        for name in ["impersonat-user", "x-impersonate-user", "accept", "authorization"] {
            assert_eq!(refuse_impersonation(&map(&[(name, "x")])), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_token_among_the_sub_protocols_is_taken_off_and_the_others_stay() {
        let token = "base64url.bearer.authorization.k8s.io.ZXlK";
        for (sent, left) in [
            (&["v5.channel.k8s.io"][..], &["v5.channel.k8s.io"][..]),
            (&["v5.channel.k8s.io,v4.channel.k8s.io"], &["v5.channel.k8s.io,v4.channel.k8s.io"]),
            (&["TOKEN, v5.channel.k8s.io"], &["v5.channel.k8s.io"]),
            (&["v5.channel.k8s.io ,\tTOKEN , v4.channel.k8s.io"], &["v5.channel.k8s.io, v4.channel.k8s.io"]),
            (&["v5.channel.k8s.io", "TOKEN", "v4.channel.k8s.io"], &["v5.channel.k8s.io, v4.channel.k8s.io"]),
            (&["TOKEN"], &[]),
            (&["TOKEN,TOKEN"], &[]),
            (&["BASE64URL.Bearer.Authorization.K8S.io.ZXlK,a"], &["a"]),
            (&["base64url.bearer.authorization.k8s.io,a"], &["a"]),
            (&["TOKEN\u{e9},a"], &[]),
            (&["a", "\u{e9}"], &["a"]),
        ] {
            let sent: Vec<String> = sent.iter().map(|value| value.replace("TOKEN", token)).collect();
            let headers: Vec<_> = sent.iter().map(|value| ("Sec-WebSocket-Protocol", value.as_str())).collect();
            let mut headers = map(&headers);
            take_off_token_protocol(&mut headers);
            let found: Vec<_> = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().collect();
            assert_eq!(found, left, "{sent:?}");
        }
    }

    #[test]
    fn what_is_left_says_nothing_about_who_it_is() {
        let mut headers = map(&[
            ("Authorization", "Bearer a"),
            ("authorization", "Basic b"),
            ("X-Remote-User", "root"),
            ("x_remote_group", "system:masters"),
            ("X-Remote-Extra-Scopes", "a"),
            ("Impersonate-User", "root"),
            ("Impersonate-Group", "a"),
            ("Impersonate-Group", "b"),
            ("impersonate_extra_x", "b"),
            ("Cookie", "app=1"),
            ("Accept", "application/json"),
            ("X-Stream-Protocol-Version", "v4.channel.k8s.io"),
        ]);
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-stream-protocol-version"]);
    }
}
