//! An expression, over claims, over a user or over a call of a tool (by the first octet). No panic; a refusal is short and says where; what
//! compiles gives the same each time, within the limits of an evaluation.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use gangplank_authn::Identity;
use gangplank_authn::cel::{ClaimsView, Expression, Input, Scope, ToolView, UserView};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

static CLAIMS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let claims = json!({
        "sub": "jane", "email": "jane@example.com", "exp": 1_700_000_000, "b": true, "n": null, "d": -1.5e300, "u": "añb💡",
        "l": ["a", "b", "", "ü"], "m": [1, "a", null, [true], {"a.b": 1}], "o": {"a": {"b__c": "d"}, "in": 1}, "t": "10.0.0.0/8",
    });
    claims.as_object().cloned().unwrap()
});

fuzz_target!(|data: &[u8]| {
    let [scope, source @ ..] = data else { return };
    let Ok(source) = std::str::from_utf8(source) else { return };
    let scope = [Scope::Claims, Scope::User, Scope::Tool][usize::from(scope % 3)];
    let expression = match Expression::compile(source, scope) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(error.offset <= source.len() && error.message.len() < 4_000, "{error}");
            assert!(error.line <= source.len() + 1 && error.column <= source.len() + 1, "{error}");
            return;
        }
    };
    let claims = ClaimsView::of_object(&CLAIMS);
    let groups = ["dev".to_owned(), "ops".to_owned()];
    let extra = BTreeMap::from([("example.com/tenant".to_owned(), vec!["t".to_owned()])]);
    let user = UserView { username: "jane", uid: "7", groups: &groups, extra: &extra };
    let caller = Identity { username: "jane".to_owned(), groups: groups.to_vec(), ..Identity::default() };
    let call = ToolView::call(&caller, "pods_list", &CLAIMS);
    let input = match scope {
        Scope::Claims => Input::Claims(&claims),
        Scope::User => Input::User(&user),
        Scope::Tool => Input::Tool(&call),
    };
    let first = expression.evaluate(&input);
    if let Err(error) = &first {
        // An excerpt of 160 characters, each perhaps escaped.
        assert!(error.to_string().len() < 2_000, "{error}");
    }
    assert_eq!(first, expression.evaluate(&input));
    if scope == Scope::Tool {
        // What comes out whatever the arguments are comes out with these, unless it costs too much with them.
        let before = expression.evaluate(&Input::Tool(&ToolView::of(&caller, "pods_list")));
        match (before, first) {
            (Ok(before), Ok(first)) => assert_eq!(before, first),
            (Ok(_), Err(error)) => assert!(error.to_string().contains("cost limit"), "{error}"),
            (Err(_), _) => {}
        }
    }
    let _ = (expression.kind().to_string(), expression.selects("claims", "email"));
});
