//! Kubeconfigs, with a secret put into them: no panic, and what is said of one is bounded and never the secret.

#![no_main]

use gangplank_authn::kubeconfig::Kubeconfig;
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "hunter2hunter2";

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data).replace("SECRET", SECRET);
    let said = match Kubeconfig::parse(text.as_bytes(), None) {
        Ok(kubeconfig) => format!("{kubeconfig:?}"),
        Err(problems) => problems.join("\n"),
    };
    // A secret as a key or as a name is nobody's secret.
    let as_value = text.matches(SECRET).count() == text.matches(&format!("token: {SECRET}")).count();
    assert!(!as_value || !said.contains(SECRET), "{said}");
    assert!(said.len() < 64 << 10);
});
