//! A request's path, and what a proxy in front says about the request. The first line of the input is the path, every
//! further line is a value for each of the headers of each dialect.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use gangplank_gate::RequestPath;
use gangplank_gate::config::Dialect;
use gangplank_gate::forwarded::{Believed, absolute_form, authority, host_of, origin_form, parse_forwarded};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use url::Url;

const HEADERS: [&str; 7] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-original-url",
    "x-real-ip",
    "forwarded",
];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    path(lines.next().unwrap_or(""));
    let values: Vec<&str> = lines.take(4).collect();
    values.iter().for_each(|value| value_alone(value));
    let peer = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
    for dialect in [Dialect::XForwarded, Dialect::Nginx, Dialect::Forwarded, Dialect::Envoy] {
        let believed = Believed { proxies: vec!["10.0.0.0/8".parse().unwrap()], dialect };
        let mut headers = HeaderMap::new();
        for value in values.iter().filter_map(|value| HeaderValue::from_str(value).ok()) {
            HEADERS.iter().for_each(|name| drop(headers.append(*name, value.clone())));
        }
        believed.client(&headers, peer);
        if let Ok(Some(host)) = believed.authority(&headers, peer) {
            host_is_one(&host);
        }
        if let Ok(Some(original)) = believed.original(&headers) {
            host_is_one(&original.authority);
            assert!(original.path.starts_with('/') && !original.path.contains(['?', '#']));
        }
    }
});

fn path(text: &str) {
    let Ok(path) = RequestPath::parse(text) else { return };
    if text.contains(['?', '#']) {
        return;
    }
    let url = Url::parse(&format!("http://h{text}")).unwrap();
    let read = percent_decode_str(url.path()).decode_utf8().unwrap().into_owned();
    assert_eq!(path.as_str(), read, "{text:?}");
    assert!(!path.as_str().split('/').any(|segment| matches!(segment, "." | "..")), "{text:?}");
}

fn value_alone(text: &str) {
    if let Some(host) = authority(text) {
        host_is_one(&host);
    }
    if let Some((path, query)) = origin_form(text) {
        assert_eq!(query.map_or(path.clone(), |query| format!("{path}?{query}")), text);
    }
    if let Some((host, path, _)) = absolute_form(text) {
        host_is_one(&host);
        assert!(path.starts_with('/'));
    }
    if let Some(elements) = parse_forwarded(text) {
        assert!(!elements.is_empty() && elements.len() <= text.len());
    }
}

fn host_is_one(host: &str) {
    assert_eq!(authority(host).as_deref(), Some(host));
    assert!(host.is_ascii() && !host.contains(['/', '@', '\\', ',', ' ', '#', '?']), "{host:?}");
    assert!(host.starts_with(host_of(host)));
}
