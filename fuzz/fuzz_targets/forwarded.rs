//! What says for which host, path and client a request is: forwarded headers in all four dialects, `Host`, request
//! paths. The first octet: 0 to 3 header lines for that dialect; 4 one `Forwarded` value; 5 an authority; 6 a URL; 7 a path.
//!
//! No panic. What is accepted is one authority or one path for any other reader too: no user, no list, no dot segment,
//! no separator or control character that shows only when somebody decodes it once more.

#![no_main]

use std::net::IpAddr;

use gangplank_fuzz::is_clean;
use gangplank_gate::config::Dialect;
use gangplank_gate::forwarded::{Believed, absolute_form, authority, host_of, origin_form, parse_forwarded};
use gangplank_gate::{Refusal, RequestPath};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use url::Url;

const DIALECTS: [Dialect; 4] = [Dialect::XForwarded, Dialect::Nginx, Dialect::Forwarded, Dialect::Envoy];

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let kind = usize::from(kind % 8);
    if let Some(dialect) = DIALECTS.get(kind) {
        headers_of(*dialect, rest);
        return;
    }
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match kind {
        4 => {
            for element in parse_forwarded(text).unwrap_or_default() {
                let _ = element.host.as_deref().and_then(authority).inspect(|a| is_one_authority(a));
            }
        }
        5 => drop(authority(text).inspect(|a| is_one_authority(a))),
        6 => {
            if let Some((authority, path, query)) = absolute_form(text) {
                is_one_authority(&authority);
                is_origin_form(&path, query.as_deref());
            }
            if let Some((path, query)) = origin_form(text) {
                is_origin_form(&path, query.as_deref());
            }
        }
        _ => path(text),
    }
});

fn headers_of(dialect: Dialect, lines: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in lines.split(|b| *b == b'\n').take(32) {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii())) {
            headers.append(name, value);
        }
    }
    let believed = Believed { proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], dialect };
    let peer: IpAddr = [10, 0, 0, 1].into();
    let client = believed.client(&headers, peer);
    assert_eq!(client, client.to_canonical());
    match believed.authority(&headers, peer) {
        Ok(told) => drop(told.inspect(|a| is_one_authority(a))),
        Err(refusal) => is_bounded(&refusal),
    }
    match believed.original(&headers) {
        Ok(None) => {}
        Ok(Some(original)) => {
            is_one_authority(&original.authority);
            is_origin_form(&original.path, original.query.as_deref());
            path(&original.path);
        }
        Err(refusal) => is_bounded(&refusal),
    }
}

fn is_one_authority(authority: &str) {
    let odd = |b: u8| !b.is_ascii_alphanumeric() && !b"-_.:[]".contains(&b) || b.is_ascii_uppercase();
    assert!(!authority.is_empty() && authority.len() < 300 && !authority.bytes().any(odd), "{authority:?}");
    let host = host_of(authority);
    // A name of digits may be too large for an address: then it is no host to the URL standard, and to no other.
    if let Ok(url) = Url::parse(&format!("http://{authority}/")) {
        assert!(url.username().is_empty() && url.path() == "/" && url.query().is_none(), "{authority:?}");
        let is_address = !matches!(url.host(), Some(url::Host::Domain(_)));
        assert!(is_address || url.host_str() == Some(host), "{authority:?} is {url}");
    }
}

fn is_origin_form(path: &str, query: Option<&str>) {
    assert!(path.starts_with('/') && !path.contains(['?', '#']));
    assert!(path.bytes().chain(query.unwrap_or_default().bytes()).all(|b| b.is_ascii_graphic() && b != b'#'));
}

fn path(text: &str) {
    let read = match RequestPath::parse(text) {
        Ok(path) => path.as_str().to_owned(),
        Err(refusal) => return is_bounded(&refusal),
    };
    assert!(read.starts_with('/') && !read.contains('\\') && !read.chars().any(|c| c.is_ascii_control()));
    assert_eq!(read.matches('/').count(), text.matches('/').count(), "an encoded slash came out");
    // However often somebody behind decodes it, and whether parameters count or not: it stays where it is.
    let mut again = read;
    for _ in 0..3 {
        assert!(!again.split('/').any(|s| matches!(s.split(';').next(), Some("." | ".."))), "{again:?}");
        assert!(!again.contains('\\') && !again.bytes().any(|b| b < 0x20 || b == 0x7f), "{again:?}");
        let slashes = again.matches('/').count();
        again = lenient_decode(&again);
        assert_eq!(again.matches('/').count(), slashes, "{again:?} from {text:?}");
    }
}

/// As the most forgiving decoder there is: what is no hex stays.
fn lenient_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).and_then(|p| std::str::from_utf8(p).ok());
        match pair.filter(|p| bytes[at] == b'%' && p.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(pair) => {
                out.push(u8::from_str_radix(pair, 16).unwrap());
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_bounded(refusal: &Refusal) {
    let text = refusal.to_string();
    assert!(text.len() < 1024 && is_clean(&text), "{text:?}");
}
