use super::super::{Expression, Kind, Scope};
use super::{over_claims, over_user};

#[test]
fn what_is_refused_before_it_runs() {
    over_claims(&[
        ("user.username", "! 1:1: undeclared reference to 'user' (in container ''); the variable here is 'claims'"),
        ("foo", "! undeclared reference to 'foo'"),
        ("claims.foo(1)", "! undeclared reference to 'foo'"),
        ("foo(1)", "! no such function or macro"),
        ("sets.foo([])", "! undeclared reference to 'foo'"),
        ("startsWith('a', 'b')", "! it is called on a value: string.startsWith(string): bool"),
        ("claims + 1", "! found no matching overload for '_+_' applied to '(map(string, dyn), int)'"),
        ("1 + 'a'", "! applied to '(int, string)'; accepted: _+_(int, int): int"),
        ("1 == 'a'", "! '_==_' applied to '(int, string)'"),
        ("'a' && true", "! '_&&_' applied to '(string, bool)'"),
        ("true && 1 == 1 || 'a'", "! '_||_' applied to '(bool, string)'"),
        ("!1", "! '!_' applied to '(int)'"),
        ("1 ? 2 : 3", "! the condition must be bool"),
        ("true ? 1 : 'a'", "! both results of one type"),
        ("claims.sub.startsWith(1)", "! 'startsWith' applied to 'dyn.(int)'"),
        ("'a'.b", "! type 'string' does not support field selection"),
        ("'a'[0]", "! '_[_]' applied to '(string, int)'"),
        ("[1]['a']", "! '_[_]' applied to '(list(int), string)'"),
        ("[1, 'a']", "! 1:5: expected type 'int' but found 'string'"),
        ("[claims.sub, 'a']", "! expected type 'dyn' but found 'string'; a claim is of type dyn"),
        ("{'a': 1, 2: 3}", "! expected type 'string' but found 'int'"),
        ("{'a': 1, 'b': 'c'}", "! expected type 'int' but found 'string'"),
        ("{1.5: 1}", "! a key of a map"),
        ("[?1]", "! expected an optional behind '?'"),
        ("1.all(x, true)", "! cannot be range of a comprehension"),
        ("[1].all(x, x)", "! expected type 'bool' but found 'int'"),
        ("[1].all(x.y, true)", "! simple name"),
        ("[1].all(x, x, true)", "! same name"),
        ("[1].map(x, y)", "! undeclared reference to 'y'"),
        ("[[1]].sortBy(x, x)", "! has no order"),
        ("[[1]].sort()", "! 'sort' applied to 'list(list(int)).()'"),
        ("['a'].sum()", "! 'sum' applied to"),
        ("has(claims)", "! invalid argument to has()"),
        ("has(claims['a'])", "! invalid argument to has()"),
        ("claims.sub.optMap(s, s)", "? no such overload"),
        ("'a'.optMap(s, s)", "! is no optional"),
        ("duration('1d')", "! invalid duration argument"),
        ("timestamp('2024-13-01T00:00:00Z')", "! invalid timestamp argument"),
        ("timestamp(0).getHours('Europe/Berlin')", "! names of time zones are not known"),
        ("timestamp(0).getHours(claims.sub)", "! names of time zones are not known"),
        ("'a'.matches('[')", "! 1:13: invalid matches argument"),
        ("'a'.find('[')", "! invalid find argument"),
        ("size(1)", "! 'size' applied to '(int)'"),
        ("int(true)", "! 'int' applied to '(bool)'"),
        ("cel.bind(x, 1, x)", "! undeclared reference"),
        ("Foo{a: 1}", "! messages cannot be made"),
        ("for", "! reserved identifier: for"),
        ("", "! Syntax error: found the end, expected a value"),
        ("1 +", "! Syntax error"),
        ("(1", "! Syntax error: found the end, expected ')'"),
        ("f(1,)", "! Syntax error"),
        ("claims.", "! expected a name"),
        ("1 2", "! found a number, expected an operator or the end"),
        ("a.in", "! found 'in', expected a name"),
        ("claims.sub ==\n  'a' &&& true", "! 2:9: Syntax error: unexpected character '&'"),
    ]);
    over_user(&[
        ("user.unknown", "! undefined field 'unknown'; 'user' has username, uid, groups, extra"),
        ("has(user.unknown)", "! undefined field 'unknown'"),
        ("claims.sub", "! undeclared reference to 'claims' (in container ''); the variable here is 'user'"),
        ("user.username == 1", "! '_==_' applied to '(string, int)'"),
        ("user.username.foo", "! does not support field selection"),
        ("user", "! cannot be used as a whole"),
        ("user.groups.all(g, g)", "! expected type 'bool' but found 'string'"),
        ("user['username']", "! cannot be used as a whole"),
        ("user.groups + 'a'", "! '_+_' applied to '(list(string), string)'"),
    ]);
}

#[test]
fn what_is_known_before_it_runs() {
    for (source, kind) in [
        ("claims.foo", "dyn"),
        ("claims.?email_verified.orValue(true)", "dyn"),
        ("claims.?email_verified", "optional(dyn)"),
        ("claims.a == 'b'", "bool"),
        ("has(claims.a)", "bool"),
        ("'x' in claims.a", "bool"),
        ("claims.a && claims.b", "bool"),
        ("claims.a.all(x, x)", "bool"),
        ("claims.a.exists(i, x, x)", "bool"),
        ("!claims.a", "bool"),
        ("claims.a < 1", "bool"),
        ("claims.a ? claims.b : true", "dyn"),
        ("claims.a ? false : true", "bool"),
        ("claims.a + 'b'", "string"),
        ("claims.a + claims.b", "dyn"),
        ("claims.a - 5", "int"),
        ("claims.a.split(',')", "list(string)"),
        ("claims.a.split(',')[0]", "string"),
        ("claims.a.map(x, x + 'a')", "list(string)"),
        ("[]", "list(dyn)"),
        ("{'a': true}.a", "bool"),
        ("{'a': true}", "map(string, bool)"),
        ("[true][0]", "bool"),
        ("optional.of(true).orValue(false)", "bool"),
        ("null", "null"),
        ("type(1)", "type"),
        ("dyn(true)", "dyn"),
        ("b'a'", "bytes"),
        ("1u", "uint"),
        ("1.0", "double"),
        ("duration('1s')", "duration"),
        ("timestamp(0)", "timestamp"),
        ("claims", "map(string, dyn)"),
        ("quantity('1')", "Quantity"),
        ("[duration('1s')].sum()", "duration"),
        ("[[1]].map(x, x[0]).max()", "int"),
    ] {
        let expression = Expression::compile(source, Scope::Claims).unwrap();
        assert_eq!(expression.kind().to_string(), kind, "{source}");
    }
    assert_eq!(*Expression::compile("user.username == 'a'", Scope::User).unwrap().kind(), Kind::Bool);
    assert_eq!(*Expression::compile("user.groups[0]", Scope::User).unwrap().kind(), Kind::String);
    assert_eq!(*Expression::compile("user.extra['a'][0]", Scope::User).unwrap().kind(), Kind::String);
}

#[test]
fn which_claims_are_selected() {
    for (source, selected) in [
        ("claims.email", true),
        ("claims.?email.orValue('')", true),
        ("has(claims.email)", true),
        ("'a' + string(claims.email.size())", true),
        ("claims.groups.exists(g, g == claims.email)", true),
        ("claims.email.foo", true),
        (r#"claims["email"]"#, false),
        (r#"claims[?"email"].orValue('')"#, false),
        ("claims.other.claims.email", false),
        ("claims.email_verified", false),
        ("'claims.email' // claims.email", false),
    ] {
        let expression = Expression::compile(source, Scope::Claims).unwrap();
        assert_eq!(expression.selects("claims", "email"), selected, "{source}");
        assert_eq!(expression.source(), source);
    }
}
