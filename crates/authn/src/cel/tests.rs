//! Tables of expressions over one set of claims, or one user.
//!
//! What is expected stands behind each: `= JSON` a value, `! words` words of a compile error, `? words` words of an
//! evaluation error. What is neither in JSON shows as `<its type>`.

mod calls;
mod edges;
mod hostile;
mod language;
mod libraries;
mod static_rules;

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::{ClaimsView, Expression, Input, UserView, Value};

fn claims() -> Map<String, serde_json::Value> {
    let claims = json!({
        "iss": "https://issuer.example.com",
        "sub": "jane",
        "aud": ["x", "y"],
        "exp": 1700081020,
        "nbf": 1700081000,
        "iat": 1700081000.5,
        "email": "jane@example.com",
        "email_verified": true,
        "nothing": null,
        "empty": "",
        "roles": "admin,dev,,ops",
        "groups": ["a", "b", "c", "b"],
        "numbers": [3, 1, 2],
        "mixed": [1, "a", null, true],
        "unicode": "añb💡",
        "namespace": "ns",
        "kubernetes.io": {"pod": {"name": "p-0"}, "a__b": 1, "x/y": {"in": 2}},
        "a-b": 1,
        "a__b": "verbatim",
        "deep": {"a": {"b": {"c": "d"}}},
        "big": 1e300,
    });
    let serde_json::Value::Object(claims) = claims else { unreachable!() };
    claims
}

fn shown(value: Value) -> serde_json::Value {
    match value {
        Value::Null => json!(null),
        Value::Bool(value) => json!(value),
        Value::String(text) => json!(text),
        Value::List(values) => values.into_iter().map(shown).collect(),
        Value::Other(name) => json!(format!("<{name}>")),
    }
}

fn outcome(source: &str, input: &Input<'_>) -> String {
    match Expression::compile(source, input.scope()) {
        Err(error) => format!("! {error}"),
        Ok(expression) => match expression.evaluate(input) {
            Err(error) => format!("? {error}"),
            Ok(value) => format!("= {}", shown(value)),
        },
    }
}

fn compare(rows: &[(&str, &str)], input: &Input<'_>) {
    let mut wrong = Vec::new();
    for (source, wanted) in rows {
        let found = outcome(source, input);
        let holds = match wanted.split_at(2) {
            ("= ", json) => {
                let json: serde_json::Value =
                    serde_json::from_str(json).unwrap_or_else(|e| panic!("{source}: {json}: {e}"));
                found == format!("= {json}")
            }
            (mark, words) => found.starts_with(mark) && found.contains(words),
        };
        if !holds {
            wrong.push(format!("{source}\n    wanted {wanted}\n    found  {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Over the claims.
fn over_claims(rows: &[(&str, &str)]) {
    let claims = claims();
    compare(rows, &Input::Claims(&ClaimsView::of_object(&claims)));
}

/// Over a user.
fn over_user(rows: &[(&str, &str)]) {
    let groups = ["dev".to_owned(), "ops".to_owned()];
    let extra = BTreeMap::from([("example.com/tenant".to_owned(), vec!["t".to_owned()])]);
    let user = UserView { username: "jane", uid: "7", groups: &groups, extra: &extra };
    compare(rows, &Input::User(&user));
}
