//! Over a call of a tool.

use serde_json::{Map, Value, json};

use super::super::{Expression, Input, Scope, ToolView};
use super::{compare, outcome};
use crate::Identity;

fn ada() -> Identity {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    Identity {
        username: "ada".to_owned(),
        uid: Some("7".to_owned()),
        issuer: "corp".to_owned(),
        groups: texts(&["dev", "ops"]),
        scopes: texts(&["mcp:read"]),
        roles: texts(&["Reader"]),
        tenant: Some("t".to_owned()),
        extra: [("example.com/team".to_owned(), texts(&["blue"]))].into(),
        ..Identity::default()
    }
}

fn arguments() -> Map<String, Value> {
    let Value::Object(arguments) = json!({
        "namespace": "dev", "replicas": 3, "force": false, "nothing": null, "names": ["a", "b"],
        "large": 9_007_199_254_740_993_i64, "larger": u64::MAX, "a__b": 1, "a-b": 2, "a.b": 3, "spec": {"x__y": {"z": 1}},
    }) else {
        unreachable!()
    };
    arguments
}

#[test]
fn a_call_is_seen_whole() {
    let (ada, arguments) = (ada(), arguments());
    compare(
        &[
            ("caller.username + tool", "= \"adapods_list\""),
            ("'ops' in caller.groups && 'mcp:read' in caller.scopes && 'Reader' in caller.roles", "= true"),
            ("caller.issuer == 'corp' && caller.uid == '7' && caller.tenant == 't' && caller.client == ''", "= true"),
            ("caller.extra['example.com/team'] == ['blue']", "= true"),
            ("tool.startsWith('pods_') && size(tool) == 9", "= true"),
            ("arguments.namespace == 'dev' && arguments.replicas <= 3", "= true"),
            ("has(arguments.nothing) && !has(arguments.missing)", "= true"),
            ("arguments.?missing.orValue('x')", "= \"x\""),
            ("arguments.names.all(n, n in ['a', 'b'])", "= true"),
            ("size(arguments) == 11 && arguments.exists(name, name == 'force')", "= true"),
            ("arguments.large == 9007199254740993 && arguments.large != 9007199254740992", "= true"),
            ("arguments.large != 9007199254740992.0 && arguments.larger > arguments.large", "= true"),
            ("arguments.missing == 'x'", "? no such key: missing"),
            ("arguments.namespace < 1", "? no such overload"),
            ("tool.name", "! does not support field selection"),
            ("caller", "! 'caller' cannot be used as a whole"),
            ("caller.password", "! undefined field 'password'"),
            ("claims.sub", "! the variables here are 'caller', 'tool', 'arguments'"),
        ],
        &Input::Tool(&ToolView::call(&ada, "pods_list", &arguments)),
    );
}

/// An escape that is no argument's name would be an argument that is not there, and `!has()` would be true of it.
#[test]
fn names_of_arguments_are_written_as_they_are() {
    let (ada, arguments) = (ada(), arguments());
    compare(
        &[
            ("has(arguments.a__b) && arguments.a__b == 1 && arguments['a__b'] == 1", "= true"),
            ("arguments['a-b'] == 2 && arguments['a.b'] == 3", "= true"),
            ("arguments.spec.x__y.z == 1 && 'x__y' in arguments.spec", "= true"),
            ("has(arguments.a__dot__b) || has(arguments.a__dash__b)", "= false"),
        ],
        &Input::Tool(&ToolView::call(&ada, "t", &arguments)),
    );
}

#[test]
fn what_comes_out_without_arguments_holds_for_all() {
    let ada = ada();
    let view = ToolView::of(&ada, "pods_list");
    let unknown = "? the arguments are not known yet";
    let rows = [
        ("'ops' in caller.groups && arguments.namespace == 'dev'", None),
        ("'none' in caller.groups && arguments.namespace == 'dev'", Some(false)),
        ("arguments.namespace == 'dev' && 'none' in caller.groups", Some(false)),
        ("arguments.namespace == 'dev' || tool == 'pods_list'", Some(true)),
        ("!has(arguments.namespace)", None),
        ("arguments.?namespace.orValue('dev') == 'dev'", None),
        ("size(arguments) == 0", None),
        ("arguments.all(name, false)", None),
        ("arguments.exists(name, false)", None),
        ("[1, 2].all(n, arguments[string(n)] == n)", None),
        ("has(arguments.x) ? false : true", None),
        ("tool == 'pods_list'", Some(true)),
    ];
    for (source, wanted) in rows {
        let found = outcome(source, &Input::Tool(&view));
        assert!(
            match wanted {
                Some(wanted) => found == format!("= {wanted}"),
                None => found.starts_with("? ") && found.contains(&unknown[2..]),
            },
            "{source}: {found}"
        );
        let expression = Expression::compile(source, Scope::Tool).unwrap();
        assert_eq!(expression.evaluate(&Input::Tool(&view)).is_err(), wanted.is_none(), "{source}");
    }
}

#[test]
fn an_expression_tells_the_names_that_it_looks_up() {
    let source = "has(arguments.a) && arguments.b.c == 1 && arguments['d'] == 'e' && arguments.exists(n, n == 'f')";
    let expression = Expression::compile(source, Scope::Tool).unwrap();
    assert_eq!(expression.words().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f"]);
}
