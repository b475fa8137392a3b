//! Regular expressions, matched in linear time.

use std::sync::Arc;

use super::super::meter::{Fault, Meter, Pattern};
use super::super::value::Val;
use super::{Table, int, made, regex, text};

pub(super) const TABLE: Table = &[
    ("matches(string, string): bool", matches),
    ("string.matches(string): bool", matches),
    ("string.find(string): string", |meter, a| {
        let pattern = priced(meter, a)?;
        let found = pattern.regex.find(text(a, 0)?).map_or("", |found| found.as_str());
        made(meter, found.to_owned())
    }),
    ("string.findAll(string): list(string)", |meter, a| find_all(meter, a, -1)),
    ("string.findAll(string, int): list(string)", |meter, a| find_all(meter, a, int(a, 2)?)),
];

fn matches(meter: &mut Meter, arguments: &[Val]) -> Result<Val, Fault> {
    Ok(Val::Bool(priced(meter, arguments)?.regex.is_match(text(arguments, 0)?)))
}

fn find_all(meter: &mut Meter, arguments: &[Val], most: i64) -> Result<Val, Fault> {
    let pattern = priced(meter, arguments)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    for found in pattern.regex.find_iter(text(arguments, 0)?).take(most) {
        meter.charge(1 + found.len() as u64 / 10)?;
        all.push(Val::text(found.as_str()));
    }
    Ok(Val::list(all))
}

/// The pattern, after paying for a search in the text.
fn priced(meter: &mut Meter, arguments: &[Val]) -> Result<Arc<Pattern>, Fault> {
    let pattern = regex(meter, arguments, 1)?;
    let subject = text(arguments, 0)?.len() as u64 / 10 + 1;
    meter.charge(subject.saturating_mul(pattern.weight))?;
    Ok(pattern)
}
