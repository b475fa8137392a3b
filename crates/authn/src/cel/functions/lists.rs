//! Lists and sets.
//!
//! Set operations compare each with each, and pay for it. What sorts takes values that have an order, and of one type.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::meter::{Fault, Meter};
use super::super::value::Val;
use super::{Table, int, list, operators, value, wrong};

pub(super) const TABLE: Table = &[
    ("sets.contains(list(A), list(A)): bool", |meter, a| Ok(Val::Bool(contains_all(meter, list(a, 0)?, list(a, 1)?)?))),
    ("sets.equivalent(list(A), list(A)): bool", |meter, a| {
        let (one, other) = (list(a, 0)?, list(a, 1)?);
        Ok(Val::Bool(contains_all(meter, one, other)? && contains_all(meter, other, one)?))
    }),
    ("sets.intersects(list(A), list(A)): bool", |meter, a| {
        for one in list(a, 1)?.iter() {
            if position(meter, list(a, 0)?, one)?.is_some() {
                return Ok(Val::Bool(true));
            }
        }
        Ok(Val::Bool(false))
    }),
    ("list(O).isSorted(): bool", |meter, a| {
        let mut sorted = true;
        for pair in list(a, 0)?.windows(2) {
            meter.charge(pair.iter().map(Val::size).sum())?;
            sorted &= ordered(&pair[0], &pair[1])?.is_le();
        }
        Ok(Val::Bool(sorted))
    }),
    ("list(S).sum(): S", sum),
    ("list(O).min(): O", |meter, a| extreme(meter, a, Ordering::is_lt)),
    ("list(O).max(): O", |meter, a| extreme(meter, a, Ordering::is_gt)),
    ("list(A).indexOf(A): int", |meter, a| found(position(meter, list(a, 0)?, value(a, 1)?)?)),
    ("list(A).lastIndexOf(A): int", |meter, a| {
        let mut last = None;
        for (at, one) in list(a, 0)?.iter().enumerate() {
            if one.equals(value(a, 1)?, meter)? {
                last = Some(at);
            }
        }
        found(last)
    }),
    ("list(A).slice(int, int): list(A)", slice),
    ("list(A).first(): optional(A)", |_, a| Ok(end(list(a, 0)?.first()))),
    ("list(A).last(): optional(A)", |_, a| Ok(end(list(a, 0)?.last()))),
    ("list(A).reverse(): list(A)", |meter, a| {
        meter.charge(list(a, 0)?.len() as u64)?;
        Ok(Val::list(list(a, 0)?.iter().rev().cloned().collect()))
    }),
    ("list(A).distinct(): list(A)", |meter, a| {
        let mut distinct: Vec<Val> = Vec::new();
        for one in list(a, 0)?.iter() {
            meter.charge(1)?;
            if position(meter, &distinct, one)?.is_none() {
                distinct.push(one.clone());
            }
        }
        Ok(Val::list(distinct))
    }),
    ("list(O).sort(): list(O)", |meter, a| {
        let values = list(a, 0)?;
        sorted(meter, values.iter().cloned().map(|value| (value.clone(), value)).collect())
    }),
    ("list(dyn).flatten(): list(dyn)", |meter, a| flatten(meter, list(a, 0)?, 1)),
    ("list(dyn).flatten(int): list(dyn)", |meter, a| {
        let depth = u64::try_from(int(a, 1)?).map_err(|_| Fault::failed("flatten: level must be non-negative"))?;
        flatten(meter, list(a, 0)?, depth)
    }),
    ("lists.range(int): list(int)", |meter, a| {
        let length = int(a, 0)?.max(0);
        meter.charge(length.unsigned_abs())?;
        Ok(Val::list((0..length).map(Val::Int).collect()))
    }),
];

fn position(meter: &mut Meter, values: &[Val], wanted: &Val) -> Result<Option<usize>, Fault> {
    for (at, one) in values.iter().enumerate() {
        if one.equals(wanted, meter)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn found(position: Option<usize>) -> Result<Val, Fault> {
    position.map_or(Ok(-1), i64::try_from).map(Val::Int).map_err(|_| wrong())
}

fn contains_all(meter: &mut Meter, all: &[Val], some: &[Val]) -> Result<bool, Fault> {
    for one in some {
        if position(meter, all, one)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn ordered(a: &Val, b: &Val) -> Result<Ordering, Fault> {
    a.order(b).ok_or_else(|| Fault::failed("these values have no order"))
}

fn sum(meter: &mut Meter, arguments: &[Val]) -> Result<Val, Fault> {
    let mut values = list(arguments, 0)?.iter();
    // The type of nothing is not known here; whole is what upstream's first overload gives.
    let Some(mut sum) = values.next().cloned() else { return Ok(Val::Int(0)) };
    for one in values {
        meter.charge(1)?;
        sum = operators::sum(&sum, one)?;
    }
    match sum {
        Val::Int(_) | Val::Uint(_) | Val::Double(_) | Val::Duration(_) => Ok(sum),
        _ => Err(wrong()),
    }
}

fn extreme(meter: &mut Meter, arguments: &[Val], better: fn(Ordering) -> bool) -> Result<Val, Fault> {
    let mut values = list(arguments, 0)?.iter();
    let mut best = values.next().ok_or_else(|| Fault::failed("min and max of an empty list"))?;
    for one in values {
        meter.charge(one.size())?;
        if better(ordered(one, best)?) {
            best = one;
        }
    }
    Ok(best.clone())
}

fn slice(meter: &mut Meter, arguments: &[Val]) -> Result<Val, Fault> {
    let bounds = (usize::try_from(int(arguments, 1)?), usize::try_from(int(arguments, 2)?));
    let part = match bounds {
        (Ok(from), Ok(to)) => list(arguments, 0)?.get(from..to),
        _ => None,
    };
    let part = part.ok_or_else(|| Fault::failed("slice: the bounds are not within the list"))?;
    meter.charge(part.len() as u64)?;
    Ok(Val::list(part.to_vec()))
}

fn end(value: Option<&Val>) -> Val {
    value.map_or(Val::NONE, |value| Val::some(value.clone()))
}

/// The values in the order of their keys, equal ones as they stood.
pub(in super::super) fn sorted(meter: &mut Meter, mut keyed: Vec<(Val, Val)>) -> Result<Val, Fault> {
    let rounds = u64::from(keyed.len().max(2).ilog2()) + 1;
    meter.charge(keyed.iter().map(|(key, _)| key.size()).sum::<u64>().saturating_mul(rounds))?;
    if let Some((first, _)) = keyed.first() {
        let mixed = keyed.iter().any(|(key, _)| key.type_name() != first.type_name() || key.order(key).is_none());
        if mixed {
            return Err(Fault::failed("sort: the keys are not of one type that has an order"));
        }
    }
    keyed.sort_by(|(a, _), (b, _)| a.order(b).unwrap_or(Ordering::Equal));
    Ok(Val::list(keyed.into_iter().map(|(_, value)| value).collect()))
}

fn flatten(meter: &mut Meter, values: &Arc<Vec<Val>>, depth: u64) -> Result<Val, Fault> {
    let mut flat = Vec::new();
    into(meter, values, depth, &mut flat)?;
    Ok(Val::list(flat))
}

fn into(meter: &mut Meter, values: &[Val], depth: u64, flat: &mut Vec<Val>) -> Result<(), Fault> {
    for one in values {
        meter.charge(1)?;
        match one {
            Val::List(inner) if depth > 0 => into(meter, inner, depth - 1, flat)?,
            other => flat.push(other.clone()),
        }
    }
    Ok(())
}
