//! Kubeconfigs, with a secret put into them: no panic, and what is said of one is bounded and never the secret.

#![no_main]

use gangplank_authn::kubeconfig::{Kubeconfig, Own};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "hunter2hunter2";

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data).replace("SECRET", SECRET);
    let read = [Own::Required, Own::IfThere, Own::Nothing].map(|own| Kubeconfig::parse(text.as_bytes(), None, own));
    // Whoever asks for less is not refused what whoever asks for more gets.
    assert!(read[0].is_err() || read[1].is_ok());
    assert!(read[1].is_err() || read[2].is_ok());
    let said = read.map(|read| match read {
        Ok(kubeconfig) => format!("{kubeconfig:?}"),
        Err(problems) => problems.join("\n"),
    });
    let said = said.join("\n");
    // A secret as a key or as a name is nobody's secret.
    let as_value = text.matches(SECRET).count() == text.matches(&format!("token: {SECRET}")).count();
    assert!(!as_value || !said.contains(SECRET), "{said}");
    assert!(said.len() < 192 << 10);
});
