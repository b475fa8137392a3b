//! The configuration document: whatever the bytes, no panic, no runaway recursion, a bounded report, and a builder's
//! complaint about any path finds its place or none.

#![no_main]

use gangplank::document::load_bytes;
use gangplank_gate::config::Config;
use gangplank_oauth::config::ConfigError;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let report = match load_bytes::<Config>("fuzz.toml", data.to_vec()) {
        Ok(mut loaded) => {
            for path in ["gate.listen", "routes[0].allow.groups[0]", "clients.a.b.c", "", "[", "a..b]"] {
                loaded.add(vec![ConfigError::new(path, "is wrong", "right it")]);
            }
            assert!(loaded.changed(&loaded).is_empty());
            loaded.report()
        }
        Err(report) => {
            assert!(!report.is_empty());
            report
        }
    };
    let text = report.render(false);
    assert!(text.len() < 1 << 20);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    assert!(report.lines().all(|line| !line.contains('\n')));
});
