use std::thread;

use serde_json::{Map, json};

use super::super::meter::{LIMIT, Meter};
use super::super::parser::MAX_DEPTH;
use super::super::run::Run;
use super::super::{ClaimsView, Expression, Input, MAX_LENGTH, Scope};
use super::over_claims;

/// On half the stack that a thread has; optimised code needs far less still.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(1024 * 1024).spawn(test).unwrap().join().unwrap();
}

#[test]
fn text_that_nests_is_refused_and_never_overflows() {
    on_a_small_stack(|| {
        for unit in [
            "(",
            "!",
            "[",
            "{",
            "-",
            "!-",
            "a.",
            "a[",
            "f(",
            "1+",
            "a?",
            "a?b:",
            "{1:",
            "[?",
            "a||",
            "a&&",
            "a==",
            "a.b(",
            "has(",
            "[1].all(x,",
        ] {
            for length in [1_000, 60_000, 100_000] {
                let text = unit.repeat(length / unit.len());
                for source in [text.clone(), format!("{text}1"), format!("{text}claims")] {
                    let compiled = Expression::compile(&source, Scope::Claims).map(|_| ());
                    let error = match compiled {
                        // Signs cancel each other out.
                        Ok(()) => {
                            assert!(source.len() <= MAX_LENGTH && source.starts_with(['!', '-']));
                            continue;
                        }
                        Err(error) => error,
                    };
                    assert!(error.to_string().len() < 1_000, "{error}");
                    assert!(source.len() <= MAX_LENGTH || error.message.contains("longer than"), "{error}");
                }
            }
        }
        let closed = format!("{}1{}", "(".repeat(30_000), ")".repeat(30_000));
        assert!(Expression::compile(&closed, Scope::Claims).unwrap_err().message.contains("levels deep"));
    });
}

#[test]
fn the_deepest_that_is_accepted_runs_on_a_small_stack() {
    on_a_small_stack(|| {
        let claims = claims_of(&json!({"a": 1}));
        let claims = ClaimsView::of_object(&claims);
        let sum = vec!["1"; MAX_DEPTH].join("+");
        let lists = format!("{}1{}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
        let calls = format!("{}1{}", "dyn(".repeat(MAX_DEPTH - 1), ")".repeat(MAX_DEPTH - 1));
        let parts = "dyn({'b': 1})".to_owned() + &".?a".repeat(MAX_DEPTH - 3);
        let choices = "false ? 1 : ".repeat(MAX_DEPTH - 1) + "1";
        let loops = "[1].map(x, ".repeat(MAX_DEPTH - 2) + "1" + &")".repeat(MAX_DEPTH - 2);
        for source in [sum, lists, calls, parts, choices, loops] {
            let expression =
                Expression::compile(&source, Scope::Claims).unwrap_or_else(|error| panic!("{error}: {source}"));
            assert!(expression.evaluate(&Input::Claims(&claims)).is_ok(), "{source}");
        }
        // Any number of terms is one level.
        let many = vec!["claims.a==1"; 4_000].join(" && ");
        let expression = Expression::compile(&many, Scope::Claims).unwrap();
        assert!(expression.evaluate(&Input::Claims(&claims)).is_ok());
    });
}

fn claims_of(json: &serde_json::Value) -> Map<String, serde_json::Value> {
    json.as_object().cloned().unwrap()
}

/// Everything that grows, over claims as large as tokens can be, and larger.
#[test]
fn no_evaluation_costs_more_than_its_limit() {
    let many: Vec<_> = (0..10_000).map(|at| format!("g{at}")).collect();
    let claims = claims_of(&json!({"l": many, "t": "a".repeat(60_000), "d": "(a*)*".repeat(50) + "$"}));
    let view = ClaimsView::of_object(&claims);
    for source in [
        "claims.l.all(a, claims.l.all(b, claims.l.all(c, a != b || b != c || true)))",
        "claims.l.map(a, claims.l.map(b, a + b))",
        "claims.l.map(a, claims.l.map(b, [a, b]))",
        "claims.l.map(a, claims.l)  == claims.l.map(a, claims.l)",
        "claims.l.map(a, claims.l + claims.l + claims.l)",
        "claims.l.map(a, claims.t + claims.t)",
        "claims.l.map(a, claims.t.replace('a', claims.t))",
        "claims.t.replace('', claims.t)",
        "claims.l.map(a, claims.t.split(''))",
        "claims.l.all(a, !claims.t.matches(a + '(.*a){20}b'))",
        "claims.l.all(a, !claims.t.matches('(a|aa|aaa)*b'))",
        "claims.l.all(a, claims.t.findAll('a').size() > 0)",
        "claims.l.map(a, claims.l.sort())",
        "claims.l.distinct().size() == 10",
        "sets.equivalent(claims.l, claims.l)",
        "claims.l.all(a, a in claims.l)",
        "claims.l.map(a, claims.l.join('-'))",
        "claims.l.map(a, '%s'.format([claims.l]))",
        "claims.l.transformMap(i, v, claims.l.transformMap(j, w, v + w))",
        "lists.range(1000000000000)",
        "lists.range(900).map(x, lists.range(900).map(y, [y]))",
        "[1].flatten(9223372036854775807) == [] || claims.l.map(a, [claims.l]).flatten(9) == []",
        "claims.l.map(a, claims) == claims.l.map(a, claims)",
        &("optional.of(['x'])".to_owned() + &".optMap(a, [a, a])".repeat(45) + ".value()"),
        &("optional.of('x')".to_owned() + &".optMap(a, a + a)".repeat(45) + ".value()"),
        &("optional.of(b'x')".to_owned() + &".optMap(a, a + a)".repeat(45) + ".hasValue()"),
        "claims.l.all(a, bytes(claims.t).size() > 0)",
        "[bytes(claims.t)].all(b, claims.l.all(a, string(b) != ''))",
    ] {
        let expression = Expression::compile(source, Scope::Claims).unwrap_or_else(|error| panic!("{error}: {source}"));
        let found = expression.evaluate(&Input::Claims(&view));
        assert!(found.is_err_and(|error| error.to_string().contains("cost limit")), "{source}");
    }
}

/// What configurations contain costs next to nothing.
#[test]
fn what_is_usual_stays_far_below_the_limit() {
    let many: Vec<_> = (0..1_000).map(|at| format!("group-{at}")).collect();
    let claims = claims_of(&json!({"groups": many, "sub": "jane", "email": "jane@example.com"}));
    let view = ClaimsView::of_object(&claims);
    for (source, most) in [
        ("claims.sub", 2),
        ("'oidc:' + claims.sub", 10),
        ("claims.groups.map(g, 'oidc:' + g)", 10_000),
        ("claims.groups.all(g, !g.startsWith('system:'))", 10_000),
        ("claims.email.matches('^[a-z]+@example[.]com$')", 50),
        ("'group-999' in claims.groups", 2_000),
    ] {
        let expression = Expression::compile(source, Scope::Claims).unwrap();
        let mut run = Run { input: Input::Claims(&view), meter: Meter::new(LIMIT), locals: Vec::new() };
        assert!(run.value(&expression.inner.step).is_ok(), "{source}");
        assert!(run.meter.spent() <= most && most < LIMIT, "{source}: {}", run.meter.spent());
    }
}

#[test]
fn nothing_swallows_the_end_of_the_budget() {
    over_claims(&[
        ("lists.range(2000000).size() == 1 || true", "? cost limit"),
        ("lists.range(2000000).size() == 1 && false", "? cost limit"),
        ("[1, 2].exists(x, lists.range(2000000).size() == 1 || x == 2)", "? cost limit"),
    ]);
}

#[test]
fn an_expression_runs_over_its_own_variable_only() {
    let expression = Expression::compile("user.uid == ''", Scope::User).unwrap();
    let claims = Map::new();
    let error = expression.evaluate(&Input::Claims(&ClaimsView::of_object(&claims))).unwrap_err();
    assert!(error.to_string().contains("another variable"));
}

/// A claim is personal data: no error repeats one.
#[test]
fn errors_show_no_values() {
    let claims = claims_of(&json!({"sub": "secret-value", "list": ["secret-value"], "bad": "secret-value("}));
    let view = ClaimsView::of_object(&claims);
    for source in [
        "int(claims.sub)",
        "timestamp(claims.sub)",
        "duration(claims.sub)",
        "url(claims.sub)",
        "quantity(claims.sub)",
        "semver(claims.sub)",
        "ip(claims.sub)",
        "cidr(claims.sub)",
        "claims[claims.sub]",
        "claims.sub + 1",
        "'a'.matches(claims.bad)",
        "claims.list[claims.sub]",
        "{'a': 1}[claims.sub]",
        "claims.sub.format([])",
        "claims.sub.x",
        "claims.list.map(x, claims[x])",
        "bool(claims.sub)",
        "claims.sub.substring(99)",
        "claims.sub.charAt(99)",
    ] {
        let expression = Expression::compile(source, Scope::Claims).unwrap();
        if let Err(error) = expression.evaluate(&Input::Claims(&view)) {
            assert!(!format!("{error} {error:?}").contains("secret-value"), "{source}: {error}");
        }
        assert!(!format!("{expression:?}").contains("secret-value"));
    }
}
