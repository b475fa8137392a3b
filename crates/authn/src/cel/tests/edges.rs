use super::super::functions::{Overload, every};
use super::super::kind::Kind;
use super::super::{ClaimsView, Expression, Input, Scope};
use super::claims;

/// Every function and operator over values at the edges of their types, in each combination, their types known or not:
/// none panics, and each has values that it takes.
#[test]
fn every_function_stands_the_edges_of_its_types() {
    let claims = claims();
    let view = ClaimsView::of_object(&claims);
    for overload in every() {
        let mut given = 0;
        for arguments in combinations(&overload.parameters) {
            for open in [false, true] {
                let arguments: Vec<String> =
                    arguments.iter().map(|a| if open { format!("dyn({a})") } else { format!("({a})") }).collect();
                let source = called(&overload, &arguments);
                let Ok(expression) = Expression::compile(&source, Scope::Claims) else { continue };
                given += usize::from(expression.evaluate(&Input::Claims(&view)).is_ok());
            }
        }
        assert!(given > 0, "{}", overload.text);
    }
}

fn called(overload: &Overload, arguments: &[String]) -> String {
    match (overload.name, arguments) {
        ("@in", [a, b]) => format!("{a} in {b}"),
        (name, [a]) if name.ends_with('_') => format!("{}{a}", name.trim_matches('_')),
        (name, [a, b]) if name.starts_with('_') => format!("{a} {} {b}", name.trim_matches('_')),
        (name, [receiver, rest @ ..]) if overload.member => format!("{receiver}.{name}({})", rest.join(", ")),
        (name, all) => format!("{name}({})", all.join(", ")),
    }
}

fn combinations(parameters: &[Kind]) -> Vec<Vec<&'static str>> {
    // Three of anything are too many of everything.
    let most = if parameters.len() < 3 { usize::MAX } else { 8 };
    parameters.iter().fold(vec![Vec::new()], |so_far, kind| {
        let each = |before: Vec<&'static str>| {
            values(kind).iter().take(most).map(move |value| before.iter().copied().chain([*value]).collect())
        };
        so_far.into_iter().flat_map(each).collect()
    })
}

fn values(kind: &Kind) -> &'static [&'static str] {
    match kind {
        Kind::Null => &["null"],
        Kind::Bool => &["true", "false"],
        Kind::Int => &["0", "1", "2", "-1", "9223372036854775807", "-9223372036854775808"],
        Kind::Uint => &["0u", "1u", "18446744073709551615u"],
        Kind::Double => &["0.0", "-1.5", "1e308", "9223372036854775807.0", "double('NaN')", "double('-inf')"],
        Kind::String => &[
            "''",
            "'a'",
            "'ñ💡b'",
            "'%'",
            "'%.99e%x'",
            "'.'",
            "'/é/%41?%zz=&a=b'",
            "'https://u@[::1]:80/x?a=+'",
            "'10.0.0.1'",
            "'::/0'",
            "'0.0.0.0/0'",
            "'1.5Ei'",
            "'-9223372036854775808e9'",
            "'1.2.3-a.1+b'",
            "'v00'",
            "'-1h.5m'",
            "'9999-12-31T23:59:59.9Z'",
            "'18446744073709551615'",
            "'true'",
            "'dns1123Label'",
            "'7'",
            "'UTC'",
            "'-14:59'",
        ],
        Kind::Bytes => &["b''", "b'\\xff'", "b'a'"],
        Kind::Duration => {
            &["duration('0')", "duration('2562047h')", "duration('-2562047h')", "duration('1.000000001s')"]
        }
        Kind::Timestamp => {
            &["timestamp(0)", "timestamp('9999-12-31T23:59:59.999999999Z')", "timestamp('0001-01-01T00:00:00Z')"]
        }
        Kind::Type => &["int"],
        Kind::List(of) if **of == Kind::String => &["['']", "['a', 'ñ']", "claims.groups", "claims.mixed", "[]"],
        Kind::List(_) => &[
            "[]",
            "[1, 2]",
            "[9223372036854775807, 1]",
            "[double('NaN'), 1.0]",
            "[[1], []]",
            "['b', 'a']",
            "claims.mixed",
            "[duration('2562047h'), duration('2562047h')]",
        ],
        Kind::Map(..) => &["{}", "{'a': 1}", "{1: 1}", "claims"],
        Kind::Optional(_) => &["optional.none()", "optional.of(1)", "claims.?sub"],
        Kind::Named("URL") => &["url('https://u@[::1]:80/x y?a=+&%zz=1&a')", "url('/x')", "url('mailto:x')"],
        Kind::Named("Quantity") => {
            &["quantity('0')", "quantity('-9223372036854775808')", "quantity('1.5m')", "quantity('7Ei')"]
        }
        Kind::Named("IP") => &["ip('::')", "ip('255.255.255.255')", "ip('fe80::1')"],
        Kind::Named("CIDR") => &["cidr('::/0')", "cidr('::1/128')", "cidr('0.0.0.0/0')", "cidr('10.1.2.3/9')"],
        Kind::Named("Semver") => &["semver('0.0.0')", "semver('18446744073709551615.0.0')", "semver('1.0.0-a.1')"],
        Kind::Named("Format") => {
            &["format.uri()", "format.uuid()", "format.dns1035LabelPrefix()", "format.date()", "format.byte()"]
        }
        _ => &["0", "-1.5", "''", "'ñ'", "null", "claims.mixed", "claims.deep", "true", "duration('1s')", "int"],
    }
}
