//! The configuration document. The first two octets place a secret in it: under which key and in which notation, and
//! before which line. The rest is the document.
//!
//! No panic; a configuration or mistakes, never neither; the mistakes are bounded in number, print no control character,
//! and show the secret in no way, however broken the document is. What can be read is built into a gate, or refused.

#![no_main]

use std::sync::Arc;

use gangplank::document::{Report, load_bytes};
use gangplank_fuzz::{Silence, Still};
use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_oauth::config::ConfigError;
use libfuzzer_sys::fuzz_target;

const MARK: &str = "Zq7-vanadium-Zq7";
const KEYS: [&str; 8] = [
    "secret",
    "password",
    "clients.corp.secret",
    "\"client-secret\"",
    "cookies.keys",
    "api_key",
    "refresh_token",
    "Passphrase",
];

fuzz_target!(|data: &[u8]| {
    let [how, place, document @ ..] = data else { return };
    if document.windows(8).any(|part| part == b"vanadium") {
        return;
    }
    let marked = with_secret(*how, *place, document);
    let mut loaded = match load_bytes::<Config>("gangplank.toml", marked) {
        Ok(loaded) => loaded,
        Err(report) => {
            assert!(!report.is_empty());
            return shows_nothing(&report);
        }
    };
    if !names_files(document) {
        let deps = Deps {
            clock: Arc::new(Still),
            environment: &|_| Some("a-value-of-the-environment-0123456789-abcdef".to_owned()),
            shared: Shared::new(),
            transport: Some(Arc::new(Silence)),
        };
        if let Err(errors) = Gate::build(&loaded.value, deps) {
            assert!(!errors.is_empty());
            loaded.add(errors);
        }
    }
    // Whatever a builder complains about finds its place, or none.
    for path in ["gate.listen", "routes[0].allow.groups[0]", "clients.a.b.c", "", "[", "a..b]"] {
        loaded.add(vec![ConfigError::new(path, "is wrong", "right it")]);
    }
    assert!(loaded.changed(&loaded).is_empty());
    shows_nothing(&loaded.report());
});

/// The document with one line more.
fn with_secret(how: u8, place: u8, document: &[u8]) -> Vec<u8> {
    let key = KEYS[usize::from(how % 8)];
    let line = match how / 8 % 8 {
        0 => return document.to_vec(),
        1 => format!("{key} = \"{MARK}\""),
        2 => format!("{key} = '{MARK}'"),
        3 => format!("{key} = '''\n{MARK}'''"),
        4 => format!("{key} = [\"{MARK}\", {{ x = \"{MARK}\" }}]"),
        5 => format!("{key} = {MARK}"),
        6 => format!("{key} = {{ value = \"{MARK}\" }}"),
        _ => format!("{key}: {MARK}"),
    };
    // Inside a string of several lines it would be that string's text, and nobody's secret.
    let quotes = |quote: &[u8]| document.windows(3).any(|three| three == quote);
    if quotes(b"\"\"\"") || quotes(b"'''") {
        return document.to_vec();
    }
    let mut lines: Vec<&[u8]> = document.split(|b| *b == b'\n').collect();
    lines.insert(usize::from(place) % (lines.len() + 1), line.as_bytes());
    lines.join(&b'\n')
}

/// Whether building would read files: those of this machine are no input.
fn names_files(document: &[u8]) -> bool {
    let text = String::from_utf8_lossy(document);
    // An escape could spell any of them.
    ["file", "cert", "tls", "logo", "\\"].iter().any(|word| text.contains(word))
}

fn shows_nothing(report: &Report) {
    let plain = report.render(false);
    for text in [&plain, &report.render(true), &report.lines().collect::<String>(), &report.summary()] {
        assert!(!text.contains("vanadium"), "{text}");
    }
    assert!(report.lines().all(|line| !line.contains('\n')));
    assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
    assert!(plain.len() < 1 << 20, "{}", plain.len());
}
