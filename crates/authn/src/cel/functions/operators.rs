//! Arithmetic, comparison, membership and size. Whole numbers that overflow are an error.

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::meter::{Fault, Meter};
use super::super::value::{Instant, Val};
use super::{Table, calendar, int, list, made, map, text, value, wrong};

pub(super) const TABLE: Table = &[
    ("_==_(A, A): bool", |meter, a| Ok(Val::Bool(value(a, 0)?.equals(value(a, 1)?, meter)?))),
    ("_!=_(A, A): bool", |meter, a| Ok(Val::Bool(!value(a, 0)?.equals(value(a, 1)?, meter)?))),
    ("_<_(O, O): bool", |_, a| compared(a, Ordering::is_lt)),
    ("_<_(M, M): bool", |_, a| compared(a, Ordering::is_lt)),
    ("_<=_(O, O): bool", |_, a| compared(a, Ordering::is_le)),
    ("_<=_(M, M): bool", |_, a| compared(a, Ordering::is_le)),
    ("_>_(O, O): bool", |_, a| compared(a, Ordering::is_gt)),
    ("_>_(M, M): bool", |_, a| compared(a, Ordering::is_gt)),
    ("_>=_(O, O): bool", |_, a| compared(a, Ordering::is_ge)),
    ("_>=_(M, M): bool", |_, a| compared(a, Ordering::is_ge)),
    ("!_(bool): bool", |_, a| if let Val::Bool(it) = value(a, 0)? { Ok(Val::Bool(!it)) } else { Err(wrong()) }),
    ("-_(int): int", |_, a| whole(int(a, 0)?.checked_neg())),
    ("-_(double): double", |_, a| if let Val::Double(it) = value(a, 0)? { Ok(Val::Double(-it)) } else { Err(wrong()) }),
    ("_+_(int, int): int", |_, a| whole(int(a, 0)?.checked_add(int(a, 1)?))),
    ("_+_(uint, uint): uint", |_, a| unsigned(a, u64::checked_add)),
    ("_+_(double, double): double", |_, a| doubles(a, |x, y| x + y)),
    ("_+_(string, string): string", |meter, a| made(meter, [text(a, 0)?, text(a, 1)?].concat())),
    ("_+_(bytes, bytes): bytes", |meter, a| match a {
        [Val::Bytes(a), Val::Bytes(b)] => {
            meter.charge((a.len() + b.len()) as u64 / 10)?;
            Ok(Val::Bytes([&a[..], &b[..]].concat().into()))
        }
        _ => Err(wrong()),
    }),
    ("_+_(list(A), list(A)): list(A)", concatenated),
    ("_+_(duration, duration): duration", |_, a| match a {
        [Val::Duration(a), Val::Duration(b)] => span(a.checked_add(*b)),
        _ => Err(wrong()),
    }),
    ("_+_(timestamp, duration): timestamp", |_, a| match a {
        [Val::Timestamp(at), Val::Duration(by)] => later(*at, i128::from(*by)),
        _ => Err(wrong()),
    }),
    ("_+_(duration, timestamp): timestamp", |_, a| match a {
        [Val::Duration(by), Val::Timestamp(at)] => later(*at, i128::from(*by)),
        _ => Err(wrong()),
    }),
    ("_-_(int, int): int", |_, a| whole(int(a, 0)?.checked_sub(int(a, 1)?))),
    ("_-_(uint, uint): uint", |_, a| unsigned(a, u64::checked_sub)),
    ("_-_(double, double): double", |_, a| doubles(a, |x, y| x - y)),
    ("_-_(duration, duration): duration", |_, a| match a {
        [Val::Duration(a), Val::Duration(b)] => span(a.checked_sub(*b)),
        _ => Err(wrong()),
    }),
    ("_-_(timestamp, duration): timestamp", |_, a| match a {
        [Val::Timestamp(at), Val::Duration(by)] => later(*at, -i128::from(*by)),
        _ => Err(wrong()),
    }),
    ("_-_(timestamp, timestamp): duration", |_, a| match a {
        [Val::Timestamp(a), Val::Timestamp(b)] => span(i64::try_from(calendar::nanos(*a) - calendar::nanos(*b)).ok()),
        _ => Err(wrong()),
    }),
    ("_*_(int, int): int", |_, a| whole(int(a, 0)?.checked_mul(int(a, 1)?))),
    ("_*_(uint, uint): uint", |_, a| unsigned(a, u64::checked_mul)),
    ("_*_(double, double): double", |_, a| doubles(a, |x, y| x * y)),
    ("_/_(int, int): int", |_, a| divided(a, i64::checked_div)),
    ("_/_(uint, uint): uint", |_, a| unsigned(a, u64::checked_div)),
    ("_/_(double, double): double", |_, a| doubles(a, |x, y| x / y)),
    ("_%_(int, int): int", |_, a| divided(a, i64::checked_rem)),
    ("_%_(uint, uint): uint", |_, a| unsigned(a, u64::checked_rem)),
    ("@in(A, list(A)): bool", |meter, a| {
        let mut found = false;
        for one in list(a, 1)?.iter() {
            found = found || value(a, 0)?.equals(one, meter)?;
        }
        Ok(Val::Bool(found))
    }),
    ("@in(A, map(A, B)): bool", |_, a| {
        let key = value(a, 0)?.key();
        Ok(Val::Bool(map(a, 1)?.get(&key.ok_or_else(wrong)?).is_some()))
    }),
    ("size(string): int", size),
    ("size(bytes): int", size),
    ("size(list(A)): int", size),
    ("size(map(A, B)): int", size),
    ("string.size(): int", size),
    ("bytes.size(): int", size),
    ("list(A).size(): int", size),
    ("map(A, B).size(): int", size),
];

fn compared(arguments: &[Val], wanted: fn(Ordering) -> bool) -> Result<Val, Fault> {
    let (a, b) = (value(arguments, 0)?, value(arguments, 1)?);
    match a.order(b) {
        Some(order) => Ok(Val::Bool(wanted(order))),
        // Nothing is smaller or larger than NaN.
        None if is_number(a) && is_number(b) => Ok(Val::Bool(false)),
        None => Err(wrong()),
    }
}

fn is_number(value: &Val) -> bool {
    matches!(value, Val::Int(_) | Val::Uint(_) | Val::Double(_))
}

fn whole(result: Option<i64>) -> Result<Val, Fault> {
    result.map(Val::Int).ok_or_else(|| Fault::failed("integer overflow"))
}

fn divided(arguments: &[Val], operation: fn(i64, i64) -> Option<i64>) -> Result<Val, Fault> {
    if int(arguments, 1)? == 0 {
        return Err(Fault::failed("division by zero"));
    }
    whole(operation(int(arguments, 0)?, int(arguments, 1)?))
}

fn unsigned(arguments: &[Val], operation: fn(u64, u64) -> Option<u64>) -> Result<Val, Fault> {
    match arguments {
        [Val::Uint(a), Val::Uint(b)] => operation(*a, *b)
            .map(Val::Uint)
            .ok_or_else(|| Fault::failed("unsigned integer overflow, or division by zero")),
        _ => Err(wrong()),
    }
}

fn doubles(arguments: &[Val], operation: fn(f64, f64) -> f64) -> Result<Val, Fault> {
    match arguments {
        [Val::Double(a), Val::Double(b)] => Ok(Val::Double(operation(*a, *b))),
        _ => Err(wrong()),
    }
}

fn concatenated(meter: &mut Meter, arguments: &[Val]) -> Result<Val, Fault> {
    let (a, b) = (list(arguments, 0)?, list(arguments, 1)?);
    meter.charge((a.len() + b.len()) as u64)?;
    match (a.is_empty(), b.is_empty()) {
        (true, _) => Ok(Val::List(Arc::clone(b))),
        (_, true) => Ok(Val::List(Arc::clone(a))),
        _ => Ok(Val::list(a.iter().chain(b.iter()).cloned().collect())),
    }
}

fn span(nanos: Option<i64>) -> Result<Val, Fault> {
    nanos.map(Val::Duration).ok_or_else(|| Fault::failed("duration overflow"))
}

fn later(at: Instant, by: i128) -> Result<Val, Fault> {
    calendar::instant(calendar::nanos(at) + by).map(Val::Timestamp).ok_or_else(|| Fault::failed("timestamp overflow"))
}

fn size(_: &mut Meter, arguments: &[Val]) -> Result<Val, Fault> {
    let size = match value(arguments, 0)? {
        Val::Text(text) => text.chars().count(),
        Val::Bytes(octets) => octets.len(),
        Val::List(values) => values.len(),
        Val::Map(entries) => entries.of.len(),
        _ => return Err(wrong()),
    };
    i64::try_from(size).map(Val::Int).map_err(|_| wrong())
}

/// The sum of two values of one type.
pub(super) fn sum(a: &Val, b: &Val) -> Result<Val, Fault> {
    match (a, b) {
        (Val::Int(a), Val::Int(b)) => whole(a.checked_add(*b)),
        (Val::Uint(a), Val::Uint(b)) => {
            a.checked_add(*b).map(Val::Uint).ok_or_else(|| Fault::failed("unsigned integer overflow"))
        }
        (Val::Double(a), Val::Double(b)) => Ok(Val::Double(a + b)),
        (Val::Duration(a), Val::Duration(b)) => span(a.checked_add(*b)),
        _ => Err(wrong()),
    }
}
