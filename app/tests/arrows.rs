//! The arrows between crates, as DESIGN.md and ARCHITECTURE.md draw them, compared with what Cargo says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Who may depend on whom. A crate that is not here has not been thought about.
const ARROWS: &[(&str, &[&str])] = &[
    ("gangplank-jose", &[]),
    ("gangplank-oauth", &["gangplank-jose"]),
    ("gangplank-authn", &["gangplank-jose", "gangplank-oauth"]),
    ("gangplank-net", &["gangplank-jose", "gangplank-oauth"]),
    ("gangplank-idp", &["gangplank-jose", "gangplank-oauth"]),
    ("gangplank-gate", &["gangplank-jose", "gangplank-oauth", "gangplank-authn", "gangplank-net"]),
    (
        "gangplank",
        &["gangplank-jose", "gangplank-oauth", "gangplank-authn", "gangplank-net", "gangplank-gate", "gangplank-idp"],
    ),
];

/// Measures everything, ships nothing.
const UNBOUND: &[&str] = &["gangplank-bench"];

#[test]
fn dependencies_follow_the_arrows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(c, d)| (*c, d.iter().copied().collect())).collect();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo speaks JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut seen = BTreeSet::new();
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        if UNBOUND.contains(&name) {
            continue;
        }
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("{name} has no arrows: draw them here and in DESIGN"));
        seen.insert(name);
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let to = dependency["name"].as_str().expect("a name");
            // Tests may look at anything; what is built may not.
            if !to.starts_with("gangplank") || dependency["kind"] == "dev" {
                continue;
            }
            assert!(allowed.contains(to), "{name} must not depend on {to}");
        }
    }
    assert_eq!(seen, allowed.keys().copied().collect(), "every crate with arrows is there");
}
