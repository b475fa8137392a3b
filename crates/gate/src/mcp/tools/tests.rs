use serde_json::{Value, json};

use super::*;
use crate::build::Errors;
use crate::config::McpConfig;
use crate::mcp::McpRefusal;

fn config(text: &str) -> McpConfig {
    toml::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn rules(text: &str) -> ToolRules {
    let mut errors = Errors::new();
    let rules = read(&config(text), "mcp", &mut errors);
    assert_eq!(errors, []);
    rules.unwrap()
}

fn caller(groups: &[&str], scopes: &[&str]) -> Identity {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Identity { username: "ada".to_owned(), groups: texts(groups), scopes: texts(scopes), ..Identity::default() }
}

fn call(tool: &str, arguments: Value) -> Call {
    Call { id: None, tool: tool.to_owned(), arguments: arguments.as_object().cloned().unwrap_or_default() }
}

fn outcome(rules: &ToolRules, caller: &Identity, tool: &str, arguments: Value) -> String {
    match rules.admit(caller, &call(tool, arguments), &Budget::default()) {
        Ok(()) => "admitted".to_owned(),
        Err(refusal) => format!("{}: {refusal}", refusal.reason().name),
    }
}

const RULES: &str = r#"
[[tools]]
names = ["pods_list", "pods_get"]
allow.groups = ["dev", "ops"]

[[tools]]
names = ["pods_*"]
allow = { groups = ["ops"], when = "arguments.namespace != 'kube-system'" }

[[tools]]
names = ["pods_delete"]
allow.scopes = ["mcp:delete", "mcp:admin"]

[[tools]]
names = ["pods_delete", "nodes_drain"]
allow = { groups = ["ops"], scopes = ["mcp:ops"] }
"#;

#[test]
fn any_rule_that_names_the_tool_may_admit() {
    let rules = rules(RULES);
    let (dev, ops, nobody) = (caller(&["dev"], &[]), caller(&["ops"], &["mcp:ops"]), caller(&[], &["mcp:delete"]));
    for (who, tool, arguments, wanted) in [
        (&dev, "pods_list", json!({}), "admitted"),
        (
            &dev,
            "pods_exec",
            json!({"namespace": "a"}),
            "mcp-tool-denied: ada may not call pods_exec: mcp.tools[1]: none of its groups",
        ),
        (&ops, "pods_exec", json!({"namespace": "a"}), "admitted"),
        (
            &ops,
            "pods_exec",
            json!({"namespace": "kube-system"}),
            "mcp-tool-denied: ada may not call pods_exec: mcp.tools[1]: its when is false",
        ),
        (
            &ops,
            "pods_exec",
            json!({}),
            "mcp-tool-denied: ada may not call pods_exec: mcp.tools[1]: its when fails at 1:10: no such key: namespace",
        ),
        (&ops, "nodes_drain", json!({}), "admitted"),
        (&nobody, "pods_delete", json!({}), "admitted"),
        (
            &nobody,
            "pods_list",
            json!({}),
            "mcp-tool-denied: ada may not call pods_list: mcp.tools[0]: none of its groups; mcp.tools[1]: none of its groups",
        ),
        (&ops, "secrets_read", json!({}), "mcp-tool-denied: ada may not call secrets_read: no rule names it"),
        (&ops, "Pods_list", json!({}), "mcp-lookalike: "),
        (&ops, "pods_list ", json!({}), "mcp-tool-name: "),
        (&ops, "pods_list\0", json!({}), "mcp-tool-name: "),
        (&ops, "pods_l\u{131}st", json!({}), "mcp-tool-name: "),
        (&ops, "", json!({}), "mcp-tool-name: "),
    ] {
        let found = outcome(&rules, who, tool, arguments.clone());
        assert!(found.starts_with(wanted), "{tool} {arguments}: {found}");
    }
}

#[test]
fn a_missing_scope_is_told_with_all_that_would_do() {
    let refusal = rules(RULES).admit(
        &caller(&["ops"], &[]),
        &call("pods_delete", json!({"namespace": "kube-system"})),
        &Budget::default(),
    );
    let Err(McpRefusal::InsufficientScope { needed, asked, .. }) = refusal else { panic!("{refusal:?}") };
    assert_eq!(needed.iter().map(Scope::as_str).collect::<Vec<_>>(), ["mcp:delete", "mcp:admin", "mcp:ops"]);
    assert_eq!(asked, "the tool pods_delete");
    // Without the group, the scope of that rule would not help.
    let refusal =
        rules(RULES).admit(&caller(&[], &[]), &call("nodes_drain", json!({})), &Budget::default()).unwrap_err();
    assert_eq!(refusal.reason().name, "mcp-tool-denied");
}

#[test]
fn lists_show_what_may_be_called_with_some_arguments() {
    let rules = rules(RULES);
    let shown = |who: &Identity| -> Vec<&str> {
        let all = ["pods_list", "pods_exec", "pods_delete", "nodes_drain", "secrets_read", "Pods_list", "pods list"];
        all.into_iter().filter(|tool| rules.shows(who, tool)).collect()
    };
    assert_eq!(shown(&caller(&["dev"], &[])), ["pods_list"]);
    assert_eq!(shown(&caller(&["ops"], &[])), ["pods_list", "pods_exec", "pods_delete"]);
    assert_eq!(shown(&caller(&["ops"], &["mcp:ops"])), ["pods_list", "pods_exec", "pods_delete", "nodes_drain"]);
    assert_eq!(shown(&caller(&[], &["mcp:admin"])), ["pods_delete"]);
}

#[test]
fn other_tools_are_denied_where_there_are_rules_unless_it_is_said() {
    let everybody = caller(&[], &[]);
    let open = rules("other_tools = 'allow'\n[[tools]]\nnames = ['a']\nallow.groups = ['g']");
    assert_eq!(outcome(&open, &everybody, "b", json!({})), "admitted");
    assert!(open.shows(&everybody, "b") && !open.shows(&everybody, "a"));
    assert!(outcome(&open, &everybody, "A", json!({})).starts_with("mcp-lookalike"));
    let closed = rules("other_tools = 'deny'");
    assert!(
        outcome(&closed, &everybody, "a", json!({})).starts_with("mcp-tool-denied") && !closed.shows(&everybody, "a")
    );
    for none in ["", "other_tools = 'allow'"] {
        assert!(read(&config(none), "mcp", &mut Errors::new()).is_none(), "{none}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = r#"
        [[tools]]
        names = []
        allow = {}
        [[tools]]
        names = ["pods list", "a*b", "Exec", "exec*"]
        allow = { groups = [""], scopes = ["a b"], when = "caller.name == 'x'" }
        [[tools]]
        names = ["x"]
        allow.when = "arguments.force"
        [[tools]]
        names = ["y"]
        allow.when = "tool =="
    "#;
    let mut errors = Errors::new();
    read(&config(text), "routes[0].mcp", &mut errors);
    let found: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let wanted = [
        "routes[0].mcp.tools[0].allow: admits nobody",
        "routes[0].mcp.tools[0].names: names no tool",
        "routes[0].mcp.tools[1].allow.groups[0]: \"\" is nothing that a token could hold",
        "routes[0].mcp.tools[1].allow.scopes[0]: \"a b\" is nothing that a token could hold",
        "routes[0].mcp.tools[1].allow.when: 1:1: undefined field 'name'; 'caller' has",
        "routes[0].mcp.tools[1].names[0]: \"pods list\" is not a name",
        "routes[0].mcp.tools[1].names[1]: \"a*b\" has a * that is not at its end",
        "routes[0].mcp.tools[2].allow.when: gives dyn, and has to be known to give bool",
        "routes[0].mcp.tools[3].allow.when: 1:8: Syntax error",
        "routes[0].mcp.tools: \"Exec\" and \"exec*\" differ by case",
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "{found}, wanted {wanted}");
    }
}

#[test]
fn rules_without_effect_are_told() {
    let text = r#"
        [[tools]]
        names = ["pods_list"]
        allow = { groups = ["dev"], scopes = ["s"] }
        [[tools]]
        names = ["pods_*"]
        allow.groups = ["dev", "ops"]
        [[tools]]
        names = ["pods_*"]
        allow.groups = ["ops", "dev"]
        [[tools]]
        names = ["pods_*", "nodes_*"]
        allow = { groups = ["ops"], when = "arguments.x == 1" }
    "#;
    let found = contradictions(&config(text), "mcp");
    assert_eq!(
        found,
        [
            "mcp.tools[0] has no effect: mcp.tools[1] admits the same callers, to the same tools",
            "mcp.tools[2] has no effect: mcp.tools[1] admits the same callers, to the same tools",
        ]
    );
}

#[test]
fn groups_of_rules_and_of_expressions_are_known_to_sessions() {
    let text = r#"
        [[tools]]
        names = ["a"]
        allow = { groups = ["g"], when = "'h' in caller.groups && arguments.x == 'y'" }
        [[tools]]
        names = ["b"]
        allow.when = "tool == 'z'"
    "#;
    let words = group_words(&config(text));
    assert!(["g", "h"].iter().all(|group| words.contains(*group)) && !words.contains("z"), "{words:?}");
}

/// Each call by itself costs less than an expression may, and a batch of them would hold a thread for seconds.
#[test]
fn a_body_costs_no_more_than_a_call_may() {
    let rules =
        rules("[[tools]]\nnames = [\"t\"]\nallow.when = \"arguments.ids.all(x, arguments.ids.exists_one(y, x == y))\"");
    let (ada, ids) = (caller(&[], &[]), (0..250).collect::<Vec<u32>>());
    let (call, budget) = (call("t", json!({"ids": ids})), Budget::default());
    let admitted = (0..50).take_while(|_| rules.admit(&ada, &call, &budget).is_ok()).count();
    assert!((1..8).contains(&admitted), "{admitted}");
    let refusal = rules.admit(&ada, &call, &budget).unwrap_err().to_string();
    assert!(refusal.contains("cost limit exceeded"), "{refusal}");
    assert!(rules.admit(&ada, &call, &Budget::default()).is_ok());
}
