//! The arrows between crates, as ARCHITECTURE.md draws them, compared with what Cargo says.

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
        let allowed =
            allowed.get(name).unwrap_or_else(|| panic!("{name} has no arrows: draw them here and in ARCHITECTURE.md"));
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

#[test]
fn the_table_in_the_documentation_has_the_same_arrows() {
    let page = include_str!("../../ARCHITECTURE.md");
    let rows = page.lines().filter(|line| line.starts_with("| `gangplank"));
    let mut seen = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].split('`').nth(1).expect("a crate");
        let drawn: BTreeSet<String> = match cells[3] {
            "nothing of ours" => BTreeSet::new(),
            "all" => ARROWS.iter().map(|(c, _)| (*c).to_owned()).filter(|c| c != name).collect(),
            some => some.split(' ').map(|c| format!("gangplank-{c}")).collect(),
        };
        let (_, arrows) = ARROWS.iter().find(|(c, _)| *c == name).unwrap_or_else(|| panic!("no arrows of {name}"));
        assert_eq!(drawn, arrows.iter().map(|c| (*c).to_owned()).collect(), "{name}");
        seen.insert(name);
    }
    assert_eq!(seen, ARROWS.iter().map(|(c, _)| *c).collect(), "every crate has its row");
}
