use std::sync::atomic::{AtomicU32, Ordering};

use gangplank_authn::static_keys::{StaticKeys, digest_of};
use gangplank_authn::{Anonymous, Outcome};
use gangplank_jose::UnixTime;
use serde_json::{Value, json};

use super::*;

/// Somebody whose key says so.
fn caller(held: &str) -> Authenticated {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("gangplank-target-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let file = std::env::temp_dir().join(name);
    let digest: String = digest_of("k").iter().map(|octet| format!("{octet:02x}")).collect();
    std::fs::write(&file, format!("ada:{digest}; {held}\n")).unwrap();
    let keys = StaticKeys::load("keys", &file, UnixTime::EPOCH).unwrap();
    std::fs::remove_file(&file).unwrap();
    match keys.verify("k", UnixTime::EPOCH) {
        Outcome::Authenticated(caller) => caller,
        other => panic!("{other:?}"),
    }
}

fn targets(config: &str) -> Targets {
    let clusters = r#"
        [prod]
        in_cluster = true
        auth_mode = "passthrough"
        allow.groups = ["ops"]
        [stage]
        in_cluster = true
        auth_mode = "passthrough"
        allow = { groups = ["dev", "ops"], scopes = ["stage"] }
        [dev]
        in_cluster = true
        auth_mode = "passthrough"
    "#;
    let mut errors = Errors::new();
    let read =
        Targets::read(&toml::from_str(config).unwrap(), &toml::from_str(clusters).unwrap(), "mcp.target", &mut errors);
    assert_eq!(errors, []);
    read
}

fn calls(arguments: &[Value]) -> Vec<Call> {
    let call =
        |arguments: &Value| Call { id: None, tool: "t".to_owned(), arguments: arguments.as_object().cloned().unwrap() };
    arguments.iter().map(call).collect()
}

fn outcome(targets: &Targets, caller: &Authenticated, arguments: &[Value]) -> String {
    match targets.of(caller, calls(arguments).iter()) {
        Ok(cluster) => format!("for {}", cluster.as_deref().unwrap_or("none")),
        Err(refusal) => format!("{}: {refusal}", refusal.reason().name),
    }
}

const ALL: &str = "argument = 'context'\nclusters = ['prod', 'stage', 'dev']";

#[test]
fn calls_choose_among_the_clusters_that_admit_the_caller() {
    let targets = targets(&format!("{ALL}\ndefault = 'prod'"));
    let (ops, dev) = (caller("groups=ops"), caller("groups=dev; scopes=stage"));
    for (who, arguments, wanted) in [
        (&ops, &[json!({"context": "prod", "x": {"context": "dev"}})][..], "for prod"),
        (&ops, &[json!({})], "for prod"),
        (&ops, &[json!({"context": "stage"})], "insufficient-scope: ada may not use the cluster stage"),
        (&dev, &[json!({"context": "stage"})], "for stage"),
        (&dev, &[json!({"context": "prod"})], "mcp-target-denied: ada may not choose the cluster prod"),
        (&dev, &[json!({})], "mcp-target-denied: ada may not choose the cluster prod"),
        (
            &dev,
            &[json!({"context": "Prod"})],
            "mcp-target-unknown: the argument context is Prod; accepted are dev, prod, stage",
        ),
        (&dev, &[json!({"context": ""})], "mcp-target-unknown"),
        (&dev, &[json!({"context": "dev\u{0}"})], "mcp-target-unknown"),
        (&dev, &[json!({"context": null})], "mcp-target-unknown: the argument context is no string"),
        (&dev, &[json!({"context": ["dev"]})], "mcp-target-unknown: the argument context is no string"),
        (&dev, &[json!({"Context": "prod"})], "mcp-lookalike"),
        (&dev, &[json!({"context": "dev", "CONTEXT": "prod"})], "mcp-lookalike"),
        // One token goes with all of them.
        (&ops, &[json!({"context": "dev"}), json!({"context": "dev"})], "for dev"),
        (
            &ops,
            &[json!({"context": "dev"}), json!({"context": "prod"})],
            "mcp-targets-differ: the messages of one body are for dev and prod",
        ),
        (&ops, &[json!({"context": "dev"}), json!({})], "mcp-targets-differ"),
        // What calls no tool: the default, for whom it is.
        (&ops, &[], "for prod"),
        (&dev, &[], "for none"),
    ] {
        let found = outcome(&targets, who, arguments);
        assert!(found.starts_with(wanted), "{arguments:?}: {found}");
    }
    let nobody = Anonymous::authenticated();
    assert!(outcome(&targets, &nobody, &[json!({"context": "prod"})]).starts_with("mcp-target-denied"));
    assert_eq!(outcome(&targets, &nobody, &[]), "for none");
}

#[test]
fn without_a_default_a_call_says_for_which() {
    let targets = targets(ALL);
    let found = outcome(&targets, &caller("groups=ops"), &[json!({"namespace": "x"})]);
    assert_eq!(
        found,
        "mcp-target-missing: the call does not say for which cluster: no argument context; accepted are dev, prod, stage"
    );
    assert_eq!(outcome(&targets, &caller("groups=ops"), &[]), "for none");
}
